#include "ir/ops/quantization.hpp"

#include <cmath>
#include <random>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

Tensor fake_quantized(std::int64_t levels, const Tensor& x, float il, float ih, float ol, float oh) {
    return run(FakeQuantize{levels},
               {x, Tensor::scalar(il), Tensor::scalar(ih), Tensor::scalar(ol), Tensor::scalar(oh)});
}

TEST(QuantizationOps, FakeQuantizeRoundsHalfToEvenAndClamps) {
    const Tensor x = tensor({8}, {-1.0f, 0.0f, 0.5f, 1.5f, 2.5f, 3.4f, 15.0f, 99.0f});
    expect_exact(fake_quantized(16, x, 0, 15, 0, 15), {8}, {0, 0, 0, 2, 2, 3, 15, 15});
    expect_near(fake_quantized(16, x, 0, 15, 0, 1.5f), {8}, {0, 0, 0, 0.2, 0.2, 0.3, 1.5, 1.5}, 1e-7);
}

TEST(QuantizationOps, FakeQuantizeOfMoreLevelsThanAFloatCounts) {
    const Tensor x = tensor({4}, {-1.0f, 0.25f, 0.5f, 2.0f});
    expect_near(fake_quantized(std::int64_t{1} << 32, x, 0, 1, 0, 1), {4}, {0, 0.25, 0.5, 1}, 1e-6);
    expect_near(fake_quantized(65536, x, 0, 1, 0, 65.535f), {4}, {0, 16.384, 32.768, 65.535}, 1e-6);
}

TEST(QuantizationOps, FakeQuantizeOfAnEmptyInterval) {
    const Tensor x = tensor({3}, {0.5f, 1.0f, 1.5f});
    expect_exact(fake_quantized(2, x, 1, 1, -3, 4), {3}, {-3, -3, 4});
    expect_exact(fake_quantized(256, x, 1, 1, 7, 7), {3}, {7, 7, 7});
}

TEST(QuantizationOps, FakeQuantizeOfAnInvertedInterval) {
    expect_exact(fake_quantized(3, tensor({4}, {-5.0f, 0.2f, 1.0f, 9.0f}), 2, 0, 0, 2), {4}, {2, 2, 1, 0});
}

TEST(QuantizationOps, FakeQuantizePerChannel) {
    const Tensor x = counting({1, 2, 1, 3});
    const Tensor low = tensor({1, 2, 1, 1}, {0.0f, 0.0f});
    const Tensor high = tensor({1, 2, 1, 1}, {1.0f, 4.0f});
    expect_exact(run(FakeQuantize{3}, {x, low, high, low, high}), {1, 2, 1, 3}, {0, 1, 1, 4, 4, 4});
    // Ranges along the innermost axis, one of them shared.
    const Tensor highs = tensor({3}, {2.0f, 4.0f, 8.0f});
    expect_exact(run(FakeQuantize{5}, {counting({2, 3}), Tensor::scalar(0.0f), highs, Tensor::scalar(0.0f), highs}),
                 {2, 3}, {0, 1, 2, 2, 4, 4});
}

TEST(QuantizationOps, FakeQuantizeOfHalfFloats) {
    const auto half = [](float v) { return Tensor::scalar(v).converted(Element::f16); };
    const Tensor x = tensor({2}, {0.3f, 2.0f}).converted(Element::f16);
    expect_near(run(FakeQuantize{11}, {x, half(0), half(1), half(0), half(1)}), {2}, {0.3, 1}, 1e-3);
}

// The intervals of the tables that quantizers are compared by: {levels, low, high, qmin, zero point, scale}.
struct Interval {
    std::int64_t levels;
    double low, high;
    std::int64_t qmin;
    double zero_point, scale;
    Element element;
};

class Intervals : public testing::TestWithParam<Interval> {};

