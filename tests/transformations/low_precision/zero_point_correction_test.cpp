// What convolutions of codes with fractional zero points add.
#include "transformations/low_precision/zero_point_correction.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/eval/eval.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/apply.hpp"

namespace octet::low_precision {
namespace {

using namespace ir;

// A zero point of 2.25 codes; all numbers are exact in float.
Graph network(std::int64_t size, std::int64_t kernel, const Dims& strides, const Dims& dilations) {
    GraphBuilder b;
    const Value fq = b.fake_quantize(b.input({1, 2, size, size}), Grid{129, {0.25f}, 2.25f}, "fq");
    std::vector<float> weights(static_cast<std::size_t>(3 * 2 * kernel * kernel));
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 7) - 3;
    Convolution op;
    op.strides = strides;
    op.dilations = dilations;
    op.pads_begin = {kernel / 2, kernel / 2};
    op.pads_end = {kernel / 2, kernel - 1 - kernel / 2};
    b.result(b.edit.add(op, {fq, b.weights({3, 2, kernel, kernel}, weights, Grid{129, {1}, 64}, "wfq")}));
    return b.graph;
}

Tensors outputs(const Graph& graph) {
    const Dims dims = graph.shape({graph.parameters()[0], 0}).sizes();
    std::vector<float> values(static_cast<std::size_t>(product(dims)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 120) * 0.25f - 0.5625f;
    return eval::evaluate(graph, Tensors{Tensor::of<float>(dims, std::span<const float>(values))});
}

LowPrecisionResult exact(const Graph& graph, bool compact) {
    LowPrecisionOptions options;
    options.policy.step_share = 0;
    options.weight_only = compact;
    return apply_low_precision(graph, options);
}

struct Found {
    std::size_t gathers = 0, convolutions = 0, largest = 0;  // elements of the largest float constant
};
Found found(const Graph& graph) {
    Found f;
    for (const NodeId id : graph.order()) {
        f.gathers += graph.node(id).op.is<Gather>();
        f.convolutions += graph.node(id).op.is<Convolution>() && graph.element({id, 0}) == Element::i32;
        if (const Tensor* t = graph.constant({id, 0}); t && t->element() == Element::f32)
            f.largest = std::max(f.largest, t->size());
    }
    return f;
}

TEST(ZeroPointCorrection, OfALargeImageIsATable) {
    const Graph graph = network(20, 3, {1, 1}, {1, 1});
    const LowPrecisionResult small = exact(graph, true), plain = exact(graph, false);
    EXPECT_EQ(found(small.graph).convolutions, 1U);
    EXPECT_EQ(found(small.graph).gathers, 2U);
    EXPECT_EQ(found(small.graph).largest, 3U * 3 * 3) << "top, middle and bottom times left, middle and right";
    EXPECT_EQ(found(plain.graph).gathers, 0U);
    EXPECT_EQ(found(plain.graph).largest, 3U * 20 * 20);
    EXPECT_EQ(outputs(small.graph)[0].floats(), outputs(graph)[0].floats());
    EXPECT_EQ(outputs(plain.graph)[0].floats(), outputs(graph)[0].floats());
}

TEST(ZeroPointCorrection, IsExactWithAnyWindow) {
    for (const std::int64_t size : {3, 4, 9, 24})
        for (const std::int64_t kernel : {2, 3, 5})
            for (const Dims& strides : {Dims{1, 1}, Dims{2, 1}, Dims{3, 2}})
                for (const Dims& dilations : {Dims{1, 1}, Dims{1, 2}}) {
                    if (dilations[1] * (kernel - 1) + 1 > size + kernel - 1) continue;
                    const Graph graph = network(size, kernel, strides, dilations);
                    const LowPrecisionResult result = exact(graph, true);
                    EXPECT_EQ(found(result.graph).convolutions, 1U);
                    EXPECT_EQ(outputs(result.graph)[0].floats(), outputs(graph)[0].floats())
                        << size << " " << kernel << " " << strides[0] << strides[1] << " " << dilations[1];
                }
}

// Where the border is most of the image, a table would be as large.
TEST(ZeroPointCorrection, OfASmallImageIsAConstant) {
    const LowPrecisionResult result = exact(network(5, 3, {1, 1}, {1, 1}), true);
    EXPECT_EQ(found(result.graph).gathers, 0U);
    EXPECT_EQ(found(result.graph).largest, 3U * 5 * 5);
}

}  // namespace
}  // namespace octet::low_precision
