#include "ir/ops/convolution.hpp"

#include <cmath>
#include <random>

#include "ir/text.hpp"
#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

template <class T>
Tensor random_tensor(Dims dims, double low, double high, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> any(low, high);
    std::vector<T> values(static_cast<std::size_t>(product(dims)));
    for (T& v : values) v = static_cast<T>(any(random));
    return tensor<T>(std::move(dims), std::move(values));
}

// A grouped 2-d convolution of whole numbers, one sum per result; zero points subtracted, padding counts as nothing.
std::vector<double> naive(const Tensor& x, const Tensor& w, const GroupConvolution& op, const Dims& out) {
    const Window s = window_of(op, x.dims(), w.dims());
    const auto groups = w.dims()[0], outputs = w.dims()[1], inputs = w.dims()[2];
    const auto zero = [](const std::vector<std::int64_t>& z, std::int64_t c) {
        return z.empty() ? 0.0 : static_cast<double>(z[z.size() == 1 ? 0 : static_cast<std::size_t>(c)]);
    };
    std::vector<double> result;
    for (std::int64_t n = 0; n < out[0]; ++n)
        for (std::int64_t o = 0; o < out[1]; ++o)
            for (std::int64_t y = 0; y < out[2]; ++y)
                for (std::int64_t v = 0; v < out[3]; ++v) {
                    double sum = 0;
                    for (std::int64_t i = 0; i < inputs; ++i)
                        for (std::int64_t ky = 0; ky < s.kernel[0]; ++ky)
                            for (std::int64_t kx = 0; kx < s.kernel[1]; ++kx) {
                                const auto c = o / outputs * inputs + i;
                                const auto py = y * s.strides[0] + ky * s.dilations[0] - s.pads_begin[0];
                                const auto px = v * s.strides[1] + kx * s.dilations[1] - s.pads_begin[1];
                                if (py < 0 || px < 0 || py >= s.data[0] || px >= s.data[1]) continue;
                                const auto at_x = ((n * groups * inputs + c) * s.data[0] + py) * s.data[1] + px;
                                const auto at_w = ((o * inputs + i) * s.kernel[0] + ky) * s.kernel[1] + kx;
                                sum += (x.at(static_cast<std::size_t>(at_x)) - zero(op.zp_a, c)) *
                                       (w.at(static_cast<std::size_t>(at_w)) - zero(op.zp_w, o));
                            }
                    result.push_back(sum);
                }
    return result;
}

TEST(ConvolutionOps, ASmallCaseByHand) {
    const Tensor x = counting({1, 1, 3, 3}, 1);
    const Tensor w = tensor({1, 1, 2, 2}, {1.0f, 0.0f, 0.0f, -1.0f});
    expect_exact(run(Convolution{}, {x, w}), {1, 1, 2, 2}, {-4, -4, -4, -4});
    expect_exact(run(Convolution{.strides = {2, 2}, .pads_begin = {1, 1}, .pads_end = {0, 0}}, {x, w}), {1, 1, 2, 2},
                 {-1, -3, -7, -4});
    expect_exact(run(Convolution{.dilations = {2, 2}}, {x, w}), {1, 1, 1, 1}, {-8});
}

TEST(ConvolutionOps, OneAndThreeSpatialAxes) {
    expect_exact(run(Convolution{.pads_begin = {1}, .pads_end = {1}},
                     {counting({1, 1, 4}, 1), tensor({1, 1, 3}, {1.0f, 1.0f, 1.0f})}),
                 {1, 1, 4}, {3, 6, 9, 7});
    expect_exact(run(Convolution{}, {counting({1, 2, 2, 2, 2}), Tensor::filled(Element::f32, {1, 2, 2, 2, 2}, 1)}),
                 {1, 1, 1, 1, 1}, {120});
}

