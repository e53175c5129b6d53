// Whole small models through the pipeline, with the numbers that other implementations of the same transformations have for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using ir::Dims;
using ir::Element;
using ir::NodeId;
using ir::Tensor;
using ir::Value;
using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;

class Model : public testing::Test {
protected:
    // Activations of 256 levels: code 0 is `low`, a step is `scale`.
    Value activations(ir::Shape shape, float zero_point, float scale) {
        const Value x = b_.input(std::move(shape));
        return b_.fake_quantize(x, {-zero_point * scale}, {(255 - zero_point) * scale}, 256, "data");
    }
    // 255 levels of 0..254 that stand for -limit..limit; each weight is 2.
    Value weights_of_2(Dims dims, std::vector<float> limits, std::size_t axis) {
        std::vector<float> low;
        for (float l : limits) low.push_back(-l);
        Dims ends;
        if (limits.size() > 1) {
            ends.assign(dims.size(), 1);
            ends[axis] = static_cast<std::int64_t>(limits.size());
        }
        const auto count = static_cast<std::size_t>(ir::product(dims));
        return b_.edit.add(ir::FakeQuantize{255},
                           {b_.numbers(dims, std::vector<float>(count, 2)), b_.numbers({}, {0}), b_.numbers({}, {254}),
                            b_.numbers(ends, low), b_.numbers(ends, limits)},
                           "weights");
    }
    void run(Value result) {
        b_.result(result, "out");
        rewrite::run(canonicalise(), b_.graph);
        rewrite::run(low_precision_pipeline(cpu_restrictions(), plan_), b_.graph);
    }
    // The scale behind the only op on integers, and that op.
    template <class T>
    const T& on_codes(std::vector<float>& scale) {
        const T* found = nullptr;
        for (NodeId id : b_.graph.order()) {
            const ir::Node& node = b_.graph.node(id);
            if (node.op.is<T>() && node.outputs[0].type.element == Element::i32) {
                found = &node.op.get<T>();
                const ir::Node& next = b_.graph.node(node.outputs[0].uses[0].node);
                scale = next.op.get<ir::Dequantize>().scale.floats();
                weights_ = b_.graph.constant(node.inputs[1]);
            }
        }
        EXPECT_TRUE(found) << ir::print(b_.graph);
        static const T none{};
        return found ? *found : none;
    }
    void expect_float(rewrite::Code code) {
        ASSERT_FALSE(plan_->layers.empty());
        EXPECT_EQ(plan_->layers.back().decision.code, code) << to_string(plan_->layers.back().decision);
    }

    GraphBuilder b_;
    std::shared_ptr<PrecisionPlan> plan_ = std::make_shared<PrecisionPlan>();
    const Tensor* weights_ = nullptr;
};

TEST_F(Model, ConvolutionWithZeroPoint) {
    run(b_.edit.add(ir::Convolution{}, {activations({1, 3, 4, 4}, 128, 0.02F), weights_of_2({6, 3, 1, 1}, {1.27F}, 0)},
                    "conv"));
    std::vector<float> scale;
    const auto& conv = on_codes<ir::Convolution>(scale);
    EXPECT_THAT(conv.zp_a, ElementsAre(128));
    EXPECT_THAT(conv.zp_w, ElementsAre());
    EXPECT_THAT(scale, ElementsAre(FloatNear(0.0002F, 1e-10F)));
    ASSERT_TRUE(weights_);
    EXPECT_THAT(weights_->integers(), Each(-125));
}

TEST_F(Model, ConvolutionWithoutZeroPoint) {
    run(b_.edit.add(ir::Convolution{}, {activations({1, 3, 4, 4}, 0, 0.02F), weights_of_2({6, 3, 1, 1}, {1.27F}, 0)},
                    "conv"));
    std::vector<float> scale;
    EXPECT_THAT(on_codes<ir::Convolution>(scale).zp_a, ElementsAre());
    EXPECT_THAT(scale, ElementsAre(FloatNear(0.0002F, 1e-10F)));
}

// One sum for each scale.
TEST_F(Model, ConvolutionOfChannelsWithDifferentScales) {
    const Value x = b_.input({1, 3, 4, 4});
    const Value data = b_.fake_quantize(x, {0, 0, 0}, {5.1F, 2.55F, 2.55F}, 256, "data");
    run(b_.edit.add(ir::Convolution{}, {data, weights_of_2({6, 3, 1, 1}, {1.27F}, 0)}, "conv"));
    std::vector<float> scales;
    for (NodeId id : b_.graph.order()) {
        const ir::Node& node = b_.graph.node(id);
        if (!node.op.is<ir::Convolution>() || node.outputs[0].type.element != Element::i32) continue;
        scales.push_back(b_.graph.node(node.outputs[0].uses[0].node).op.get<ir::Dequantize>().scale.floats()[0]);
    }
    EXPECT_THAT(scales, testing::UnorderedElementsAre(FloatNear(2e-4F, 1e-10F), FloatNear(1e-4F, 1e-10F)));
}

