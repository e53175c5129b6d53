// Types, tensors, edits and verify.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"
#include "ir/support/mapped_file.hpp"
#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();

TEST(Ops, EachHasAReferenceKernel) {
    for (const OpDef* def : all_ops())
        if (def->id != kOp<Opaque>.id) {
            EXPECT_TRUE(eval::has_kernel(Op(def, def->make()))) << "no kernel for " << def->name;
        }
}

// Whether the page at this address is in this process's memory.
bool is_present(const std::byte* at) {
    const auto page = reinterpret_cast<std::uintptr_t>(at) / static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    std::uint64_t entry = 0;  // the file is read in whole entries only
    const int map = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::pread(map, &entry, sizeof(entry), static_cast<off_t>(page * sizeof(entry))), 8);
    ::close(map);
    return entry >> 63 != 0;
}

TEST(MappedFiles, PagesAreGivenBackAndReadAgain) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto path = std::filesystem::temp_directory_path() / ("octet-pages-" + std::to_string(::getpid()));
    std::ofstream(path, std::ios::binary) << std::string(8 * page, 'x');
    const Bytes file = map_file(path);
    std::filesystem::remove(path);
    const std::span<const std::byte> all(file.data, file.size);
    const auto sum = [&] {
        return std::accumulate(all.begin(), all.end(), 0, [](int s, std::byte b) { return s + static_cast<int>(b); });
    };
    const int before = sum();
    ASSERT_TRUE(is_present(file.data + 3 * page));
    give_back(all.subspan(page + 1, 4 * page));
    EXPECT_TRUE(is_present(file.data + page)) << "a page that holds other bytes, too";
    EXPECT_FALSE(is_present(file.data + 3 * page));
    EXPECT_EQ(sum(), before);
    const std::span<const std::byte> whole = give_back_file(all.subspan(10, 1));
    EXPECT_EQ(whole.data(), file.data);
    EXPECT_EQ(whole.size(), file.size);
    EXPECT_FALSE(is_present(file.data + page));
    EXPECT_EQ(sum(), before);
    // Memory that is no file keeps its contents.
    std::vector<std::byte> own(8 * page, std::byte{7});
    give_back(own);
    EXPECT_TRUE(give_back_file(own).empty());
    EXPECT_EQ(std::ranges::count(own, std::byte{7}), static_cast<std::ptrdiff_t>(own.size()));
}

TEST(Types, DimensionsAddAndMultiplyWithinBounds) {
    EXPECT_EQ(Dim(2, 5) + Dim(1, 3), Dim(3, 8));
    EXPECT_EQ(Dim(2, 5) * Dim(3), Dim(6, 15));
    EXPECT_EQ(Dim() + Dim(4), Dim(4, Dim::kUnbounded));
    EXPECT_EQ(Dim() * Dim(0), Dim(0));
    EXPECT_EQ(Dim(kMax - 1) * Dim(2), Dim(kMax, Dim::kUnbounded));
    EXPECT_TRUE(compatible(Dim(1, 4), Dim(4, 9)));
    EXPECT_FALSE(compatible(Dim(1, 3), Dim(4, 9)));
}

TEST(Types, Text) {
    EXPECT_EQ(to_string(Type{Element::f16, {1, Dim(), Dim(1, 8), Dim(2, Dim::kUnbounded)}}), "f16[1,?,1..8,2..?]");
    EXPECT_EQ(to_string(Shape::unranked()), "[...]");
    EXPECT_EQ(to_string(Shape()), "[]");
}

TEST(Types, Broadcasting) {
    EXPECT_EQ(broadcast(Shape{2, 1, 4}, Shape{3, 1}), (Shape{2, 3, 4}));
    EXPECT_EQ(broadcast(Shape{Dim(), 1}, Shape{4, Dim(2, 8)}), (Shape{4, Dim(2, 8)}));
    EXPECT_EQ(broadcast(Shape{Dim(1, 3)}, Shape{Dim(1, 8)}), (Shape{Dim(1, 8)}));
    EXPECT_FALSE(broadcast(Shape::unranked(), Shape{1}).ranked());
    EXPECT_EQ(error_of([] { broadcast(Shape{2}, Shape{3}); }), "dimensions 2 and 3 do not broadcast");
}

TEST(Types, Axes) {
    EXPECT_EQ(normalise_axis(-1, 4), 3u);
    EXPECT_EQ(normalise_axis(0, 1), 0u);
    EXPECT_EQ(error_of([] { normalise_axis(4, 4); }), "axis 4 is not within a rank of 4");
    EXPECT_EQ(error_of([] { normalise_axis(-5, 4); }), "axis -5 is not within a rank of 4");
}