TEST(ConvolutionOps, GroupsStridesPadsAndDilationsAgreeWithPlainSums) {
    const std::vector<GroupConvolution> ops{{},
                                            {.strides = {2, 1}, .pads_begin = {1, 2}, .pads_end = {0, 3}},
                                            {.pads_begin = {2, 2}, .pads_end = {2, 2}, .dilations = {2, 3}},
                                            {.strides = {2, 2}, .auto_pad = PadType::same_upper},
                                            {.strides = {2, 2}, .auto_pad = PadType::same_lower},
                                            {.strides = {3, 2}, .pads_begin = {5, 5}, .auto_pad = PadType::valid}};
    for (const GroupConvolution& op : ops)
        for (const Dims& weights : {Dims{1, 5, 4, 3, 3}, Dims{2, 3, 2, 3, 2}, Dims{4, 1, 1, 1, 3}}) {
            SCOPED_TRACE(print_fields(op) + " " + to_string(weights));
            const Tensor x = random_tensor<std::int8_t>({2, 4, 9, 11}, -128, 128, 1);
            const Tensor w = random_tensor<std::int8_t>(weights, -128, 128, 2);
            const Window window = window_of(op, x.dims(), w.dims());
            const Dims out{2, weights[0] * weights[1], window.output[0], window.output[1]};
            const std::vector<double> wanted = naive(x, w, op, out);
            const Tensor sums = run(op, {x, w});
            EXPECT_EQ(sums.element(), Element::i32);
            expect_exact(sums, out, wanted);
            expect_exact(run(op, {x.converted(Element::f32), w.converted(Element::f32)}), out, wanted);
            expect_exact(run(op, {x.converted(Element::f64), w.converted(Element::f64)}), out, wanted);
        }
}

TEST(ConvolutionOps, ZeroPointsOfDataAndWeights) {
    const Tensor x = random_tensor<std::uint8_t>({1, 4, 5, 6}, 0, 256, 3);
    const Tensor w = random_tensor<std::int8_t>({2, 3, 2, 3, 3}, -128, 128, 4);
    for (const std::vector<std::int64_t>& zp_a : {std::vector<std::int64_t>{}, {128}, {0, 7, 128, 255}})
        for (const std::vector<std::int64_t>& zp_w : {std::vector<std::int64_t>{}, {-5, 0, 3, 100, -128, 1}}) {
            const GroupConvolution op{.pads_begin = {1, 1}, .pads_end = {1, 1}, .zp_a = zp_a, .zp_w = zp_w};
            expect_exact(run(op, {x, w}), {1, 6, 5, 6}, naive(x, w, op, {1, 6, 5, 6}));
        }
}

TEST(ConvolutionOps, LongFloatSumsKeepTheirPrecision) {
    const Tensor x = random_tensor<float>({1, 512, 3, 3}, 0, 1, 5);
    const Tensor w = random_tensor<float>({1, 70, 512, 3, 3}, 0, 1, 6);
    const GroupConvolution op;
    expect_near(run(op, {x, w}), {1, 70, 1, 1}, naive(x, w, op, {1, 70, 1, 1}), 2e-6);
}

TEST(ConvolutionOps, SumsFillTheWholeOfI32) {
    const std::int64_t depth = 66000;  // 66000 * 255 * 127 is just below 2^31
    const Tensor x = Tensor::filled(Element::u8, {1, depth, 1}, 255);
    const Tensor w = Tensor::filled(Element::i8, {1, depth, 1}, 127);
    expect_exact(run(Convolution{}, {x, w}), {1, 1, 1}, {66000.0 * 255 * 127});
}

// A backward convolution is the transpose of the forward one: <conv(x), y> = <x, backward(y)>.
TEST(ConvolutionOps, BackwardIsTheTransposeOfForward) {
    for (const std::int64_t groups : {1, 2}) {
        const GroupConvolution forward{.strides = {2, 3},
                                       .pads_begin = {1, 0},
                                       .pads_end = {0, 2},
                                       .dilations = {2, 1}};
        GroupConvolutionBackpropData backward;
        backward.strides = forward.strides;
        backward.pads_begin = forward.pads_begin;
        backward.pads_end = forward.pads_end;
        backward.dilations = forward.dilations;
        const Dims w_dims{groups, 5, 3, 3, 4};
        const Tensor x = random_tensor<std::int8_t>({2, 3 * groups, 10, 13}, -9, 9, 7);
        const Tensor w = random_tensor<std::int8_t>(w_dims, -9, 9, 8);
        const Tensor y = run(forward, {x, w});
        const Tensor u = random_tensor<std::int8_t>(y.dims(), -9, 9, 9);
        const Tensor shape = Tensor::vector<std::int64_t>({10, 13});
        const Tensor back = run(backward, {u, w, shape});
        ASSERT_EQ(back.dims(), x.dims());
        double left = 0, right = 0;
        for (std::size_t i = 0; i < y.size(); ++i) left += y.at(i) * u.at(i);
        for (std::size_t i = 0; i < x.size(); ++i) right += x.at(i) * back.at(i);
        EXPECT_EQ(left, right);
        const Tensor floats = run(backward, {u.converted(Element::f32), w.converted(Element::f32), shape});
        EXPECT_EQ(floats, back.converted(Element::f32));
    }
}