// Codes 2 with zero point 127 and scale 0.03, written as three ops.
TEST_F(Model, WeightsWithZeroPoint) {
    const Value codes = b_.edit.constant(Tensor::filled(Element::i8, {6, 3, 1, 1}, 2));
    const Value floats = b_.edit.add(ir::Convert{Element::f32}, {codes});
    const Value less = b_.edit.add(ir::Subtract{}, {floats, b_.numbers({}, {127})});
    const Value weights = b_.edit.add(ir::Multiply{}, {less, b_.numbers({}, {0.03F})});
    run(b_.edit.add(ir::Convolution{}, {activations({1, 3, 4, 4}, 127, 0.02F), weights}, "conv"));
    std::vector<float> scale;
    const auto& conv = on_codes<ir::Convolution>(scale);
    EXPECT_THAT(conv.zp_a, ElementsAre(127));
    // 2 - 127 is a signed byte: the zero point went into the codes.
    EXPECT_THAT(conv.zp_w, ElementsAre());
    EXPECT_THAT(weights_->integers(), Each(-125));
    EXPECT_THAT(scale, ElementsAre(FloatNear(0.0006F, 1e-9F)));
}

TEST_F(Model, WeightsOfFourBits) {
    Tensor codes = Tensor(Element::i4, {2, 2, 1, 1});  // -1, 7, -8, 3, two in a byte
    codes.write_raw()[0] = std::byte{0x7F};
    codes.write_raw()[1] = std::byte{0x38};
    const Value floats = b_.edit.add(ir::Convert{Element::f32}, {b_.edit.constant(codes)});
    const Value weights = b_.edit.add(ir::Multiply{}, {floats, b_.numbers({}, {0.5F})});
    run(b_.edit.add(ir::Convolution{}, {activations({1, 2, 4, 4}, 0, 0.5F), weights}, "conv"));
    std::vector<float> scale;
    on_codes<ir::Convolution>(scale);
    EXPECT_EQ(weights_->element(), Element::i8);
    EXPECT_THAT(weights_->integers(), ElementsAre(-1, 7, -8, 3));
    EXPECT_THAT(scale, ElementsAre(0.25F));
}

TEST_F(Model, GroupsTakeAScaleEach) {
    const Value x = b_.input({1, 6, 4, 4});
    const Value data = b_.fake_quantize(x, {0, 0, 0, 0, 0, 0}, {5.1F, 5.1F, 10.2F, 10.2F, 20.4F, 20.4F}, 256, "data");
    run(b_.edit.add(ir::GroupConvolution{}, {data, weights_of_2({3, 8, 2, 1, 1}, {1.27F}, 0)}, "conv"));
    std::vector<float> scale;
    on_codes<ir::GroupConvolution>(scale);
    ASSERT_EQ(scale.size(), 24u);
    for (std::size_t c = 0; c < 24; ++c) EXPECT_NEAR(scale[c], 2e-4 * std::exp2(c / 8), 1e-9) << c;
}

TEST_F(Model, ScalesThatDifferWithinAGroupStayFloat) {
    const Value x = b_.input({1, 6, 4, 4});
    const Value data = b_.fake_quantize(x, {0, 0, 0, 0, 0, 0}, {5.1F, 2.55F, 10.2F, 10.2F, 20.4F, 20.4F}, 256, "data");
    run(b_.edit.add(ir::GroupConvolution{}, {data, weights_of_2({3, 8, 2, 1, 1}, {1.27F}, 0)}, "conv"));
    expect_float(rewrite::Code::act_scale_per_channel);
}

TEST_F(Model, DepthwiseTakesScalesPerChannel) {
    const Value x = b_.input({1, 3, 4, 4});
    const Value data = b_.fake_quantize(x, {0, 0, 0}, {5.1F, 2.55F, 10.2F}, 256, "data");
    run(b_.edit.add(ir::GroupConvolution{}, {data, weights_of_2({3, 1, 1, 1, 1}, {1.27F}, 0)}, "conv"));
    std::vector<float> scale;
    on_codes<ir::GroupConvolution>(scale);
    EXPECT_THAT(scale, ElementsAre(FloatNear(2e-4F, 1e-10F), FloatNear(1e-4F, 1e-10F), FloatNear(4e-4F, 1e-10F)));
}