// Codes taken by quantize and brought back by dequantize are what fake_quantize gives, and the ends of the interval meet.
TEST_P(Intervals, QuantizeThenDequantizeIsFakeQuantize) {
    const Interval& c = GetParam();
    const double low = c.low, high = c.high;
    std::mt19937 random(7);
    std::uniform_real_distribution<double> any(low - 0.1 * (high - low), high + 0.1 * (high - low));
    std::vector<float> values{static_cast<float>(low), static_cast<float>(high)};
    for (int i = 0; i < 1000; ++i) values.push_back(static_cast<float>(any(random)));
    const Tensor x = tensor({static_cast<std::int64_t>(values.size())}, values);
    const auto l = tensor({1}, {static_cast<float>(low)});
    const auto h = tensor({1}, {static_cast<float>(high)});
    const Tensor codes = run(Quantize{l, h, c.levels, c.qmin, c.element}, {x});
    EXPECT_EQ(codes.element(), c.element);
    EXPECT_EQ(codes.at(0), static_cast<double>(c.qmin));
    EXPECT_EQ(codes.at(1), static_cast<double>(c.qmin + c.levels - 1));
    const Tensor back = run(Dequantize{tensor({1}, {static_cast<float>(c.scale)}),
                                       tensor({1}, {static_cast<float>(c.zero_point)})},
                            {codes});
    const Tensor direct = run(FakeQuantize{c.levels}, {x, l, h, l, h});
    for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_NEAR(back.at(i), direct.at(i), 2e-3 * c.scale + 4e-6 * (std::abs(low) + std::abs(high))) << values[i];
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Intervals,
                         testing::Values(Interval{256, 0, 2.55, 0, 0, 0.01, Element::u8},
                                         Interval{256, 0, 2.55, -128, -128, 0.01, Element::i8},
                                         Interval{256, -1.23, 2.55, 0, 82.976192, 0.014823529, Element::u8},
                                         Interval{256, -1.28, 1.27, 0, 128, 0.01, Element::u8},
                                         Interval{256, -1.28, 1.27, -128, 0, 0.01, Element::i8},
                                         Interval{256, -0.12, 1.27, -128, -105.98561, 0.00545098, Element::i8},
                                         Interval{256, 1.275, 2.55, 0, -255, 0.005, Element::u8},
                                         Interval{256, -127.5, 0, 0, 255, 0.5, Element::u8},
                                         Interval{255, -1.27, 1.27, -127, 0, 0.01, Element::i8},
                                         Interval{16, 0, 1.5, 0, 0, 0.1, Element::u8},
                                         Interval{16, -0.8, 0.7, -8, 0, 0.1, Element::i8},
                                         Interval{65536, 0, 65.535, 0, 0, 0.001, Element::u16},
                                         Interval{65536, -32.768, 32.767, -32768, 0, 0.001, Element::i16}));

TEST(QuantizationOps, WeightsOfTheFixtureBecomeTheirCodes) {
    // 255 levels over [0,254] to [-1.27,1.27]: the value 2 is the code -125 of step 0.01.
    const Tensor two = tensor({1}, {2.0f});
    expect_near(fake_quantized(255, two, 0, 254, -1.27f, 1.27f), {1}, {-1.25}, 1e-6);
    expect_exact(run(Quantize{tensor({1}, {0.0f}), tensor({1}, {254.0f}), 255, -127, Element::i8}, {two}), {1}, {-125});
}

TEST(QuantizationOps, QuantizePerChannelAndEmptyInterval) {
    const Tensor x = counting({1, 2, 2}, 0, 1);
    const Quantize op{tensor({1, 2, 1}, {0.0f, 2.0f}), tensor({1, 2, 1}, {2.0f, 2.0f}), 5, -2, Element::i8};
    expect_exact(run(op, {x}), {1, 2, 2}, {-2, 0, -2, 2});
    const Quantize inner{tensor({1, 1, 2}, {0.0f, 0.0f}), tensor({1, 1, 1}, {4.0f}), 5, 0, Element::i32};
    expect_exact(run(inner, {x}), {1, 2, 2}, {0, 1, 2, 3});
    const Quantize wide{tensor({1, 1, 1}, {0.0f}), tensor({1, 1, 1}, {4.0f}), (std::int64_t{1} << 32) + 1, 0,
                        Element::i64};
    expect_exact(run(wide, {x}), {1, 2, 2}, {0, 1073741824, 2147483648, 3221225472});
}

