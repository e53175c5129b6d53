// Quantized patterns: FakeQuantize around ops that have int8 kernels, with weights over the full range, zero points, padding and tails.
#include <cmath>
#include <tuple>

#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

using Cases = std::vector<Case>;

struct Conv {
    std::string name;
    Dims data, weights;
    std::int64_t stride = 1, pad = 0, dilation = 1;
    bool grouped = false;
};
const std::vector<Conv> kConvolutions{{"1x1", {1, 64, 5, 7}, {32, 64, 1, 1}},
                                      {"1x1_tails", {1, 19, 5, 7}, {21, 19, 1, 1}},
                                      {"1x1_stride", {1, 32, 9, 8}, {48, 32, 1, 1}, 2},
                                      {"3x3", {1, 32, 9, 9}, {64, 32, 3, 3}, 1, 1},
                                      {"3x3_tails", {2, 5, 7, 6}, {9, 5, 3, 3}, 1, 1},
                                      {"3x3_stride", {1, 16, 14, 13}, {16, 16, 3, 3}, 2, 1},
                                      {"3x3_small_map", {1, 64, 2, 2}, {32, 64, 3, 3}, 1, 1},
                                      {"5x5", {1, 8, 13, 11}, {7, 8, 5, 5}, 1, 2},
                                      {"first_3", {1, 3, 33, 31}, {24, 3, 7, 7}, 2, 3},
                                      {"first_1", {1, 1, 28, 28}, {20, 1, 5, 5}},
                                      {"to_1", {2, 8, 19, 21}, {1, 8, 3, 3}, 1, 1},
                                      {"to_3", {1, 16, 9, 34}, {3, 16, 5, 5}, 1, 2},
                                      {"3_to_2", {2, 3, 18, 37}, {2, 3, 3, 3}, 1, 1},
                                      {"dilated", {1, 16, 12, 12}, {8, 16, 3, 3}, 1, 2, 2},
                                      {"one_pixel", {1, 140, 1, 1}, {70, 140, 1, 1}},
                                      {"depthwise", {1, 37, 9, 8}, {37, 1, 1, 3, 3}, 1, 1, 1, true},
                                      {"depthwise_stride", {2, 32, 11, 11}, {32, 1, 1, 3, 3}, 2, 1, 1, true},
                                      {"depthwise_5x5", {1, 20, 9, 9}, {20, 1, 1, 5, 5}, 1, 2, 1, true},
                                      {"depthwise_dilated", {1, 24, 9, 9}, {24, 1, 1, 3, 3}, 1, 2, 2, true},
                                      {"groups", {1, 12, 7, 7}, {3, 5, 4, 3, 3}, 1, 1, 1, true}};

Value convolve(Builder& b, const Conv& c, Value x, Value w) {
    const std::vector<std::int64_t> strides(2, c.stride), pads(2, c.pad), dilations(2, c.dilation);
    if (c.grouped) return b.add(GroupConvolution{strides, pads, pads, dilations}, {x, w});
    return b.add(Convolution{strides, pads, pads, dilations}, {x, w});
}
Value weights_of(Builder& b, const Conv& c) { return b.weights(c.weights, c.grouped ? 2 : 1); }
std::int64_t channels_out(const Conv& c) { return c.grouped ? c.weights[0] * c.weights[1] : c.weights[0]; }
Value bias(Builder& b, Value x, std::int64_t channels) { return b.add(Add{}, {x, b.random({1, channels, 1, 1})}); }

// How much a sum of n products of values up to 1 spreads, roughly; the last interval is chosen so that few codes saturate.
float spread(const Conv& c) {
    std::int64_t n = 1;
    for (std::size_t i = c.grouped ? 2 : 1; i < c.weights.size(); ++i) n *= c.weights[i];
    return 0.6f * std::sqrt(static_cast<float>(n));
}

