// The CPU plugin gives REFERENCE's numbers on random quantized graphs: bit for bit where float arithmetic is exact, else within one
// step of the last quantization.
//
// OCTET_RANDOM_GRAPHS sets the number of graphs, OCTET_RANDOM_SEED the first; on its own the budget is that of a test run.
#include <gtest/gtest.h>

#include <cmath>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "tests/transformations/random_graph.hpp"
#include "tests/transformations/seeds.hpp"
#include "tools/support/infer.hpp"
#include "transformations/rewrite/reduce.hpp"

namespace octet::cpu {
namespace {

// How far apart the results of a graph may be: one step of the FakeQuantize above each.
using Allowed = double (*)(const ir::Graph& graph, ir::NodeId result);

double nothing(const ir::Graph&, ir::NodeId) { return 0; }

double one_step(const ir::Graph& graph, ir::NodeId result) {
    const ir::Node& node = graph.node(graph.node(result).inputs[0]);
    if (!node.op.is<ir::FakeQuantize>()) return HUGE_VAL;
    const ir::Tensor* low = graph.constant(node.inputs[3]);
    const ir::Tensor* high = graph.constant(node.inputs[4]);
    double step = 0;
    for (std::size_t i = 0; i < low->size(); ++i) step = std::max(step, std::abs(high->at(i) - low->at(i)));
    return step / static_cast<double>(node.op.get<ir::FakeQuantize>().levels - 1) * 1.001;
}

std::string difference(const ir::Graph& graph, unsigned seed, Allowed allowed) {
    const ir::Tensors inputs = random_inputs(graph, seed);
    const ir::Tensors wanted = ir::eval::evaluate(graph, inputs);
    const ir::Tensors got = tools::infer_on("CPU", graph, inputs);
    for (std::size_t r = 0; r < wanted.size(); ++r) {
        if (wanted[r].type() != got[r].type()) return fmt::format("result {} has another type", r);
        const double step = allowed(graph, graph.results()[r]);
        std::size_t off = 0;
        for (std::size_t i = 0; i < wanted[r].size(); ++i) {
            const double a = wanted[r].at(i), b = got[r].at(i);
            if (a == b || (std::isnan(a) && std::isnan(b))) continue;
            const double distance = std::abs(a - b);
            off += distance > step / 2;
            if (!(distance <= step)) return fmt::format("result {}, element {}: {} instead of {}", r, i, b, a);
        }
        if (off > 2 + wanted[r].size() / 100 && std::isfinite(step))
            return fmt::format("result {}: {} of {} elements are a step off", r, off, wanted[r].size());
    }
    return "";
}

void compare(const RandomGraphOptions& options, unsigned seed, Allowed allowed) {
    const ir::Graph graph = random_graph(seed, options);
    std::string wrong;
    try {
        wrong = difference(graph, seed, allowed);
    } catch (const std::exception& e) {
        wrong = e.what();
    }
    if (wrong.empty()) return;
    const auto fault = [&](const ir::Graph& g) -> std::string {
        try {
            return difference(g, seed, allowed).empty() ? "" : "other numbers";
        } catch (const std::exception&) {
            return "an error";
        }
    };
    const auto found = rewrite::reduce(graph, fault, 2000);
    FAIL() << "seed " << seed << ": " << wrong << "\nthis graph has the same fault:\n" << ir::print(found.graph);
}

TEST(CpuRandomGraphs, ExactOnesAreEqual) {
    for (const unsigned seed : seeds(250)) {
        compare({.exact = true, .dynamic_batch = seed % 4 == 3, .wide = seed % 2 == 1, .loops = seed % 4 == 0}, seed,
                nothing);
        if (HasFatalFailure()) return;
    }
}

TEST(CpuRandomGraphs, LayersAreWithinOneStep) {
    for (const unsigned seed : seeds(250)) {
        compare({.exact = false, .wide = seed % 2 == 1, .one_layer = true}, seed, one_step);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace octet::cpu
