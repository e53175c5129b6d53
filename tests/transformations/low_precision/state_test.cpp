// Variables of a model that hold codes.
#include "transformations/low_precision/state.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using namespace ir;

const Grid kGrid{.levels = 129, .scale = {0.25f}, .zero_point = 64};
const Grid kWeights{.levels = 129, .scale = {0.5f}, .zero_point = 64};

// A window of three rows that moves by one row an inference, or by two, and a product with all of them.
struct Window {
    GraphBuilder b;
    Graph before;

    explicit Window(const std::vector<float>& initial, const Grid* second = nullptr) {
        const Value input = b.input({1, 2});
        std::vector<Value> start;
        if (!initial.empty()) start.push_back(b.numbers({3, 2}, initial, "initial"));
        const Value read = b.edit.add(ReadValue{"rows", Element::f32, {3, 2}}, start, "read");
        const std::int64_t dropped = second ? 2 : 1;
        std::vector<Value> parts{
            b.edit.add(ir::Slice{}, {read, b.integers({dropped}), b.integers({3}), b.integers({1}), b.integers({0})},
                       "old"),
            b.fake_quantize(input, kGrid, "new")};
        if (second) parts.push_back(b.fake_quantize(input, *second, "newer"));
        const Value rows = b.edit.add(Concat{0}, parts, "rows");
        b.edit.add(Assign{"rows"}, {rows}, "assign");
        const Value w = b.weights({3, 2}, {1, -2, 3, 4, 5, -6}, kWeights, "w");
        b.result(b.edit.add(MatMul{false, true}, {read, w}, "product"));
        before = b.graph;
    }

    Graph after(PrecisionPlan* plan = nullptr) const {
        Graph graph = before;
        const auto made = std::make_shared<PrecisionPlan>();
        rewrite::run(canonicalise(), graph);
        rewrite::run(low_precision_pipeline(cpu_restrictions(), made), graph);
        rewrite::run(finish(), graph);
        if (plan) *plan = *made;
        return graph;
    }
};

Element element_of_state(const Graph& graph) {
    for (const NodeId id : graph.order())
        if (graph.node(id).op.is<ReadValue>()) return graph.element({id, 0});
    return Element::undefined;
}

// Three inferences give the same results.
void expect_same(const Graph& a, const Graph& b) {
    eval::State of_a, of_b;
    for (const float x : {1.0f, -3.5f, 100.0f}) {
        const std::vector<float> row{x, 2 * x};
        const Tensors inputs{Tensor::of<float>({1, 2}, std::span<const float>(row))};
        EXPECT_EQ(eval::evaluate(a, inputs, &of_a), eval::evaluate(b, inputs, &of_b));
    }
}

bool computes_on_codes(const Graph& graph) {
    for (const NodeId id : graph.order())
        if (graph.node(id).op.is<MatMul>()) return graph.element(graph.node(id).inputs[0]) == Element::u8;
    return false;
}

TEST(State, HoldsCodesOfOneGrid) {
    const Window window({0, 0.25f, -1, 0, 2, 3});
    const Graph after = window.after();
    EXPECT_EQ(element_of_state(after), Element::u8) << print(after);
    EXPECT_TRUE(computes_on_codes(after));
    // Codes reach the variable without being found again.
    for (const NodeId id : after.order()) {
        const Node& node = after.node(id);
        EXPECT_TRUE(!node.op.is<Assign>() || after.op(node.inputs[0]).is<Concat>());
    }
    expect_same(window.before, after);
}

TEST(State, StaysFloatWhereItBeginsBetweenCodes) {
    PrecisionPlan plan;
    const Window window({0, 0.3f, -1, 0, 2, 3});
    const Graph after = window.after(&plan);
    EXPECT_EQ(element_of_state(after), Element::f32);
    expect_same(window.before, after);
    const auto layer = std::ranges::find(plan.layers, "product", &LayerPrecision::layer);
    ASSERT_NE(layer, plan.layers.end());
    EXPECT_EQ(layer->decision.code, rewrite::Code::precision_conflict);
    EXPECT_EQ(layer->decision.detail.layer, "read");
}

TEST(State, StaysFloatWhereGridsDiffer) {
    Grid other = kGrid;
    other.zero_point = 32;
    const Window window({0, 0, 0, 0, 0, 0}, &other);
    const Graph after = window.after();
    EXPECT_EQ(element_of_state(after), Element::f32);
    expect_same(window.before, after);
}

TEST(State, ZerosWithoutAnInitialValueAreCodesOnlyForAZeroPointOf0) {
    const Window shifted({});
    EXPECT_EQ(element_of_state(shifted.after()), Element::f32);
    expect_same(shifted.before, shifted.after());
}

TEST(State, OneReaderThatNeedsFloatsDoesNotMatter) {
    Window window({0, 0, 0, 0, 0, 0});
    window.b.result(window.b.edit.add(Tanh{}, {Value{*window.b.graph.find("read"), 0}}), "float");
    window.before = window.b.graph;
    EXPECT_EQ(element_of_state(window.after()), Element::u8);
    expect_same(window.before, window.after());
}

}  // namespace
}  // namespace octet::low_precision