void add_convolutions(Cases& cases) {
    for (const Conv& c : kConvolutions) {
        const float s = spread(c);
        cases.push_back(
            {"int8_" + c.name + "_unsigned",
             [c, s](Builder& b) {
                 const Value x = b.quantize(b.input(Shape(c.data), -0.3f, 1.3f), 0, 1);
                 b.result(
                     b.quantize(b.add(Relu{}, {bias(b, convolve(b, c, x, weights_of(b, c)), channels_out(c))}), 0, s));
             },
             double(s) / 255,
             {},
             true});
        cases.push_back({"int8_" + c.name + "_signed",
                         [c, s](Builder& b) {
                             const Value x = b.quantize(b.input(Shape(c.data), -1.3f, 1.3f), -1.0f, 127.0f / 128);
                             b.result(b.quantize(convolve(b, c, x, weights_of(b, c)), -s, s));
                         },
                         2 * double(s) / 255,
                         {},
                         true});
        cases.push_back({"int8_" + c.name + "_zero_point",
                         [c, s](Builder& b) {
                             const Value x = b.quantize(b.input(Shape(c.data), -0.5f, 1.3f), -0.31f, 1.07f);
                             b.result(b.quantize(bias(b, convolve(b, c, x, weights_of(b, c)), channels_out(c)), -s, s));
                         },
                         2 * double(s) / 255,
                         {},
                         true});
        cases.push_back({"int8_" + c.name + "_to_float",
                         [c](Builder& b) {
                             const Value x = b.quantize(b.input(Shape(c.data), -0.3f, 1.3f), 0, 1);
                             b.result(b.add(Relu{}, {bias(b, convolve(b, c, x, weights_of(b, c)), channels_out(c))}));
                         },
                         0,
                         {},
                         true});
    }
    cases.push_back({"int8_all_extremes",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({1, 64, 6, 6}, 2, 3), 0, 1);
                         const Value w = b.random({32, 64, 3, 3}, 2, 3), low = b.scalar(-1), high = b.scalar(1);
                         const Value q = b.add(FakeQuantize{255}, {w, low, high, low, high});
                         b.result(b.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {x, q}));
                     },
                     0,
                     {},
                     true});
    cases.push_back(
        {"int8_weights_with_zero_point",
         [](Builder& b) {
             const Value x = b.quantize(b.input({1, 16, 6, 6}, 0, 1.2f), 0, 1);
             const Value y = b.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {x, b.shifted_weights({8, 16, 3, 3})});
             b.result(b.quantize(y, -20, 60));
         },
         80.0 / 255});
    cases.push_back({"int8_depthwise_weights_with_zero_point",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({1, 16, 6, 6}, -0.2f, 1.2f), -0.25f, 1);
                         const Value y = b.add(GroupConvolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                               {x, b.shifted_weights({16, 1, 1, 3, 3})});
                         b.result(b.quantize(y, -2, 5));
                     },
                     7.0 / 255});
    cases.push_back({"int8_channel_scales_into_depthwise",
                     [](Builder& b) {
                         const Value x = b.quantize_channels(b.input({1, 19, 7, 7}, 0, 1), 4, 19, 0, 1);
                         const Value y = b.add(GroupConvolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                               {x, b.weights({19, 1, 1, 3, 3}, 2)});
                         b.result(b.quantize(y, -3, 3));
                     },
                     6.0 / 255});
    // Channels between -1 and 1 with a zero point of their own.
    const auto offset_channels = [](Builder& b, std::int64_t channels) {
        std::vector<float> lows, highs;
        for (std::int64_t i = 0; i < channels; ++i) {
            lows.push_back(-b.uniform(0.1f, 1));
            highs.push_back(b.uniform(0.1f, 1));
        }
        const Value low = b.numbers({1, channels, 1, 1}, lows), high = b.numbers({1, channels, 1, 1}, highs);
        return b.add(FakeQuantize{256}, {b.input({2, channels, 9, 8}, -1.1f, 1.1f), low, high, low, high});
    };
    cases.push_back({"int8_channel_zero_points_into_depthwise",
                     [offset_channels](Builder& b) {
                         const Value x = offset_channels(b, 70);
                         const Value y = b.add(GroupConvolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                               {x, b.weights({70, 1, 1, 3, 3}, 2)});
                         b.result(b.quantize(y, -3, 3));
                     },
                     6.0 / 255,
                     {},
                     true});
    cases.push_back(
        {"int8_channel_zero_points_into_1x1",
         [offset_channels](Builder& b) {
             const Value x = offset_channels(b, 20);
             b.result(
                 b.quantize(b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}}, {x, b.weights({24, 20, 1, 1})}), -4, 4));
         },
         8.0 / 255});
    // Convolutions and products behind a concat of operands on grids of their own, one of them with a zero point between codes.
    const auto join = [](Builder& b, const Dims& first, const Dims& second) {
        const Value x = b.quantize(b.input(Shape(first), -0.2f, 1.2f), 0, 1);
        const Value y = b.quantize(b.input(Shape(second), -1.2f, 1.7f), -0.97f, 1.61f);
        return b.add(Concat{1}, {x, y});
    };
    for (const bool padded : {false, true})
        cases.push_back({padded ? "int8_concat_of_grids_into_3x3" : "int8_concat_of_grids_into_1x1",
                         [join, padded](Builder& b) {
                             const Value x = join(b, {2, 32, 15, 14}, {2, 48, 15, 14});
                             const std::int64_t pad = padded ? 1 : 0, kernel = padded ? 3 : 1;
                             const Value y = b.add(Convolution{{1, 1}, {pad, pad}, {pad, pad}, {1, 1}},
                                                   {x, b.weights({24, 80, kernel, kernel})});
                             b.result(b.quantize(b.add(Relu{}, {bias(b, y, 24)}), 0, padded ? 16 : 6));
                         },
                         (padded ? 16.0 : 6.0) / 255,
                         {},
                         true});
    cases.push_back({"int8_concat_of_grids_into_product",
                     [join](Builder& b) {
                         const Value x = join(b, {200, 64}, {200, 128});
                         b.result(b.quantize(b.add(MatMul{false, true}, {x, b.weights({48, 192})}), -9, 9));
                     },
                     18.0 / 255,
                     {},
                     true});
    cases.push_back(
        {"int8_channel_shuffle_of_grids",
         [join](Builder& b) {
             Value x = join(b, {1, 32, 21, 20}, {1, 32, 21, 20});
             x = b.add(Reshape{}, {x, b.ints({1, 2, 32, 21, 20})});
             x = b.add(Transpose{}, {x, b.ints({0, 2, 1, 3, 4})});
             x = b.add(Reshape{}, {x, b.ints({1, 64, 21, 20})});
             const Value y = b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}}, {x, b.weights({64, 64, 1, 1})});
             b.result(b.quantize(y, -5, 5));
         },
         10.0 / 255,
         {},
         true});
    cases.push_back({"int8_backprop",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({1, 8, 5, 6}, -0.2f, 1.2f), 0, 1);
                         const Value w = b.quantize(b.random({8, 6, 4, 4}), -1, 1, 255);
                         b.result(b.quantize(b.add(ConvolutionBackpropData{.strides = {2, 2},
                                                                           .pads_begin = {1, 1},
                                                                           .pads_end = {1, 1},
                                                                           .dilations = {1, 1}},
                                                   {x, w}),
                                             -6, 6));
                     },
                     12.0 / 255});
    cases.push_back({"int8_backprop_apart",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({1, 8, 5, 6}, -0.2f, 1.2f), 0, 1);
                         const Value w = b.quantize(b.random({8, 5, 3, 3}), -1, 1, 255);
                         const Value y = b.add(ConvolutionBackpropData{.strides = {3, 3},
                                                                       .pads_begin = {0, 0},
                                                                       .pads_end = {0, 0},
                                                                       .dilations = {1, 1}},
                                               {x, w});
                         b.result(b.quantize(b.add(Add{}, {y, b.random({1, 5, 1, 1})}), -3, 3));
                     },
                     6.0 / 255});
    cases.push_back({"int8_group_backprop",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({1, 8, 5, 6}, -0.2f, 1.2f), 0, 1);
                         const Value w = b.quantize(b.random({2, 4, 6, 4, 4}), -1, 1, 255);
                         b.result(b.quantize(b.add(GroupConvolutionBackpropData{.strides = {2, 2},
                                                                                .pads_begin = {1, 1},
                                                                                .pads_end = {1, 1},
                                                                                .dilations = {1, 1}},
                                                   {x, w}),
                                             -5, 5));
                     },
                     10.0 / 255,
                     {},
                     true});
}

