// Low precision as one function, with what a caller adds to it.
#include "transformations/apply.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ir/eval/eval.hpp"
#include "ir/verify.hpp"
#include "tests/transformations/quantized_graphs.hpp"

namespace octet {
namespace {

using ir::Graph;
using ir::Value;
using low_precision::Operand;
using low_precision::Restriction;
using rewrite::Code;
using rewrite::Decision;

// x^2 by constant 2, quantized, convolved. All numbers are exact in float.
Graph network() {
    GraphBuilder b;
    const Value squares = b.edit.add(ir::Power{}, {b.input({1, 2, 3, 3}), b.numbers({1}, {2}, "two")}, "squares");
    const Value fq = b.fake_quantize(squares, Grid{129, {0.25f}, 0}, "fq");
    const Value weights = b.weights({2, 2, 1, 1}, {1, -2, 3, 4}, Grid{129, {0.5f}, 64}, "wfq");
    b.result(b.edit.add(ir::Convolution{}, {fq, weights}, "{conv}"));
    return b.graph;
}

std::map<std::string, std::string> answers(const LowPrecisionResult& result) {
    std::map<std::string, std::string> texts;
    for (const auto& layer : result.plan.layers) texts[layer.layer] = to_string(layer.decision);
    return texts;
}

bool has(const Graph& graph, std::string_view op) {
    return std::ranges::any_of(graph.order(), [&](ir::NodeId id) { return graph.node(id).op.name() == op; });
}

ir::Tensors outputs(const Graph& graph) {
    std::vector<float> numbers(18);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.5f * static_cast<float>(i) - 4;
    const ir::Tensors inputs{ir::Tensor::of<float>({1, 2, 3, 3}, std::span<const float>(numbers))};
    return ir::eval::evaluate(graph, inputs);
}

rewrite::Rule square() {
    return rewrite::Rule("square")
        .match(rewrite::op<ir::Power>("power", rewrite::any("x"), rewrite::constant("two")))
        .rewrite([](ir::Edit& e, const rewrite::Match& m) {
            return e.add(ir::Multiply{}, {m.value("x"), m.value("x")});
        });
}

TEST(ApplyLowPrecision, GivesGraphPlanAndLog) {
    const Graph graph = network();
    const LowPrecisionResult result = apply_low_precision(graph);
    EXPECT_TRUE(graph == network());
    EXPECT_TRUE(ir::verify(result.graph).empty());
    EXPECT_EQ(answers(result).at("{conv}"), "yes");
    EXPECT_EQ(result.graph.element({*result.graph.find("{conv}.convolution"), 0}), ir::Element::i32);
    EXPECT_FALSE(result.log.events.empty());
    EXPECT_EQ(outputs(result.graph), outputs(graph));
}

TEST(ApplyLowPrecision, InTheFormOfFiles) {
    const LowPrecisionResult result = apply_low_precision(network(), {.form = LowPrecisionOptions::Form::qdq});
    EXPECT_TRUE(has(result.graph, "fake_quantize"));
    EXPECT_FALSE(has(result.graph, "quantize") || has(result.graph, "dequantize"));
    EXPECT_EQ(outputs(result.graph), outputs(network()));
}

TEST(ApplyLowPrecision, TakesStepsOfTheCaller) {
    bool first_saw_fake_quantize_of_weights = false, second_saw_dequantize = false;
    LowPrecisionOptions options;
    options.first = {{"own", "as read", {square()}},
                     {"look", "as read", [&](Graph& g) {
                          first_saw_fake_quantize_of_weights = g.find("wfq") &&
                                                               g.node(*g.find("wfq")).op.is<ir::FakeQuantize>();
                          return false;
                      }}};
    options.before_plan = {{"look again", "canonical", [&](Graph& g) {
                                second_saw_dequantize = has(g, "dequantize");
                                return false;
                            }}};
    const LowPrecisionResult result = apply_low_precision(network(), options);
    EXPECT_TRUE(first_saw_fake_quantize_of_weights);
    EXPECT_TRUE(second_saw_dequantize);
    EXPECT_FALSE(has(result.graph, "power"));
    EXPECT_TRUE(answers(result).contains("squares")) << "the plan saw what the rule made";
    EXPECT_EQ(outputs(result.graph), outputs(network()));
}

TEST(ApplyLowPrecision, TheFirstRowForAnOpCounts) {
    std::vector<Restriction> rows{
        {ir::kOp<ir::Convolution>.id, [](const Graph&, const ir::Node& node, std::span<const Operand>) {
             return Decision::no(Code::plugin_veto, "'{layer}' stays", {node.name, {}});
         }}};
    const auto cpu = low_precision::cpu_restrictions().rows;
    rows.insert(rows.end(), cpu.begin(), cpu.end());
    LowPrecisionOptions options;
    options.restrictions.rows = rows;
    const LowPrecisionResult result = apply_low_precision(network(), options);
    EXPECT_EQ(answers(result).at("{conv}"), "PLUGIN_VETO: '{conv}' stays");
    EXPECT_FALSE(has(result.graph, "quantize"));
    EXPECT_TRUE(has(result.graph, "fake_quantize"));
    EXPECT_EQ(outputs(result.graph), outputs(network()));
}

// A quantized layer around a loop and one inside of it: each graph has its plan.
TEST(ApplyLowPrecision, PlansBodiesForThemselves) {
    const auto layer = [](GraphBuilder& b, Value x, const std::string& name) {
        const Value fq = b.fake_quantize(x, Grid{129, {0.25f}, 0}, name + "_fq");
        const Value w = b.weights({2, 2, 1, 1}, {1, -2, 3, 4}, Grid{129, {0.5f}, 64}, name + "_weights");
        return b.edit.add(ir::Convolution{}, {fq, w}, name);
    };
    GraphBuilder body;
    body.result(layer(body, body.edit.add(ir::Relu{}, {body.input({1, 2, 3, 3})}), "inner"));
    const ir::PortMap slices{.outer = 0, .inner = 0, .axis = 0};
    GraphBuilder b;
    const Value outer = layer(b, b.input({2, 2, 3, 3}), "outer");
    b.result(b.edit.add(
        ir::TensorIterator{.body = std::make_shared<const Graph>(body.graph), .inputs = {slices}, .outputs = {slices}},
        {outer}, "loop"));
    const LowPrecisionResult result = apply_low_precision(b.graph);
    EXPECT_EQ(answers(result).at("outer"), "yes");
    EXPECT_EQ(answers(result).at("inner"), "yes");
    EXPECT_TRUE(has(result.graph, "quantize") && !has(result.graph, "fake_quantize"));
    const Graph& inside = *result.graph.node(*result.graph.find("loop")).op.get<ir::TensorIterator>().body;
    EXPECT_TRUE(has(inside, "quantize") && !has(inside, "fake_quantize"));

    std::vector<float> numbers(36);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.5f * static_cast<float>(i) - 9;
    const ir::Tensors inputs{ir::Tensor::of<float>({2, 2, 3, 3}, std::span<const float>(numbers))};
    EXPECT_EQ(ir::eval::evaluate(result.graph, inputs), ir::eval::evaluate(b.graph, inputs));
}

TEST(ApplyLowPrecision, LeavesAloneWhatIsLowered) {
    const Graph once = apply_low_precision(network()).graph;
    const Graph twice = apply_low_precision(once).graph;
    EXPECT_TRUE(once == twice);
}

}  // namespace
}  // namespace octet
