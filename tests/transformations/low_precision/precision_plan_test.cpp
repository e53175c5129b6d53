#include "transformations/low_precision/precision_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using ir::Value;
using testing::ElementsAre;
using testing::IsEmpty;

const Grid kData{129, {0.25f}, 0};
const Grid kWeights{129, {0.5f}, 64};

// The canonical graph and its plan, by names.
struct Planned {
    ir::Graph graph;
    PrecisionPlan plan;

    explicit Planned(GraphBuilder& b, const Restrictions& restrictions = cpu_restrictions()) : graph(b.graph) {
        rewrite::run(canonicalise(), graph);
        plan = make_plan(graph, restrictions);
    }
    std::vector<std::string> integer() const {
        std::vector<std::string> names;
        for (ir::NodeId id : plan.integer) names.push_back(graph.node(id).name);
        return names;
    }
    std::string answer(std::string_view layer) const {
        for (const LayerPrecision& l : plan.layers)
            if (l.layer == layer) return to_string(l.decision);
        return "not asked";
    }
};

Value weights(GraphBuilder& b, ir::Dims dims = {2, 2, 1, 1}, Grid grid = kWeights, std::size_t axis = 0) {
    return b.weights(std::move(dims), {1, -2, 3, 4}, grid, "wfq", axis);
}

TEST(PrecisionPlan, ConvolutionPays) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 3}), kData, "fq");
    b.result(b.edit.add(ir::Convolution{}, {q, weights(b)}, "conv"));
    const Planned p(b);
    EXPECT_THAT(p.integer(), ElementsAre("fq"));
    EXPECT_EQ(p.answer("conv"), "yes");
    EXPECT_THAT(p.plan.kept_float, IsEmpty());
}

TEST(PrecisionPlan, ThroughOpsThatMoveCodes) {
    GraphBuilder b;
    const Value x = b.input({1, 1, 2, 3});
    const Value parts = b.edit.add(ir::Concat{1}, {b.fake_quantize(x, kData, "a"), b.fake_quantize(x, kData, "b")},
                                   "cat");
    const Value moved = b.edit.add(ir::Reshape{}, {parts, b.integers({1, 2, 3, 2})}, "reshape");
    b.result(b.edit.add(ir::Convolution{}, {moved, weights(b)}, "conv"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"), "yes");
    EXPECT_THAT(p.integer(), ElementsAre("a"));  // b is the same as a
}

TEST(PrecisionPlan, NothingThatReadsCodesDoesNotPay) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 3}), kData, "fq");
    b.result(b.edit.add(ir::SoftMax{1}, {q}, "softmax"));
    b.result(q);
    const Planned p(b);
    EXPECT_THAT(p.integer(), IsEmpty());
    EXPECT_EQ(p.answer("softmax"), "not asked");
}

TEST(PrecisionPlan, NoDeviceWithoutRows) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 3}), kData, "fq");
    b.result(b.edit.add(ir::Convolution{}, {q, weights(b)}, "conv"));
    const Planned p(b, no_restrictions());
    EXPECT_THAT(p.integer(), IsEmpty());
    EXPECT_THAT(p.plan.layers, IsEmpty());
}

TEST(PrecisionPlan, FusedOpsGainFromEachOperand) {
    GraphBuilder b;
    const Value x = b.input({1, 2, 3, 3});
    const Value q = b.fake_quantize(x, kData, "fq");
    b.result(b.edit.add(ir::Add{}, {q, x}, "half"));
    b.result(b.edit.add(ir::Add{}, {q, b.numbers({}, {1})}, "bias"));
    const Planned p(b);
    EXPECT_THAT(p.integer(), ElementsAre("fq"));
    EXPECT_EQ(p.answer("half"), "NO_ACT_FQ: there is no FakeQuantize between it and 'x'");
    EXPECT_EQ(p.answer("bias"), "yes");
}

