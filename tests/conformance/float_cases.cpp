// Ops that compute, in float.
#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

using Cases = std::vector<Case>;

void add_unary(Cases& cases) {
    const auto unary = [&](Op op, float low = -6, float high = 6) {
        cases.push_back({std::string(op.name()), [op, low, high](Builder& b) {
                             b.result(b.add(op, {b.input({2, 7, 3, 5}, low, high)}));
                         }});
    };
    for (const Op& op : {Op(Relu{}), Op(Clamp{-1.5, 2.5}), Op(Sigmoid{}), Op(Tanh{}), Op(Elu{0.7}), Op(Swish{}),
                         Op(HSwish{}), Op(HSigmoid{}), Op(Mish{}), Op(SoftPlus{}), Op(Exp{}), Op(Abs{}), Op(Negative{}),
                         Op(Erf{}), Op(Sin{}), Op(Cos{}), Op(Gelu{})})
        unary(op);
    for (const Op& op : {Op(Floor{}), Op(Ceiling{}), Op(Round{}), Op(Sign{})}) unary(op);
    for (const Op& op : {Op(Log{}), Op(Sqrt{})}) unary(op, 0.1f, 6);
    cases.push_back({"gelu_tanh", [](Builder& b) {
                         b.result(b.add(Gelu{GeluMode::tanh}, {b.input({4, 33}, -6, 6)}));
                     }});
    cases.push_back({"swish_beta", [](Builder& b) {
                         b.result(b.add(Swish{}, {b.input({4, 33}, -6, 6), b.scalar(0.7f)}));
                     }});
    cases.push_back({"hard_sigmoid", [](Builder& b) {
                         b.result(b.add(HardSigmoid{}, {b.input({4, 33}, -6, 6), b.scalar(0.2f), b.scalar(0.5f)}));
                     }});
    cases.push_back({"prelu_channels", [](Builder& b) {
                         b.result(b.add(PRelu{}, {b.input({2, 7, 3, 5}), b.random({7}, 0, 1)}));
                     }});
    cases.push_back({"prelu_scalar", [](Builder& b) {
                         b.result(b.add(PRelu{}, {b.input({2, 7, 3, 5}), b.numbers({1}, {0.1f})}));
                     }});
    for (const Element element : {Element::i32, Element::u8})
        cases.push_back({"convert_to_" + std::string(name_of(element)), [element](Builder& b) {
                             b.result(b.add(Convert{element}, {b.input({2, 7, 5}, -6, 300)}));
                         }});
    cases.push_back({"convert_from_u8", [](Builder& b) {
                         b.result(b.add(Convert{Element::f32}, {b.input({3, 17}, 0, 255, Element::u8)}));
                     }});
}

void add_binary(Cases& cases) {
    const std::vector<std::pair<std::string, std::pair<Shape, Shape>>> shapes{{"same", {{2, 7, 3, 5}, {2, 7, 3, 5}}},
                                                                              {"channels",
                                                                               {{2, 7, 3, 5}, {1, 7, 1, 1}}},
                                                                              {"scalar", {{2, 7, 3, 5}, {}}},
                                                                              {"left", {{7, 1, 5}, {2, 1, 3, 1}}},
                                                                              {"row", {{4, 33}, {33}}}};
    for (const Op& op : {Op(Add{}), Op(Subtract{}), Op(Multiply{}), Op(Divide{}), Op(Maximum{}), Op(Minimum{}),
                         Op(SquaredDifference{}), Op(Power{})})
        for (const auto& [name, pair] : shapes)
            cases.push_back({std::string(op.name()) + "_" + name, [op, both = pair](Builder& b) {
                                 const Value left = b.input(both.first, 0.2f, 2);
                                 b.result(b.add(op, {left, b.input(both.second, 0.5f, 2)}));
                             }});
    cases.push_back({"add_constant", [](Builder& b) {
                         b.result(b.add(Add{}, {b.input({1, 7, 3, 5}), b.random({1, 7, 1, 1})}));
                     }});
    cases.push_back({"add_integers", [](Builder& b) {
                         const Value left = b.input({3, 5}, -100, 100, Element::i32);
                         b.result(b.add(Add{}, {left, b.input({3, 5}, -100, 100, Element::i32)}));
                     }});
    cases.push_back({"less_select", [](Builder& b) {
                         const Value x = b.input({3, 5}), y = b.input({3, 5});
                         b.result(b.add(Select{}, {b.add(Less{}, {x, y}), x, y}));
                     }});
}

