#include "transformations/low_precision/fake_quantize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/eval/eval.hpp"
#include "tests/transformations/quantized_graphs.hpp"

namespace octet::low_precision {
namespace {

using ir::Element;
using ir::Tensor;
using rewrite::Code;
using testing::ElementsAre;
using testing::FloatNear;

struct Made {
    GraphBuilder b;
    ir::Value fq;
    Made(const std::vector<float>& low, const std::vector<float>& high, std::int64_t levels, std::size_t axis = 1)
        : fq(b.fake_quantize(b.input({1, 2, 4}), low, high, levels, "fq", axis)) {
        b.result(fq);
    }
    const ir::Node& node() const { return b.graph.node(fq); }
    DecompositionOrReason activations() const { return decompose(b.graph, node()); }
    DecompositionOrReason weights() const { return decompose_weights(b.graph, node()); }
};

// levels, output interval; what the codes of u8 data mean. Scales and zero points were computed independently.
struct Fixture {
    std::int64_t levels;
    float low, high;
    float zero_point, scale;
};
class Fixtures : public testing::TestWithParam<Fixture> {};

TEST_P(Fixtures, ActivationsBecomeU8) {
    const Fixture& f = GetParam();
    const auto made = Made({f.low}, {f.high}, f.levels).activations();
    ASSERT_TRUE(made.decision);
    EXPECT_EQ(made.value.quantize.element, Element::u8);
    EXPECT_EQ(made.value.quantize.qmin, 0);
    EXPECT_EQ(made.value.quantize.levels, f.levels);
    EXPECT_EQ(made.value.dequantize.scale.dims(), (ir::Dims{1, 1, 1}));
    EXPECT_THAT(made.value.dequantize.scale.floats(), ElementsAre(FloatNear(f.scale, f.scale * 2e-7f)));
    EXPECT_THAT(made.value.dequantize.zero_point.floats(), ElementsAre(FloatNear(f.zero_point, 2e-5f)));
}
INSTANTIATE_TEST_SUITE_P(
    All, Fixtures,
    testing::Values(
        Fixture{256, 0, 2.55f, 0, 0.01f}, Fixture{256, -1.23f, 2.55f, 82.976192f, 0.014823529f},
        Fixture{256, -1.28f, 1.27f, 128, 0.01f}, Fixture{256, 1.275f, 2.55f, -255, 0.005f},
        Fixture{256, -127.5f, 0, 255, 0.5f}, Fixture{256, -0.12f, 1.27f, 22.014389f, 0.0054509804f},
        Fixture{256, -0.504395f, 0.5f, 128.05789f, 0.003938804f}, Fixture{255, -1.27f, 1.27f, 127, 0.01f},
        Fixture{16, 0, 1.5f, 0, 0.1f}, Fixture{16, -0.8f, 0.7f, 8, 0.1f}, Fixture{2, -1, 1, 0.5f, 2},
        // Intervals of which OpenVINO asks whether they need i8 or a zero point: u8 with a real one takes each.
        Fixture{255, -0.635f, 1.27f, 84.666667f, 0.0075f}, Fixture{256, 0, 1.23f, 0, 0.0048235294f},
        Fixture{256, 0.12f, 1.23f, -27.567568f, 0.0043529412f}, Fixture{256, -12.7f, 12.8f, 127, 0.1f}));

// One channel signed and one not: a zero point for each.
TEST(Decompose, ChannelsOfDifferentSigns) {
    const auto made = Made({-1.28f, 0}, {1.27f, 2.55f}, 256).activations();
    ASSERT_TRUE(made.decision);
    EXPECT_THAT(made.value.dequantize.scale.floats(), ElementsAre(FloatNear(0.01f, 2e-9f)));
    EXPECT_THAT(made.value.dequantize.zero_point.floats(), ElementsAre(FloatNear(128, 2e-5f), 0));
}

// The codes of i8 weights. OpenVINO drops what a zero point is beside a whole number where it is small, which moves every value.
class WeightFixtures : public testing::TestWithParam<Fixture> {};

TEST_P(WeightFixtures, BecomeI8) {
    const Fixture& f = GetParam();
    const auto made = Made({f.low}, {f.high}, f.levels).weights();
    ASSERT_TRUE(made.decision);
    EXPECT_EQ(made.value.quantize.element, Element::i8);
    EXPECT_EQ(made.value.quantize.qmin, f.levels % 2 == 0 ? -f.levels / 2 : -(f.levels - 1) / 2);
    EXPECT_NEAR(made.value.dequantize.scale.at(0), f.scale, f.scale * 2e-7f);
    EXPECT_NEAR(made.value.dequantize.zero_point.at(0), f.zero_point, 2e-5f) << f.low << ".." << f.high;
}
INSTANTIATE_TEST_SUITE_P(All, WeightFixtures,
                         testing::Values(Fixture{256, 0, 2.55f, -128, 0.01f}, Fixture{256, -1.28f, 1.27f, 0, 0.01f},
                                         Fixture{256, -0.12f, 1.27f, -105.98561f, 0.0054509804f},
                                         Fixture{256, -0.504395f, 0.5f, 0.05791f, 0.003938804f},
                                         Fixture{255, -1.27f, 1.27f, 0, 0.01f}, Fixture{16, -0.8f, 0.7f, 0, 0.1f}));

// An interval of denormal numbers has a scale like any other, which OpenVINO raises to 1e-32: its steps are exact.
TEST(Decompose, DenormalIntervals) {
    for (const auto& [low, high] : {std::pair{-1.0686e-38f, 1.0686e-38f}, std::pair{0.0f, 1.07e-38f}}) {
        const auto made = Made({low}, {high}, 256).activations();
        ASSERT_TRUE(made.decision) << to_string(made.decision);
        EXPECT_EQ(made.value.quantize.element, Element::u8);
        EXPECT_FLOAT_EQ(made.value.dequantize.scale.as<float>()[0], (high - low) / 255);
    }
}

TEST(SplitZeroPoint, NearestIntegerAndRest) {
    EXPECT_EQ(split_zero_point(3.25f).integer, 3);
    EXPECT_EQ(split_zero_point(3.25f).rest, 0.25f);
    EXPECT_EQ(split_zero_point(-0.75f).integer, -1);
    EXPECT_EQ(split_zero_point(-0.75f).rest, 0.25f);
    EXPECT_EQ(split_zero_point(127.99995f).integer, 128);
    EXPECT_EQ(split_zero_point(127.99995f).rest, 0);  // noise of the interval's ends
    EXPECT_NE(split_zero_point(3.001f).rest, 0);
}

TEST(Decompose, ZeroPointsAreRealNumbers) {
    const auto made = Made({-0.3f}, {1.0f}, 256).activations();
    EXPECT_NEAR(made.value.dequantize.zero_point.at(0), 0.3 * 255 / 1.3, 1e-5);
}

TEST(Decompose, PerChannel) {
    const auto made = Made({-1, -2}, {1, 6}, 129).activations();
    ASSERT_TRUE(made.decision);
    EXPECT_EQ(made.value.dequantize.scale.dims(), (ir::Dims{1, 2, 1}));
    EXPECT_THAT(made.value.dequantize.scale.floats(), ElementsAre(2.0f / 128, 8.0f / 128));
    EXPECT_THAT(made.value.dequantize.zero_point.floats(), ElementsAre(64, 32));
}

TEST(Decompose, EqualChannelsAreOne) {
    const auto made = Made({-1, -1}, {1, 1}, 255).activations();
    EXPECT_TRUE(per_tensor(made.value.dequantize));
    EXPECT_EQ(made.value.quantize.low.size(), 1u);
    // Shifted intervals of one width: one scale, two zero points.
    const auto shifted = Made({0, -64}, {128, 64}, 129).activations();
    EXPECT_TRUE(per_tensor(shifted.value.dequantize.scale));
    EXPECT_THAT(shifted.value.dequantize.zero_point.floats(), ElementsAre(0, 64));
}

TEST(Decompose, GivesTheValuesOfTheFakeQuantize) {
    for (const std::int64_t levels : {2, 3, 16, 128, 255, 256}) {
        const Made made({-1.23f, 0.5f}, {2.55f, 3}, levels);
        const auto parts = made.activations();
        ASSERT_TRUE(parts.decision);
        Tensor x(Element::f32, {1, 2, 4});
        for (int round = 0; round < 100; ++round) {
            for (std::size_t i = 0; i < x.size(); ++i)
                x.write<float>()[i] = static_cast<float>((round * 37 + static_cast<int>(i) * 101) % 1009) / 150 - 2.5f;
            const Tensor wanted = ir::eval::evaluate(made.b.graph, std::vector{x})[0];
            const Tensor codes = ir::eval::evaluate(ir::Op(parts.value.quantize), std::vector{x})[0];
            const Tensor got = ir::eval::evaluate(ir::Op(op_of(parts.value.dequantize)), std::vector{codes})[0];
            for (std::size_t i = 0; i < x.size(); ++i)
                ASSERT_NEAR(got.at(i), wanted.at(i), 2e-6) << levels << " levels, x is " << x.at(i);
        }
    }
}

// Codes of 16 bits, for devices that have them: levels, output interval, zero point of u16, and of i16 weights.
struct Wide {
    std::int64_t levels;
    float low, high, zero_point, scale, weights_zero_point;
};
TEST(Decompose, SixteenBits) {
    for (const Wide& w : {Wide{65536, 0, 65.535F, 0, 0.001F, -32768}, Wide{65536, -32.768F, 32.767F, 32768, 0.001F, 0},
                          Wide{65535, -32.767F, 32.767F, 32767, 0.001F, 0}}) {
        const Made made({w.low}, {w.high}, w.levels);
        const auto parts = decompose(made.b.graph, made.node(), kLevels16);
        ASSERT_TRUE(parts.decision);
        EXPECT_EQ(parts.value.quantize.element, Element::u16);
        EXPECT_NEAR(parts.value.dequantize.scale.at(0), w.scale, 1e-9);
        EXPECT_NEAR(parts.value.dequantize.zero_point.at(0), w.zero_point, 0.01);
        const auto weights = decompose_weights(made.b.graph, made.node(), kLevels16);
        EXPECT_EQ(weights.value.quantize.element, Element::i16);
        EXPECT_EQ(weights.value.quantize.qmin, w.levels == 65536 ? -32768 : -32767);
        EXPECT_NEAR(weights.value.dequantize.zero_point.at(0), w.weights_zero_point, 0.01);
        Tensor x(Element::f32, {1, 2, 4});
        for (int round = 0; round < 50; ++round) {
            for (std::size_t i = 0; i < x.size(); ++i)
                x.write<float>()[i] = static_cast<float>((round * 37 + static_cast<int>(i) * 101) % 1009) / 7 - 70;
            const Tensor wanted = ir::eval::evaluate(made.b.graph, std::vector{x})[0];
            const Tensor codes = ir::eval::evaluate(ir::Op(parts.value.quantize), std::vector{x})[0];
            const Tensor got = ir::eval::evaluate(ir::Op(op_of(parts.value.dequantize)), std::vector{codes})[0];
            for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(got.at(i), wanted.at(i), w.scale / 50);
        }
    }
    EXPECT_EQ(to_string(decompose(Made({0}, {1}, 65537).b.graph, Made({0}, {1}, 65537).node(), kLevels16).decision),
              "LEVELS_UNSUPPORTED: 'fq' has 65537 levels, 16 bits hold 2 to 65536");
}

// Whatever the ends are, there is an answer: codes within a step of the FakeQuantize's values, or a refusal.
TEST(Decompose, AnyIntervalHasAnAnswer) {
    std::mt19937 random(3);
    const std::array<float, 12> odd{0,        -0.0F,    0x1p-149F, -0x1p-149F, 1e-38F, 3e38F,
                                    -3.4e38F, INFINITY, -INFINITY, NAN,        1.0F,   1.0000001F};
    const auto end = [&] {
        if (random() % 3 == 0) return odd[random() % odd.size()];
        return std::ldexp(static_cast<float>(static_cast<int>(random() % 2001) - 1000),
                          static_cast<int>(random() % 40) - 30);
    };
    std::size_t accepted = 0;
    for (int round = 0; round < 20000; ++round) {
        const std::array<float, 4> ends{end(), end(), end(), end()};
        const std::int64_t levels = std::array{2, 15, 16, 255, 256, 65536}[random() % 6];
        GraphBuilder b;
        const ir::Value x = b.input({1, 8});
        const ir::Value fq = b.edit.add(ir::FakeQuantize{levels},
                                        {x, b.numbers({}, {ends[0]}), b.numbers({}, {ends[1]}),
                                         b.numbers({}, {ends[2]}), b.numbers({}, {ends[3]})},
                                        "fq");
        b.result(fq);
        DecompositionOrReason parts;
        ASSERT_NO_THROW(parts = decompose(b.graph, b.graph.node(fq), kLevels16));
        ASSERT_NO_THROW(decompose_weights(b.graph, b.graph.node(fq)));
        if (!parts.decision || !std::isfinite(ends[3] - ends[2])) continue;
        ++accepted;
        Tensor data(Element::f32, {1, 8});
        for (std::size_t i = 0; i < 8; ++i)
            data.write<float>()[i] = ends[0] + (ends[1] - ends[0]) * static_cast<float>(i) / 7;
        const Tensor wanted = ir::eval::evaluate(b.graph, std::vector{data})[0];
        const Tensor codes = ir::eval::evaluate(ir::Op(parts.value.quantize), std::vector{data})[0];
        const Tensor got = ir::eval::evaluate(ir::Op(op_of(parts.value.dequantize)), std::vector{codes})[0];
        // A step, and what floats of this size cannot tell apart.
        const double step = std::abs(parts.value.dequantize.scale.at(0)) +
                            0x1p-21 * std::max(std::abs(ends[2]), std::abs(ends[3])) +
                            static_cast<double>(levels) * 0x1p-149;
        for (std::size_t i = 0; i < 8; ++i)
            ASSERT_LE(std::abs(got.at(i) - wanted.at(i)), step * 1.001)
                << ends[0] << ".." << ends[1] << " to " << ends[2] << ".." << ends[3] << ", " << levels << " levels";
    }
    EXPECT_GT(accepted, 2000u);
}

void expect_refused(const Made& made, Code code, const char* text) {
    const auto refused = made.activations();
    EXPECT_FALSE(refused.decision);
    EXPECT_EQ(refused.decision.code, code);
    EXPECT_EQ(to_string(refused.decision), text);
}

TEST(Decompose, Refusals) {
    expect_refused(Made({0}, {1}, 257), Code::levels_unsupported,
                   "LEVELS_UNSUPPORTED: 'fq' has 257 levels, 8 bits hold 2 to 256");
    expect_refused(Made({0}, {4.2949673f}, std::int64_t{1} << 32), Code::levels_unsupported,
                   "LEVELS_UNSUPPORTED: 'fq' has 4294967296 levels, 8 bits hold 2 to 256");
    expect_refused(Made({2.55f}, {2.55f}, 256), Code::zero_scale,
                   "ZERO_SCALE: an output interval of 'fq' is empty or not finite");
    expect_refused(Made({0, 1}, {1, 1}, 256), Code::zero_scale,
                   "ZERO_SCALE: an output interval of 'fq' is empty or not finite");

    GraphBuilder b;
    const ir::Value x = b.input({2, 2});
    const ir::Value low = b.numbers({2, 2}, {-1, -2, -3, -4});
    const ir::Value high = b.numbers({}, {1});
    const ir::Value several = b.edit.add(ir::FakeQuantize{}, {x, low, high, low, high}, "several");
    EXPECT_EQ(to_string(decompose(b.graph, b.graph.node(several)).decision),
              "SHAPE_UNSUPPORTED: the intervals of 'several' vary along several axes");
    const ir::Value given = b.input({}, "given");
    const ir::Value open = b.edit.add(ir::FakeQuantize{}, {x, given, high, low, high}, "open");
    EXPECT_EQ(to_string(decompose(b.graph, b.graph.node(open)).decision),
              "INTERVALS_NOT_CONST: the intervals of 'open' are not constant");
    const ir::Value empty = b.edit.add(ir::FakeQuantize{}, {x, high, high, b.numbers({}, {0}), high}, "empty");
    EXPECT_EQ(to_string(decompose(b.graph, b.graph.node(empty)).decision),
              "ZERO_SCALE: an input interval of 'empty' is empty or not finite");
    const ir::Value any = b.input(ir::Shape::unranked(), "any");
    const ir::Value unranked = b.edit.add(ir::FakeQuantize{}, {any, high, high, high, high}, "unranked");
    EXPECT_EQ(to_string(decompose(b.graph, b.graph.node(unranked)).decision),
              "DYNAMIC_RANK: the rank of 'unranked' is not known");
}

}  // namespace
}  // namespace octet::low_precision