void add_matmul(Cases& cases) {
    for (const auto& [name, rows, inner, columns] :
         {std::tuple{"row", 1, 130, 70}, {"tails", 7, 33, 19}, {"wide", 16, 256, 48}, {"one", 3, 64, 1}}) {
        const Dims a{rows, inner}, w{columns, inner};
        const float s = 0.6f * std::sqrt(static_cast<float>(inner));
        cases.push_back(
            {std::string("int8_matmul_") + name,
             [a, w, s](Builder& b) {
                 const Value x = b.quantize(b.input(Shape(a), -0.3f, 1.3f), 0, 1);
                 b.result(b.quantize(b.add(Add{}, {b.add(MatMul{false, true}, {x, b.weights(w)}), b.random({1, w[0]})}),
                                     -s, s));
             },
             2 * double(s) / 255,
             {},
             true});
        cases.push_back({std::string("int8_matmul_signed_") + name,
                         [a, w](Builder& b) {
                             const Value x = b.quantize(b.input(Shape(a), -1.3f, 1.3f), -1, 127.0f / 128);
                             b.result(b.add(MatMul{false, true}, {x, b.weights(w)}));
                         },
                         0,
                         {},
                         true});
    }
    cases.push_back({"int8_matmul_batched",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({2, 3, 5, 32}, -0.3f, 1.3f), -0.1f, 1.1f);
                         b.result(b.add(MatMul{false, true}, {x, b.weights({24, 32})}));
                     },
                     0});
    cases.push_back({"int8_matmul_weights_with_zero_point",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({3, 40}, -0.3f, 1.3f), -0.25f, 1);
                         b.result(b.add(MatMul{false, true}, {x, b.shifted_weights({24, 40})}));
                     },
                     0});
}

