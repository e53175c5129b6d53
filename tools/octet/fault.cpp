#include "tools/octet/fault.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "ir/eval/eval.hpp"
#include "tools/octet/graph_file.hpp"
#include "tools/support/infer.hpp"

namespace octet::tools {
namespace {

// What is left of a message when names, numbers and shapes are gone: they change while a graph shrinks.
std::string kind_of(std::string_view message) {
    std::string kind;
    bool quoted = false;
    int brackets = 0;
    for (const char c : message) {
        if (c == '\'') quoted = !quoted;
        if (c == '[') ++brackets;
        if (!quoted && brackets == 0 && c != '\'' && !std::isdigit(static_cast<unsigned char>(c))) kind += c;
        if (c == ']') --brackets;
    }
    return kind.empty() ? "an error" : kind;
}

// `run` gives the results to compare with those of REFERENCE.
template <class F>
rewrite::Fault fault_of(F run, double tolerance, std::uint64_t seed) {
    return [run, tolerance, seed](const ir::Graph& graph) -> std::string {
        const ir::Tensors inputs = random_parameters(graph, seed);
        ir::Tensors expected;
        try {
            ir::eval::State state;
            expected = ir::eval::evaluate(graph, inputs, &state);
        } catch (const std::exception&) {
            return "";
        }
        try {
            return difference(expected, run(graph, inputs)) > tolerance ? "other results" : "";
        } catch (const std::exception& e) {
            return kind_of(e.what());
        }
    };
}

}  // namespace

double difference(const ir::Tensors& expected, const ir::Tensors& got) {
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const ir::Tensor& e = expected[i];
        ir::require(e.dims() == got[i].dims(), "output {} has shape {}, wanted {}", i, ir::to_string(got[i].dims()),
                    ir::to_string(e.dims()));
        double low = HUGE_VAL, high = -HUGE_VAL, distance = 0;
        for (std::size_t k = 0; k < e.size(); ++k) {
            const double a = e.at(k), b = got[i].at(k);
            low = std::min(low, a);
            high = std::max(high, a);
            const bool same = a == b || (std::isnan(a) && std::isnan(b));
            const double d = same ? 0 : std::abs(a - b);
            distance = std::isnan(d) ? HUGE_VAL : std::max(distance, d);
        }
        const double range = high > low ? high - low : std::max(std::abs(high), 1e-30);
        worst = std::max(worst, distance / range);
    }
    return worst;
}

ir::Tensors random_parameters(const ir::Graph& graph, std::uint64_t seed) {
    ir::Tensors inputs;
    for (const ir::NodeId id : graph.parameters())
        inputs.push_back(random_tensor(graph.type({id, 0}), seed + inputs.size()));
    return inputs;
}

rewrite::Fault pipeline_fault(rewrite::Pipeline pipeline, rewrite::Options options, double tolerance,
                              std::uint64_t seed) {
    const auto run = [pipeline = std::move(pipeline), options = std::move(options)](ir::Graph graph,
                                                                                    const ir::Tensors& inputs) {
        rewrite::run(pipeline, graph, options);
        ir::eval::State state;
        return ir::eval::evaluate(graph, inputs, &state);
    };
    return fault_of(run, tolerance, seed);
}

rewrite::Fault device_fault(std::string device, double tolerance, std::uint64_t seed) {
    const auto run = [device = std::move(device)](const ir::Graph& graph, const ir::Tensors& inputs) {
        return infer_on(device, graph, inputs);
    };
    return fault_of(run, tolerance, seed);
}

}  // namespace octet::tools