TEST(Types, ShapesThatAreNotStaticHaveNoSizes) {
    EXPECT_EQ((Shape{2, 3}).elements(), 6);
    EXPECT_TRUE(compatible(Shape{2, Dim()}, Shape{2, 9}));
    EXPECT_FALSE(compatible(Shape{2}, Shape{2, 1}));
    EXPECT_TRUE(compatible(Shape::unranked(), Shape{2, 1}));
    EXPECT_THROW((Shape{2, Dim()}).sizes(), InternalError);
}

TEST(Tensors, TooLargeForMemory) {
    EXPECT_EQ(error_of([] { Tensor(Element::f32, {std::int64_t{1} << 62}); }),
              "a tensor of f32[4611686018427387904] is too large");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_EQ(error_of([] { Tensor(Element::f32, {std::int64_t{1} << 44}); }),
              "there is not enough memory for a tensor of f32[17592186044416]");
#endif
}

TEST(Tensors, ViewsOfAnyAlignmentShareTheirOwner) {
    auto bytes = std::make_shared<std::vector<std::byte>>(9);
    const float value = 1.5f;
    std::memcpy(bytes->data() + 1, &value, 4);
    std::memcpy(bytes->data() + 5, &value, 4);
    const Tensor view(Element::f32, {2}, bytes->data() + 1, bytes);
    EXPECT_EQ(view.at(1), 1.5);
    EXPECT_EQ(view.owner(), bytes);
    const Tensor aligned = view.aligned();
    EXPECT_EQ(aligned.as<float>()[0], 1.5f);
    EXPECT_EQ(aligned, view);
    EXPECT_EQ(aligned.hash(), view.hash());
    EXPECT_THROW(Tensor(view).write_raw(), InternalError);
    EXPECT_THROW(aligned.as<std::int32_t>(), InternalError);
}

TEST(Tensors, ElementsBelowAByte) {
    auto bytes = std::make_shared<std::vector<std::byte>>(std::vector{std::byte{0xf1}, std::byte{0x08}});
    EXPECT_THAT(Tensor(Element::i4, {3}, bytes->data(), bytes).integers(), ElementsAre(1, -1, -8));
    EXPECT_THAT(Tensor(Element::u4, {3}, bytes->data(), bytes).integers(), ElementsAre(1, 15, 8));
    EXPECT_THAT(Tensor(Element::u1, {5}, bytes->data(), bytes).integers(), ElementsAre(1, 1, 1, 1, 0));
    EXPECT_THAT(Tensor(Element::i4, {3}, bytes->data(), bytes).converted(Element::f32).floats(),
                ElementsAre(1, -1, -8));
}

TEST(Tensors, HalfFloatsRoundToNearestEven) {
    EXPECT_EQ(static_cast<float>(float16(65504.0f)), 65504.0f);
    EXPECT_EQ(static_cast<float>(float16(65520.0f)), std::numeric_limits<float>::infinity());
    EXPECT_EQ(static_cast<float>(float16(0x1p-24f)), 0x1p-24f);
    EXPECT_EQ(static_cast<float>(float16(0x1p-25f)), 0.0f);
    EXPECT_EQ(static_cast<float>(float16(1 + 0x1p-11f)), 1.0f);
    EXPECT_EQ(static_cast<float>(float16(1 + 0x3p-11f)), 1 + 0x1p-9f);
    EXPECT_EQ(static_cast<float>(bfloat16(1 + 0x1p-8f)), 1.0f);
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        float16 h;
        h.bits = static_cast<std::uint16_t>(bits);
        const auto f = static_cast<float>(h);
        if (f != f) continue;
        ASSERT_EQ(float16(f).bits, h.bits) << bits;
    }
}

TEST(Tensors, ConversionsSaturate) {
    EXPECT_EQ(Tensor::scalar(std::uint64_t{1} << 63).converted(Element::i64).integer_at(0), kMax);
    EXPECT_EQ(Tensor::scalar(std::int32_t{-1}).converted(Element::u64).at(0), 0);
    EXPECT_EQ(Tensor::scalar(-1e30f).converted(Element::i32).integer_at(0), std::numeric_limits<std::int32_t>::min());
    EXPECT_EQ(Tensor::filled(Element::u8, {2}, 300).integer_at(1), 255);
}

// x -> relu -> add(relu, k) -> result
struct Small {
    Graph graph;
    Value x, k, relu, sum;
    NodeId out = 0;
    explicit Small(Shape shape = {1, 3}) {
        Edit edit(graph);
        x = edit.add(Parameter{Element::f32, std::move(shape), {}}, {}, "x");
        k = edit.constant(Tensor::scalar(2.0f), "k");
        relu = edit.add(Relu{}, {x}, "relu");
        sum = edit.add(Add{}, {relu, k}, "sum");
        out = edit.add(Result{}, {sum}, "out").node;
    }
};