TEST(QuantizationOps, DequantizeSubtractsARealZeroPoint) {
    const Dequantize op{tensor({1, 2}, {0.5f, 2.0f}), tensor({1, 2}, {82.5f, 0.0f})};
    expect_exact(run(op, {tensor<std::uint8_t>({2, 2}, {0, 1, 255, 2})}), {2, 2}, {-41.25, 2, 86.25, 4});
    const Dequantize half{tensor({}, {0.5f}), tensor({}, {0.0f}), Element::f16};
    const Tensor y = run(half, {Tensor::scalar(std::int32_t{-3})});
    EXPECT_EQ(y.element(), Element::f16);
    expect_exact(y, {}, {-1.5});
}

TEST(QuantizationOps, InferKeepsUnknownDimensions) {
    EXPECT_EQ(inferred(FakeQuantize{}, {f32({Dim(), 3, 4}), f32({3, 1}), f32({3, 1}), f32({}), f32({})}), "f32[?,3,4]");
    const Tensor one = tensor({1, 1}, {1.0f});
    EXPECT_EQ(inferred(Quantize{one, one}, {f32({Dim(), Dim(1, 8)})}), "u8[?,1..8]");
    EXPECT_EQ(inferred(Dequantize{one, one}, {Type{Element::i32, Shape::unranked()}}), "f32[...]");
}

TEST(QuantizationOps, Errors) {
    const Type x = f32({1, 3, 4});
    const Type s = f32({});
    EXPECT_EQ(infer_error(FakeQuantize{}, {x, s, s, s}), "got 4 inputs, wanted 5");
    EXPECT_EQ(infer_error(FakeQuantize{1}, {x, s, s, s, s}), "levels is 1, wanted 2 or more");
    EXPECT_EQ(infer_error(FakeQuantize{}, {i64({}), s, s, s, s}), "the operand is i64, wanted a float type");
    EXPECT_EQ(infer_error(FakeQuantize{}, {x, s, Type{Element::f16, {}}, s, s}),
              "the operand is f32, input_high is f16, wanted the same type");
    EXPECT_EQ(infer_error(FakeQuantize{}, {x, s, s, f32({2, 1}), s}),
              "output_low has the shape [2,1], which does not broadcast to [1,3,4]");
    const Tensor one = tensor({1, 1, 1}, {1.0f});
    EXPECT_EQ(infer_error(Quantize{one, one, 257}, {x}), "the codes 0..256 do not fit into u8");
    EXPECT_EQ(infer_error(Quantize{one, one, 256, -127, Element::i8}, {x}), "the codes -127..128 do not fit into i8");
    EXPECT_EQ(infer_error(Quantize{one, one, 2, 0, Element::f32}, {x}),
              "the element type is f32, wanted an integer type of 8 bits or more");
    EXPECT_EQ(infer_error(Quantize{tensor({1, 2, 1}, {1.0f, 2.0f}), one}, {x}),
              "low has the shape [1,2,1], data has [1,3,4]");
    EXPECT_EQ(infer_error(Quantize{one, tensor({3}, {1.0f, 2.0f, 3.0f})}, {x}),
              "high has the shape [3], data has [1,3,4]");
    EXPECT_EQ(infer_error(Dequantize{one, one}, {x}), "the operand is of type f32, wanted integers");
    EXPECT_EQ(infer_error(Dequantize{Tensor(), one}, {i64({1, 3, 4})}), "scale is undefined, wanted a float type");
    EXPECT_EQ(infer_error(Dequantize{one, one, Element::i32}, {i64({1, 3, 4})}),
              "the element type is i32, wanted a float type");
}

}  // namespace
}  // namespace octet::ir