TEST_F(Model, BackwardConvolutionHasOutputsAlongAxisOne) {
    run(b_.edit.add(ir::ConvolutionBackpropData{},
                    {activations({1, 2, 4, 4}, 0, 0.02F), weights_of_2({2, 3, 1, 1}, {1.27F, 2.54F, 1.27F}, 1)},
                    "conv"));
    std::vector<float> scale;
    on_codes<ir::ConvolutionBackpropData>(scale);
    EXPECT_THAT(scale, ElementsAre(FloatNear(2e-4F, 1e-10F), FloatNear(4e-4F, 1e-10F), FloatNear(2e-4F, 1e-10F)));
}

TEST_F(Model, BackwardConvolutionWithScalesOfInputsStaysFloat) {
    run(b_.edit.add(ir::ConvolutionBackpropData{},
                    {activations({1, 2, 4, 4}, 0, 0.02F), weights_of_2({2, 3, 1, 1}, {1.27F, 2.54F}, 0)}, "conv"));
    expect_float(rewrite::Code::scale_along_k);
}

TEST_F(Model, ProductWithScalesPerColumn) {
    run(b_.edit.add(ir::MatMul{}, {activations({1, 4}, 0, 0.02F), weights_of_2({4, 4}, {254, 25.4F, 2.54F, 0.254F}, 1)},
                    "product"));
    std::vector<float> scale;
    on_codes<ir::MatMul>(scale);
    EXPECT_THAT(scale, ElementsAre(FloatNear(0.04F, 1e-8F), FloatNear(0.004F, 1e-9F), FloatNear(0.0004F, 1e-10F),
                                   FloatNear(0.00004F, 1e-11F)));
    EXPECT_THAT(weights_->integers(), Each(-125));
}

TEST_F(Model, ProductWithScalesAlongItsSumStaysFloat) {
    run(b_.edit.add(ir::MatMul{}, {activations({1, 4}, 0, 0.02F), weights_of_2({4, 4}, {254, 25.4F, 2.54F, 0.254F}, 0)},
                    "product"));
    expect_float(rewrite::Code::scale_along_k);
}

// Bounds 0 and 6 are codes 128 and 188 of scale 0.1 with zero point 128, and become the ends of the interval.
TEST_F(Model, ClampBetweenCodes) {
    const Value data = activations({1, 2, 4, 4}, 128, 0.1F);
    const Value clamp = b_.edit.add(ir::Clamp{0, 6}, {data}, "clamp");
    run(b_.edit.add(ir::Convolution{}, {clamp, weights_of_2({2, 2, 1, 1}, {1.27F}, 0)}, "conv"));
    for (NodeId id : b_.graph.order())
        if (const auto* quantize = b_.graph.node(id).op.as<ir::Quantize>()) {
            EXPECT_EQ(quantize->levels, 61);
            EXPECT_THAT(quantize->low.floats(), ElementsAre(FloatNear(0, 1e-6F)));
            EXPECT_THAT(quantize->high.floats(), ElementsAre(FloatNear(6, 1e-6F)));
        }
    std::vector<float> scale;
    EXPECT_THAT(on_codes<ir::Convolution>(scale).zp_a, ElementsAre());
    EXPECT_THAT(scale, ElementsAre(FloatNear(0.001F, 1e-9F)));
}

// What a file spells out as quantize and dequantize is the same to the plan.
TEST_F(Model, QuantizeAndDequantizeOfAFile) {
    const Value x = b_.input({1, 3, 4, 4});
    const Value fq = b_.edit.add(ir::FakeQuantize{256}, {x, b_.numbers({}, {-2.54F}), b_.numbers({}, {2.56F}),
                                                         b_.numbers({}, {-128}), b_.numbers({}, {127})});
    const Value codes = b_.edit.add(ir::Convert{Element::i8}, {fq});
    const Value floats = b_.edit.add(ir::Convert{Element::f32}, {codes});
    const Value less = b_.edit.add(ir::Subtract{}, {floats, b_.numbers({}, {-1})});
    const Value data = b_.edit.add(ir::Multiply{}, {less, b_.numbers({}, {0.02F})});
    run(b_.edit.add(ir::Convolution{}, {data, weights_of_2({6, 3, 1, 1}, {1.27F}, 0)}, "conv"));
    std::vector<float> scale;
    EXPECT_THAT(on_codes<ir::Convolution>(scale).zp_a, ElementsAre(127));  // u8
    EXPECT_THAT(scale, ElementsAre(FloatNear(0.0002F, 1e-10F)));
}

