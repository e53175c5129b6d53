// Common grids: their numbers, when the plan takes one, and what it says of it.
#include "transformations/low_precision/alignment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/apply.hpp"

namespace octet::low_precision {
namespace {

using ir::NodeId;
using ir::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using Interval = std::pair<float, float>;

// The grid of two FakeQuantize, as OpenVINO computes it.
struct Fixture {
    const char* name;
    Interval a, b;
    std::array<std::int64_t, 2> first, last;
    float zero_point, scale;
};
class AlignmentFixture : public testing::TestWithParam<Fixture> {};

TEST_P(AlignmentFixture, GivesTheseNumbers) {
    const Fixture& f = GetParam();
    GraphBuilder b;
    const NodeId ids[] = {b.fake_quantize(b.input({1, 2}), {f.a.first}, {f.a.second}, 256, "a").node,
                          b.fake_quantize(b.input({1, 2}, "y"), {f.b.first}, {f.b.second}, 256, "b").node};
    const auto grid = common_grid(b.graph, ids);
    ASSERT_TRUE(grid);
    EXPECT_FLOAT_EQ(grid->zero_point, f.zero_point);
    EXPECT_NEAR(grid->scale, f.scale, 1e-6 * f.scale);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(grid->members[i].first, f.first[i]) << i;
        EXPECT_EQ(grid->members[i].levels, f.last[i] - f.first[i] + 1) << i;
        const Decomposition parts = *decompose_on(b.graph, {&*grid, 1}, ids[i]);
        EXPECT_EQ(parts.quantize.qmin, f.first[i]);
        EXPECT_EQ(parts.quantize.levels, grid->members[i].levels);
        EXPECT_EQ(parts.dequantize.scale.at(0), grid->scale);
        EXPECT_EQ(parts.dequantize.zero_point.at(0), f.zero_point);
    }
    EXPECT_EQ(fewest_levels(*grid), std::min(f.last[0] - f.first[0], f.last[1] - f.first[1]) + 1);
}

INSTANTIATE_TEST_SUITE_P(
    All, AlignmentFixture,
    testing::Values(Fixture{"to_171", {-1.28F, 1.27F}, {0, 2.55F}, {0, 85}, {170, 255}, 85, 0.0150196F},
                    Fixture{"to_77", {0, 2.3007815F}, {-3.873047F, 3.84375F}, {128, 0}, {204, 255}, 128, 0.03026195F},
                    Fixture{"to_27", {0, 2.55F}, {-12.8F, 12.7F}, {128, 0}, {154, 255}, 128, 0.1F},
                    Fixture{"to_129", {-0.64F, 0.635F}, {-1.28F, 1.27F}, {64, 0}, {192, 255}, 128, 0.01F},
                    // Neither contains 0: it lies below the codes.
                    Fixture{"above_0", {1.275F, 2.55F}, {2, 2.55F}, {0, 145}, {255, 255}, -255, 0.005F}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(CommonGrid, Refusals) {
    GraphBuilder b;
    const auto quantized = [&](float low, float high, std::int64_t levels) {
        return b
            .fake_quantize(b.input({1, 2}, fmt::format("x{}", b.graph.size())), {low}, {high}, levels,
                           fmt::format("fq{}", b.graph.size()))
            .node;
    };
    const NodeId good = quantized(0, 2.55F, 256);
    const NodeId per_channel = b.fake_quantize(b.input({1, 2}, "z"), {0, 0}, {1, 2}, 256, "channels").node;
    const auto none_with = [&](NodeId other) { return !common_grid(b.graph, std::array{good, other}); };
    EXPECT_FALSE(none_with(quantized(0, 1, 256)));
    EXPECT_TRUE(none_with(quantized(0, 1.5F, 16)));
    EXPECT_TRUE(none_with(per_channel));
    EXPECT_TRUE(none_with(quantized(1, 1, 256)));
    EXPECT_TRUE(!common_grid(b.graph, std::array{quantized(0, 1, 65536), quantized(0, 2, 65536)}));
    // Turned around behind the rounding.
    const Value x = b.input({1, 2}, "t");
    const NodeId turned = b.edit
                              .add(ir::FakeQuantize{256},
                                   {x, b.numbers({}, {0}), b.numbers({}, {1}), b.numbers({}, {1}), b.numbers({}, {0})})
                              .node;
    EXPECT_TRUE(none_with(turned));
    EXPECT_FALSE(common_grid(b.graph, {}));
}

Value weights(GraphBuilder& b, const ir::Dims& dims, std::size_t axis = 0) {
    std::vector<float> values(static_cast<std::size_t>(ir::product(dims)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3;
    return b.weights(dims, values, Grid{255, {0.5F}, 127}, fmt::format("w{}", b.graph.size()), axis);
}

// Rows of two grids, one above the other: no exact form has one scale for the sums of a convolution over them.
Value rows(GraphBuilder& b, float scale_a, float scale_b, std::int64_t levels_b = 256) {
    const Value x = b.fake_quantize(b.input({1, 2, 3, 4}, "x"), Grid{256, {scale_a}, 0}, "a");
    const Value y = b.fake_quantize(b.input({1, 2, 3, 4}, "y"), Grid{levels_b, {scale_b}, 0}, "b");
    return b.edit.add(ir::Concat{2}, {x, y}, "rows");
}
GraphBuilder convolution_of_rows(float scale_a, float scale_b, std::int64_t levels_b = 256) {
    GraphBuilder b;
    b.result(b.edit.add(ir::Convolution{}, {rows(b, scale_a, scale_b, levels_b), weights(b, {2, 2, 1, 1})}, "conv"));
    return b;
}

struct Planned {
    ir::Graph graph;
    PrecisionPlan plan;
    explicit Planned(const GraphBuilder& b, const Policy& policy = lossy_policy()) : graph(b.graph) {
        rewrite::run(canonicalise(), graph);
        plan = make_plan(graph, cpu_restrictions(), policy);
    }
    std::string answer(std::string_view layer) const {
        for (const LayerPrecision& l : plan.layers)
            if (l.layer == layer) return to_string(l.decision);
        return "not asked";
    }
    std::vector<std::string> losses() const {
        std::vector<std::string> texts;
        for (const Alignment& a : plan.alignments) texts.push_back(a.layer + ": " + to_string(a));
        return texts;
    }
    std::vector<std::string> choices() const {
        std::vector<std::string> texts;
        for (const Choice& c : plan.choices) texts.push_back(c.layer + ": " + to_string(c));
        return texts;
    }
};

TEST(AlignedPlan, GainsALayer) {
    const GraphBuilder b = convolution_of_rows(0.25F, 0.625F);
    const Planned exact(b, cheapest_policy());
    EXPECT_EQ(exact.answer("conv"),
              "ACT_SCALE_PER_CHANNEL: the scale of the data of 'conv' varies within its sums: it comes from 'rows'");
    EXPECT_THAT(exact.plan.integer, IsEmpty());
    EXPECT_THAT(exact.losses(), IsEmpty());

    const Planned lossy(b);
    EXPECT_EQ(lossy.answer("conv"), "yes");
    EXPECT_EQ(lossy.plan.integer.size(), 2u);
    EXPECT_THAT(lossy.plan.kept_float, IsEmpty());
    EXPECT_THAT(lossy.losses(), ElementsAre("a: 256 -> 103 levels, on one grid with the other data of 'conv'",
                                            "b: 256 -> 256 levels, on one grid with the other data of 'conv'"));
    EXPECT_THAT(lossy.choices(),
                ElementsAre(MatchesRegex("conv: one sum on a common grid for 2 FakeQuantize: about [0-9.]+ us, exact "
                                         "[0-9.]+")));
}

// A sum for each of eight scales costs more than float, and more than one on the common grid.
TEST(AlignedPlan, GainsALayerWhoseSumsDoNotPay) {
    GraphBuilder b;
    std::vector<Value> parts;
    for (int i = 0; i < 8; ++i)
        parts.push_back(b.fake_quantize(b.input({1, 2, 8, 8}, fmt::format("x{}", i)),
                                        Grid{256, {0.25F + 0.0625F * static_cast<float>(i)}, 0},
                                        fmt::format("fq{}", i)));
    const Value cat = b.edit.add(ir::Concat{1}, parts, "cat");
    b.result(b.edit.add(ir::Convolution{}, {cat, weights(b, {4, 16, 3, 3})}, "conv"));
    EXPECT_THAT(Planned(b, cheapest_policy()).answer("conv"), HasSubstr("NOT_PROFITABLE"));
    const Planned lossy(b);
    EXPECT_EQ(lossy.answer("conv"), "yes");
    EXPECT_EQ(lossy.losses().size(), 8u);
}

// A convolution of two parts of `channels` each, one on a grid twice as wide as the other's.
void convolution_of_two_grids(GraphBuilder& b, std::int64_t channels, const ir::Dims& of_weights) {
    const Value x = b.fake_quantize(b.input({1, channels, 32, 32}, "x"), Grid{256, {0.25F}, 0}, "a");
    const Value y = b.fake_quantize(b.input({1, channels, 32, 32}, "y"), Grid{256, {0.5F}, 0}, "b");
    const Value cat = b.edit.add(ir::Concat{1}, {x, y}, "cat");
    b.result(b.edit.add(ir::Convolution{}, {cat, weights(b, of_weights)}, "conv"));
}

// One 1x1 kernel adds up both parts: a common grid would cost levels and save next to nothing.
TEST(AlignedPlan, KeepsLevelsThatSaveNoTime) {
    GraphBuilder b;
    convolution_of_two_grids(b, 64, {64, 128, 1, 1});
    const Planned exact(b, cheapest_policy()), lossy(b);
    EXPECT_EQ(lossy.answer("conv"), "yes");
    EXPECT_THAT(lossy.losses(), IsEmpty());
    EXPECT_EQ(lossy.choices(), exact.choices());
}

// Of a 3x3 each part is a step of its own: they cost more than one.
TEST(AlignedPlan, SavesTime) {
    GraphBuilder b;
    convolution_of_two_grids(b, 8, {64, 16, 3, 3});
    EXPECT_EQ(Planned(b, cheapest_policy()).answer("conv"), "yes");
    EXPECT_EQ(Planned(b).losses().size(), 2u);
}

TEST(AlignedPlan, TooFewLevels) {
    EXPECT_EQ(Planned(convolution_of_rows(0.25F, 64)).answer("conv"),
              "ALIGN_LEVELS_COLLAPSE: on one grid for all data of 'conv' the smallest interval keeps 2 levels");
    const Planned collapsed(convolution_of_rows(0.25F, 64));
    EXPECT_THAT(collapsed.losses(), IsEmpty());
    EXPECT_THAT(collapsed.plan.integer, IsEmpty());
    EXPECT_EQ(collapsed.plan.kept_float.at("conv"), rewrite::Code::align_levels_collapse);
    EXPECT_EQ(Planned(convolution_of_rows(0.25F, 32)).answer("conv"), "yes");  // 3 levels
    // No grid at all: the reason is that of the exact plan.
    EXPECT_THAT(Planned(convolution_of_rows(0.25F, 4, 16)).answer("conv"), HasSubstr("ACT_SCALE_PER_CHANNEL"));
}

// The first factor of a product has one scale in each exact form.
TEST(AlignedPlan, ProductsOfTwoActivations) {
    GraphBuilder b;
    const Value x = b.fake_quantize(b.input({4, 8}, "x"), Grid{256, {0.25F}, 0}, "a");
    const Value y = b.fake_quantize(b.input({4, 8}, "y"), Grid{256, {0.5F}, 0}, "b");
    const Value z = b.fake_quantize(b.input({16, 8}, "z"), Grid{256, {0.5F}, 0}, "c");
    b.result(b.edit.add(ir::MatMul{}, {b.edit.add(ir::Concat{1}, {x, y}, "cat"), z}, "product"));
    EXPECT_THAT(Planned(b, cheapest_policy()).answer("product"), HasSubstr("ACT_SCALE_PER_CHANNEL"));
    const Planned lossy(b);
    EXPECT_EQ(lossy.answer("product"), "yes");
    EXPECT_EQ(lossy.losses().size(), 2u);  // of the first factor alone
}

// What a variable holds must mean the same in the next inference.
TEST(AlignedPlan, LeavesVariables) {
    GraphBuilder b;
    const Value a = b.fake_quantize(b.input({1, 2, 3, 4}, "x"), Grid{256, {0.25F}, 0}, "a");
    const Value y = b.fake_quantize(b.input({1, 2, 3, 4}, "y"), Grid{256, {0.5F}, 0}, "b");
    const Value read = b.edit.add(ir::ReadValue{"v", ir::Element::f32, {1, 2, 3, 4}},
                                  {b.numbers({1, 2, 3, 4}, std::vector<float>(24, 0))}, "read");
    b.edit.add(ir::Assign{"v"}, {a}, "assign");
    const Value all = b.edit.add(ir::Concat{2}, {a, y, read}, "rows");
    b.result(b.edit.add(ir::Convolution{}, {all, weights(b, {2, 2, 1, 1})}, "conv"));
    const Planned lossy(b);
    EXPECT_THAT(lossy.answer("conv"), HasSubstr("ACT_SCALE_PER_CHANNEL"));
    EXPECT_THAT(lossy.losses(), IsEmpty());
}

TEST(AlignedPlan, OfABody) {
    PrecisionPlan body;
    body.alignments.push_back({"fq", {3}, "conv", 256, 100});
    PrecisionPlan plan;
    add_body(plan, body);
    ASSERT_EQ(plan.alignments.size(), 1u);
    EXPECT_THAT(plan.alignments[0].origins, IsEmpty());
    EXPECT_EQ(to_string(plan.alignments[0]), "256 -> 100 levels, on one grid with the other data of 'conv'");
}

ir::Tensors inputs_of(const ir::Graph& graph) {
    ir::Tensors inputs;
    for (NodeId id : graph.parameters()) {
        ir::Tensor x(ir::Element::f32, graph.shape({id, 0}).sizes());
        auto values = x.write<float>();
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 37 + id) % 90) - 6.3F;
        inputs.push_back(std::move(x));
    }
    return inputs;
}

// The transformed graph gives what the model gives whose FakeQuantize have fewer levels.
TEST(AlignedPlan, ComputesOnTheCommonGrid) {
    const GraphBuilder b = convolution_of_rows(0.25F, 1);
    const LowPrecisionResult exact = apply_low_precision(b.graph);
    const LowPrecisionResult lossy = apply_low_precision(b.graph, {.policy = lossy_policy()});
    EXPECT_THAT(ir::print(exact.graph), testing::Not(HasSubstr("quantize{")));
    EXPECT_THAT(ir::print(lossy.graph), HasSubstr(": i32"));

    // 0 to 63.75 in steps of 1: 65 levels, the last of them 64.
    GraphBuilder coarse;
    const auto ends = [&](float low, float high) {
        return std::array{coarse.numbers({}, {low}), coarse.numbers({}, {high})};
    };
    const auto in = ends(0, 63.75F), out = ends(0, 64), all = ends(0, 255);
    const Value x = coarse.edit.add(ir::FakeQuantize{65},
                                    {coarse.input({1, 2, 3, 4}, "x"), in[0], in[1], out[0], out[1]});
    const Value y = coarse.edit.add(ir::FakeQuantize{256},
                                    {coarse.input({1, 2, 3, 4}, "y"), all[0], all[1], all[0], all[1]});
    const Value rows = coarse.edit.add(ir::Concat{2}, {x, y});
    coarse.result(coarse.edit.add(ir::Convolution{}, {rows, weights(coarse, {2, 2, 1, 1})}));
    const ir::Tensors inputs = inputs_of(b.graph);
    EXPECT_EQ(ir::eval::evaluate(lossy.graph, inputs), ir::eval::evaluate(coarse.graph, inputs));
    EXPECT_EQ(ir::eval::evaluate(exact.graph, inputs), ir::eval::evaluate(b.graph, inputs));
    EXPECT_NE(ir::eval::evaluate(lossy.graph, inputs), ir::eval::evaluate(b.graph, inputs));

    std::string log;
    for (const auto& event : lossy.log.events) log += rewrite::describe(lossy.log, lossy.graph, event) + "\n";
    EXPECT_THAT(log, HasSubstr("decompose: @ a: applied: 256 -> 65 levels, on one grid with the other data of 'conv'"));
}

// Files for other tools hold the common grid as well.
TEST(AlignedPlan, SpelledOut) {
    const GraphBuilder b = convolution_of_rows(0.25F, 1);
    const ir::Tensors inputs = inputs_of(b.graph);
    const auto integers = apply_low_precision(b.graph, {.policy = lossy_policy()});
    const auto qdq = apply_low_precision(b.graph, {.policy = lossy_policy(), .form = LowPrecisionOptions::Form::qdq});
    EXPECT_EQ(ir::eval::evaluate(qdq.graph, inputs), ir::eval::evaluate(integers.graph, inputs));
}

}  // namespace
}  // namespace octet::low_precision