TEST(ConvolutionOps, BackwardByHand) {
    const Tensor x = tensor({1, 1, 2}, {1.0f, 10.0f});
    const Tensor w = tensor({1, 1, 3}, {1.0f, 2.0f, 3.0f});
    expect_exact(run(ConvolutionBackpropData{.strides = {2}}, {x, w}), {1, 1, 5}, {1, 2, 13, 20, 30});
    expect_exact(run(ConvolutionBackpropData{.strides = {2}, .pads_begin = {1}, .pads_end = {1}, .output_padding = {1}},
                     {x, w}),
                 {1, 1, 4}, {2, 13, 20, 30});
    const Tensor four = Tensor::vector<std::int64_t>({4});
    expect_exact(run(ConvolutionBackpropData{.strides = {2}, .auto_pad = PadType::same_upper}, {x, w, four}), {1, 1, 4},
                 {1, 2, 13, 20});
    expect_exact(run(ConvolutionBackpropData{.strides = {2}, .auto_pad = PadType::same_lower}, {x, w, four}), {1, 1, 4},
                 {2, 13, 20, 30});
    const Tensor q = tensor<std::uint8_t>({1, 1, 2}, {129, 138});
    expect_exact(run(ConvolutionBackpropData{.strides = {2}, .zp_a = {128}},
                     {q, tensor<std::int8_t>({1, 1, 3}, {1, 2, 3})}),
                 {1, 1, 5}, {1, 2, 13, 20, 30});
}

TEST(ConvolutionOps, MaxPoolGivesValuesAndIndices) {
    const Tensor x = tensor({1, 2, 2, 3},
                            {1.0f, 5.0f, 2.0f, 4.0f, 5.0f, 0.0f, -1.0f, -5.0f, -2.0f, -4.0f, -5.0f, -9.0f});
    const MaxPool op{.kernel = {2, 2}};
    expect_exact(run(op, {x}), {1, 2, 1, 2}, {5, 5, -1, -2});
    expect_exact(run(op, {x}, 1), {1, 2, 1, 2}, {1, 1, 6, 8});
    expect_exact(run(MaxPool{.kernel = {2, 2}, .index_element = Element::i32, .axis = 2}, {x}, 1), {1, 2, 1, 2},
                 {1, 1, 0, 2});
    expect_exact(run(MaxPool{.strides = {2, 2}, .pads_begin = {1, 1}, .pads_end = {0, 0}, .kernel = {2, 2}}, {x}),
                 {1, 2, 1, 2}, {1, 5, -1, -2});
    expect_exact(run(MaxPool{.dilations = {1, 2}, .kernel = {2, 2}}, {x}), {1, 2, 1, 1}, {4, -1});
    expect_exact(run(op, {x.converted(Element::i8)}), {1, 2, 1, 2}, {5, 5, -1, -2});
}

TEST(ConvolutionOps, RoundingOfPools) {
    const auto extent = [](RoundingType rounding, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                           std::int64_t pad) {
        return inferred(AvgPool{.strides = {stride},
                                .pads_begin = {pad},
                                .pads_end = {pad},
                                .kernel = {kernel},
                                .rounding = rounding},
                        {f32({1, 1, size})});
    };
    EXPECT_EQ(extent(RoundingType::floor, 6, 3, 2, 0), "f32[1,1,2]");
    EXPECT_EQ(extent(RoundingType::ceil, 6, 3, 2, 0), "f32[1,1,3]");
    EXPECT_EQ(extent(RoundingType::ceil_torch, 6, 3, 2, 0), "f32[1,1,3]");
    EXPECT_EQ(extent(RoundingType::ceil, 5, 2, 2, 1), "f32[1,1,4]");
    EXPECT_EQ(extent(RoundingType::ceil_torch, 5, 2, 2, 1), "f32[1,1,3]");
}

