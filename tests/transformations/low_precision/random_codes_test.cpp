// On graphs with arbitrary scales each FakeQuantize gives the codes of a computation in double, layer by layer: it is fed the codes of
// the layers above as double gives them. A code may differ by one where the value before rounding lies within 1e-4 of a tie.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "tests/transformations/random_graph.hpp"
#include "tests/transformations/seeds.hpp"
#include "transformations/pipelines.hpp"

namespace octet {
namespace {

using ir::Element;
using ir::Graph;
using ir::NodeId;
using ir::Tensor;
using ir::Tensors;

constexpr double kTie = 1e-4;

// What a FakeQuantize gave in double: the code before and after rounding, and its values.
struct Codes {
    std::vector<double> before;
    std::vector<double> codes;
    Tensor values;
};

// The element of an operand that broadcasts to `dims`, at a flat place of the result.
double element_at(const Tensor& operand, const ir::Dims& dims, std::size_t flat) {
    std::size_t at = 0, stride = 1;
    for (std::size_t i = dims.size(), o = operand.dims().size(); i-- > 0 && o-- > 0;) {
        const std::size_t index = flat % static_cast<std::size_t>(dims[i]);
        flat /= static_cast<std::size_t>(dims[i]);
        if (operand.dims()[o] != 1) at += index * stride;
        stride *= static_cast<std::size_t>(operand.dims()[o]);
    }
    return operand.at(at);
}

Codes quantized(const ir::FakeQuantize& op, const Tensors& in) {
    const auto steps = static_cast<double>(op.levels - 1);
    Codes result;
    std::vector<double> values;
    for (std::size_t i = 0; i < in[0].size(); ++i) {
        const auto end = [&](std::size_t operand) { return element_at(in[operand], in[0].dims(), i); };
        const double low = end(1), high = end(2);
        const double clamped = std::clamp(in[0].at(i), std::min(low, high), std::max(low, high));
        result.before.push_back((clamped - low) / (high - low) * steps);
        result.codes.push_back(std::nearbyint(result.before.back()));
        values.push_back(result.codes.back() / steps * (end(4) - end(3)) + end(3));
    }
    result.values = Tensor::of<double>(in[0].dims(), std::span<const double>(values));
    return result;
}

Tensor in_double(const Tensor& t) { return is_float(t.element()) ? t.converted(Element::f64) : t; }

// Every FakeQuantize of the graph by name, computed in double.
std::map<std::string, Codes> reference(const Graph& graph, const Tensors& parameters) {
    std::map<std::string, Codes> codes;
    std::vector<Tensors> values(graph.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) values[graph.parameters()[i]] = {in_double(parameters[i])};
    for (const NodeId id : graph.order()) {
        const ir::Node& node = graph.node(id);
        if (node.op.is<ir::Parameter>() || node.op.is<ir::Result>()) continue;
        if (const auto* constant = node.op.as<ir::Constant>()) {
            values[id] = {in_double(constant->value)};
            continue;
        }
        Tensors in;
        for (const ir::Value v : node.inputs) in.push_back(values[v.node][v.port]);
        if (const auto* fq = node.op.as<ir::FakeQuantize>()) {
            const Codes& made = codes[node.name] = quantized(*fq, in);
            values[id] = {made.values};
        } else if (node.op.is<ir::Convert>()) {
            values[id] = {in[0].converted(Element::f64)};
        } else if (const auto* read = node.op.as<ir::ReadValue>()) {
            for (Tensor& initial : in) initial = initial.converted(read->element);
            values[id] = {in_double(ir::eval::evaluate(node.op, in)[0])};
        } else {
            values[id] = ir::eval::evaluate(node.op, in);
        }
    }
    return codes;
}

// Evaluates the transformed graph with the reference's codes at every quantize, and says where its own differ.
class Comparison {
public:
    explicit Comparison(const std::map<std::string, Codes>& wanted) : wanted_(wanted) {}