struct Conv {
    std::string name;
    Dims data, weights;
    std::int64_t stride = 1, pad = 0, dilation = 1;
};
const std::vector<Conv> kConvolutions{{"1x1", {1, 19, 5, 7}, {21, 19, 1, 1}},
                                      {"3x3", {1, 16, 9, 9}, {32, 16, 3, 3}, 1, 1},
                                      {"3x3_tails", {2, 5, 7, 6}, {9, 5, 3, 3}, 1, 1},
                                      {"5x5_stride", {1, 8, 13, 11}, {7, 8, 5, 5}, 2, 2},
                                      {"first", {1, 3, 33, 31}, {24, 3, 7, 7}, 2, 3},
                                      {"dilated", {1, 8, 12, 12}, {8, 8, 3, 3}, 1, 2, 2},
                                      {"one_pixel", {1, 40, 1, 1}, {70, 40, 1, 1}},
                                      {"1d", {1, 6, 20}, {5, 6, 3}, 1, 1},
                                      {"one_row", {1, 40, 5, 37}, {70, 40, 5, 5}},
                                      {"padded_row", {1, 24, 1, 41}, {50, 24, 13, 13}, 1, 6},
                                      {"3d", {1, 4, 5, 6, 7}, {6, 4, 3, 3, 3}, 1, 1},
                                      {"to_1", {2, 8, 19, 37}, {1, 8, 3, 3}, 1, 1},
                                      {"image_to_3", {1, 3, 21, 40}, {3, 3, 3, 3}, 1, 1},
                                      {"to_2_dilated", {1, 5, 24, 30}, {2, 5, 3, 3}, 1, 2, 2}};
const std::vector<Conv> kGrouped{{"depthwise", {1, 37, 9, 8}, {37, 1, 1, 3, 3}, 1, 1},
                                 {"depthwise_stride", {2, 16, 11, 11}, {16, 1, 1, 3, 3}, 2, 1},
                                 {"depthwise_5x5", {1, 20, 9, 9}, {20, 1, 1, 5, 5}, 1, 2},
                                 {"depthwise_dilated", {1, 24, 14, 15}, {24, 1, 1, 3, 3}, 1, 2, 2},
                                 {"groups", {1, 12, 7, 7}, {3, 5, 4, 3, 3}, 1, 1}};

template <class T>
T window(const Conv& c, std::size_t rank) {
    T op;
    op.strides.assign(rank, c.stride);
    op.pads_begin.assign(rank, c.pad);
    op.pads_end.assign(rank, c.pad);
    op.dilations.assign(rank, c.dilation);
    return op;
}

