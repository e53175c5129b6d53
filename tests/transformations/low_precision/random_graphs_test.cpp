// The law of all low-precision transformations: in real arithmetic they change nothing. On graphs in which float arithmetic is exact
// results are equal bit for bit; on others each layer gives the reference's codes from the reference's codes.
//
// OCTET_RANDOM_GRAPHS sets the number of graphs, OCTET_RANDOM_SEED the first; on its own the budget is that of a test run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <set>

#include "ir/edit.hpp"
#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "tests/transformations/random_graph.hpp"
#include "tests/transformations/seeds.hpp"
#include "transformations/apply.hpp"
#include "transformations/low_precision/weighted.hpp"
#include "transformations/rewrite/reduce.hpp"

namespace octet {
namespace {

using low_precision::PrecisionPlan;

std::shared_ptr<PrecisionPlan> transform(ir::Graph& graph, unsigned seed) {
    auto restrictions = low_precision::cpu_restrictions();
    // Layers as small as these are worth several sums only where steps and memory are free.
    if (seed % 2 == 0) restrictions.costs = {1e9, 1, 1e9, 0, 0, 0};
    auto policy = seed % 8 == 5 ? low_precision::upstream_policy() : low_precision::cheapest_policy();
    policy.step_share = 0;
    const auto plan = std::make_shared<PrecisionPlan>();
    rewrite::run(canonicalise(), graph);
    rewrite::run(low_precision_pipeline(restrictions, plan, policy), graph);
    return plan;
}

// What differs after all passes, or nothing.
std::string difference(const ir::Graph& before, unsigned seed) {
    ir::Graph after = before;
    transform(after, seed);
    rewrite::run(finish(), after);
    ir::verify_or_throw(after, "all passes");
    ir::eval::State state_before, state_after;
    for (unsigned round = 0; round < 2; ++round) {
        const ir::Tensors inputs = random_inputs(before, seed * 2 + round, 2 + round);
        const ir::Tensors wanted = ir::eval::evaluate(before, inputs, &state_before);
        const ir::Tensors got = ir::eval::evaluate(after, inputs, &state_after);
        for (std::size_t r = 0; r < wanted.size(); ++r) {
            if (wanted[r].type() != got[r].type()) return fmt::format("result {} has another type", r);
            for (std::size_t i = 0; i < wanted[r].size(); ++i) {
                const double a = wanted[r].at(i), b = got[r].at(i);
                if (a != b && !(std::isnan(a) && std::isnan(b)))
                    return fmt::format("result {}, element {}: {} became {}", r, i, a, b);
            }
        }
    }
    return "";
}

RandomGraphOptions options_of(unsigned seed) { return {.exact = true, .dynamic_batch = seed % 4 == 3}; }

// The same without numbers: what stays while a graph is made smaller.
std::string fault(const ir::Graph& graph, unsigned seed) {
    try {
        return difference(graph, seed).empty() ? "" : "other numbers";
    } catch (const std::exception&) {
        return "an error";
    }
}

void expect_same_numbers(unsigned seed, const RandomGraphOptions& options) {
    const ir::Graph graph = random_graph(seed, options);
    std::string wrong;
    try {
        wrong = difference(graph, seed);
    } catch (const std::exception& e) {
        wrong = e.what();
    }
    if (wrong.empty()) return;
    const auto found = rewrite::reduce(graph, [&](const ir::Graph& g) { return fault(g, seed); });
    FAIL() << "seed " << seed << ": " << wrong << "\nthis graph has the same fault:\n" << ir::print(found.graph);
}

TEST(RandomGraphs, LowPrecisionKeepsEveryNumber) {
    for (const unsigned seed : seeds(600)) {
        expect_same_numbers(seed, options_of(seed));
        if (HasFatalFailure()) return;
    }
}

// Products on codes in the body of a node, and FakeQuantize there.
void count_bodies(const ir::Graph& graph, std::size_t& on_codes, std::size_t& quantized) {
    for (const ir::NodeId id : graph.order()) {
        const auto* loop = graph.op({id, 0}).as<ir::Loop>();
        const auto* iterator = graph.op({id, 0}).as<ir::TensorIterator>();
        if (!loop && !iterator) continue;
        const ir::Graph& body = loop ? *loop->body : *iterator->body;
        for (const ir::NodeId inner : body.order()) {
            on_codes += low_precision::is_weighted(body.node(inner).op) &&
                        body.node(inner).outputs[0].type.element == ir::Element::i32;
            quantized += body.node(inner).op.is<ir::Quantize>();
        }
    }
}

TEST(RandomGraphs, BodiesKeepEveryNumber) {
    std::size_t on_codes = 0, quantized = 0;
    const auto all = seeds(200);
    for (const unsigned seed : all) {
        RandomGraphOptions options = options_of(seed);
        options.loops = true;
        expect_same_numbers(seed, options);
        if (HasFatalFailure()) return;
        ir::Graph graph = random_graph(seed, options);
        transform(graph, seed);
        count_bodies(graph, on_codes, quantized);
    }
    EXPECT_GT(on_codes, all.size() / 5);
    EXPECT_GT(quantized, all.size() / 5);
}

bool reads_codes(const ir::Graph& graph, ir::Value v) {
    if (!graph.op(v).is<ir::Dequantize>()) return false;
    const ir::Element element = graph.element(graph.node(v).inputs[0]);
    return element == ir::Element::u8 || element == ir::Element::i8;
}

// What the plan promised has happened, no product of codes and codes is float without a reason, and the generator reaches both sides.
TEST(RandomGraphs, PlansAreKept) {
    constexpr unsigned kGraphs = 300;
    std::size_t on_codes = 0;
    std::size_t kept_float = 0;
    std::size_t sums = 0;
    for (unsigned seed = 0; seed < kGraphs; ++seed) {
        const ir::Graph original = random_graph(seed, options_of(seed));
        ir::Graph graph = original;
        const auto plan = transform(graph, seed);
        std::size_t promised = 0;
        for (const auto& layer : plan->layers)
            if (layer.decision && !plan->kept_float.contains(layer.layer)) {
                const ir::NodeId* node = original.find(layer.layer);
                promised += node && low_precision::is_weighted(original.node(*node).op);
            }
        for (const auto& choice : plan->choices)
            if (choice.form == low_precision::Choice::Form::sums)
                sums += choice.scales - 1, promised += choice.scales - 1;
        std::size_t done = 0;
        for (const ir::NodeId id : graph.order())
            done += low_precision::is_weighted(graph.node(id).op) &&
                    graph.node(id).outputs[0].type.element == ir::Element::i32;
        for (const ir::NodeId id : graph.order()) {
            const ir::Node& node = graph.node(id);
            const bool lost = low_precision::is_weighted(node.op) && node.outputs[0].type.element == ir::Element::f32 &&
                              reads_codes(graph, node.inputs[0]) && reads_codes(graph, node.inputs[1]);
            ASSERT_TRUE(!lost || plan->kept_float.contains(node.name))
                << "seed " << seed << ": '" << node.name << "' has codes and is float for no reason\n"
                << ir::print(graph);
        }
        // Weights with a zero point bring sums over windows beside them.
        ASSERT_LE(promised, done) << "seed " << seed << "\n" << ir::print(original) << "\n" << ir::print(graph);
        on_codes += promised;
        kept_float += plan->kept_float.size();
    }
    EXPECT_GT(on_codes, kGraphs / 2);
    EXPECT_GT(kept_float, kGraphs / 4);
    EXPECT_GT(sums, kGraphs / 20);
}

std::size_t layers_on_codes(const PrecisionPlan& plan) {
    return static_cast<std::size_t>(
        std::ranges::count_if(plan.layers, [](const auto& layer) { return layer.decision.ok; }));
}

// Where nothing is lost the graph is the exact one; where something is, it is said, and for a reason.
TEST(RandomGraphs, WhatIsLostIsSaid) {
    std::size_t lost = 0, gained = 0;
    for (unsigned seed = 0; seed < 600; ++seed) {
        const ir::Graph graph = random_graph(seed, {.equal_levels = true});
        LowPrecisionOptions options;
        // Several sums never pay.
        if (seed % 2 == 0) options.restrictions.costs = {300, 200, 100, 10000, 0, 0};
        options.engine.verify = rewrite::Verify::applications;
        const LowPrecisionResult exact = apply_low_precision(graph, options);
        options.policy = low_precision::lossy_policy();
        const LowPrecisionResult lossy = apply_low_precision(graph, options);
        ASSERT_TRUE(exact.plan.alignments.empty());
        if (lossy.plan.alignments.empty()) {
            ASSERT_TRUE(exact.graph == lossy.graph) << "seed " << seed;
            continue;
        }
        ++lost;
        gained += layers_on_codes(lossy.plan) > layers_on_codes(exact.plan);
        for (const auto& alignment : lossy.plan.alignments) ASSERT_GT(alignment.after, low_precision::kCollapsed);
        const ir::Tensors inputs = random_inputs(graph, seed);
        ir::eval::State state;
        ASSERT_NO_THROW(ir::eval::evaluate(lossy.graph, inputs, &state)) << "seed " << seed;
    }
    EXPECT_GT(lost, 5u);
    EXPECT_GT(gained, 3u);
}

// The same graph, its nodes added in another order; inputs and results keep theirs.
ir::Graph reordered(const ir::Graph& graph, unsigned seed) {
    std::mt19937 random(seed);
    ir::Graph other;
    ir::Edit edit(other);
    std::vector<std::optional<ir::NodeId>> added(graph.size());
    const auto add = [&](ir::NodeId id) {
        const ir::Node& node = graph.node(id);
        std::vector<ir::Value> inputs;
        for (const ir::Value v : node.inputs) inputs.push_back({*added[v.node], v.port});
        added[id] = edit.add(node.op, std::move(inputs), node.name).node;
    };
    std::vector<ir::NodeId> left;
    for (const ir::NodeId id : graph.parameters()) add(id);
    for (const ir::NodeId id : graph.order())
        if (!graph.node(id).op.is<ir::Parameter>() && !graph.node(id).op.is<ir::Result>()) left.push_back(id);
    while (!left.empty()) {
        std::vector<std::size_t> ready;
        bool after_effect = false;  // reads and writes of a state keep their order
        for (std::size_t i = 0; i < left.size(); ++i) {
            const ir::Node& node = graph.node(left[i]);
            const bool effect = node.op.traits().effect;
            if (std::ranges::all_of(node.inputs, [&](ir::Value v) { return added[v.node].has_value(); }) &&
                !(effect && after_effect))
                ready.push_back(i);
            after_effect = after_effect || effect;
        }
        const std::size_t next = ready[random() % ready.size()];
        add(left[next]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(next));
    }
    for (const ir::NodeId id : graph.results()) add(id);
    return other;
}

// What a transformed graph consists of, whatever its order and names.
std::multiset<std::string> contents(const ir::Graph& graph) {
    std::multiset<std::string> all;
    for (const ir::NodeId id : graph.order())
        all.insert(fmt::format("{} {}", graph.node(id).op.name(), name_of(graph.node(id).outputs[0].type.element)));
    return all;
}

TEST(RandomGraphs, OrderOfNodesDoesNotMatter) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        ir::Graph graph = random_graph(seed, options_of(seed));
        ir::Graph other = reordered(graph, seed);
        ASSERT_EQ(contents(graph), contents(other)) << "seed " << seed;
        transform(graph, seed);
        transform(other, seed);
        ASSERT_EQ(contents(graph), contents(other)) << "seed " << seed << "\n"
                                                    << ir::print(graph) << "\n"
                                                    << ir::print(other);
        const ir::Tensors inputs = random_inputs(graph, seed);
        ir::eval::State one, two;
        ASSERT_EQ(ir::eval::evaluate(graph, inputs, &one), ir::eval::evaluate(other, inputs, &two)) << "seed " << seed;
    }
}

// Codes that the file itself dequantizes are moved whatever the device says.
bool has_codes(const ir::Graph& graph) {
    return std::ranges::any_of(graph.order(), [&](ir::NodeId id) {
        const ir::Node& node = graph.node(id);
        return node.op.is<ir::Dequantize>() && !graph.constant(node.inputs[0]);
    });
}

TEST(RandomGraphs, RefusalLeavesTheGraph) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        ir::Graph graph = random_graph(seed, options_of(seed));
        rewrite::run(canonicalise(), graph);
        if (has_codes(graph)) continue;
        const ir::Graph before = graph;
        rewrite::run(low_precision_pipeline(low_precision::no_restrictions(), std::make_shared<PrecisionPlan>()),
                     graph);
        ASSERT_TRUE(before == graph) << "seed " << seed << "\n" << ir::print(before) << "\n" << ir::print(graph);
    }
}

}  // namespace
}  // namespace octet
