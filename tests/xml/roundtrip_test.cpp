// read(write(g)) == g for every op that has a form in the model file, and what has none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "ir/xml/xml.hpp"
#include "tests/xml/folder.hpp"

namespace octet::ir {
namespace {

using Operand = std::variant<Type, Tensor>;

Type f32(std::initializer_list<Dim> dims) { return {Element::f32, dims}; }
Type i64(std::initializer_list<Dim> dims) { return {Element::i64, dims}; }
Type boolean(std::initializer_list<Dim> dims) { return {Element::boolean, dims}; }
Tensor ints(std::vector<std::int64_t> values) { return Tensor::vector(values); }
Tensor number(std::int64_t value) { return Tensor::scalar(value); }

struct Case {
    Op op;
    std::vector<Operand> operands;
};

Value add_result(Edit& edit, Value v, const std::string& name) {
    return edit.add(Result{.tensor_names = {name + ", with a comma"},
                           .layer = edit.graph().node(v).name,
                           .port = static_cast<std::int64_t>(v.port),
                           .tap = false},
                    {v}, name);
}

Graph graph_of(const Case& c) {
    Graph graph;
    Edit edit(graph);
    std::vector<Value> inputs;
    for (std::size_t i = 0; i < c.operands.size(); ++i) {
        const std::string name = "in" + std::to_string(i);
        if (const auto* type = std::get_if<Type>(&c.operands[i]))
            inputs.push_back(edit.add(Parameter{type->element, type->shape, {name, "x" + name}}, {}, name));
        else inputs.push_back(edit.constant(std::get<Tensor>(c.operands[i]), name));
    }
    const Value v = edit.add(c.op, inputs, "op <&\"'>\t\\ é");
    for (Value output : edit.outputs(v.node)) add_result(edit, output, "out" + std::to_string(output.port));
    return graph;
}

GraphPtr body(std::string_view text) { return std::make_shared<const Graph>(parse(text)); }

std::vector<Case> control_cases() {
    const auto counter = body(R"(
        i : i64[] = parameter() element=i64 shape=[]
        s : f32[1,2] = parameter() shape=[1,2]
        x : f32[1,2] = parameter() shape=[1,2]
        go : boolean[] = constant() value=boolean[]{1}
        sum : f32[1,2] = add(s, x)
        keep : boolean[] = result(go) layer="go"
        next : f32[1,2] = result(sum) layer="sum"
    )");
    const auto twice = body(
        "x : f32[2] = parameter() shape=[2]\ny : f32[2] = add(x, x)\nr : f32[2] = result(y) layer=\"y\"");
    const auto same = body("x : f32[2] = parameter() shape=[2]\nr : f32[2] = result(x) layer=\"x\"");
    const auto sum = body(R"(
        s : f32[1,2] = parameter() shape=[1,2]
        x : f32[1,2] = parameter() shape=[1,2]
        sum : f32[1,2] = add(s, x)
        next : f32[1,2] = result(sum) layer="sum"
    )");
    const PortMap state{.outer = 2, .inner = 1};
    const PortMap slices{.outer = 3, .inner = 2, .axis = 0, .start = 0, .end = -1, .stride = 1, .part_size = 1};
    const Loop loop{.body = counter,
                    .inputs = {state, slices},
                    .outputs = {{.outer = 0, .inner = 1}, {.outer = 1, .inner = 1, .axis = 0}},
                    .back_edges = {{.outer = 1, .inner = 1}},
                    .current_iteration = 0,
                    .execution_condition = 0};
    const TensorIterator iterator{.body = sum,
                                  .inputs = {{.outer = 0, .inner = 0},
                                             {.outer = 1, .inner = 1, .axis = 0, .start = -1, .end = 0, .stride = -1}},
                                  .outputs = {{.outer = 0, .inner = 0}},
                                  .back_edges = {{.outer = 0, .inner = 0}}};
    const If branch{.then_body = twice,
                    .else_body = same,
                    .then_inputs = {{.outer = 1, .inner = 0}},
                    .else_inputs = {{.outer = 1, .inner = 0}},
                    .then_outputs = {{.outer = 0, .inner = 0}},
                    .else_outputs = {{.outer = 0, .inner = 0}}};
    return {
        {loop, {number(3), Tensor::filled(Element::boolean, {}, 1), f32({1, 2}), f32({3, 2})}},
        {iterator, {f32({1, 2}), f32({3, 2})}},
        {branch, {boolean({}), f32({2})}},
        {ReadValue{"state", Element::f32, {Dim(1, 8), 2}}, {}},
        {Assign{"state"}, {f32({2})}},
    };
}

std::vector<Case> recurrent_cases() {
    const auto both = RecurrentDirection::bidirectional;
    const Type h = f32({2, 2, 4}), n = i64({2});
    return {
        {LstmSequence{4, both, {"sigmoid", "relu", "tanh"}, {0.5}, {0.25}, 3.5},
         {f32({2, 5, 3}), h, h, n, f32({2, 16, 3}), f32({2, 16, 4}), f32({2, 16})}},
        {GruSequence{4, both, true, {"hardsigmoid", "relu"}, {0.5}, {0.25}, 3.5},
         {f32({2, 5, 3}), h, n, f32({2, 12, 3}), f32({2, 12, 4}), f32({2, 16})}},
        {RnnSequence{4, both, {"elu"}, {0.5}, {0.25}, 3.5},
         {f32({2, 5, 3}), h, n, f32({2, 4, 3}), f32({2, 4, 4}), f32({2, 4})}},
        {LstmCell{4, {"sigmoid", "relu", "tanh"}, {0.5}, {0.25}, 3.5},
         {f32({2, 3}), f32({2, 4}), f32({2, 4}), f32({16, 3}), f32({16, 4}), f32({16})}},
        {GruCell{4, true, {"hardsigmoid", "tanh"}, {0.5}, {0.25}, 3.5},
         {f32({2, 3}), f32({2, 4}), f32({12, 3}), f32({12, 4}), f32({16})}},
        {RnnCell{4, {"elu"}, {0.5}, {0.25}, 3.5}, {f32({2, 3}), f32({2, 4}), f32({4, 3}), f32({4, 4}), f32({4})}},
    };
}

std::vector<Case> window_cases() {
    const std::vector<std::int64_t> one{1, 1}, two{2, 2}, pads{0, 1};
    return {
        {Convolution{two, pads, one, one, PadType::explicit_}, {f32({1, 4, {2, 9}, 8}), f32({6, 4, 3, 3})}},
        {Convolution{one, {0, 0}, {0, 0}, two, PadType::same_upper}, {f32({1, 4, 8, 8}), f32({6, 4, 3, 3})}},
        {GroupConvolution{one, one, one, one, PadType::explicit_}, {f32({1, 4, 8, 8}), f32({2, 3, 2, 3, 3})}},
        {ConvolutionBackpropData{two, one, one, one, PadType::explicit_, one}, {f32({1, 4, 8, 8}), f32({4, 6, 3, 3})}},
        {GroupConvolutionBackpropData{two, one, one, one, PadType::explicit_, {0, 0}},
         {f32({1, 4, 8, 8}), f32({2, 2, 3, 3, 3})}},
        {MaxPool{two, two, pads, one, two, RoundingType::ceil, PadType::explicit_, Element::i32, 2},
         {f32({1, 4, 8, 8})}},
        {AvgPool{two, pads, one, two, RoundingType::ceil_torch, PadType::explicit_, false}, {f32({1, 4, 8, 8})}},
        {MatMul{.transpose_a = true, .transpose_b = true}, {f32({3, 2}), f32({4, 3})}},
    };
}

std::vector<Case> detection_cases() {
    const Interpolate resize{InterpolateMode::cubic,
                             InterpolateFrom::scales,
                             CoordinateMode::align_corners,
                             NearestMode::ceil,
                             true,
                             {0, 1, 0, 0},
                             {0, 0, 1, 0},
                             -0.5};
    const PriorBox prior{{16.5}, {38}, {2, 3}, {1}, {0.5}, {8}, true, true, 16, 0.5, {0.1, 0.1, 0.2, 0.2},
                         false,  false};
    const DetectionOutput detection{3,    400, true, {200}, BoxCode::center_size, true, 0.45, 0.01, true, true, true,
                                    true, 300, 200,  0.125};
    return {
        {resize, {f32({1, 2, 8, 8}), Tensor::vector(std::vector<float>{2, 0.5F}), ints({2, 3})}},
        {prior, {i64({2}), i64({2})}},
        {PriorBoxClustered{{9.4, 25.1}, {15, 39.6}, true, 16, 8, 4, 0.5, {0.1, 0.1, 0.2, 0.2}}, {i64({2}), i64({2})}},
        {detection, {f32({1, 40}), f32({1, 20}), f32({1, 1, 40})}},
        {NonMaxSuppression{BoxEncoding::center, false, Element::i32}, {f32({1, 9, 4}), f32({1, 2, 9}), number(5)}},
        {CtcGreedyDecoder{false}, {f32({7, 1, 9}), f32({7, 1})}},
        {CtcGreedyDecoderSeqLen{false, Element::i64, Element::i64}, {f32({1, 7, 9}), i64({1})}},
    };
}

std::vector<Case> movement_cases() {
    const StridedSlice slice{{0, 1}, {1, 0}, {0, 0}, {0, 0}, {0, 0}};
    return {
        {Reshape{false}, {f32({2, 6}), ints({3, -1})}},
        {Squeeze{}, {f32({1, 6, 1}), ints({0})}},
        {Squeeze{}, {f32({1, 6, 1})}},
        {Unsqueeze{}, {f32({6}), ints({0, 1})}},
        {Transpose{}, {f32({2, 3}), ints({1, 0})}},
        {Concat{-1}, {f32({2, 3}), f32({2, {1, 4}})}},
        {Split{3}, {f32({2, 6}), number(1)}},
        {VariadicSplit{}, {f32({2, 6}), number(1), ints({2, -1})}},
        {slice, {f32({4, 6}), ints({1, 1}), ints({3, 5}), ints({1, 2})}},
        {Slice{}, {f32({4, 6}), ints({1}), ints({3}), ints({1}), ints({1})}},
        {Gather{1}, {f32({4, 6}), i64({4, 2}), number(1)}},
        {GatherElements{1}, {f32({4, 6}), i64({4, 2})}},
        {GatherNd{1}, {f32({4, 6, 2}), i64({4, 1})}},
        {ScatterNdUpdate{}, {f32({4, 6}), i64({3, 1}), f32({3, 6})}},
        {ScatterUpdate{}, {f32({4, 6}), i64({2}), f32({2, 6}), number(0)}},
        {ScatterElementsUpdate{}, {f32({4, 6}), i64({2, 6}), f32({2, 6}), number(0)}},
        {Pad{PadMode::reflect}, {f32({4, 6}), ints({1, 1}), ints({0, 2})}},
        {Tile{}, {f32({4, 6}), ints({2, 1})}},
        {Broadcast{BroadcastMode::bidirectional}, {f32({4, 1}), ints({1, 6})}},
        {Broadcast{BroadcastMode::explicit_}, {f32({4}), ints({2, 4}), ints({1})}},
        {DepthToSpace{2, DepthMode::depth_first}, {f32({1, 8, 2, 2})}},
        {SpaceToDepth{2, DepthMode::depth_first}, {f32({1, 2, 4, 4})}},
        {ShuffleChannels{-3, 2}, {f32({1, 8, 2, 2})}},
        {BatchToSpace{}, {f32({4, 3, 2, 2}), ints({1, 1, 2, 2}), ints({0, 0, 0, 0}), ints({0, 0, 1, 0})}},
        {SpaceToBatch{}, {f32({1, 3, 4, 4}), ints({1, 1, 2, 2}), ints({0, 0, 0, 0}), ints({0, 0, 0, 0})}},
        {ReverseSequence{1, 0}, {f32({4, 6}), i64({6})}},
        {ShapeOf{Element::i32}, {f32({4, Dim()})}},
        {Range{Element::i32}, {number(1), number(9), number(3)}},
        {NonZero{Element::i32}, {f32({4, 6})}},
        {OneHot{0}, {i64({4}), number(5), Tensor::scalar(1.0F), Tensor::scalar(0.0F)}},
    };
}

template <class... T>
void add_unary(std::vector<Case>& cases) {
    (cases.push_back({T{}, {f32({2, 3})}}), ...);
}
template <class... T>
void add_binary(std::vector<Case>& cases, const Type& type) {
    (cases.push_back({T{}, {type, type}}), ...);
}
template <class... T>
void add_reductions(std::vector<Case>& cases, const Type& type) {
    (cases.push_back({T{true}, {type, ints({1})}}), ...);
}

std::vector<Case> all_cases() {
    std::vector<Case> cases{
        {Clamp{-0.1, 1e300}, {f32({2, 3})}},
        {Elu{0.25}, {f32({2, 3})}},
        {HardSigmoid{}, {f32({2, 3}), f32({}), f32({})}},
        {Gelu{GeluMode::tanh}, {f32({2, 3})}},
        {Round{RoundMode::half_away_from_zero}, {f32({2, 3})}},
        {LogicalNot{}, {boolean({2, 3})}},
        {Convert{Element::u8}, {f32({2, 3})}},
        {Divide{false}, {i64({2, 3}), i64({3})}},
        {PRelu{}, {f32({1, 3, 2}), f32({3})}},
        {Select{}, {boolean({2, 3}), f32({2, 3}), f32({3})}},
        {FakeQuantize{255}, {f32({2, 3}), f32({1, 1}), f32({1, 1}), f32({1, 1}), f32({1, 1})}},
        {BatchNormInference{0.001}, {f32({1, 3, 2}), f32({3}), f32({3}), f32({3}), f32({3})}},
        {Mvn{1e-9, false, EpsMode::outside_sqrt}, {f32({1, 3, 2}), ints({2})}},
        {NormalizeL2{1e-8, L2EpsMode::max}, {f32({1, 3, 2}), ints({1})}},
        {Lrn{0.5, 0.25, 2, 3}, {f32({1, 3, 2}), ints({1})}},
        {SoftMax{-1}, {f32({2, 3})}},
        {LogSoftMax{-1}, {f32({2, 3})}},
        {ScaledDotProductAttention{true}, {f32({2, 3, 4}), f32({2, 5, 4}), f32({2, 5, 6}), boolean({3, 5}), f32({})}},
        {TopK{1, TopKMode::min, TopKSort::index, Element::i64, true}, {f32({2, 6}), number(3)}},
        {CumSum{true, true}, {f32({2, 6}), number(1)}},
        {Opaque{"Fancy", "opset3", {{"alpha", "0.5"}, {"mode", "a<b"}}, {f32({1, Dim()}), i64({})}}, {f32({2, 6})}},
    };
    add_unary<Relu, Sigmoid, Tanh, Swish, HSwish, HSigmoid, Mish, SoftPlus, Exp, Log, Abs, Sqrt, Negative, Floor,
              Ceiling, Erf, Sin, Cos, Sign>(cases);
    add_binary<Add, Subtract, Multiply, Maximum, Minimum, Power, SquaredDifference, Mod, FloorMod, Equal, NotEqual,
               Less, LessEqual, Greater, GreaterEqual>(cases, f32({2, Dim()}));
    add_binary<LogicalAnd, LogicalOr, LogicalXor>(cases, boolean({2, 3}));
    add_reductions<ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2>(cases, f32({2, 3}));
    add_reductions<ReduceLogicalAnd, ReduceLogicalOr>(cases, boolean({2, 3}));
    for (auto more : {control_cases(), recurrent_cases(), window_cases(), detection_cases(), movement_cases()})
        cases.insert(cases.end(), more.begin(), more.end());
    return cases;
}

TEST(RoundTrip, EveryOp) {
    const TemporaryFolder folder;
    std::set<std::string_view> seen{"parameter", "constant", "result", "quantize", "dequantize", "recurrence"};
    for (const Case& c : all_cases()) {
        seen.insert(c.op.name());
        SCOPED_TRACE(std::string(c.op.name()) + " " + print_fields(c.op));
        const Graph graph = graph_of(c);
        xml::write(graph, folder.path / "m.xml");
        const Graph back = xml::read(folder.path / "m.xml");
        EXPECT_TRUE(back == graph) << print(graph) << "came back as\n" << print(back);
    }
    for (const OpDef* def : all_ops()) EXPECT_TRUE(seen.contains(def->name)) << "no case for " << def->name;
}

std::string error_of(const Graph& graph, const std::filesystem::path& xml) {
    try {
        xml::write(graph, xml);
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

TEST(RoundTrip, OpsWithoutAFormAreNamed) {
    const TemporaryFolder folder;
    const auto low = Tensor::filled(Element::f32, {1, 1}, 0);
    const auto high = Tensor::filled(Element::f32, {1, 1}, 1);
    const auto file = folder.path / "m.xml";
    EXPECT_EQ(error_of(graph_of({Quantize{low, high, 256, 0, Element::u8}, {f32({2, 3})}}), file),
              "layer 'op <&\"'>\t\\ é': 'quantize' has no form in the model file");
    const Type codes{Element::u8, {2, 3}};
    EXPECT_EQ(error_of(graph_of({Dequantize{high, low, Element::f32}, {codes}}), file),
              "layer 'op <&\"'>\t\\ é': 'dequantize' has no form in the model file");
    EXPECT_EQ(error_of(graph_of({Recurrence{.hidden_size = 4},
                                 {f32({2, 5, 16}), f32({2, 1, 4}), i64({2}), f32({1, 16, 4}), f32({2, 1, 4})}}),
                       file),
              "layer 'op <&\"'>\t\\ é': 'recurrence' has no form in the model file");
    const Type other{Element::i8, {3, 4}};
    EXPECT_EQ(error_of(graph_of({MatMul{.zp_a = {3}}, {codes, other}}), file),
              "layer 'op <&\"'>\t\\ é': 'matmul' with zp_a has no form in the model file");
    EXPECT_TRUE(std::filesystem::is_empty(folder.path)) << "files are left behind";
}

TEST(RoundTrip, EqualConstantsAreStoredOnce) {
    const TemporaryFolder folder;
    Graph graph;
    Edit edit(graph);
    const Value a = edit.constant(Tensor::filled(Element::f32, {4}, 1.5), "a");
    const Value b = edit.constant(Tensor::filled(Element::f32, {4}, 1.5), "b");
    const Value c = edit.constant(Tensor::filled(Element::f32, {4}, 2.5), "c");
    add_result(edit, edit.add(Add{}, {edit.add(Add{}, {a, b}, "ab"), c}, "abc"), "r");
    xml::write(graph, folder.path / "m.xml", folder.path / "w.bin");
    EXPECT_EQ(std::filesystem::file_size(folder.path / "w.bin"), 64u + 16u);
    const Graph back = xml::read(folder.path / "m.xml", folder.path / "w.bin");
    EXPECT_TRUE(back == graph);
    EXPECT_EQ(back.constant({*back.find("a"), 0})->data(), back.constant({*back.find("b"), 0})->data());
    EXPECT_EQ(back.layers().size(), graph.live());
}

TEST(RoundTrip, AFolderThatDoesNotExist) {
    EXPECT_EQ(error_of(graph_of({Relu{}, {f32({2})}}), "/nonexistent/m.xml"),
              "'/nonexistent/m.bin': it cannot be written: No such file or directory");
}

}  // namespace
}  // namespace octet::ir
