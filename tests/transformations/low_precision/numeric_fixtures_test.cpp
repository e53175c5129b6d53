// Numbers that OpenVINO's transformations give for small graphs, as rows. Where a row differs from them on purpose, it says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/apply.hpp"

namespace octet::low_precision {
namespace {

using ir::Dims;
using ir::Element;
using ir::NodeId;
using ir::Tensor;
using ir::Value;
using testing::FloatNear;
using testing::Pointwise;
using Numbers = std::vector<float>;
using Make = std::function<Value(GraphBuilder&)>;

Dims along_axis(std::size_t rank, std::size_t axis, std::size_t count) {
    Dims dims(rank, 1);
    if (count > 1) dims[axis] = static_cast<std::int64_t>(count);
    return dims;
}

// Codes of the file with this meaning.
Value codes(GraphBuilder& b, ir::Shape shape, const Numbers& scales, const Numbers& zero_points,
            Element element = Element::u8, std::size_t axis = 1) {
    const std::size_t rank = shape.rank();
    const Value x = b.input(std::move(shape), fmt::format("x{}", b.graph.size()), element);
    const auto parameter = [&](const Numbers& numbers) {
        return Tensor::of<float>(along_axis(rank, axis, numbers.size()), std::span<const float>(numbers));
    };
    return b.edit.add(ir::Dequantize{parameter(scales), parameter(zero_points), Element::f32}, {x},
                      fmt::format("dq{}", b.graph.size()));
}

// 255 levels of 0..254 that stand for -limit..limit of each output; every weight is `value`.
Value weights(GraphBuilder& b, const Dims& dims, float value, const Numbers& limits, std::size_t axis = 0) {
    Numbers low;
    for (const float l : limits) low.push_back(-l);
    const Dims ends = along_axis(dims.size(), axis, limits.size());
    return b.edit.add(ir::FakeQuantize{255},
                      {b.numbers(dims, Numbers(static_cast<std::size_t>(ir::product(dims)), value)), b.numbers({}, {0}),
                       b.numbers({}, {254}), b.numbers(ends, low), b.numbers(ends, limits)},
                      "weights");
}

// Integers of the file as weights: (code - zero_point) * scale, in three ops.
Value spelled_out_weights(GraphBuilder& b, const Dims& dims, int code, float zero_point, float scale) {
    const Value codes = b.edit.constant(Tensor::filled(Element::i8, dims, code));
    const Value floats = b.edit.add(ir::Convert{Element::f32}, {codes});
    const Value less = b.edit.add(ir::Subtract{}, {floats, b.numbers({}, {zero_point})});
    return b.edit.add(ir::Multiply{}, {less, b.numbers({}, {scale})});
}

// The graph, the answer for "op", and what the codes behind it mean: the dequantize that stands nearest to the result.
struct Row {
    std::string name;
    Make make;
    std::string answer;  // empty: "op" is not asked, since it only moves codes
    Numbers scales = {};
    Numbers zero_points = {};
    Restrictions (*device)() = cpu_restrictions;
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

Tensor random_tensor(const ir::Type& type, unsigned seed) {
    std::mt19937 random(seed);
    const Dims dims = type.shape.ranked() ? type.shape.sizes() : Dims{1, 3, 4, 4};
    Tensor codes(Element::u8, dims);
    for (std::byte& byte : codes.write_raw()) byte = static_cast<std::byte>(random());
    return type.element == Element::i8 ? codes.converted(Element::f32).converted(Element::i32).converted(Element::i8)
                                       : codes.converted(type.element);
}

// Both graphs give the same numbers, up to the rounding of scales that are no powers of two.
void expect_same(const ir::Graph& before, const ir::Graph& after) {
    for (unsigned seed = 0; seed < 3; ++seed) {
        ir::Tensors inputs;
        for (NodeId id : before.parameters()) inputs.push_back(random_tensor(before.node(id).outputs[0].type, seed));
        const Tensor wanted = ir::eval::evaluate(before, inputs)[0], got = ir::eval::evaluate(after, inputs)[0];
        ASSERT_EQ(wanted.type(), got.type());
        double largest = 1e-30;
        for (std::size_t i = 0; i < wanted.size(); ++i) largest = std::max(largest, std::abs(wanted.at(i)));
        for (std::size_t i = 0; i < wanted.size(); ++i)
            ASSERT_NEAR(wanted.at(i), got.at(i), 2e-6 * largest) << "element " << i << "\n" << ir::print(after);
    }
}

std::string answer_of(const PrecisionPlan& plan, std::string_view layer) {
    for (const LayerPrecision& l : plan.layers)
        if (l.layer == layer) return to_string(l.decision);
    return "";
}

// The dequantize that gives the first result, or that which it is computed from.
const ir::Dequantize* nearest_dequantize(const ir::Graph& graph) {
    Value v = graph.node(graph.results()[0]).inputs[0];
    while (!graph.op(v).is<ir::Dequantize>()) {
        if (graph.node(v).inputs.empty()) return nullptr;
        v = graph.node(v).inputs[0];
    }
    return &graph.op(v).get<ir::Dequantize>();
}

class NumericFixture : public testing::TestWithParam<Row> {};

TEST_P(NumericFixture, GivesTheseNumbers) {
    const Row& row = GetParam();
    GraphBuilder b;
    b.result(row.make(b), "out");
    const LowPrecisionResult result = apply_low_precision(b.graph, {.restrictions = row.device()});
    EXPECT_EQ(answer_of(result.plan, "op"), row.answer);
    expect_same(b.graph, result.graph);
    if (row.scales.empty()) return;
    const ir::Dequantize* dequantize = nearest_dequantize(result.graph);
    ASSERT_TRUE(dequantize) << ir::print(result.graph);
    const auto near = [](const Tensor& got, const Numbers& wanted) {
        ASSERT_EQ(got.size(), wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i)
            EXPECT_NEAR(got.at(i), wanted[i], 1e-6 * std::max(1e-4F, std::abs(wanted[i]))) << "element " << i;
    };
    near(dequantize->scale, row.scales);
    near(dequantize->zero_point, row.zero_points);
}

template <class T>
Value op(GraphBuilder& b, T op, std::vector<Value> operands) {
    return b.edit.add(std::move(op), std::move(operands), "op");
}

Numbers repeated(std::initializer_list<float> numbers, std::size_t times) {
    Numbers all;
    for (const float n : numbers) all.insert(all.end(), times, n);
    return all;
}

// Two quantized tensors of three channels each, joined.
Make concat(std::pair<float, float> first, std::pair<float, float> second, std::int64_t levels_of_second = 256) {
    return [=](GraphBuilder& b) {
        const Value x = b.fake_quantize(b.input({1, 3, 2, 2}, "x"), {first.first}, {first.second}, 256, "fq");
        const Value y = b.fake_quantize(b.input({1, 3, 2, 2}, "y"), {second.first}, {second.second}, levels_of_second,
                                        "fq2");
        return b.edit.add(ir::Abs{}, {b.edit.add(ir::Concat{1}, {x, y}, "concat")}, "op");
    };
}

// One grid for both parts changes values, so that each keeps its own: the second number of steps is then 256, not 77, 27 or 129.
std::vector<Row> concats() {
    const auto per_part = [](float a, float b) { return repeated({a, b}, 3); };
    return {
        {"of_two_scales", concat({0, 2.55F}, {0, 1.275F}), "yes", per_part(0.01F, 0.005F), {0}},
        {"of_two_zero_points", concat({0, 2.55F}, {-1.28F, 1.27F}), "yes", {0.01F}, per_part(0, 128)},
        {"of_a_shifted_interval", concat({0, 2.55F}, {1.275F, 2.55F}), "yes", per_part(0.01F, 0.005F),
         per_part(0, -255)},
        {"aligned_to_171_levels", concat({-1.28F, 1.27F}, {0, 2.55F}), "yes", {0.01F}, per_part(128, 0)},
        {"aligned_to_77_levels", concat({0, 2.3007815F}, {-3.873047F, 3.84375F}), "yes",
         per_part(2.3007815F / 255, 7.716797F / 255), per_part(0, 3.873047F * 255 / 7.716797F)},
        {"aligned_to_27_levels", concat({0, 2.55F}, {-12.8F, 12.7F}), "yes", per_part(0.01F, 0.1F), per_part(0, 128)},
        {"aligned_to_129_levels", concat({-0.64F, 0.635F}, {-1.28F, 1.27F}), "yes", per_part(0.005F, 0.01F), {128}},
        {"of_16_and_256_levels", concat({0, 2.55F}, {0, 1.5F}, 16), "yes", per_part(0.01F, 0.1F), {0}},
    };
}
INSTANTIATE_TEST_SUITE_P(Concat, NumericFixture, testing::ValuesIn(concats()), testing::PrintToStringParamName());

Make convolution(const Numbers& scales, const Numbers& zero_points, std::function<Value(GraphBuilder&)> w) {
    return [=](GraphBuilder& b) {
        return op(b, ir::Convolution{}, {codes(b, {1, 3, 4, 4}, scales, zero_points), w(b)});
    };
}
Make twos(Dims dims, Numbers limits = {1.27F}) {
    return [=](GraphBuilder& b) { return weights(b, dims, 2, limits); };
}

std::vector<Row> convolutions() {
    return {
        // A zero point beyond the codes is a constant of each output, not a reason for floats.
        {"zero_point_of_1000", convolution({0.02F}, {1000}, twos({6, 3, 1, 1})), "yes", {0.0002F}, {0}},
        {"of_float_data",
         [](GraphBuilder& b) {
             return op(b, ir::Convolution{}, {b.input({1, 3, 4, 4}), weights(b, {6, 3, 1, 1}, 2, {1.27F})});
         },
         "NO_ACT_FQ: it reads the model's input 'x', which is not quantized"},
        {"of_unknown_rank",
         [](GraphBuilder& b) {
             const Value x = b.fake_quantize(b.input(ir::Shape::unranked()), {0}, {5.1F}, 256, "fq");
             return op(b, ir::Convolution{}, {x, weights(b, {6, 3, 1, 1}, 2, {1.27F})});
         },
         "DYNAMIC_RANK: the rank of 'fq' is not known"},
        {"weights_zero_point_of_1000",
         convolution({0.02F}, {0},
                     [](GraphBuilder& b) {
                         return spelled_out_weights(b, {6, 3, 1, 1}, 2, 1000, 0.03F);
                     }),
         "yes"},
        // A zero point is a real number, whatever type it had.
        {"weights_zero_point_of_another_type",
         convolution({0.02F}, {0},
                     [](GraphBuilder& b) {
                         return spelled_out_weights(b, {6, 3, 1, 1}, 2, 1.5F, 0.03F);
                     }),
         "yes"},
        {"on_a_device_without_zero_points",
         [](GraphBuilder& b) {
             return op(b, ir::ConvolutionBackpropData{},
                       {codes(b, {1, 4, 4, 4}, {0.02F}, {128}), weights(b, {4, 16, 1, 1}, 2, {1.27F}, 1)});
         },
         "PLUGIN_VETO: the data of 'op' have a zero point",
         {},
         {},
         gpu_restrictions},
    };
}

std::vector<Row> grouped_convolutions() {
    return {
        {"of_groups_with_scales",
         [](GraphBuilder& b) {
             const Value x = codes(b, {1, 6, 4, 4}, {0.02F, 0.02F, 0.04F, 0.04F, 0.08F, 0.08F}, {0});
             return op(b, ir::GroupConvolution{}, {x, weights(b, {3, 8, 2, 1, 1}, 2, {1.27F})});
         },
         "yes",
         repeated({0.0002F, 0.0004F, 0.0008F}, 8),
         {0}},
        {"of_groups_with_zero_points",
         [](GraphBuilder& b) {
             const Value x = codes(b, {1, 6, 4, 4}, {0.02F}, {120, 120, 128, 128, 3, 3});
             return op(b, ir::GroupConvolution{}, {x, weights(b, {3, 8, 2, 1, 1}, 2, {1.27F})});
         },
         "yes"},
        {"of_depthwise_zero_points",
         [](GraphBuilder& b) {
             return op(b, ir::GroupConvolution{},
                       {codes(b, {1, 3, 4, 4}, {0.02F}, {120, 128, 3}), weights(b, {3, 1, 1, 1, 1}, 2, {1.27F})});
         },
         "yes",
         {0.0002F},
         {0}},
    };
}
INSTANTIATE_TEST_SUITE_P(Convolution, NumericFixture, testing::ValuesIn(convolutions()),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(GroupConvolution, NumericFixture, testing::ValuesIn(grouped_convolutions()),
                         testing::PrintToStringParamName());

Make product(const Numbers& scales, const Numbers& zero_points, std::size_t axis) {
    return [=](GraphBuilder& b) {
        const Value x = codes(b, {1, 3, 4}, scales, zero_points, Element::u8, axis);
        return op(b, ir::MatMul{}, {x, weights(b, {4, 4}, 1, {12.7F})});
    };
}

std::vector<Row> products() {
    return {
        {"weights_of_1", product({0.02F}, {0}, 1), "yes", {0.002F}, {0}},
        {"with_zero_point", product({0.01F}, {128}, 1), "yes", {0.001F}, {0}},
        // The scales of the rows are a Multiply behind it, as in OpenVINO.
        {"a_scale_for_each_row", product({0.01F, 0.02F, 0.03F}, {0}, 1), "yes", {0.1F}, {0}},
        // Here four sums cost more than float; where they do not, this is on codes (policy_test), which OpenVINO refuses.
        {"a_scale_for_each_column", product({0.01F, 0.02F, 0.03F, 0.04F}, {0}, 2),
         "NOT_PROFITABLE: the data of 'op' have 4 scales, and a sum for each of them costs more than float"},
        {"a_zero_point_for_each_row", product({0.01F}, {0, 1, 2}, 1),
         "ACT_SCALE_PER_CHANNEL: the scale of the data of 'op' varies within its sums: it comes from 'dq1'"},
        {"two_activations_with_scales_for_rows",
         [](GraphBuilder& b) {
             const Value w = codes(b, {1, 4, 5}, {0.1F}, {0}, Element::u8, 1);
             return op(b, ir::MatMul{}, {codes(b, {1, 3, 4}, {0.01F, 0.02F, 0.03F}, {0}), w});
         },
         "yes",
         {0.1F},
         {0}},
        // The correction is a sum over the rows of the other operand; OpenVINO refuses.
        {"of_two_activations_with_zero_points",
         [](GraphBuilder& b) {
             return op(b, ir::MatMul{}, {codes(b, {3, 4}, {0.02F}, {128}), codes(b, {4, 5}, {0.1F}, {127})});
         },
         "yes",
         {0.002F},
         {0}},
    };
}
INSTANTIATE_TEST_SUITE_P(Product, NumericFixture, testing::ValuesIn(products()), testing::PrintToStringParamName());

template <class T>
Make of_two(T node, float scale_a, float zero_a, float scale_b, float zero_b) {
    return [=](GraphBuilder& b) {
        return op(b, node, {codes(b, {1, 3, 4, 4}, {scale_a}, {zero_a}), codes(b, {1, 3, 4, 4}, {scale_b}, {zero_b})});
    };
}

// A kernel reads both operands' codes and adds in float: no operand is brought to the other's scale, so that there is no quotient of
// scales to round, and none of 0.
std::vector<Row> sums() {
    return {
        {"add_of_two_zero_points", of_two(ir::Add{}, 10, 7, 5, 3), "yes"},
        {"add_of_zero_point_and_scale", of_two(ir::Add{}, 10, 2, 5, 0), "yes"},
        {"add_of_zero_point_alone", of_two(ir::Add{}, 1, 2, 5, 0), "yes"},
        {"add_of_unscaled_zero_point", of_two(ir::Add{}, 1, 2, 5, 3), "yes"},
        {"add_of_zero_scale", of_two(ir::Add{}, 0, 2, 5, 3), "yes"},
        {"multiply_with_one_zero_point", of_two(ir::Multiply{}, 10, 3, 7, 0), "yes"},
        {"multiply_with_two_zero_points", of_two(ir::Multiply{}, 10, 3, 7, 4), "yes"},
        {"multiply_by_channels",
         [](GraphBuilder& b) {
             return op(b, ir::Multiply{},
                       {codes(b, {1, 4, 2, 2}, {1}, {3}), b.numbers({1, 4, 1, 1}, {0.45F, 0.82F, 0.71F, 0.37F})});
         },
         "yes"},
    };
}
INSTANTIATE_TEST_SUITE_P(Sum, NumericFixture, testing::ValuesIn(sums()), testing::PrintToStringParamName());

Make reduce_sum(ir::Shape shape, const Numbers& zero_points, std::vector<std::int64_t> axes) {
    return [=](GraphBuilder& b) {
        return op(b, ir::ReduceSum{true}, {codes(b, shape, {0.1F}, zero_points), b.integers(axes)});
    };
}

template <class T>
Make moved(T node, ir::Shape shape, const Numbers& scales, const Numbers& zero_points,
           std::vector<std::vector<std::int64_t>> operands) {
    return [=](GraphBuilder& b) {
        std::vector<Value> all{codes(b, shape, scales, zero_points)};
        for (const auto& o : operands) all.push_back(b.integers(o));
        return b.edit.add(node, std::move(all), "moved");
    };
}

// `make` with something that reads its codes.
Make read(const Make& make) {
    return [make](GraphBuilder& b) { return op(b, ir::Abs{}, {make(b)}); };
}

Make gather(std::int64_t index) {
    return [index](GraphBuilder& b) {
        const Value x = codes(b, {1, 3, 2}, {0.3F, 0.2F, 0.1F}, {128, 64, 32});
        const auto scalar = [&](std::int64_t v) { return b.edit.constant(Tensor::scalar(v)); };
        return op(b, ir::Abs{}, {b.edit.add(ir::Gather{}, {x, scalar(index), scalar(1)}, "moved")});
    };
}

Make padded(const Numbers& scales, const Numbers& zero_points, std::vector<std::int64_t> pads) {
    return [=](GraphBuilder& b) {
        const Value x = codes(b, {1, 3, 2, 2}, scales, zero_points);
        const Value pad = b.edit.add(ir::Pad{}, {x, b.integers(pads), b.integers({0, 0, 0, 0})}, "moved");
        return op(b, ir::Abs{}, {pad});
    };
}

Make mvn(float scale) {
    return [scale](GraphBuilder& b) {
        return op(b, ir::Mvn{}, {codes(b, {1, 3, 4, 4}, {scale}, {0}), b.integers({1, 2, 3})});
    };
}

Make clamp(Element element, float scale, float zero_point, double low, double high) {
    return [=](GraphBuilder& b) {
        return op(b, ir::Clamp{low, high}, {codes(b, {1, 3, 2, 2}, {scale}, {zero_point}, element)});
    };
}

std::vector<Row> moves() {
    return {
        // Sums of codes are float sums in one kernel: the zero point times the extent is in them.
        {"reduce_sum_over_one_axis", reduce_sum({1, 3, 16, 16}, {128}, {-2}), "yes", {0.1F}, {128}},
        {"reduce_sum_over_two_axes", reduce_sum({1, 3, 16, 16}, {128}, {2, 3}), "yes", {0.1F}, {128}},
        {"reduce_sum_over_channels", reduce_sum({1, 3, 16, 16}, {128, 3, 0}, {1}), "yes", {0.1F}, {128, 3, 0}},
        {"reshape_joins_axes",
         read(moved(ir::Reshape{}, {1, 3, 2, 3}, {0.1F, 0.2F, 0.3F}, {0}, {{1, 18, 1, 1, 1}})),
         "yes",
         repeated({0.1F, 0.2F, 0.3F}, 6),
         {0}},
        // Both keep the channels apart: a scale goes where its elements go. OpenVINO refuses.
        {"reshape_joins_the_first_axes",
         read(moved(ir::Reshape{}, {1, 3, 4, 5}, {0.1F, 0.2F, 0.3F}, {0}, {{12, -1}})),
         "yes",
         repeated({0.1F, 0.2F, 0.3F}, 4),
         {0}},
        {"reshape_flattens",
         read(moved(ir::Reshape{}, {1, 3, 32}, {0.1F, 0.2F, 0.3F}, {0}, {{-1}})),
         "yes",
         repeated({0.1F, 0.2F, 0.3F}, 32),
         {0}},
        {"reshape_mixes_channels", read(moved(ir::Reshape{}, {1, 3, 4, 5}, {0.1F, 0.2F, 0.3F}, {0}, {{10, -1}})),
         "RESHAPE_MIXES_CHANNELS: 'moved' mixes channels of different scales"},
        {"pad_of_channels", padded({0.1F, 0.2F, 0.3F}, {0}, {0, 1, 0, 0}), "yes", {1, 0.1F, 0.2F, 0.3F}, {0, 0, 0, 0}},
        {"pad_of_rows_and_columns", padded({0.1F}, {128}, {0, 0, 1, 1}), "yes", {0.1F}, {128}},
        {"mvn", mvn(0.45F), "yes", {1}, {0}},
        // OpenVINO leaves a scale of -1; here it is a Negative behind.
        {"mvn_of_negative_scale", mvn(-0.45F), "yes", {1}, {0}},
        {"clamp_u8", clamp(Element::u8, 3, 128, -6, 30), "yes", {3}, {128}},
        {"clamp_i8_of_negative_scale", clamp(Element::i8, -5, 128, -30, 6), "yes", {-5}, {128}},
        {"gather_of_the_first", gather(0), "yes", {0.3F}, {128}},
        {"gather_of_the_last", gather(-1), "yes", {0.1F}, {32}},
    };
}
INSTANTIATE_TEST_SUITE_P(Movement, NumericFixture, testing::ValuesIn(moves()), testing::PrintToStringParamName());

}  // namespace
}  // namespace octet::low_precision