TEST(Edits, UseListsFollowTheEdges) {
    Small s;
    EXPECT_THAT(std::vector<Use>(s.graph.uses(s.relu).begin(), s.graph.uses(s.relu).end()),
                ElementsAre(Use{s.sum.node, 0}));
    Edit edit(s.graph);
    edit.replace_input(s.sum.node, 1, s.relu);
    EXPECT_EQ(s.graph.uses(s.relu).size(), 2u);
    EXPECT_FALSE(s.graph.node(s.k).alive);
    EXPECT_EQ(s.graph.live(), 4u);
    EXPECT_TRUE(verify(s.graph).empty());
}

TEST(Edits, ReplaceKeepsTheNameAndRemovesWhatDied) {
    Small s;
    Edit edit(s.graph, "fused", {3});
    const Value clamp = edit.add(Clamp{0, 6}, {s.x});
    EXPECT_EQ(s.graph.node(clamp).name, "fused.clamp");
    EXPECT_EQ(s.graph.node(clamp).origins, Origins{3});
    edit.replace(s.sum, clamp);
    EXPECT_EQ(s.graph.node(clamp).name, "sum");
    EXPECT_EQ(s.graph.live(), 3u);
    EXPECT_EQ(s.graph.find("relu"), nullptr);
    EXPECT_EQ(*s.graph.find("sum"), clamp.node);
    EXPECT_TRUE(verify(s.graph).empty());
    EXPECT_EQ(
        print(s.graph),
        "x : f32[1,3] = parameter() shape=[1,3]\nsum : f32[1,3] = clamp(x) high=6\nout : f32[1,3] = result(sum)\n");
}

TEST(Edits, ANodeOfSeveralOutputsKeepsTheName) {
    Graph graph;
    Edit edit(graph);
    const Value x = edit.add(Parameter{Element::f32, Shape{4, 2}, {}}, {}, "x");
    const Value axis = edit.constant(Tensor::scalar(std::int64_t{0}), "axis");
    const Value split = edit.add(Split{2}, {x, axis}, "split");
    const Value other = edit.add(Split{2}, {edit.add(Relu{}, {x}, "relu"), axis});
    for (std::uint32_t port : {0u, 1u}) edit.add(Result{}, {Value{split.node, port}}, fmt::format("out{}", port));
    edit.replace(split.node, edit.outputs(other.node));
    EXPECT_EQ(*graph.find("split"), other.node);
    EXPECT_TRUE(verify(graph).empty());
    EXPECT_TRUE(parse(print(graph)) == graph);
}

TEST(Edits, ANewNodeMayReadWhatItReplaces) {
    Small s;
    Edit edit(s.graph);
    const Value negative = edit.add(Negative{}, {s.relu}, "negative");
    edit.replace(s.relu, negative);
    EXPECT_EQ(s.graph.node(s.sum).inputs[0], negative);
    EXPECT_EQ(s.graph.node(negative).inputs[0], s.relu);
    EXPECT_TRUE(verify(s.graph).empty());
}

TEST(Edits, TypesBelowAreInferredAgain) {
    Small s({Dim(), 3});
    Edit edit(s.graph);
    const Value fixed = edit.constant(Tensor::filled(Element::f32, {5, 3}, 1), "fixed");
    edit.replace(s.relu, fixed);
    EXPECT_EQ(to_string(s.graph.type(s.sum)), "f32[5,3]");
    EXPECT_EQ(to_string(s.graph.type({s.out, 0})), "f32[5,3]");
    EXPECT_TRUE(verify(s.graph).empty());
}

TEST(Edits, NumbersBelowAreInferredAgain) {
    Graph g;
    Edit edit(g);
    const Value x = edit.add(Parameter{Element::f32, {6}, {}}, {}, "x");
    const Value shape = edit.add(Parameter{Element::i64, {2}, {}}, {}, "shape");
    const Value relay = edit.add(Convert{Element::i64}, {shape}, "relay");
    const Value reshaped = edit.add(Reshape{}, {x, relay}, "reshaped");
    edit.add(Result{}, {reshaped}, "out");
    EXPECT_FALSE(g.shape(reshaped).is_static());
    edit.replace(relay, edit.constant(Tensor::vector<std::int64_t>({2, 3}), "numbers"));
    EXPECT_EQ(to_string(g.type(reshaped)), "f32[2,3]");
    EXPECT_TRUE(verify(g).empty());
}