void add_convolutions(Cases& cases) {
    for (const Conv& c : kConvolutions)
        cases.push_back({"convolution_" + c.name, [c](Builder& b) {
                             b.result(b.add(window<Convolution>(c, c.data.size() - 2),
                                            {b.input(Shape(c.data)), b.random(c.weights)}));
                         }});
    for (const Conv& c : kGrouped)
        cases.push_back({"group_convolution_" + c.name, [c](Builder& b) {
                             b.result(b.add(window<GroupConvolution>(c, c.data.size() - 2),
                                            {b.input(Shape(c.data)), b.random(c.weights)}));
                         }});
    cases.push_back({"convolution_bias_relu_add", [](Builder& b) {
                         const Value x = b.input({1, 16, 7, 7});
                         Value y = b.add(window<Convolution>({"", {}, {}, 1, 1}, 2), {x, b.random({16, 16, 3, 3})});
                         y = b.add(Relu{}, {b.add(Add{}, {y, b.random({1, 16, 1, 1})})});
                         b.result(b.add(Add{}, {y, x}));
                     }});
    cases.push_back({"convolution_same_upper", [](Builder& b) {
                         b.result(
                             b.add(Convolution{.strides = {2, 2}, .dilations = {1, 1}, .auto_pad = PadType::same_upper},
                                   {b.input({1, 4, 8, 9}), b.random({6, 4, 3, 3})}));
                     }});
    cases.push_back({"convolution_backprop", [](Builder& b) {
                         b.result(b.add(window<ConvolutionBackpropData>({"", {}, {}, 2, 1}, 2),
                                        {b.input({1, 6, 5, 7}), b.random({6, 9, 4, 4})}));
                     }});
    // Windows side by side, in each of which few channels lie.
    cases.push_back({"convolution_backprop_apart", [](Builder& b) {
                         const Value x = b.input({2, 10, 5, 7});
                         const Value y = b.add(ConvolutionBackpropData{.strides = {3, 2},
                                                                       .pads_begin = {0, 0},
                                                                       .pads_end = {0, 0},
                                                                       .dilations = {1, 1}},
                                               {x, b.random({10, 5, 3, 2})});
                         b.result(b.add(Relu{}, {b.add(Add{}, {y, b.random({1, 5, 1, 1})})}));
                     }});
    cases.push_back({"group_convolution_backprop", [](Builder& b) {
                         b.result(b.add(window<GroupConvolutionBackpropData>({"", {}, {}, 2, 1}, 2),
                                        {b.input({1, 6, 5, 7}), b.random({6, 1, 1, 4, 4})}));
                     }});
}

void add_matmul(Cases& cases) {
    cases.push_back({"matmul", [](Builder& b) { b.result(b.add(MatMul{}, {b.input({5, 37}), b.random({37, 19})})); }});
    cases.push_back({"matmul_transposed", [](Builder& b) {
                         b.result(b.add(MatMul{false, true}, {b.input({5, 37}), b.random({19, 37})}));
                     }});
    cases.push_back({"matmul_left_transposed", [](Builder& b) {
                         b.result(b.add(MatMul{true, false}, {b.input({37, 5}), b.random({37, 19})}));
                     }});
    cases.push_back({"matmul_batched", [](Builder& b) {
                         const Value x = b.input({2, 3, 5, 16});
                         b.result(b.add(MatMul{}, {x, b.input({2, 3, 16, 7})}));
                     }});
    cases.push_back({"matmul_broadcast", [](Builder& b) {
                         b.result(b.add(MatMul{}, {b.input({2, 3, 5, 16}), b.random({16, 7})}));
                     }});
    cases.push_back({"matmul_vector", [](Builder& b) {
                         b.result(b.add(MatMul{}, {b.input({16}), b.random({16, 7})}));
                     }});
}

