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

    explicit Planned(GraphBuilder& b, const Restrictions& restrictions = cpu_restrictions(),
                     const Policy& policy = cheapest_policy())
        : graph(b.graph) {
        rewrite::run(canonicalise(), graph);
        plan = make_plan(graph, restrictions, policy);
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
    EXPECT_EQ(p.answer("half"), "NO_ACT_FQ: it reads the model's input 'x', which is not quantized");
    EXPECT_EQ(p.answer("bias"), "yes");
}

TEST(PrecisionPlan, NoFakeQuantizeNamesTheFirstFloat) {
    GraphBuilder b;
    const Value elu = b.edit.add(ir::Elu{}, {b.fake_quantize(b.input({1, 2, 3, 3}), kData, "fq")}, "elu");
    const Value pool = b.edit.add(ir::MaxPool{.kernel = {1, 1}}, {elu}, "pool");
    b.result(b.edit.add(ir::Convolution{}, {pool, weights(b)}, "conv"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"), "NO_ACT_FQ: there is no FakeQuantize between it and 'elu'");
    EXPECT_EQ(p.plan.kept_float.at("conv"), rewrite::Code::no_act_fq);
    EXPECT_THAT(p.integer(), ElementsAre("fq"));  // for elu
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
    EXPECT_EQ(p.answer("conv"), "yes");
    EXPECT_EQ(p.answer("grouped"), "yes");
    EXPECT_EQ(p.answer("depthwise"), "yes");
    EXPECT_THAT(p.integer(), ElementsAre("fq"));
}

TEST(PrecisionPlan, ScaleAlongAnotherAxis) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 2, 3}), Grid{129, {0.25f, 0.5f}, 0}, "fq", 2);
    b.result(b.edit.add(ir::Convolution{}, {q, weights(b)}, "conv"));
    const Value c = b.fake_quantize(b.input({1, 4, 3, 3}), Grid{129, {0.25f, 0.5f, 0.5f, 0.5f}, 0}, "fq2");
    const Value w = b.weights({2, 1, 2, 1, 1}, {1, -2, 3, 4}, kWeights, "wfq2");
    b.result(b.edit.add(ir::GroupConvolution{}, {c, w}, "grouped"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"),
              "ACT_SCALE_PER_CHANNEL: the scale of the data of 'conv' varies within its sums: it comes from 'fq'");
    EXPECT_EQ(p.answer("grouped"),
              "ACT_SCALE_PER_CHANNEL: the scale of the data of 'grouped' varies within its sums: it comes from 'fq2'");
    EXPECT_THAT(p.plan.choices, IsEmpty());
}

// A concat of `operands` branches, each on a grid of its own and with `channels` channels, and a convolution behind it.
Planned behind_concat(std::int64_t operands, std::int64_t channels, std::int64_t extent) {
    GraphBuilder b;
    std::vector<Value> parts;
    for (std::int64_t i = 0; i < operands; ++i)
        parts.push_back(b.fake_quantize(b.input({1, channels, extent, extent}, fmt::format("x{}", i)),
                                        Grid{129, {0.25f + static_cast<float>(i)}, 0}, fmt::format("fq{}", i)));
    const Value cat = b.edit.add(ir::Concat{1}, parts, "cat");
    const std::int64_t inputs = operands * channels;
    const Value w = b.weights({64, inputs, 1, 1}, std::vector<float>(static_cast<std::size_t>(64 * inputs), 1),
                              kWeights, "wfq");
    b.result(b.edit.add(ir::Convolution{}, {cat, w}, "conv"));
    return Planned(b);
}

TEST(PrecisionPlan, SumsBehindAConcat) {
    const Planned p = behind_concat(2, 64, 32);
    EXPECT_EQ(p.answer("conv"), "yes");
    EXPECT_THAT(p.integer(), ElementsAre("fq0", "fq1"));
    ASSERT_EQ(p.plan.choices.size(), 2u);
    EXPECT_EQ(p.plan.choices[0].layer, "cat");
    EXPECT_EQ(to_string(p.plan.choices[0]), "codes of 2 operands on grids of their own");
    EXPECT_EQ(p.plan.choices[1].layer, "conv");
    EXPECT_EQ(p.plan.choices[1].form, Choice::Form::sums);
    EXPECT_EQ(p.plan.choices[1].scales, 2u);
    EXPECT_LT(p.plan.choices[1].on_codes, p.plan.choices[1].in_float);
}

// 3x3 over channels of 16 scales in turn: each sum would have to multiply all channels.
TEST(PrecisionPlan, SumsThatCostMoreThanFloat) {
    GraphBuilder b;
    Grid grid{129, {}, 0};
    for (int c = 0; c < 64; ++c) grid.scale.push_back(0.25f + static_cast<float>(c % 16));
    const Value q = b.fake_quantize(b.input({1, 64, 32, 32}), grid, "fq");
    b.result(b.edit.add(ir::Convolution{},
                        {q, b.weights({64, 64, 3, 3}, std::vector<float>(64 * 64 * 9, 1), kWeights, "wfq")}, "conv"));
    const Planned p(b);
    EXPECT_EQ(p.answer("conv"),
              "NOT_PROFITABLE: the data of 'conv' have 16 scales, and a sum for each of them costs more than float");
    EXPECT_THAT(p.integer(), IsEmpty());
    ASSERT_EQ(p.plan.choices.size(), 1u);
    EXPECT_EQ(p.plan.choices[0].form, Choice::Form::in_float);
    EXPECT_GT(p.plan.choices[0].on_codes, p.plan.choices[0].in_float);
    EXPECT_THAT(to_string(p.plan.choices[0]),
                testing::MatchesRegex("float: about [0-9.]+ us, 16 sums for the 16 scales "
                                      "of its data [0-9.]+"));
}