// FakeQuantize -> the op -> FakeQuantize. The second interval is not a simple multiple of the first: codes would fall on ties.
Case between(const std::string& name, std::function<Value(Builder&, Value)> op, float low, float high,
             bool int8 = false) {
    return {"int8_" + name,
            [op, low, high](Builder& b) {
                const Value x = b.quantize(b.input({1, 19, 9, 8}, -1.2f, 1.2f), -1, 1);
                b.result(b.quantize(op(b, x), low, high));
            },
            double(high - low) / 255,
            {},
            int8};
}

// Intervals whose higher codes stand for lower values.
void add_turned_around(Cases& cases) {
    const auto turned = [](Builder& b) {
        const Value x = b.input({1, 19, 9, 8}, -1.2f, 1.2f);
        const Value low = b.scalar(-1), high = b.scalar(127.0f / 128);
        return b.add(FakeQuantize{256}, {x, low, high, high, low});
    };
    cases.push_back({"int8_mvn_of_negative_scale",
                     [turned](Builder& b) {
                         b.result(b.quantize(b.add(Mvn{.eps = 1e-3}, {turned(b), b.ints({2, 3})}), -2.1f, 2));
                     },
                     4.1 / 255});
    cases.push_back({"int8_normalize_l2_of_negative_scale",
                     [turned](Builder& b) {
                         b.result(b.quantize(b.add(NormalizeL2{.eps = 1e-3}, {turned(b), b.ints({1})}), -0.7f, 0.6f));
                     },
                     1.3 / 255});
}