void add_pools(Cases& cases) {
    for (const RoundingType rounding : {RoundingType::floor, RoundingType::ceil}) {
        const std::string tail = rounding == RoundingType::floor ? "" : "_ceil";
        cases.push_back({"max_pool" + tail, [rounding](Builder& b) {
                             b.result(b.add(MaxPool{.strides = {2, 2},
                                                    .dilations = {1, 1},
                                                    .pads_begin = {1, 1},
                                                    .pads_end = {1, 1},
                                                    .kernel = {3, 3},
                                                    .rounding = rounding},
                                            {b.input({2, 19, 10, 9})}));
                         }});
        for (const bool exclude : {true, false})
            cases.push_back({"avg_pool" + tail + (exclude ? "" : "_with_pad"), [rounding, exclude](Builder& b) {
                                 b.result(b.add(AvgPool{.strides = {2, 2},
                                                        .pads_begin = {1, 1},
                                                        .pads_end = {1, 1},
                                                        .kernel = {3, 3},
                                                        .rounding = rounding,
                                                        .exclude_pad = exclude},
                                                {b.input({2, 19, 10, 9})}));
                             }});
    }
    cases.push_back(
        {"max_pool_1d", [](Builder& b) {
             b.result(
                 b.add(MaxPool{.strides = {2}, .dilations = {1}, .pads_begin = {0}, .pads_end = {0}, .kernel = {2}},
                       {b.input({2, 5, 11})}));
         }});
    cases.push_back({"max_pool_indices", [](Builder& b) {
                         b.all_results(b.add(MaxPool{.strides = {2, 2},
                                                     .dilations = {1, 1},
                                                     .pads_begin = {0, 0},
                                                     .pads_end = {0, 0},
                                                     .kernel = {2, 2}},
                                             {b.input({1, 3, 6, 6})}));
                     }});
}

void add_reductions(Cases& cases) {
    for (const bool keep : {false, true}) {
        const std::string tail = keep ? "_keep" : "";
        for (const Op& op : {Op(ReduceMean{keep}), Op(ReduceSum{keep}), Op(ReduceMax{keep}), Op(ReduceMin{keep}),
                             Op(ReduceL2{keep}), Op(ReduceProd{keep}), Op(ReduceL1{keep})})
            cases.push_back({std::string(op.name()) + tail, [op](Builder& b) {
                                 b.result(b.add(op, {b.input({2, 7, 4, 5}), b.ints({2, 3})}));
                             }});
    }
    cases.push_back({"reduce_mean_channels", [](Builder& b) {
                         b.result(b.add(ReduceMean{true}, {b.input({2, 7, 4, 5}), b.ints({1})}));
                     }});
    cases.push_back({"top_k", [](Builder& b) {
                         b.all_results(b.add(TopK{.axis = 1}, {b.input({3, 50}), b.axis(7)}));
                     }});
    cases.push_back({"cum_sum", [](Builder& b) { b.result(b.add(CumSum{}, {b.input({3, 5}), b.axis(1)})); }});
}

void add_attention(Cases& cases) {
    const auto attention = [](const std::string& name, std::function<Value(Builder&)> mask, bool causal) {
        return Case{
            "attention_" + name, [mask, causal](Builder& b) {
                std::vector<Value> operands{b.input({2, 3, 11, 16}), b.input({2, 3, 13, 16}), b.input({2, 3, 13, 10})};
                if (mask) operands.push_back(mask(b));
                b.result(b.add(ScaledDotProductAttention{causal}, operands));
            }};
    };
    cases.push_back(attention("plain", nullptr, false));
    cases.push_back(attention("causal", nullptr, true));
    cases.push_back(attention(
        "masked",
        [](Builder& b) {
            return b.input({2, 1, 1, 13}, -9, 0);
        },
        false));
    cases.push_back(attention(
        "masked_by_booleans",
        [](Builder& b) {
            return b.add(Greater{}, {b.input({11, 13}), b.scalar(-0.5f)});
        },
        false));
    cases.push_back({"attention_dynamic",
                     [](Builder& b) {
                         const Shape rows{Dim(), 2, Dim(), 8};
                         b.result(b.add(ScaledDotProductAttention{}, {b.input(rows), b.input(rows), b.input(rows)}));
                     },
                     0,
                     {{{1, 2, 5, 8}, {1, 2, 7, 8}, {1, 2, 7, 8}}, {{2, 2, 9, 8}, {2, 2, 3, 8}, {2, 2, 3, 8}}}});
}

