// What passes of the canonical form do, and what they leave alone.
#include "transformations/common/canonical.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/common/constants.hpp"

namespace octet::common {
namespace {

using ir::Element;
using ir::Tensor;
using ir::Value;

std::size_t count(const ir::Graph& graph, std::string_view op) {
    std::size_t n = 0;
    for (ir::NodeId id : graph.order()) n += graph.node(id).op.name() == op;
    return n;
}

TEST(FoldConstants, ComputesWhatHangsOnConstantsAlone) {
    GraphBuilder b;
    const Value sum = b.edit.add(ir::Add{}, {b.numbers({2}, {1, 2}), b.numbers({2}, {3, 4})}, "sum");
    const Value twice = b.edit.add(ir::Multiply{}, {sum, b.numbers({}, {2})}, "twice");
    b.result(b.edit.add(ir::Add{}, {b.input({2}), twice}, "out"));
    EXPECT_TRUE(fold_constants(b.graph, Fold::all_but_quantization));
    ir::verify_or_throw(b.graph, "folding");
    const Tensor* folded = b.graph.constant({*b.graph.find("twice"), 0});
    ASSERT_TRUE(folded);
    EXPECT_THAT(folded->floats(), testing::ElementsAre(8, 12));
    EXPECT_EQ(b.graph.live(), 4u);  // x, twice, out, the result
    EXPECT_FALSE(fold_constants(b.graph, Fold::all_but_quantization));
}

TEST(FoldConstants, OutputsThatNobodyReadsLeaveNothing) {
    GraphBuilder b;
    const Value parts = b.edit.add(ir::Split{2},
                                   {b.numbers({2, 2}, {1, 2, 3, 4}), b.edit.constant(Tensor::scalar<std::int64_t>(1))},
                                   "parts");
    b.result({parts.node, 1}, "r");
    EXPECT_TRUE(fold_constants(b.graph, Fold::all_but_quantization));
    ir::verify_or_throw(b.graph, "folding");
    EXPECT_EQ(b.graph.live(), 2u) << ir::print(b.graph);
}

TEST(FoldConstants, WeightsStayQuantizedUntilTheEnd) {
    GraphBuilder b;
    b.result(b.weights({2, 1}, {1, -1}, Grid{}, "fq"), "r");
    EXPECT_FALSE(fold_constants(b.graph, Fold::all_but_quantization));
    EXPECT_TRUE(fold_constants(b.graph, Fold::everything));
    EXPECT_EQ(count(b.graph, "fake_quantize"), 0u);
}

TEST(FoldConstants, NumbersKnownFromShapes) {
    GraphBuilder b;
    const Value x = b.input({ir::Dim(), 3, 4});
    const Value shape = b.edit.add(ir::ShapeOf{}, {x}, "shape");
    const Value channels = b.edit.add(ir::Gather{},
                                      {shape, b.integers({1, 2}), b.edit.constant(Tensor::scalar<std::int64_t>(0))},
                                      "channels");
    b.result(channels, "r");
    b.result(shape, "s");
    EXPECT_TRUE(fold_constants(b.graph, Fold::all_but_quantization));
    ir::verify_or_throw(b.graph, "folding");
    EXPECT_EQ(count(b.graph, "gather"), 0u);
    EXPECT_EQ(count(b.graph, "shape_of"), 1u);  // the batch is not known
    const ir::Node& result = b.graph.node(*b.graph.find("r"));
    EXPECT_EQ(b.graph.constant(result.inputs[0])->integers(), (std::vector<std::int64_t>{3, 4}));
}

TEST(FoldConstants, LargeGrowthStaysComputed) {
    GraphBuilder b;
    const Value small = b.numbers({1}, {1});
    b.result(b.edit.add(ir::Broadcast{}, {small, b.integers({1 << 25})}, "large"));
    EXPECT_FALSE(fold_constants(b.graph, Fold::everything));
}

TEST(Widen, HalfPrecisionBecomesSingle) {
    GraphBuilder b;
    const Value x = b.input({2}, "x", Element::f16);
    const Value half = b.edit.constant(Tensor::filled(Element::f16, {2}, 0.5), "half");
    b.result(b.edit.add(ir::Multiply{}, {x, half}, "y"), "r");
    EXPECT_TRUE(widen(b.graph));
    ir::verify_or_throw(b.graph, "widening");
    EXPECT_EQ(b.graph.element({*b.graph.find("y"), 0}), Element::f32) << ir::print(b.graph);
    EXPECT_EQ(b.graph.element({*b.graph.find("x"), 0}), Element::f16);
    EXPECT_EQ(b.graph.element({b.graph.results()[0], 0}), Element::f16);
    EXPECT_FALSE(widen(b.graph)) << ir::print(b.graph);
}

TEST(RemoveIdentities, OpsThatDoNothingGo) {
    GraphBuilder b;
    Value v = b.input({1, 2, 3});
    v = b.edit.add(ir::Convert{Element::f32}, {v});
    v = b.edit.add(ir::Reshape{}, {v, b.integers({1, -1, 3})});
    v = b.edit.add(ir::Transpose{}, {v, b.integers({0, 1, 2})});
    v = b.edit.add(ir::Concat{1}, {v});
    v = b.edit.add(ir::Split{1}, {v, b.edit.constant(Tensor::scalar<std::int64_t>(1))});
    v = b.edit.add(ir::StridedSlice{.begin_mask = {1, 1, 1}, .end_mask = {1, 1, 1}},
                   {v, b.integers({0, 0, 0}), b.integers({0, 0, 0})});
    v = b.edit.add(ir::Pad{}, {v, b.integers({0, 0, 0}), b.integers({0, 0, 0})});
    v = b.edit.add(ir::Tile{}, {v, b.integers({1, 1, 1})});
    v = b.edit.add(ir::Broadcast{}, {v, b.integers({1, 2, 3})});
    b.result(v, "r");
    EXPECT_TRUE(remove_identities(b.graph));
    ir::verify_or_throw(b.graph, "removing");
    EXPECT_EQ(b.graph.live(), 2u) << ir::print(b.graph);
    EXPECT_FALSE(remove_identities(b.graph));
}

TEST(RemoveIdentities, OpsThatDoSomethingStay) {
    GraphBuilder b;
    const Value x = b.input({1, 2, 2});
    const Value ends = b.integers({-3});
    const Value begin = b.integers({1});
    b.result(b.edit.add(ir::Convert{Element::i32}, {x}));
    b.result(b.edit.add(ir::Transpose{}, {x, b.integers({0, 2, 1})}));
    b.result(b.edit.add(ir::Slice{}, {x, begin, ends, b.integers({-1}), b.integers({2})}));
    b.result(b.edit.add(ir::Reshape{}, {b.input({ir::Dim(), 2}, "y"), b.integers({-1, 2})}));
    b.result(b.edit.add(ir::Transpose{}, {x, b.edit.constant(Tensor(Element::i64, {0}))}));
    const ir::Graph before = b.graph;
    EXPECT_FALSE(remove_identities(b.graph));
    EXPECT_TRUE(before == b.graph);
}

TEST(MergeEqual, OneOfEachForAllReaders) {
    GraphBuilder b;
    const Value x = b.input({1, 2});
    for (int i = 0; i < 3; ++i) b.result(b.edit.add(ir::Relu{}, {b.fake_quantize(x, Grid{}, fmt::format("fq{}", i))}));
    EXPECT_TRUE(merge_equal(b.graph));
    ir::verify_or_throw(b.graph, "merging");
    EXPECT_EQ(count(b.graph, "fake_quantize"), 1u);
    EXPECT_EQ(count(b.graph, "relu"), 1u);
    EXPECT_EQ(count(b.graph, "constant"), 2u);
    EXPECT_EQ(b.graph.results().size(), 3u);
    EXPECT_FALSE(merge_equal(b.graph));
}

TEST(MergeEqual, DifferentOnesStay) {
    GraphBuilder b;
    const Value x = b.input({1, 2});
    b.result(b.fake_quantize(x, {0}, {1}, 255, "a"));
    b.result(b.fake_quantize(x, {0}, {1}, 256, "b"));
    b.result(b.fake_quantize(x, {0}, {2}, 256, "c"));
    b.result(b.fake_quantize(b.input({1, 2}, "y"), {0}, {1}, 256, "d"));
    merge_equal(b.graph);
    EXPECT_EQ(count(b.graph, "fake_quantize"), 4u);
    EXPECT_EQ(count(b.graph, "constant"), 3u);
}

TEST(MergeEqual, LayersOfAllStay) {
    GraphBuilder b;
    b.edit.set_layers({{"a", "ReLU", "opset1"}, {"b", "ReLU", "opset1"}});
    const Value x = b.input({1});
    for (std::uint32_t i = 0; i < 2; ++i) {
        const Value relu = b.edit.add(ir::Relu{}, {x}, i ? "b" : "a");
        b.edit.set_origins(relu.node, {i});
        b.result(relu);
    }
    EXPECT_TRUE(merge_equal(b.graph));
    EXPECT_EQ(b.graph.node(*b.graph.find("a")).origins, (ir::Origins{0, 1}));
}

}  // namespace
}  // namespace octet::common