void add_others(Cases& cases) {
    cases.push_back(between(
        "max_pool",
        [](Builder& b, Value x) {
            return b.add(MaxPool{.strides = {2, 2},
                                 .dilations = {1, 1},
                                 .pads_begin = {1, 1},
                                 .pads_end = {1, 1},
                                 .kernel = {3, 3}},
                         {x});
        },
        -1, 1));
    for (const bool exclude : {true, false})
        cases.push_back(between(
            exclude ? "avg_pool" : "avg_pool_with_pad",
            [exclude](Builder& b, Value x) {
                return b.add(AvgPool{.strides = {2, 2},
                                     .pads_begin = {1, 1},
                                     .pads_end = {1, 1},
                                     .kernel = {3, 3},
                                     .exclude_pad = exclude},
                             {x});
            },
            -0.7f, 0.7f));
    cases.push_back(between(
        "reduce_mean",
        [](Builder& b, Value x) {
            return b.add(ReduceMean{true}, {x, b.ints({2, 3})});
        },
        -0.5f, 0.5f));
    cases.push_back(between(
        "reduce_sum",
        [](Builder& b, Value x) {
            return b.add(ReduceSum{true}, {x, b.ints({2, 3})});
        },
        -20, 21));
    cases.push_back(between(
        "mvn",
        [](Builder& b, Value x) {
            return b.add(Mvn{.eps = 1e-3}, {x, b.ints({2, 3})});
        },
        -2.1f, 2));
    cases.push_back(between(
        "mvn_of_max_pool",
        [](Builder& b, Value x) {
            const Value pool = b.add(MaxPool{.strides = {1, 1},
                                             .dilations = {1, 1},
                                             .pads_begin = {0, 0},
                                             .pads_end = {0, 0},
                                             .kernel = {2, 2}},
                                     {x});
            return b.add(Mvn{.eps = 1e-3}, {pool, b.ints({2, 3})});
        },
        -2.1f, 2));
    cases.push_back(between(
        "normalize_l2",
        [](Builder& b, Value x) {
            return b.add(NormalizeL2{.eps = 1e-3}, {x, b.ints({1})});
        },
        -0.7f, 0.6f));
    add_turned_around(cases);
    for (const Op& op : {Op(ReduceMax{true}), Op(ReduceMin{true})})
        cases.push_back(between(
            std::string(op.name()) + "_into_convolution",
            [op](Builder& b, Value x) {
                return b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}},
                             {b.add(op, {x, b.ints({3})}), b.weights({7, 19, 1, 1})});
            },
            -8, 8, true));
    for (const PadMode mode : {PadMode::edge, PadMode::reflect})
        cases.push_back(between(
            "pad_" + std::string(kPadModeNames[static_cast<std::size_t>(mode)]) + "_into_convolution",
            [mode](Builder& b, Value x) {
                const Value padded = b.add(Pad{mode}, {x, b.ints({0, 0, 1, 1}), b.ints({0, 0, 1, 1})});
                return b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}}, {padded, b.weights({7, 19, 3, 3})});
            },
            -8, 8, true));
    // The quantization moves up to both convolutions and the pool.
    cases.push_back(between(
        "concat_of_convolutions_and_pool",
        [](Builder& b, Value x) {
            const Convolution op{{1, 1}, {0, 0}, {0, 0}, {1, 1}};
            const Value one = b.add(op, {x, b.weights({6, 19, 1, 1})});
            const Value two = b.add(Relu{}, {b.add(op, {x, b.weights({5, 19, 1, 1})})});
            return b.add(MaxPool{.strides = {2, 2},
                                 .dilations = {1, 1},
                                 .pads_begin = {0, 0},
                                 .pads_end = {0, 0},
                                 .kernel = {2, 2}},
                         {b.add(Relu{}, {b.add(Concat{1}, {one, two})})});
        },
        0, 4.1f, true));
    cases.push_back(
        {"int8_spelled_out",
         [](Builder& b) {
             const Value low = b.scalar(-1), high = b.scalar(127.0f / 128);
             const Value codes = b.add(FakeQuantize{256},
                                       {b.input({1, 16, 7, 6}, -1.2f, 1.2f), low, high, b.scalar(-128), b.scalar(127)});
             const Value floats = b.add(Convert{Element::f32}, {b.add(Convert{Element::i8}, {codes})});
             const Value x = b.add(Multiply{}, {floats, b.scalar(1.0f / 128)});
             b.result(
                 b.quantize(b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}}, {x, b.weights({24, 16, 1, 1})}), -3, 3));
         },
         6.0 / 255,
         {},
         true});
    cases.push_back(between(
        "add",
        [](Builder& b, Value x) {
            return b.add(Add{}, {x, b.quantize(b.input({1, 19, 9, 8}), -0.9f, 1.1f)});
        },
        -1.5f, 1.5f));
    cases.push_back(between(
        "add_relu",
        [](Builder& b, Value x) {
            return b.add(Relu{}, {b.add(Add{}, {x, b.quantize(b.input({1, 19, 9, 8}, 0, 1), 0, 1)})});
        },
        0, 1.8f));
    cases.push_back(between(
        "multiply",
        [](Builder& b, Value x) {
            return b.add(Multiply{}, {x, b.quantize(b.input({1, 19, 1, 1}, 0, 1), 0, 1)});
        },
        -0.97f, 1.03f));
    cases.push_back(between(
        "concat",
        [](Builder& b, Value x) {
            return b.add(Concat{1}, {x, b.quantize(b.input({1, 5, 9, 8}), -0.5f, 0.5f)});
        },
        -1, 1));
    cases.push_back(between(
        "concat_same_scales",
        [](Builder& b, Value x) {
            return b.add(Concat{1}, {x, b.quantize(b.input({1, 5, 9, 8}), -1, 1)});
        },
        -1, 1));
    cases.push_back(between(
        "concat_into_convolution",
        [](Builder& b, Value x) {
            const Value both = b.add(Concat{1}, {x, b.quantize(b.input({1, 5, 9, 8}, 0, 1), 0, 1)});
            return b.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {both, b.weights({17, 24, 3, 3})});
        },
        -8, 8));
    cases.push_back(between(
        "split_into_convolutions",
        [](Builder& b, Value x) {
            const Value parts = b.add(VariadicSplit{}, {x, b.axis(1), b.ints({8, 11})});
            const Convolution op{{1, 1}, {0, 0}, {0, 0}, {1, 1}};
            return b.add(Concat{1}, {b.add(op, {parts, b.weights({6, 8, 1, 1})}),
                                     b.add(op, {{parts.node, 1}, b.weights({5, 11, 1, 1})})});
        },
        -4, 4));
    for (const Op& op : {Op(Relu{}), Op(Clamp{0, 0.6}), Op(Sigmoid{}), Op(Tanh{}), Op(Elu{}), Op(Swish{}), Op(HSwish{}),
                         Op(HSigmoid{}), Op(Mish{}), Op(Gelu{}), Op(Exp{}), Op(Abs{})}) {
        cases.push_back(between(
            std::string(op.name()), [op](Builder& b, Value x) { return b.add(op, {x}); }, -1.07f, 3.01f));
        cases.push_back(between(
            "convolution_" + std::string(op.name()),
            [op](Builder& b, Value x) {
                return b.add(op, {b.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {x, b.weights({17, 19, 3, 3})})});
            },
            -2, 6, true));
    }
    cases.push_back(between(
        "prelu",
        [](Builder& b, Value x) {
            return b.add(PRelu{}, {x, b.random({19}, 0, 1)});
        },
        -1, 1));
    cases.push_back(between(
        "transpose",
        [](Builder& b, Value x) {
            return b.add(Transpose{}, {x, b.ints({0, 2, 3, 1})});
        },
        -1, 1));
    cases.push_back(between(
        "interpolate",
        [](Builder& b, Value x) {
            return b.add(Interpolate{.coordinates = CoordinateMode::asymmetric, .nearest = NearestMode::floor},
                         {x, b.ints({18, 16}), b.ints({2, 3})});
        },
        -1, 1));
    cases.push_back(between(
        "pad_into_convolution",
        [](Builder& b, Value x) {
            const Value padded = b.add(Pad{}, {x, b.ints({0, 0, 1, 1}), b.ints({0, 0, 1, 1}), b.scalar(0)});
            return b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}}, {padded, b.weights({7, 19, 3, 3})});
        },
        -8, 8));
    cases.push_back(between(
        "squeeze_and_excite",
        [](Builder& b, Value x) {
            const Convolution op{{1, 1}, {0, 0}, {0, 0}, {1, 1}};
            const Value mean = b.quantize(b.add(ReduceMean{true}, {x, b.ints({2, 3})}), -0.5f, 0.5f);
            const Value gate = b.quantize(b.add(Sigmoid{}, {b.add(op, {mean, b.weights({19, 19, 1, 1})})}), 0, 1);
            return b.add(Multiply{}, {x, gate});
        },
        -0.97f, 1.03f));
}