TEST(ConvolutionOps, AvgPoolCountsPaddingOrNot) {
    const Tensor x = tensor({1, 1, 4}, {1.0f, 2.0f, 3.0f, 6.0f});
    AvgPool op{.strides = {2}, .pads_begin = {1}, .pads_end = {1}, .kernel = {3}};
    expect_exact(run(op, {x}), {1, 1, 2}, {1.5, static_cast<double>(11.0f / 3)});
    op.exclude_pad = false;
    expect_near(run(op, {x}), {1, 1, 2}, {1, 11.0 / 3});
    // The last window reaches beyond the padding: what lies there never counts.
    AvgPool ceil{.strides = {2},
                 .pads_begin = {0},
                 .pads_end = {1},
                 .kernel = {4},
                 .rounding = RoundingType::ceil,
                 .exclude_pad = false};
    expect_exact(run(ceil, {x}), {1, 1, 2}, {3, 3});
    ceil.exclude_pad = true;
    expect_exact(run(ceil, {x}), {1, 1, 2}, {3, 4.5});
    expect_exact(run(AvgPool{.strides = {2}, .kernel = {3}, .auto_pad = PadType::same_upper}, {x}), {1, 1, 2},
                 {2, 4.5});
    expect_exact(run(AvgPool{.kernel = {2}}, {tensor<std::int8_t>({1, 1, 3}, {1, 2, 5})}), {1, 1, 2}, {2, 4});
}

TEST(ConvolutionOps, MatMulTransposesVectorsAndBatches) {
    const Tensor a = counting({2, 3}, 1);
    const Tensor b = counting({3, 2}, 1);
    expect_exact(run(MatMul{}, {a, b}), {2, 2}, {22, 28, 49, 64});
    expect_exact(run(MatMul{true, true}, {a, b}), {3, 3}, {9, 19, 29, 12, 26, 40, 15, 33, 51});
    expect_exact(run(MatMul{.transpose_b = true}, {a, a}), {2, 2}, {14, 32, 32, 77});
    const Tensor v = counting({3}, 1);
    expect_exact(run(MatMul{}, {a, v}), {2}, {14, 32});
    expect_exact(run(MatMul{}, {v, b}), {2}, {22, 28});
    expect_exact(run(MatMul{true, true}, {v, v}), {}, {14});
    expect_exact(run(MatMul{}, {counting({2, 1, 1, 2}), counting({3, 2, 1})}), {2, 3, 1, 1}, {1, 3, 5, 3, 13, 23});
}

TEST(ConvolutionOps, MatMulOfIntegersWithZeroPoints) {
    const Tensor a = random_tensor<std::uint8_t>({7, 300}, 0, 256, 10);
    const Tensor b = random_tensor<std::int8_t>({70, 300}, -128, 128, 11);
    std::vector<std::int64_t> zp_w(70);
    for (std::size_t i = 0; i < zp_w.size(); ++i) zp_w[i] = static_cast<std::int64_t>(i) - 35;
    std::vector<double> wanted;
    for (std::size_t r = 0; r < 7; ++r)
        for (std::size_t c = 0; c < 70; ++c) {
            double sum = 0;
            for (std::size_t k = 0; k < 300; ++k)
                sum += (a.at(r * 300 + k) - 113) * (b.at(c * 300 + k) - static_cast<double>(zp_w[c]));
            wanted.push_back(sum);
        }
    const Tensor y = run(MatMul{.transpose_b = true, .zp_a = {113}, .zp_w = zp_w}, {a, b});
    EXPECT_EQ(y.element(), Element::i32);
    expect_exact(y, {7, 70}, wanted);
    expect_exact(run(MatMul{.zp_a = {2}, .zp_w = {-3}},
                     {tensor<std::uint8_t>({1, 2}, {5, 4}), tensor<std::uint8_t>({2, 2}, {10, 1, 2, 0})}),
                 {1, 2}, {3 * 13 + 2 * 5, 3 * 4 + 2 * 3});
    expect_exact(run(MatMul{.zp_a = {1, 2}},
                     {tensor<std::int8_t>({1, 2}, {5, 5}), tensor<std::int8_t>({2, 1}, {10, 1})}),
                 {1, 1}, {43});
}

