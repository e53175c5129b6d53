// Where the cheapest exact plan keeps more layers on integers than OpenVINO's rules, and where they agree.
#include "transformations/low_precision/policy.hpp"

#include <gtest/gtest.h>

#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using ir::Value;

const Grid kFull{256, {0.25f}, 0};
const Grid kShifted{256, {0.25f}, 128};

struct Answers {
    std::string cheapest, upstream;
};

std::string answer(const PrecisionPlan& plan, std::string_view layer) {
    for (const LayerPrecision& l : plan.layers)
        if (l.layer == layer) return to_string(l.decision);
    return "not asked";
}

Answers answers(GraphBuilder& b, std::string_view layer = "op") {
    ir::Graph graph = b.graph;
    rewrite::run(canonicalise(), graph);
    return {answer(make_plan(graph, cpu_restrictions()), layer),
            answer(make_plan(graph, cpu_restrictions(), upstream_policy()), layer)};
}

Value weights(GraphBuilder& b, const ir::Dims& dims, std::size_t axis = 0) {
    const std::vector<float> ones(static_cast<std::size_t>(ir::product(dims)), 1);
    return b.weights(dims, ones, Grid{255, {0.5f}, 127}, fmt::format("w{}", b.graph.size()), axis);
}

// A concat of two operands on these grids.
Value concat(GraphBuilder& b, const Grid& first, const Grid& second, const ir::Shape& shape = {1, 64, 32, 32}) {
    const Value x = b.fake_quantize(b.input(shape, "x"), first, "fq");
    const Value y = b.fake_quantize(b.input(shape, "y"), second, "fq2");
    return b.edit.add(ir::Concat{1}, {x, y}, "concat");
}

TEST(Policies, BothTakeOneScale) {
    GraphBuilder b;
    const Value x = b.fake_quantize(b.input({1, 64, 32, 32}), kShifted, "fq");
    b.result(b.edit.add(ir::Convolution{}, {x, weights(b, {64, 64, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "yes");
}

TEST(Policies, BothTakeAConcatOfSimilarGrids) {
    GraphBuilder b;
    const Value x = concat(b, kFull, Grid{256, {0.5f}, 128});
    b.result(b.edit.add(ir::Convolution{}, {x, weights(b, {64, 128, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "yes");
}

TEST(Policies, GridsThatDoNotAlign) {
    GraphBuilder b;
    const Value x = concat(b, kFull, Grid{256, {64}, 0});
    b.result(b.edit.add(ir::Convolution{}, {x, weights(b, {64, 128, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream,
              "ALIGN_LEVELS_COLLAPSE: on one grid for all data of 'op' the smallest interval keeps 2 levels");
}

TEST(Policies, LevelsOfTheOperandsDiffer) {
    GraphBuilder b;
    const Value x = concat(b, kFull, Grid{16, {0.5f}, 0});
    b.result(b.edit.add(ir::Convolution{}, {x, weights(b, {64, 128, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "ACT_SCALE_PER_CHANNEL: the scale of the data of 'op' varies within its sums");
}

TEST(Policies, ScalesOfOneFakeQuantize) {
    GraphBuilder b;
    Grid grid{256, std::vector<float>(64, 0.25f), 0};
    grid.scale[3] = 0.5f;
    const Value x = b.fake_quantize(b.input({1, 64, 64, 64}), grid, "fq");
    b.result(b.edit.add(ir::Convolution{}, {x, weights(b, {64, 64, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "ACT_SCALE_PER_CHANNEL: the scale of the data of 'op' varies within its sums");
}

TEST(Policies, ProductOfColumnsWithScales) {
    GraphBuilder b;
    const Value x = concat(b, kFull, Grid{256, {0.5f}, 3}, {256, 256});
    b.result(b.edit.add(ir::MatMul{}, {x, weights(b, {512, 256}, 1)}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "ACT_SCALE_PER_CHANNEL: the scale of the data of 'op' varies within its sums");
}

TEST(Policies, Levels) {
    GraphBuilder b;
    const Value x = b.fake_quantize(b.input({1, 64, 8, 8}), Grid{129, {0.25f}, 0}, "fq");
    b.result(b.edit.add(ir::Convolution{}, {x, weights(b, {64, 64, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "LEVELS_UNSUPPORTED: 'fq' has 129 levels, not 15, 16, 255 or 256");
}

TEST(Policies, ZeroPointOfABackwardConvolution) {
    GraphBuilder b;
    const Value x = b.fake_quantize(b.input({1, 64, 8, 8}), kShifted, "fq");
    b.result(b.edit.add(ir::ConvolutionBackpropData{}, {x, weights(b, {64, 32, 2, 2}, 1)}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "PLUGIN_VETO: the data of 'op' have a zero point");
}

TEST(Policies, ScalesOfDataThatMoves) {
    GraphBuilder b;
    const Value x = b.fake_quantize(b.input({1, 2, 8, 8}), Grid{256, {0.25f, 0.5f}, 0}, "fq");
    const Value half = b.edit.add(ir::Slice{}, {x, b.integers({1}), b.integers({5}), b.integers({1}), b.integers({2})},
                                  "slice");
    b.result(b.edit.add(ir::GroupConvolution{}, {half, weights(b, {2, 1, 1, 1, 1})}, "op"));
    const Answers a = answers(b);
    EXPECT_EQ(a.cheapest, "yes");
    EXPECT_EQ(a.upstream, "ACT_SCALE_PER_CHANNEL: 'slice' moves data of different scales");
}

}  // namespace
}  // namespace octet::low_precision