void add_blocks(Cases& cases) {
    cases.push_back(between(
        "residual_block",
        [](Builder& b, Value x) {
            const Convolution op{{1, 1}, {1, 1}, {1, 1}, {1, 1}};
            const Value y = b.quantize(b.add(Relu{}, {b.add(op, {x, b.weights({32, 19, 3, 3})})}), 0, 8);
            const Value z = b.add(op, {y, b.weights({19, 32, 3, 3})});
            return b.add(Relu{}, {b.add(Add{}, {z, x})});
        },
        0, 80, true));
    cases.push_back(between(
        "inverted_residual",
        [](Builder& b, Value x) {
            const Convolution point{{1, 1}, {0, 0}, {0, 0}, {1, 1}};
            const Value wide = b.quantize(b.add(Clamp{0, 6}, {b.add(point, {x, b.weights({48, 19, 1, 1})})}), 0, 6);
            const Value deep = b.quantize(b.add(Clamp{0, 6}, {b.add(GroupConvolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                                                    {wide, b.weights({48, 1, 1, 3, 3}, 2)})}),
                                          0, 6);
            const Value back = b.quantize(b.add(point, {deep, b.weights({19, 48, 1, 1})}), -20, 20);
            return b.add(Add{}, {x, back});
        },
        -20, 20, true));
}

// A window of four rows that moves by one an inference: twice, and the second one reads what the first one kept.
void add_state(Cases& cases) {
    cases.push_back(
        {"state_of_codes",
         [](Builder& b) {
             const Value x = b.quantize(b.input({1, 24}), -1, 127.0f / 128);
             const Value read = b.add(ReadValue{"rows", Element::f32, {4, 24}},
                                      {b.numbers({4, 24}, std::vector<float>(96, 0.25f))});
             const Value old = b.add(ir::Slice{}, {read, b.ints({1}), b.ints({4}), b.ints({1}), b.ints({0})});
             b.add(Assign{"rows"}, {b.add(Concat{0}, {old, x})});
             b.result(b.add(MatMul{false, true}, {read, b.weights({10, 24})}));
         },
         0,
         {},
         true});
}

}  // namespace

std::vector<Case> int8_cases() {
    Cases cases;
    add_convolutions(cases);
    add_matmul(cases);
    add_others(cases);
    add_blocks(cases);
    add_state(cases);
    return cases;
}

}  // namespace octet::conformance