// A device without integers computes the same numbers.
TEST_F(Model, NoIntegersAtAll) {
    b_.result(b_.edit.add(ir::Convolution{},
                          {activations({1, 3, 4, 4}, 128, 0.25F), weights_of_2({6, 3, 1, 1}, {127}, 0)}, "conv"),
              "out");
    rewrite::run(canonicalise(), b_.graph);
    ir::Graph integers = b_.graph;
    rewrite::run(low_precision_pipeline(no_restrictions(), plan_), b_.graph);
    rewrite::run(finish(), b_.graph);
    rewrite::run(low_precision_pipeline(cpu_restrictions(), plan_), integers);
    for (NodeId id : b_.graph.order()) EXPECT_FALSE(is_integer(b_.graph.node(id).outputs[0].type.element));
    Tensor x(Element::f32, {1, 3, 4, 4});
    for (std::size_t i = 0; i < x.size(); ++i) x.write<float>()[i] = static_cast<float>(i) - 24;
    const Tensor floats = ir::eval::evaluate(b_.graph, std::vector{x})[0];
    const Tensor codes = ir::eval::evaluate(integers, std::vector{x})[0];
    for (std::size_t i = 0; i < floats.size(); ++i) EXPECT_NEAR(floats.at(i), codes.at(i), 1e-3);
}

TEST(DeviceSets, SayWhatTheirKernelsCannot) {
    const auto ask = [](const Restrictions& restrictions, std::int64_t outputs, float zero_point) {
        GraphBuilder b;
        const Value x = b.input({1, 4, 4, 4});
        const Value data = b.fake_quantize(x, {-zero_point / 2}, {(255 - zero_point) / 2}, 256, "data");
        const std::vector<float> ones(static_cast<std::size_t>(4 * outputs), 1);
        const Value weights = b.weights({4, outputs, 1, 1}, ones, Grid{129, {0.5F}, 64}, "weights");
        b.result(b.edit.add(ir::ConvolutionBackpropData{}, {data, weights}, "conv"));
        rewrite::run(canonicalise(), b.graph);
        return to_string(make_plan(b.graph, restrictions).layers.back().decision);
    };
    EXPECT_EQ(ask(cpu_restrictions(), 3, 8), "yes");
    EXPECT_EQ(ask(gpu_restrictions(), 16, 0), "yes");
    EXPECT_EQ(ask(gpu_restrictions(), 3, 0), "PLUGIN_VETO: 'conv' has no multiple of 4 input and 16 output channels");
    EXPECT_EQ(ask(gpu_restrictions(), 16, 8), "PLUGIN_VETO: the data of 'conv' have a zero point");
    GraphBuilder none;
    none.result(none.fake_quantize(none.input({1, 2}), {0}, {1}, 256, "fq"));
    EXPECT_TRUE(make_plan(none.graph, no_restrictions()).layers.empty());
}

// A device with 16 bits takes what one with 8 leaves float.
TEST(DeviceSets, SixteenBits) {
    GraphBuilder b;
    const Value fq = b.fake_quantize(b.input({1, 2, 4, 4}), {-32.768F}, {32.767F}, 65536, "fq");
    const Value padded = b.edit.add(ir::Pad{}, {fq, b.integers({0, 0, 1, 0}), b.integers({0, 0, 0, 0})}, "pad");
    b.result(b.edit.add(ir::Elu{}, {padded}, "elu"));
    ir::Graph narrow = b.graph;
    Restrictions wide = cpu_restrictions();
    wide.levels = kLevels16;
    const auto plan = std::make_shared<PrecisionPlan>();
    rewrite::run(low_precision_pipeline(cpu_restrictions(), plan), narrow);
    EXPECT_TRUE(narrow == b.graph);
    EXPECT_EQ(to_string(plan->layers.back().decision),
              "LEVELS_UNSUPPORTED: 'fq' has 65536 levels, 8 bits hold 2 to 256");
    ir::Graph codes = b.graph;
    rewrite::run(low_precision_pipeline(wide, plan), codes);
    EXPECT_EQ(to_string(plan->layers.back().decision), "yes");
    ASSERT_TRUE(codes.find("pad")) << ir::print(codes);
    Tensor x(Element::f32, {1, 2, 4, 4});
    for (std::size_t i = 0; i < x.size(); ++i) x.write<float>()[i] = static_cast<float>(i) * 1.7F - 24;
    const Tensor wanted = ir::eval::evaluate(b.graph, std::vector{x})[0];
    const Tensor got = ir::eval::evaluate(codes, std::vector{x})[0];
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(wanted.at(i), got.at(i), 1e-5);
    bool found = false;
    for (NodeId id : codes.order())
        found |= codes.node(id).op.is<ir::Pad>() && codes.node(id).outputs[0].type.element == Element::u16;
    EXPECT_TRUE(found) << ir::print(codes);
}

}  // namespace
}  // namespace octet::low_precision
