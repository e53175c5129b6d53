// Every op below dequantized codes of every kind: the rules change no number. Scales are powers of two, so that all arithmetic is exact.
#include <gtest/gtest.h>

#include <random>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "tests/transformations/low_precision/op_cases.hpp"
#include "transformations/common/canonical.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/low_precision/rules.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet {
namespace {

using ir::Dims;
using ir::Element;
using ir::Tensor;
using ir::Value;

enum class Kind : std::uint8_t { per_tensor, zero_point, fractional, per_channel, per_channel_zero_points, negative };
constexpr std::array kKinds{
    Kind::per_tensor, Kind::zero_point, Kind::fractional, Kind::per_channel, Kind::per_channel_zero_points,
    Kind::negative};

// The codes of an image of four channels.
low_precision::Dequantization meaning(Kind kind) {
    const auto one = [](float v) { return Tensor::filled(Element::f32, {1, 1, 1, 1}, v); };
    const auto four = [](std::vector<float> v) { return Tensor::of<float>({1, 4, 1, 1}, std::span<const float>(v)); };
    switch (kind) {
        case Kind::per_tensor: return {one(0.5F), one(0)};
        case Kind::zero_point: return {one(0.5F), one(3)};
        case Kind::fractional: return {one(0.5F), one(3.25F)};
        case Kind::per_channel: return {four({0.5F, 2, 1, 0.25F}), one(0)};
        case Kind::per_channel_zero_points: return {four({0.5F, 2, 1, 0.25F}), four({1, 2, 3, 4})};
        case Kind::negative: return {four({0.5F, -2, 1, 0.25F}), one(3)};
    }
    return {};
}

rewrite::Pipeline passes() {
    return {{"weights", "signed", low_precision::quantize_weights_rules()},
            {"linear", "pads of their own", common::linear_rules()},
            {"move", "codes", low_precision::movement_rules()},
            {"normalise", "codes", low_precision::normalization_rules()},
            {"integers", "codes", low_precision::weighted_rules()}};
}

class Equivalence : public testing::TestWithParam<OpCase> {};

TEST_P(Equivalence, RulesChangeNoNumber) {
    const OpCase& c = GetParam();
    for (const Element element : {Element::u8, Element::i8})
        for (const Kind kind : kKinds)
            for (const bool dynamic : {false, true}) {
                GraphBuilder b;
                const ir::Shape shape = dynamic ? ir::Shape({ir::Dim(), ir::Dim(4), ir::Dim(), ir::Dim(4)})
                                                : ir::Shape({1, 4, 4, 4});
                const Value codes = b.input(shape, "codes", element);
                b.result(c.make(b, b.edit.add(low_precision::op_of(meaning(kind)), {codes}, "values")));
                const ir::Graph before = b.graph;
                ir::Graph after = before;
                rewrite::run(passes(), after, {.verify = rewrite::Verify::applications});
                const std::string what = fmt::format("{} {} kind {} {}", c.name, name_of(element),
                                                     static_cast<int>(kind), dynamic ? "dynamic" : "static");
                std::mt19937 random(7);
                Tensor input(element, {1, 4, 4, 4});
                for (std::byte& byte : input.write_raw()) byte = static_cast<std::byte>(random());
                const auto wanted = ir::eval::evaluate(before, std::vector{input});
                const auto got = ir::eval::evaluate(after, std::vector{input});
                ASSERT_EQ(wanted.size(), got.size());
                ASSERT_EQ(wanted[0].type(), got[0].type());
                for (std::size_t i = 0; i < wanted[0].size(); ++i)
                    ASSERT_NEAR(wanted[0].at(i), got[0].at(i), c.tolerance) << what << ", element " << i << "\n"
                                                                            << ir::print(before) << "\n"
                                                                            << ir::print(after);
                // Of codes with one scale nothing is left above the op but the codes.
                const bool moved = !after.find("values");
                if ((kind == Kind::per_tensor || kind == Kind::zero_point) && !dynamic && c.codes) {
                    EXPECT_TRUE(moved) << what << "\n" << ir::print(after);
                }
            }
}

INSTANTIATE_TEST_SUITE_P(Ops, Equivalence, testing::ValuesIn(op_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace octet