TEST(ConvolutionOps, WindowsResolvePads) {
    const Dims data{1, 1, 7, 8}, weights{1, 1, 3, 4};
    const Window upper = window_of(Convolution{.strides = {2, 2}, .auto_pad = PadType::same_upper}, data, weights);
    EXPECT_EQ(upper.output, (Dims{4, 4}));
    EXPECT_EQ(upper.pads_begin, (Dims{1, 1}));
    EXPECT_EQ(upper.pads_end, (Dims{1, 1}));
    const Window lower = window_of(Convolution{.strides = {1, 1}, .auto_pad = PadType::same_lower}, data, weights);
    EXPECT_EQ(lower.pads_begin, (Dims{1, 2}));
    EXPECT_EQ(lower.pads_end, (Dims{1, 1}));
    const Window valid = window_of(Convolution{.pads_begin = {9, 9}, .auto_pad = PadType::valid}, data, weights);
    EXPECT_EQ(valid.pads_begin, (Dims{0, 0}));
    EXPECT_EQ(valid.output, (Dims{5, 5}));
    const Window backward = window_of(ConvolutionBackpropData{.strides = {2, 2}, .pads_begin = {1, 1}}, data, weights,
                                      {14, 17});
    EXPECT_EQ(backward.pads_end, (Dims{0, 0}));
    EXPECT_EQ(window_of(ConvolutionBackpropData{.strides = {2, 2}}, data, weights).output, (Dims{15, 18}));
}

TEST(ConvolutionOps, InferOfUnknownShapes) {
    const Type w = f32({8, 3, 3, 3});
    EXPECT_EQ(inferred(Convolution{}, {f32({Dim(), 3, Dim(), 10}), w}), "f32[?,8,?,8]");
    EXPECT_EQ(inferred(Convolution{.strides = {2, 2}}, {f32({1, 3, Dim(5, 9), Dim(3, Dim::kUnbounded)}), w}),
              "f32[1,8,2..4,1..?]");
    EXPECT_EQ(inferred(Convolution{}, {f32(Shape::unranked()), w}), "f32[?,8,?,?]");
    EXPECT_EQ(inferred(Convolution{}, {f32(Shape::unranked()), f32(Shape::unranked())}), "f32[...]");
    EXPECT_EQ(inferred(Convolution{}, {f32({1, 3, 10, 10}), f32({Dim(), 3, Dim(1, 3), 3})}), "f32[1,?,8..10,8]");
    EXPECT_EQ(inferred(Convolution{.auto_pad = PadType::same_upper}, {f32({1, 3, Dim(), 10}), w}), "f32[1,8,?,10]");
    EXPECT_EQ(inferred(GroupConvolution{}, {f32({1, Dim(), 10}), f32({4, 2, 1, 3})}), "f32[1,8,8]");
    EXPECT_EQ(inferred(ConvolutionBackpropData{.strides = {2}}, {f32({1, 3, Dim(1, 5)}), f32({3, 8, 4})}),
              "f32[1,8,4..12]");
    EXPECT_EQ(inferred(ConvolutionBackpropData{}, {f32({1, 3, 5}), f32({3, 8, 4}), numbers({Dim(7, 9)})}),
              "f32[1,8,7..9]");
    EXPECT_EQ(inferred(ConvolutionBackpropData{}, {f32({1, 3, 5}), f32({3, 8, 4}), i64({1})}), "f32[1,8,?]");
    EXPECT_EQ(inferred(GroupConvolutionBackpropData{}, {f32({1, 6, 5}), f32({2, 3, 4, 2})}), "f32[1,8,6]");
    EXPECT_EQ(inferred(MaxPool{.kernel = {2}}, {f32({Dim(), 3, Dim(4, 8)})}), "f32[?,3,3..7]");
    EXPECT_EQ(to_string(infer_all(MaxPool{.kernel = {2}}, {f32({1, 3, 4})})[1]), "i64[1,3,3]");
    EXPECT_EQ(inferred(AvgPool{.kernel = {2, 2}}, {f32(Shape::unranked())}), "f32[?,?,?,?]");
    EXPECT_EQ(inferred(MatMul{}, {f32({Dim(), 4, 3}), f32({3, Dim(1, 8)})}), "f32[?,4,1..8]");
    EXPECT_EQ(inferred(MatMul{}, {f32(Shape::unranked()), f32({3, 4})}), "f32[...]");
    EXPECT_EQ(inferred(MatMul{}, {Type{Element::u8, {2, 3}}, Type{Element::i8, {3, 4}}}), "i32[2,4]");
}

