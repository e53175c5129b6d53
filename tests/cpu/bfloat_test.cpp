// Which layers compute in bf16 and what lies between them, on numbers that bf16 holds exactly.
#include <fmt/format.h>

#include "plugins/cpu/settings.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

const Dims kImage{1, 16, 6, 7};

Value image(Edit& edit, const Dims& dims = kImage) {
    return edit.add(Parameter{Element::f32, Shape(dims), {}}, {}, "x");
}

// The steps of bf16 as "data>result", in order.
std::string steps_of(const Plan& plan) {
    std::string text;
    for (const Step& step : plan.steps)
        if (step.data == Element::bf16 || step.result == Element::bf16)
            text += fmt::format("{}{}>{}", text.empty() ? "" : " ", name_of(step.data), name_of(step.result));
    return text;
}

std::string run(const Graph& graph, bool bf16 = true) {
    const Plan plan = Planner(std::make_shared<const Graph>(graph), detect_machine(), 2, bf16).run();
    Tensors inputs;
    for (NodeId id : graph.parameters()) inputs.push_back(random_tensor(graph.type({id, 0}), 5, -8, 8, 4));
    const Tensors wanted = eval::evaluate(graph, inputs), got = run_plan(plan, inputs, 2);
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(wanted[i], got[i]);
    return steps_of(plan);
}

#define OCTET_NEEDS_BF16()                                    \
    if (!detect_machine().bf16) {                             \
        GTEST_SKIP() << "products of bf16 gain nothing here"; \
    }

TEST(Bfloat, ValuesBetweenConvolutionsStayNarrow) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Value a = edit.add(Relu{}, {identity_convolution(edit, kImage, image(edit))});
    const Value b = identity_convolution(edit, kImage, a);
    const Value sum = edit.add(Add{}, {identity_convolution(edit, kImage, b), a});  // read beside a result
    edit.add(Result{}, {identity_convolution(edit, kImage, sum)});
    EXPECT_EQ(run(graph), "f32>bf16 bf16>bf16 bf16>bf16 bf16>bf16 bf16>f32");
    EXPECT_EQ(run(graph, false), "");
}

TEST(Bfloat, OtherReadersGetFloats) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Value a = identity_convolution(edit, kImage, image(edit));
    edit.add(Result{}, {edit.add(Abs{}, {edit.add(Transpose{},
                                                  {a, edit.constant(Tensor::vector<std::int64_t>({0, 1, 3, 2}))})})});
    edit.add(Result{}, {identity_convolution(edit, kImage, a)});
    EXPECT_EQ(run(graph), "f32>bf16 bf16>f32 f32>bf16 bf16>f32");
}

// The steps of a pool, a sum with what lies beside, a resize and a concatenation between products read and write bf16.
TEST(Bfloat, WhatLiesBetweenProductsStaysNarrow) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Dims half{1, 16, 3, 4};
    const Value a = identity_convolution(edit, kImage, image(edit));
    const Value pool = edit.add(MaxPool{.strides = {2, 2}, .pads_end = {0, 1}, .kernel = {2, 2}}, {a});
    const Value b = identity_convolution(edit, half, pool);
    const Value sum = edit.add(Abs{}, {edit.add(Add{}, {pool, pool})});
    const Value both = edit.add(Concat{.axis = 1}, {sum, b});
    Tensor weights(Element::f32, {16, 32, 1, 1});
    for (std::size_t c = 0; c < 16; ++c) weights.write<float>()[c * 32 + c] = 1;
    edit.add(Result{},
             {edit.add(Convolution{.strides = {1, 1}, .pads_begin = {0, 0}, .pads_end = {0, 0}, .dilations = {1, 1}},
                       {both, edit.constant(weights)})});
    EXPECT_EQ(run(graph), "f32>bf16 bf16>bf16 bf16>bf16 bf16>bf16 bf16>bf16 bf16>f32");
    EXPECT_EQ(run(graph, false), "");
}

