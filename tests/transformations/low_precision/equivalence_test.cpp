// Every op below dequantized codes of every kind: the rules change no number. Scales are powers of two, so that all arithmetic is exact.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <random>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "tests/transformations/quantized_graphs.hpp"
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

struct Case {
    const char* name;
    std::function<Value(GraphBuilder&, Value)> make;
    bool codes;  // of one scale and zero point go on as codes, or meet weights as codes
};

Value weights(GraphBuilder& b, Dims dims, int zero_point = 0) {
    Tensor codes(Element::i8, dims);
    for (std::size_t i = 0; i < codes.size(); ++i)
        codes.write<std::int8_t>()[i] = static_cast<std::int8_t>(static_cast<int>(i * 37 % 201) - 100);
    const Dims ones(dims.size(), 1);
    return b.edit.add(ir::Dequantize{Tensor::filled(Element::f32, ones, 0.5),
                                     Tensor::filled(Element::f32, ones, zero_point), Element::f32},
                      {b.edit.constant(codes)});
}

template <class T>
std::function<Value(GraphBuilder&, Value)> plain(T op) {
    return [op](GraphBuilder& b, Value x) { return b.edit.add(op, {x}); };
}
template <class T>
std::function<Value(GraphBuilder&, Value)> with(T op, std::vector<std::vector<std::int64_t>> operands) {
    return [op, operands](GraphBuilder& b, Value x) {
        std::vector<Value> all{x};
        for (const auto& o : operands) all.push_back(b.integers(o));
        return b.edit.add(op, std::move(all));
    };
}
template <class T>
std::function<Value(GraphBuilder&, Value)> by_weights(T op, Dims dims, int zero_point = 0) {
    return [op, dims, zero_point](GraphBuilder& b, Value x) {
        return b.edit.add(op, {x, weights(b, dims, zero_point)});
    };
}
std::function<Value(GraphBuilder&, Value)> pad(ir::PadMode mode, std::optional<float> value = {}) {
    return [mode, value](GraphBuilder& b, Value x) {
        std::vector<Value> operands{x, b.integers({0, 0, 1, 0}), b.integers({0, 0, 0, 2})};
        if (value) operands.push_back(b.numbers({}, {*value}));
        return b.edit.add(ir::Pad{mode}, std::move(operands));
    };
}

std::vector<Case> moving_cases() {
    const auto scalar = [](std::int64_t v) { return Tensor::scalar(v); };
    return {
        {"max_pool", plain(ir::MaxPool{.strides = {1, 1}, .pads_begin = {1, 0}, .pads_end = {0, 1}, .kernel = {2, 2}}),
         true},
        {"avg_pool", plain(ir::AvgPool{.strides = {2, 2}, .pads_begin = {0, 0}, .pads_end = {0, 0}, .kernel = {2, 2}}),
         false},
        {"relu", plain(ir::Relu{}), false},
        {"clamp", plain(ir::Clamp{-1, 6}), false},
        {"prelu",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::PRelu{}, {x, b.numbers({1}, {0.25F})});
         },
         false},
        {"reshape", with(ir::Reshape{}, {{0, 4, -1}}), true},
        {"reshape_channels", with(ir::Reshape{}, {{0, 2, 2, -1}}), true},
        {"unsqueeze", with(ir::Unsqueeze{}, {{1}}), true},
        {"transpose", with(ir::Transpose{}, {{0, 2, 3, 1}}), true},
        {"split",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Split{2}, {x, b.edit.constant(scalar(1))});
         },
         true},
        {"variadic_split",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::VariadicSplit{}, {x, b.edit.constant(scalar(1)), b.integers({1, 3})});
         },
         true},
        {"concat",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Concat{1}, {x, x});
         },
         true},
        {"concat_rows",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Concat{2}, {x, x});
         },
         true},
        {"slice", with(ir::Slice{}, {{1}, {3}, {1}, {2}}), true},
        {"slice_channels", with(ir::Slice{}, {{1}, {3}, {1}, {1}}), true},
        {"strided_slice",
         with(ir::StridedSlice{.begin_mask = {1, 1, 0, 1}, .end_mask = {1, 1, 0, 1}},
              {{0, 0, 1, 0}, {0, 0, 3, 0}, {1, 1, 1, 1}}),
         true},
        {"gather",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Gather{}, {x, b.integers({2, 0}), b.edit.constant(scalar(2))});
         },
         true},
        {"tile", with(ir::Tile{}, {{1, 1, 2, 1}}), true},
        {"depth_to_space", plain(ir::DepthToSpace{2}), true},
        {"space_to_depth", plain(ir::SpaceToDepth{2}), true},
        {"shuffle_channels", plain(ir::ShuffleChannels{1, 2}), true},
        {"space_to_batch", with(ir::SpaceToBatch{}, {{1, 1, 2, 1}, {0, 0, 1, 0}, {0, 0, 1, 0}}), true},
        {"reverse_sequence",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::ReverseSequence{0, 2}, {x, b.integers({3})});
         },
         true},
        {"interpolate", with(ir::Interpolate{}, {{8, 8}, {2, 3}}), true},
        {"pad", pad(ir::PadMode::constant), true},
        {"pad_value", pad(ir::PadMode::constant, 1.5F), true},
        {"pad_edge", pad(ir::PadMode::edge), true},
        {"pad_reflect", pad(ir::PadMode::reflect), true},
        {"pad_symmetric", pad(ir::PadMode::symmetric), true},
    };
}