TEST(ConvolutionOps, ErrorsOfConvolutions) {
    const Type x = f32({1, 4, 8, 8});
    const Type w = f32({8, 3, 3, 3});
    EXPECT_EQ(infer_error(Convolution{}, {x, w}), "weights have 3 input channels, data has 4");
    EXPECT_EQ(infer_error(Convolution{}, {x}), "got 1 inputs, wanted 2");
    EXPECT_EQ(infer_error(Convolution{}, {f32({4, 8}), w}), "data has rank 2, wanted 3 to 5");
    EXPECT_EQ(infer_error(Convolution{}, {x, f32({8, 4, 3})}), "weights have rank 3, wanted 4 for data of rank 4");
    EXPECT_EQ(infer_error(Convolution{}, {f32(Shape::unranked()), f32({8, 4})}), "weights have rank 2, wanted 3 to 5");
    EXPECT_EQ(infer_error(Convolution{}, {x, Type{Element::i8, {8, 4, 3, 3}}}),
              "data is f32, weights are i8, wanted one float type or i8 and u8");
    EXPECT_EQ(infer_error(Convolution{.strides = {1}}, {x, f32({8, 4, 3, 3})}),
              "strides has 1 values, there are 2 spatial axes");
    EXPECT_EQ(infer_error(Convolution{.strides = {0, 1}}, {x, f32({8, 4, 3, 3})}),
              "strides holds 0, wanted 1 to 2147483648");
    EXPECT_EQ(infer_error(Convolution{}, {x, f32({8, 4, 0, 3})}), "the weights [8,4,0,3] have an empty kernel");
    EXPECT_EQ(infer_error(Convolution{.dilations = {4, 1}}, {x, f32({8, 4, 3, 3})}),
              "a window of 9 does not fit into 8 elements of data with pads of 0 and 0");
    EXPECT_EQ(infer_error(Convolution{.zp_a = {1}}, {x, f32({8, 4, 3, 3})}), "zero points are given, operands are f32");
    const Type q{Element::u8, {1, 4, 8, 8}};
    const Type v{Element::i8, {8, 4, 3, 3}};
    EXPECT_EQ(infer_error(Convolution{.zp_a = {1, 2}}, {q, v}), "zp_a has 2 values, there are 4 input channels");
    EXPECT_EQ(infer_error(Convolution{.zp_w = {1, 2}}, {q, v}), "zp_w has 2 values, there are 8 output channels");
    EXPECT_EQ(infer_error(GroupConvolution{}, {x, f32({3, 2, 1, 3, 3})}), "weights have 3 input channels, data has 4");
    EXPECT_EQ(infer_error(ConvolutionBackpropData{}, {x, f32({4, 8, 3, 3}), numbers({16})}),
              "the output shape has 1 values, there are 2 spatial axes");
    EXPECT_EQ(infer_error(ConvolutionBackpropData{}, {x, f32({4, 8, 3, 3}), numbers({16, -1})}),
              "the output shape holds -1, wanted 0 or more");
}

TEST(ConvolutionOps, ErrorsOfPoolsAndMatMul) {
    const Type x = f32({1, 4, 8, 8});
    EXPECT_EQ(infer_error(MaxPool{}, {x}), "the kernel has 0 spatial axes, wanted 1 to 3");
    EXPECT_EQ(infer_error(MaxPool{.kernel = {2}}, {x}), "data has rank 4, wanted 3 for a kernel of 1 axes");
    EXPECT_EQ(infer_error(MaxPool{.kernel = {2, 2}, .axis = 4}, {x}), "axis 4 is not within a rank of 4");
    EXPECT_EQ(infer_error(MaxPool{.kernel = {2, 2}, .index_element = Element::f32}, {x}),
              "the index type is f32, wanted i32 or i64");
    EXPECT_EQ(infer_error(AvgPool{.kernel = {9, 2}}, {x}),
              "a window of 9 does not fit into 8 elements of data with pads of 0 and 0");
    EXPECT_EQ(infer_error(AvgPool{.kernel = {2, 0}}, {x}), "kernel holds 0, wanted 1 to 2147483648");
    EXPECT_EQ(infer_error(MatMul{}, {f32({2, 3}), f32({4, 5})}),
              "the first operand has 3 columns, the second has 4 rows");
    EXPECT_EQ(infer_error(MatMul{}, {f32({}), f32({4, 5})}), "an operand is a scalar, wanted a rank of 1 or more");
    EXPECT_EQ(infer_error(MatMul{}, {f32({2, 1, 3}), f32({3, 3, 5})}), "dimensions 2 and 3 do not broadcast");
    EXPECT_EQ(infer_error(MatMul{}, {i64({1, 3}), i64({3, 5})}),
              "data is i64, weights are i64, wanted one float type or i8 and u8");
}

}  // namespace
}  // namespace octet::ir