// Blended in f32; halves of halves of quarters are exact.
TEST(Bfloat, LinearResizesStayNarrow) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Value a = identity_convolution(edit, kImage, image(edit));
    const Value resized = edit.add(Interpolate{.mode = InterpolateMode::linear_onnx,
                                               .coordinates = CoordinateMode::asymmetric,
                                               .pads_begin = Dims(4, 0),
                                               .pads_end = Dims(4, 0)},
                                   {a, edit.constant(Tensor::vector<std::int64_t>({12, 14})),
                                    edit.constant(Tensor::vector<std::int64_t>({2, 3}))});
    edit.add(Result{}, {identity_convolution(edit, {1, 16, 12, 14}, resized)});
    EXPECT_EQ(run(graph), "f32>bf16 bf16>bf16 bf16>bf16 bf16>f32");
    EXPECT_EQ(run(graph, false), "");
}

TEST(Bfloat, BlocksOfPixelsStayNarrow) {
    OCTET_NEEDS_BF16();
    for (const auto mode : {DepthMode::blocks_first, DepthMode::depth_first}) {
        Graph graph;
        Edit edit(graph);
        const Dims deep{1, 64, 6, 7}, wide{1, 16, 12, 14};
        const Value a = identity_convolution(edit, deep, image(edit, deep));
        const Value moved = edit.add(DepthToSpace{.block_size = 2, .mode = mode}, {a});
        edit.add(Result{}, {identity_convolution(edit, wide, moved)});
        EXPECT_EQ(run(graph), "f32>bf16 bf16>bf16 bf16>bf16 bf16>f32");
        EXPECT_EQ(run(graph, false), "");
    }
}

// Nothing narrow comes of it: a way to a result, and a concatenation with a part that is f32.
TEST(Bfloat, WaysThatEndElsewhereStayFloat) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Value x = image(edit), a = identity_convolution(edit, kImage, x);
    edit.add(Result{}, {edit.add(Abs{}, {a})});
    const Value b = identity_convolution(edit, kImage, edit.add(Abs{}, {edit.add(Negative{}, {x})}));
    const Value both = edit.add(Concat{.axis = 1}, {b, x});
    edit.add(Result{}, {edit.add(MaxPool{.strides = {1, 1}, .kernel = {2, 2}}, {both})});
    EXPECT_EQ(run(graph), "f32>bf16 bf16>f32 f32>bf16 bf16>f32");
}

TEST(Bfloat, PlanesOfAnImage) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Value x = image(edit, {2, 3, 9, 8});
    Tensor weights(Element::f32, {16, 3, 3, 3});
    for (std::size_t i = 0; i < weights.size(); ++i) weights.write<float>()[i] = static_cast<float>(i % 5) - 2;
    const Value a =
        edit.add(Convolution{.strides = {2, 2}, .pads_begin = {1, 1}, .pads_end = {1, 1}, .dilations = {1, 1}},
                 {x, edit.constant(weights)});
    edit.add(Result{}, {a});
    EXPECT_EQ(run(graph), "bf16>f32");
}

Value window_to(Edit& edit, std::int64_t outputs, std::int64_t depth, Value x) {
    Tensor weights(Element::f32, {outputs, depth, 3, 3});
    for (std::size_t i = 0; i < weights.size(); ++i) weights.write<float>()[i] = static_cast<float>(i % 5) - 2;
    return edit.add(Convolution{.strides = {1, 1}, .pads_begin = {1, 1}, .pads_end = {1, 1}, .dilations = {1, 1}},
                    {x, edit.constant(weights)});
}

// What is read is narrow where it is stored so, and an image is read as it lies.
TEST(Bfloat, FewOutputs) {
    OCTET_NEEDS_BF16();
    Graph graph;
    Edit edit(graph);
    const Dims dims{1, 16, 6, 18};
    edit.add(Result{}, {window_to(edit, 1, 16, identity_convolution(edit, dims, image(edit, dims)))});
    EXPECT_EQ(run(graph), "f32>bf16 bf16>bf16 bf16>f32");
    Graph first;
    Edit more(first);
    more.add(Result{}, {window_to(more, 2, 3, image(more, {1, 3, 6, 18}))});
    EXPECT_EQ(run(first), "");
    const Plan plan = Planner(std::make_shared<const Graph>(first), detect_machine(), 1, true).run();
    ASSERT_EQ(plan.steps.size(), 2U);
    EXPECT_EQ(plan.steps[0].kernel, "jit_few_outputs_avx512");
    EXPECT_EQ(plan.steps[1].kernel, "reorder");  // of the result
}