std::vector<Case> computing_cases() {
    return {
        {"reduce_max", with(ir::ReduceMax{false}, {{2, 3}}), true},
        {"reduce_min", with(ir::ReduceMin{true}, {{3}}), true},
        {"reduce_mean", with(ir::ReduceMean{true}, {{2, 3}}), false},
        {"reduce_sum", with(ir::ReduceSum{true}, {{2, 3}}), false},
        {"convolution", by_weights(ir::Convolution{.pads_begin = {1, 1}, .pads_end = {1, 1}}, {3, 4, 3, 3}), true},
        {"convolution_zero_point",
         by_weights(ir::Convolution{.pads_begin = {1, 1}, .pads_end = {1, 1}}, {3, 4, 3, 3}, 5), true},
        {"group_convolution", by_weights(ir::GroupConvolution{}, {2, 3, 2, 3, 3}), true},
        {"depthwise", by_weights(ir::GroupConvolution{}, {4, 1, 1, 3, 3}, -7), true},
        {"convolution_backprop_data", by_weights(ir::ConvolutionBackpropData{.strides = {2, 2}}, {4, 3, 2, 2}), true},
        {"group_convolution_backprop_data",
         by_weights(ir::GroupConvolutionBackpropData{.strides = {2, 2}}, {2, 2, 3, 2, 2}, 3), true},
        {"matmul", by_weights(ir::MatMul{}, {4, 5}, 9), true},
        {"matmul_transposed", by_weights(ir::MatMul{false, true, {}, {}}, {5, 4}), true},
        {"add_constant",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Add{}, {x, b.numbers({}, {0.5F})});
         },
         false},
    };
}

rewrite::Pipeline passes() {
    return {{"weights", "signed", low_precision::quantize_weights_rules()},
            {"linear", "pads of their own", common::linear_rules()},
            {"move", "codes", low_precision::movement_rules()},
            {"normalise", "codes", low_precision::normalization_rules()},
            {"integers", "codes", low_precision::weighted_rules()}};
}

std::vector<Case> cases() {
    std::vector<Case> all = moving_cases();
    for (Case& c : computing_cases()) all.push_back(std::move(c));
    return all;
}

class Equivalence : public testing::TestWithParam<Case> {};

TEST_P(Equivalence, RulesChangeNoNumber) {
    const Case& c = GetParam();
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
                    ASSERT_EQ(wanted[0].at(i), got[0].at(i)) << what << ", element " << i << "\n"
                                                             << ir::print(before) << "\n"
                                                             << ir::print(after);
                // Of codes with one scale nothing is left above the op but the codes.
                const bool moved = !after.find("values");
                if ((kind == Kind::per_tensor || kind == Kind::zero_point) && !dynamic && c.codes) {
                    EXPECT_TRUE(moved) << what << "\n" << ir::print(after);
                }
            }
}

INSTANTIATE_TEST_SUITE_P(Ops, Equivalence, testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace octet