TEST(PrecisionPlan, WhatAMovementRefusesIsTheReason) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 3, 1}), Grid{129, {0.25f, 0.5f}, 0}, "fq");
    const Value flat = b.edit.add(ir::Reshape{}, {q, b.integers({1, 3, 2})}, "flat");
    b.result(b.edit.add(ir::MatMul{}, {flat, b.weights({2, 1}, {1, 2}, kWeights, "wfq")}, "product"));
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
    b.result(b.edit.add(ir::GroupConvolution{}, {q, weights(b, {1, 2, 2, 1, 1}, Grid{129, {0.5f}, 3})}, "grouped"));
    b.result(b.edit.add(ir::MatMul{}, {q, q}, "product"));
    const Planned p(b);
    EXPECT_EQ(p.answer("shifted"), "yes");
    EXPECT_EQ(p.answer("along"), "SCALE_ALONG_K: the scale of the weights of 'along' varies along the sum");
    EXPECT_EQ(p.answer("grouped"), "yes");  // the codes take their zero point in
    EXPECT_EQ(p.answer("product"), "yes");
    EXPECT_THAT(p.integer(), ElementsAre("fq"));
}

// A device without fast products of codes.
Restrictions fast_floats() {
    Restrictions restrictions = cpu_restrictions();
    restrictions.costs.products_of_codes = 7;
    restrictions.costs.products_of_floats = 12;
    return restrictions;
}

TEST(PrecisionPlan, FloatWhereTheMachineIsFasterWithIt) {
    GraphBuilder b;
    const Value q = b.fake_quantize(b.input({1, 2, 64, 64}), kData, "fq");
    const Value w = b.weights({32, 2, 5, 5}, std::vector<float>(32 * 2 * 25, 1), kWeights, "wfq");
    b.result(b.edit.add(ir::Convolution{}, {q, w}, "conv"));
    b.result(b.edit.add(ir::MaxPool{.kernel = {2, 2}}, {q}, "pool"));
    b.result(b.edit.add(ir::MatMul{.transpose_b = true}, {q, q}, "product"));
    const Planned p(b, fast_floats());
    for (const char* layer : {"conv", "product"})
        EXPECT_EQ(p.answer(layer),
                  fmt::format("NOT_PROFITABLE: integers take '{}' longer than float on this machine", layer));
    EXPECT_THAT(p.integer(), IsEmpty());
    ASSERT_EQ(p.plan.choices.size(), 2u);
    EXPECT_THAT(to_string(p.plan.choices[0]), testing::MatchesRegex("float: about [0-9.]+ us, on integers [0-9.]+"));

    const Planned forced(b, fast_floats(), integers_policy());
    for (const char* layer : {"conv", "product"}) EXPECT_EQ(forced.answer(layer), "yes");
    EXPECT_THAT(forced.integer(), ElementsAre("fq"));
}

TEST(PrecisionPlan, ElementwiseOpsFollowTheProducts) {
    GraphBuilder b;
    const Value x = b.fake_quantize(b.input({1, 2, 3, 3}, "a"), kData, "fq_a");
    const Value y = b.fake_quantize(b.input({1, 2, 3, 3}, "b"), kData, "fq_b");
    b.result(b.edit.add(ir::Add{}, {x, y}, "add"));
    EXPECT_THAT(Planned(b).integer(), ElementsAre("fq_a", "fq_b"));
    const Planned p(b, fast_floats());
    EXPECT_EQ(p.answer("add"), "NOT_PROFITABLE: integers take 'add' longer than float on this machine");
    EXPECT_THAT(p.integer(), IsEmpty());
}

TEST(PrecisionPlan, RecurrencesAreWeighedByTheirState) {
    GraphBuilder b;
    const Value r = b.weights({16, 16}, std::vector<float>(256, 1), kWeights, "rfq");
    const std::vector<float> ones(256, 1);
    b.result(b.edit.add(ir::RnnCell{.hidden_size = 16},
                        {b.input({1, 16}, "x"), b.input({1, 16}, "h"), b.numbers({16, 16}, ones), r,
                         b.numbers({16}, std::vector<float>(16, 0))},
                        "cell"));
    const auto answer = [](const Planned& p) {
        for (const LayerPrecision& layer : p.plan.layers)
            if (layer.layer.starts_with("cell") && layer.decision.code != rewrite::Code::no_act_fq)
                return to_string(layer.decision);
        return std::string("not asked");
    };
    EXPECT_EQ(answer(Planned(b)), "yes");
    EXPECT_THAT(answer(Planned(b, fast_floats())), testing::StartsWith("NOT_PROFITABLE"));
    EXPECT_EQ(answer(Planned(b, fast_floats(), integers_policy())), "yes");
}

}  // namespace
}  // namespace octet::low_precision