TEST(Edits, NamesAreUnique) {
    Small s;
    Edit edit(s.graph);
    EXPECT_EQ(s.graph.node(edit.add(Relu{}, {s.x}, "relu")).name, "relu.2");
    edit.set_name(s.relu.node, "first");
    EXPECT_EQ(s.graph.find("relu"), nullptr);
    EXPECT_EQ(*s.graph.find("first"), s.relu.node);
}

TEST(Edits, Errors) {
    Small s;
    Edit edit(s.graph);
    const Value whole = edit.add(Convert{Element::i32}, {s.x}, "whole");
    EXPECT_EQ(error_of([&] {
                  edit.add(Add{}, {s.x, whole}, "bad");
              }),
              "layer 'bad': add: the first operand is f32, the second is i32, wanted the same type");
    EXPECT_THROW(edit.replace(s.relu, whole), InternalError);
    EXPECT_THROW(edit.add(Relu{}, {Value{99, 0}}, "bad"), InternalError);
    EXPECT_THROW(edit.add(Relu{}, {Value{s.x.node, 1}}, "bad"), InternalError);
}

TEST(Edits, CopiesKeepTheBefore) {
    Small s;
    const Graph before = s.graph;
    EXPECT_TRUE(before == s.graph);
    EXPECT_EQ(before.hash(), s.graph.hash());
    Edit edit(s.graph);
    edit.replace(s.relu, edit.add(Clamp{0, 6}, {s.x}));
    EXPECT_FALSE(before == s.graph);
    EXPECT_NE(before.hash(), s.graph.hash());
    EXPECT_TRUE(verify(before).empty());
    EXPECT_EQ(before.constant(s.k)->data(), s.graph.constant(s.k)->data());
}

TEST(Edits, EqualityLooksAtFieldsAndNotAtIds) {
    const Graph a = parse("x : f32[2] = parameter() shape=[2]\ny : f32[2] = clamp(x) high=1\nr : f32[2] = result(y)\n");
    Graph b = parse(
        "x : f32[2] = parameter() shape=[2]\nz : f32[2] = relu(x)\ny : f32[2] = clamp(z) high=1\nr : f32[2] = "
        "result(y)\n");
    EXPECT_FALSE(a == b);
    Edit(b).replace(Value{*b.find("z"), 0}, Value{*b.find("x"), 0});
    EXPECT_TRUE(a == b);
    EXPECT_FALSE(a ==
                 parse("x : f32[2] = parameter() shape=[2]\ny : f32[2] = clamp(x) high=2\nr : f32[2] = result(y)\n"));
    EXPECT_FALSE(a ==
                 parse("x : f32[2] = parameter() shape=[2]\nw : f32[2] = clamp(x) high=1\nr : f32[2] = result(w)\n"));
}

TEST(Edits, OriginsUnite) {
    EXPECT_EQ(united({1, 4}, {2, 4}), (Origins{1, 2, 4}));
    EXPECT_EQ(united({}, {2}), (Origins{2}));
}

// Verify looks at graphs that a defect has broken; Edit never makes one, so they are broken here behind its back.
Node& broken(Graph& g, Value v) { return const_cast<Node&>(g.node(v)); }

std::vector<std::string> violations(const Graph& g) {
    std::vector<std::string> texts;
    for (const Violation& v : verify(g)) texts.push_back(g.node(v.node).name + ": " + v.text);
    return texts;
}

TEST(Verify, AWholeGraphHasNoViolations) { EXPECT_THAT(violations(Small().graph), ElementsAre()); }

TEST(Verify, FindsWrongTypes) {
    Small s;
    broken(s.graph, s.relu).outputs[0].type = f32({1, 4});
    EXPECT_THAT(violations(s.graph), ElementsAre("relu: output 0 is recorded as f32[1,4], it is f32[1,3]",
                                                 "sum: output 0 is recorded as f32[1,3], it is f32[1,4]"));
    broken(s.graph, s.relu).outputs[0].type = i64({1, 3});
    EXPECT_THAT(violations(s.graph),
                ElementsAre("relu: output 0 is recorded as i64[1,3], it is f32[1,3]",
                            "sum: the first operand is i64, the second is f32, wanted the same type"));
}

TEST(Verify, FindsBrokenUseLists) {
    Small missing;
    broken(missing.graph, missing.relu).outputs[0].uses.clear();
    EXPECT_THAT(violations(missing.graph), ElementsAre("sum: input 0 is not in the use list of 'relu'"));
    Small extra;
    broken(extra.graph, extra.relu).outputs[0].uses.push_back({extra.out, 0});
    EXPECT_THAT(violations(extra.graph), ElementsAre("relu: its use list names an input that does not read it"));
}