void add_normalizations(Cases& cases) {
    for (const std::int64_t axis : {1, 3}) {
        cases.push_back({"softmax_" + std::to_string(axis), [axis](Builder& b) {
                             b.result(b.add(SoftMax{axis}, {b.input({2, 21, 3, 5}, -9, 9)}));
                         }});
        cases.push_back({"log_softmax_" + std::to_string(axis), [axis](Builder& b) {
                             b.result(b.add(LogSoftMax{axis}, {b.input({2, 21, 3, 5}, -9, 9)}));
                         }});
    }
    cases.push_back({"mvn_spatial", [](Builder& b) {
                         b.result(b.add(Mvn{}, {b.input({2, 7, 4, 5}), b.ints({2, 3})}));
                     }});
    cases.push_back(
        {"mvn_last", [](Builder& b) {
             b.result(b.add(Mvn{.eps = 1e-3, .eps_mode = EpsMode::outside_sqrt}, {b.input({2, 7, 33}), b.ints({2})}));
         }});
    cases.push_back({"mvn_rows_of_codes", [](Builder& b) {
                         const Value codes = b.quantize(b.input({14, 33}), 0, 1);
                         b.result(b.add(Mvn{.eps = 1e-3}, {codes, b.ints({1})}));
                     }});
    cases.push_back({"mvn_rows_twice",
                     [](Builder& b) {
                         const Value y = b.add(Mvn{.eps = 1e-5}, {b.input({2, 7, 33}), b.ints({2})});
                         const Value z = b.add(Multiply{}, {y, b.random({33})});
                         b.result(b.add(Add{}, {z, b.random({33})}));
                         b.result(b.quantize(b.add(Multiply{}, {y, b.random({33})}), -3, 3));
                     },
                     6.0 / 255});
    cases.push_back({"mvn_mean_only", [](Builder& b) {
                         b.result(b.add(Mvn{.normalize_variance = false}, {b.input({2, 7, 4, 5}), b.ints({1, 2, 3})}));
                     }});
    cases.push_back({"normalize_l2", [](Builder& b) {
                         b.result(b.add(NormalizeL2{}, {b.input({2, 7, 4, 5}), b.ints({1})}));
                     }});
    cases.push_back({"normalize_l2_all", [](Builder& b) {
                         b.result(b.add(NormalizeL2{1e-3, L2EpsMode::max}, {b.input({2, 7, 4, 5}), b.ints({1, 2, 3})}));
                     }});
    cases.push_back({"lrn", [](Builder& b) {
                         b.result(b.add(Lrn{.alpha = 0.1, .beta = 0.75, .bias = 1, .size = 5},
                                        {b.input({2, 19, 4, 5}, -4, 4), b.ints({1})}));
                     }});
    cases.push_back({"batch_norm", [](Builder& b) {
                         b.result(b.add(BatchNormInference{}, {b.input({2, 7, 4, 5}), b.random({7}), b.random({7}),
                                                               b.random({7}), b.random({7}, 0.5f, 2)}));
                     }});
    cases.push_back({"convolution_batch_norm", [](Builder& b) {
                         const Value y = b.add(window<Convolution>({"", {}, {}, 1, 1}, 2),
                                               {b.input({1, 8, 7, 7}), b.random({7, 8, 3, 3})});
                         b.result(b.add(BatchNormInference{},
                                        {y, b.random({7}), b.random({7}), b.random({7}), b.random({7}, 0.5f, 2)}));
                     }});
    cases.push_back({"fake_quantize",
                     [](Builder& b) {
                         b.result(b.quantize(b.input({2, 7, 3, 5}), -0.7f, 0.8f, 16));
                     },
                     1.5 / 15});
}

}  // namespace

std::vector<Case> float_cases() {
    Cases cases;
    add_unary(cases);
    add_binary(cases);
    add_convolutions(cases);
    add_matmul(cases);
    add_pools(cases);
    add_reductions(cases);
    add_attention(cases);
    add_normalizations(cases);
    return cases;
}

}  // namespace octet::conformance
