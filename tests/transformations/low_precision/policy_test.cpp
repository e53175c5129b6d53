// Where the cheapest exact plan keeps more layers on integers than OpenVINO's rules, and where they agree.
#include "transformations/low_precision/policy.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using ir::Value;

const Grid kFull{256, {0.25f}, 0};
const Grid kShifted{256, {0.25f}, 128};

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

std::string answer(const PrecisionPlan& plan) {
    for (const LayerPrecision& l : plan.layers)
        if (l.layer == "op") return to_string(l.decision);
    return "not asked";
}

// A graph with a layer "op", which the cheapest plan computes on codes, and what OpenVINO's rules say of it.
struct Case {
    const char* name;
    std::function<Value(GraphBuilder&)> make;
    const char* upstream;
};
class Policies : public testing::TestWithParam<Case> {};

TEST_P(Policies, CheapestTakesIt) {
    GraphBuilder b;
    b.result(GetParam().make(b));
    rewrite::run(canonicalise(), b.graph);
    EXPECT_EQ(answer(make_plan(b.graph, cpu_restrictions())), "yes");
    EXPECT_EQ(answer(make_plan(b.graph, cpu_restrictions(), upstream_policy())), GetParam().upstream);
}

Value convolution(GraphBuilder& b, Value x, std::int64_t channels) {
    return b.edit.add(ir::Convolution{}, {x, weights(b, {64, channels, 1, 1})}, "op");
}
std::function<Value(GraphBuilder&)> behind_concat(const Grid& second) {
    return [second](GraphBuilder& b) { return convolution(b, concat(b, kFull, second), 128); };
}
std::function<Value(GraphBuilder&)> behind_quantize(const Grid& grid) {
    return [grid](GraphBuilder& b) {
        return convolution(b, b.fake_quantize(b.input({1, 64, 64, 64}), grid, "fq"), 64);
    };
}
Grid grid_of_two_scales() {
    Grid grid{256, std::vector<float>(64, 0.25f), 0};
    grid.scale[3] = 0.5f;
    return grid;
}

constexpr const char* kVaries = "ACT_SCALE_PER_CHANNEL: the scale of the data of 'op' varies within its sums";

INSTANTIATE_TEST_SUITE_P(
    All, Policies,
    testing::Values(
        Case{"one_scale", behind_quantize(kShifted), "yes"},
        Case{"concat_of_similar_grids", behind_concat({256, {0.5f}, 128}), "yes"},
        Case{"grids_that_do_not_align", behind_concat({256, {64}, 0}),
             "ALIGN_LEVELS_COLLAPSE: on one grid for all data of 'op' the smallest interval keeps 2 levels"},
        Case{"levels_of_the_operands_differ", behind_concat({16, {0.5f}, 0}), kVaries},
        Case{"scales_of_one_fake_quantize", behind_quantize(grid_of_two_scales()), kVaries},
        Case{"levels", behind_quantize({129, {0.25f}, 0}),
             "LEVELS_UNSUPPORTED: 'fq' has 129 levels, not 15, 16, 255 or 256"},
        Case{"product_of_columns_with_scales",
             [](GraphBuilder& b) {
                 const Value x = concat(b, kFull, Grid{256, {0.5f}, 3}, {256, 256});
                 return b.edit.add(ir::MatMul{}, {x, weights(b, {512, 256}, 1)}, "op");
             },
             kVaries},
        Case{"zero_point_of_a_backward_convolution",
             [](GraphBuilder& b) {
                 const Value x = b.fake_quantize(b.input({1, 64, 8, 8}), kShifted, "fq");
                 return b.edit.add(ir::ConvolutionBackpropData{}, {x, weights(b, {64, 32, 2, 2}, 1)}, "op");
             },
             "PLUGIN_VETO: the data of 'op' have a zero point"},
        Case{"scales_of_data_that_moves",
             [](GraphBuilder& b) {
                 const Value x = b.fake_quantize(b.input({1, 2, 8, 8}), Grid{256, {0.25f, 0.5f}, 0}, "fq");
                 const Value half = b.edit.add(ir::Slice{},
                                               {x, b.integers({1}), b.integers({5}), b.integers({1}), b.integers({2})},
                                               "slice");
                 return b.edit.add(ir::GroupConvolution{}, {half, weights(b, {2, 1, 1, 1, 1})}, "op");
             },
             "ACT_SCALE_PER_CHANNEL: 'slice' moves data of different scales"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace octet::low_precision