TEST(Verify, FindsEdgesToNothing) {
    Small s;
    broken(s.graph, s.sum).inputs[1] = {s.k.node, 7};
    EXPECT_THAT(violations(s.graph), testing::Contains("sum: input 1 leads to a node that does not exist"));
}

TEST(Verify, FindsNamesThatLeadElsewhere) {
    Small s;
    broken(s.graph, s.relu).name = "sum";
    EXPECT_THAT(violations(s.graph), testing::Contains("sum: its name leads to another node"));
}

TEST(Verify, RunsTheChecksOfAStageAndThrowsWithTheLine) {
    Small s;
    const std::array stage{Check{"no-relu", [](const Graph& g, std::vector<Violation>& found) {
                                     for (NodeId id : g.order())
                                         if (g.node(id).op.is<Relu>()) found.push_back({id, "a relu is left"});
                                 }}};
    EXPECT_EQ(verify(s.graph, stage).size(), 1u);
    const std::string text = error_of([&] { verify_or_throw(s.graph, "step 'lower'", stage); });
    EXPECT_THAT(text, HasSubstr("after step 'lower'"));
    EXPECT_THAT(text, HasSubstr("relu : f32[1,3] = relu(x)"));
    EXPECT_THAT(text, HasSubstr("a relu is left"));
    EXPECT_NO_THROW(verify_or_throw(s.graph, "step 'lower'"));
}

TEST(Graphs, OperandsStandBeforeTheirUsersWhateverTheirIds) {
    Small s;
    Edit edit(s.graph);
    edit.replace_input(s.sum.node, 0, edit.add(Negative{}, {s.relu}, "late"));
    std::vector<std::string> names;
    for (NodeId id : s.graph.order()) names.push_back(s.graph.node(id).name);
    EXPECT_THAT(names, testing::UnorderedElementsAre("x", "relu", "k", "late", "sum", "out"));
    EXPECT_EQ(names.front(), "x");
    EXPECT_EQ(names.back(), "out");
    const auto place = [&](std::string_view name) { return std::ranges::find(names, name) - names.begin(); };
    EXPECT_LT(place("relu"), place("late"));
    EXPECT_LT(place("late"), place("sum"));
    EXPECT_LT(place("k"), place("sum"));
}

TEST(Graphs, EvaluateRunsNodesInOrderAndNamesTheLayer) {
    Small s;
    const Tensors results = eval::evaluate(s.graph, std::array{tensor({1, 3}, {-1.0f, 0.0f, 3.0f})});
    expect_exact(results.at(0), {1, 3}, {2, 2, 5});
    Graph g;
    Edit edit(g);
    const Value x = edit.add(Parameter{Element::i32, {}, {}}, {}, "x");
    edit.add(Result{}, {edit.add(Divide{}, {x, x}, "ratio")}, "out");
    EXPECT_EQ(error_of([&] { eval::evaluate(g, std::array{Tensor::scalar(std::int32_t{0})}); }),
              "layer 'ratio': division by zero");
}

// Where a shape was not known, the operands are looked at when they are there.
TEST(Graphs, EvaluateChecksOperands) {
    const Graph graph = parse(R"(
x : f32[...] = parameter() shape=[...]
w : f32[2,3] = constant() value=f32[2,3]{1, 2, 3, 4, 5, 6}
y : f32[...] = matmul(x, w)
out : f32[...] = result(y)
)");
    EXPECT_EQ(error_of([&] { eval::evaluate(graph, std::vector{Tensor(Element::f32, {})}); }),
              "layer 'y': an operand is a scalar, wanted a rank of 1 or more");
    EXPECT_EQ(error_of([&] { eval::evaluate(graph, std::vector{Tensor(Element::f32, {4})}); }),
              "layer 'y': the first operand has 4 columns, the second has 2 rows");
}

TEST(Graphs, EvaluateRefusesOpsWithoutAKernel) {
    Graph g;
    Edit edit(g);
    const Value x = edit.add(Parameter{Element::f32, {1}, {}}, {}, "x");
    edit.add(Result{}, {edit.add(Opaque{"Fancy", "opset9", {}, {f32({1})}}, {x}, "layer")}, "out");
    try {
        eval::evaluate(g, std::array{tensor({1}, {1.0f})});
        FAIL() << "nothing was thrown";
    } catch (const Unsupported& e) {
        EXPECT_THAT(e.what(), HasSubstr("Fancy (opset9)"));
        EXPECT_THAT(e.what(), HasSubstr("layer 'layer'"));
    }
}

}  // namespace
}  // namespace octet::ir