TEST(Bfloat, BackwardConvolutions) {
    OCTET_NEEDS_BF16();
    for (const std::int64_t kernel : {2, 3}) {
        Graph graph;
        Edit edit(graph);
        Tensor weights(Element::f32, {16, 4, kernel, kernel});
        for (std::size_t i = 0; i < weights.size(); ++i) weights.write<float>()[i] = static_cast<float>(i % 3) - 1;
        const Value a = edit.add(
            ConvolutionBackpropData{.strides = {2, 2}, .pads_begin = {0, 0}, .pads_end = {0, 0}, .dilations = {1, 1}},
            {image(edit), edit.constant(weights)});
        edit.add(Result{}, {a});
        EXPECT_EQ(run(graph), "f32>bf16 bf16>f32") << kernel;
    }
}

// Two products with weights and one of two activations.
Graph products_of(std::int64_t rows) {
    Graph graph;
    Edit edit(graph);
    const Value x = image(edit, {rows, 16});
    const Value w = edit.constant(identity_weights({1, 16}));
    const Value a = edit.add(Relu{}, {edit.add(MatMul{}, {x, w})});
    edit.add(Result{}, {edit.add(MatMul{}, {a, w})});
    edit.add(Result{}, {edit.add(MatMul{.transpose_b = true}, {x, x})});
    return graph;
}

TEST(Bfloat, ProductsOfWeights) {
    OCTET_NEEDS_BF16();
    EXPECT_EQ(run(products_of(kFewRows + 1)), "f32>bf16 bf16>bf16 bf16>f32");
    EXPECT_EQ(run(products_of(kFewRows + 1), false), "");
}

// Of few rows only the weights are narrow.
TEST(Bfloat, ProductsOfFewRows) {
    OCTET_NEEDS_BF16();
    EXPECT_EQ(run(products_of(kFewRows)), "bf16>f32 bf16>f32");
    EXPECT_EQ(run(products_of(kFewRows), false), "");
}

// Weights that bf16 holds: the state stays f32.
TEST(Bfloat, WeightsOfRecurrences) {
    OCTET_NEEDS_BF16();
    constexpr std::int64_t kHidden = 20;
    Graph graph;
    Edit edit(graph);
    const Value gates = image(edit, {2, 3, kHidden});
    Tensor halves(Element::f32, {1, kHidden, kHidden});
    for (std::size_t i = 0; i < kHidden; ++i) halves.write<float>()[i * kHidden + (i + 7) % kHidden] = -0.5F;
    const Value y = edit.add(Recurrence{.kind = RecurrentKind::rnn, .hidden_size = kHidden, .activations = {"relu"}},
                             {gates, edit.constant(Tensor(Element::f32, {2, 1, kHidden})),
                              edit.constant(Tensor::vector<std::int64_t>({3, 2})), edit.constant(halves)});
    edit.add(Result{}, {y});
    EXPECT_EQ(run(graph), "bf16>f32");
    EXPECT_EQ(run(graph, false), "");
}

TEST(Bfloat, AskedForByPrecisionAndMode) {
    Machine machine;
    const auto used = [&](const Config& config) {
        return effective(settings_of(config, machine)).at("INFERENCE_PRECISION_HINT");
    };
    EXPECT_EQ(used({}), "f32");
    EXPECT_EQ(used({{"INFERENCE_PRECISION_HINT", "bf16"}}), "f32") << "it is slower here";
    machine.bf16 = true;
    EXPECT_EQ(used({}), "bf16");
    EXPECT_EQ(used({{"INFERENCE_PRECISION_HINT", "dynamic"}}), "bf16");
    EXPECT_EQ(used({{"INFERENCE_PRECISION_HINT", "f32"}}), "f32");
    EXPECT_EQ(used({{"EXECUTION_MODE_HINT", "ACCURACY"}}), "f32");
    EXPECT_EQ(used({{"EXECUTION_MODE_HINT", "ACCURACY"}, {"INFERENCE_PRECISION_HINT", "bf16"}}), "bf16");
}

TEST(Bfloat, FewChannelsStayFloat) {
    Graph graph;
    Edit edit(graph);
    const Dims few{1, 7, 6, 7};
    edit.add(Result{}, {identity_convolution(edit, few, image(edit, few))});
    EXPECT_EQ(run(graph, detect_machine().bf16), "");
}

}  // namespace
}  // namespace octet::cpu::testing