    std::string run(const Graph& graph, const Tensors& parameters) {
        std::vector<Tensors> values(graph.size());
        for (std::size_t i = 0; i < parameters.size(); ++i) values[graph.parameters()[i]] = {parameters[i]};
        for (const NodeId id : graph.order()) {
            const ir::Node& node = graph.node(id);
            if (node.op.is<ir::Parameter>() || node.op.is<ir::Result>()) continue;
            Tensors in;
            for (const ir::Value v : node.inputs) in.push_back(values[v.node][v.port]);
            values[id] = ir::eval::evaluate(node.op, in);
            if (const auto* q = node.op.as<ir::Quantize>()) {
                const std::string name = node.name.substr(0, node.name.rfind(".quantize"));
                const auto found = wanted_.find(name);
                if (found == wanted_.end()) return "there is no FakeQuantize of '" + node.name + "'";
                std::vector<double> got(values[id][0].size());
                for (std::size_t i = 0; i < got.size(); ++i)
                    got[i] = values[id][0].at(i) - static_cast<double>(q->qmin);
                if (const std::string wrong = difference(name, found->second, got); !wrong.empty()) return wrong;
                values[id] = {of(found->second.codes, static_cast<double>(q->qmin), values[id][0])};
            } else if (node.op.is<ir::FakeQuantize>()) {
                const auto found = wanted_.find(node.name);
                if (found == wanted_.end()) return "there is no FakeQuantize '" + node.name + "'";
                if (const std::string wrong = difference(node.name, found->second, codes_of(node, in, values[id][0]));
                    !wrong.empty())
                    return wrong;
                values[id] = {found->second.values.converted(Element::f32)};
            }
        }
        return "";
    }

    std::size_t compared = 0;  // codes
    std::size_t ties = 0;      // codes that differ by one, near a tie

private:
    static Tensor of(const std::vector<double>& codes, double qmin, const Tensor& like) {
        std::vector<float> numbers;
        for (const double c : codes) numbers.push_back(static_cast<float>(c + qmin));
        return Tensor::of<float>(like.dims(), std::span<const float>(numbers)).converted(like.element());
    }

    static std::vector<double> codes_of(const ir::Node& node, const Tensors& in, const Tensor& values) {
        const auto steps = static_cast<double>(node.op.get<ir::FakeQuantize>().levels - 1);
        std::vector<double> codes;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double low = element_at(in[3], values.dims(), i), high = element_at(in[4], values.dims(), i);
            codes.push_back(std::nearbyint((values.at(i) - low) / (high - low) * steps));
        }
        return codes;
    }

    std::string difference(const std::string& name, const Codes& wanted, const std::vector<double>& got) {
        if (got.size() != wanted.codes.size()) return "'" + name + "' has another size";
        for (std::size_t i = 0; i < got.size(); ++i) {
            ++compared;
            if (got[i] == wanted.codes[i]) continue;
            const double from_tie = std::abs(wanted.before[i] - (std::floor(wanted.before[i]) + 0.5));
            if (std::abs(got[i] - wanted.codes[i]) > 1 || from_tie > kTie)
                return fmt::format("'{}', element {}: code {} instead of {}, before rounding {}", name, i, got[i],
                                   wanted.codes[i], wanted.before[i]);
            ++ties;
        }
        return "";
    }

    const std::map<std::string, Codes>& wanted_;
};

TEST(RandomCodes, AreThoseOfDoubleLayerByLayer) {
    std::size_t compared = 0, ties = 0;
    for (const unsigned seed : seeds(400)) {
        const Graph graph = random_graph(seed, {.exact = false});
        Graph after = graph;
        const auto plan = std::make_shared<low_precision::PrecisionPlan>();
        auto policy = low_precision::cheapest_policy();
        policy.step_share = 0;
        // Its layers keep their names and shapes only where no FakeQuantize moves.
        rewrite::run(canonicalise(), after, {.disabled = {"fake-quantize"}});
        rewrite::run(low_precision_pipeline(low_precision::cpu_restrictions(), plan, policy), after);
        rewrite::run(finish(), after);
        const Tensors inputs = random_inputs(graph, seed);
        const auto wanted = reference(graph, inputs);
        Comparison comparison(wanted);
        ASSERT_EQ(comparison.run(after, inputs), "") << "seed " << seed << "\n"
                                                     << ir::print(graph) << "\n"
                                                     << ir::print(after);
        compared += comparison.compared;
        ties += comparison.ties;
    }
    // The tolerance for ties must not hide what is wrong.
    EXPECT_GT(compared, 1000u);
    EXPECT_LT(ties * 1000, compared);
}

}  // namespace
}  // namespace octet