TEST(PrecisionPlan, NoFakeQuantizeNamesTheFirstFloat) {
    GraphBuilder b;
    const Value relu = b.edit.add(ir::Relu{}, {b.fake_quantize(b.input({1, 2, 3, 3}), kData, "fq")}, "relu");
    const Value pool = b.edit.add(ir::MaxPool{.kernel = {1, 1}}, {relu}, "pool");
    b.result(b.edit.add(ir::Convolution{}, {pool, weights(b)}, "conv"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"), "NO_ACT_FQ: there is no FakeQuantize between it and 'relu'");
    EXPECT_EQ(p.plan.kept_float.at("conv"), rewrite::Code::no_act_fq);
    EXPECT_THAT(p.integer(), ElementsAre("fq"));  // for relu
}

TEST(PrecisionPlan, NoWeights) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 3}), kData, "fq");
    b.result(b.edit.add(ir::Convolution{}, {q, b.numbers({2, 2, 1, 1}, {1, 2, 3, 4}, "w")}, "conv"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"), "NO_WEIGHTS_FQ: its weights come from 'w', which is not quantized");
    EXPECT_THAT(p.integer(), IsEmpty());
}

TEST(PrecisionPlan, ReasonsOfFakeQuantize) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 3}), {0}, {1}, 1024, "fq");
    const Value pool = b.edit.add(ir::MaxPool{.kernel = {1, 1}}, {q}, "pool");
    b.result(b.edit.add(ir::Convolution{}, {pool, weights(b)}, "conv"));
    EXPECT_EQ(Planned(b).answer("conv"), "LEVELS_UNSUPPORTED: 'fq' has 1024 levels, 8 bits hold 2 to 256");
}

TEST(PrecisionPlan, ScalePerChannel) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 3}), Grid{129, {0.25f, 0.5f}, 0}, "fq");
    b.result(b.edit.add(ir::Convolution{}, {q, weights(b)}, "conv"));
    b.result(b.edit.add(ir::GroupConvolution{}, {q, weights(b, {2, 2, 1, 1, 1})}, "grouped"));
    b.result(
        b.edit.add(ir::GroupConvolution{}, {q, b.weights({2, 1, 1, 1, 1}, {1, 2}, kWeights, "wfq2")}, "depthwise"));
    b.result(b.edit.add(ir::Reshape{}, {q, b.integers({1, -1})}, "reshape"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"), "ACT_SCALE_PER_CHANNEL: the scale of the data of 'conv' varies within its sums");
    EXPECT_EQ(p.answer("grouped"), "ACT_SCALE_PER_CHANNEL: the scale of the data of 'grouped' varies within its sums");
    EXPECT_EQ(p.answer("depthwise"), "yes");
    EXPECT_THAT(p.integer(), ElementsAre("fq"));
}

TEST(PrecisionPlan, WhatAMovementRefusesIsTheReason) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 2, 1}), Grid{129, {0.25f, 0.5f}, 0}, "fq");
    const Value flat = b.edit.add(ir::Reshape{}, {q, b.integers({1, 4})}, "flat");
    b.result(b.edit.add(ir::MatMul{}, {flat, b.weights({4, 1}, {1, 2, 3, 4}, kWeights, "wfq")}, "product"));
    EXPECT_EQ(Planned(b).answer("product"), "RESHAPE_MIXES_CHANNELS: 'flat' mixes channels of different scales");
}

TEST(PrecisionPlan, MixedCodes) {
    GraphBuilder b;
    const Value codes = b.edit.add(ir::Dequantize{ir::Tensor::filled(ir::Element::f32, {1, 1, 1, 1}, 0.5),
                                                  ir::Tensor::filled(ir::Element::f32, {1, 1, 1, 1}, 0),
                                                  ir::Element::f32},
                                   {b.input({1, 1, 3, 3}, "codes", ir::Element::i8)}, "dq");
    const Value cat = b.edit.add(ir::Concat{1}, {b.fake_quantize(b.input({1, 1, 3, 3}), kData, "fq"), codes}, "cat");
    b.result(b.edit.add(ir::Convolution{}, {cat, weights(b)}, "conv"));
    EXPECT_EQ(Planned(b).answer("conv"), "CONCAT_MIXED_TYPES: 'cat' joins codes of different types");
}

TEST(PrecisionPlan, Weights) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 2, 2}), kData, "fq");
    b.result(b.edit.add(ir::Convolution{}, {q, weights(b, {2, 2, 1, 1}, Grid{129, {0.5f}, 3})}, "shifted"));
    b.result(b.edit.add(ir::Convolution{}, {q, weights(b, {2, 2, 1, 1}, Grid{129, {0.5f, 1}, 64}, 1)}, "along"));
    b.result(b.edit.add(ir::MatMul{}, {q, q}, "product"));
    const Planned p(b);
    EXPECT_EQ(p.answer("shifted"), "WEIGHTS_ZP: the weights of 'shifted' have a zero point");
    EXPECT_EQ(p.answer("along"), "SCALE_ALONG_K: the scale of the weights of 'along' varies along the sum");
    EXPECT_EQ(p.answer("product"), "EXECUTOR_FALLBACK: 'product' multiplies two activations");
    EXPECT_THAT(p.integer(), IsEmpty());
}

}  // namespace
}  // namespace octet::low_precision
