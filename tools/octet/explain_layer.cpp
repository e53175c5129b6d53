#include "tools/octet/explain_layer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ir/ops/all.hpp"

namespace octet::tools {
namespace {

using nlohmann::ordered_json;

// An operand, followed upwards over what only moves, converts or scales it by a constant.
struct Operand {
    std::size_t index = 0;
    ir::Value source = {};                 // where the way ends: a FakeQuantize, a constant or a layer that computes
    const ir::Node* quantize = nullptr;    // the FakeQuantize on the way
    const ir::Tensor* constant = nullptr;  // what the value is made of, when it depends on no input
};

bool scales(const ir::Graph& graph, const ir::Node& node) {
    return (node.op.is<ir::Multiply>() || node.op.is<ir::Subtract>()) && graph.constant(node.inputs[1]);
}

void follow(const ir::Graph& graph, Operand operand, ir::Value v, std::vector<Operand>& found);

bool is_constant(const ir::Graph& graph, ir::Value v) {
    std::vector<Operand> found;
    follow(graph, {}, v, found);
    return std::ranges::all_of(found, [](const Operand& o) { return o.constant != nullptr; });
}

// Adds what the value is made of: one entry, or one for each part of a Concat.
void follow(const ir::Graph& graph, Operand operand, ir::Value v, std::vector<Operand>& found) {
    for (;;) {
        const ir::Node& node = graph.node(v);
        if (!operand.quantize) operand.source = v;
        operand.constant = graph.constant(v);
        if (node.op.is<ir::FakeQuantize>() && !operand.quantize) {
            operand.quantize = &node;
        } else if (node.op.is<ir::Concat>() && !operand.quantize) {
            for (const ir::Value part : node.inputs) follow(graph, operand, part, found);
            return;
        } else {
            // Factors between data and the layer compute; those of weights are how they are stored.
            const bool stored = scales(graph, node) && is_constant(graph, node.inputs[0]);
            const bool moves = node.op.traits().moves_data || node.op.is<ir::Convert>() || node.op.is<ir::MaxPool>();
            if (node.inputs.empty() || (!moves && !stored)) break;
        }
        v = node.inputs[0];
    }
    found.push_back(operand);
}

std::vector<Operand> operands_of(const ir::Graph& graph, const ir::Node& node) {
    std::vector<Operand> operands;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        std::vector<Operand> found;
        follow(graph, {i}, node.inputs[i], found);
        const bool matrix = i == 1 && graph.shape(node.inputs[i]).ranked() && graph.shape(node.inputs[i]).rank() > 1;
        for (const Operand& operand : found)
            if (!operand.constant || operand.quantize || matrix) operands.push_back(operand);
    }
    return operands;
}

struct Interval {
    std::size_t count = 0;
    double low = 0, high = 0;
};
Interval interval_of(const ir::Graph& graph, const ir::Node& fake_quantize) {
    const ir::Tensor* low = graph.constant(fake_quantize.inputs[3]);
    const ir::Tensor* high = graph.constant(fake_quantize.inputs[4]);
    if (!low || !high || low->size() == 0 || high->size() == 0) return {};
    Interval interval{std::max(low->size(), high->size()), low->at(0), high->at(0)};
    for (std::size_t i = 0; i < low->size(); ++i) interval.low = std::min(interval.low, low->at(i));
    for (std::size_t i = 0; i < high->size(); ++i) interval.high = std::max(interval.high, high->at(i));
    return interval;
}

std::string describe(const ir::Graph& graph, const Operand& operand) {
    if (!operand.quantize) {
        if (operand.constant) return fmt::format("constant {}", to_string(operand.constant->type()));
        return fmt::format("{} of '{}' ({}), without FakeQuantize", to_string(graph.type(operand.source)),
                           graph.node(operand.source).name, graph.op(operand.source).name());
    }
    const Interval interval = interval_of(graph, *operand.quantize);
    std::string text = fmt::format("'{}' (FakeQuantize, {} levels", operand.quantize->name,
                                   operand.quantize->op.get<ir::FakeQuantize>().levels);
    if (interval.count > 1) text += fmt::format(", {} intervals", interval.count);
    if (interval.count > 0) text += fmt::format(", {:.4g} to {:.4g}", interval.low, interval.high);
    text += ")";
    if (operand.constant) text += fmt::format(" on constant {}", to_string(operand.constant->type()));
    return text;
}

bool is_small(ir::Element e) { return is_integer(e) && bits_of(e) <= 8; }

}  // namespace

bool is_quantized(const ir::Graph& graph) {
    return std::ranges::any_of(graph.order(), [&](ir::NodeId id) {
        const ir::Node& node = graph.node(id);
        const auto* constant = node.op.as<ir::Constant>();
        return node.op.is<ir::FakeQuantize>() || (constant && is_small(constant->value.element()));
    });
}

std::string place(const LayerReport& row) {
    switch (row.status) {
        case LayerStatus::executed: return row.kernel;
        case LayerStatus::fused: return "in " + row.fused_into;
        case LayerStatus::optimized_out: return "nothing left to do";
        case LayerStatus::not_run: return "not needed";
    }
    return "";
}

std::string one_line(const LayerReport& row) {
    return fmt::format("{} ({}): {}{}", row.name, row.type, row.precision.empty() ? "" : row.precision + ", ",
                       place(row));
}

void print_surroundings(const Report& report, const ir::Graph& graph, const std::string& layer) {
    const ir::NodeId* id = graph.find(layer);
    if (!id) return;
    for (const Operand& operand : operands_of(graph, graph.node(*id)))
        fmt::print("{:<10}{}\n", operand.constant ? "weights" : "data", describe(graph, operand));
    const auto print = [&](std::string_view title, const std::string& name) {
        const auto row = std::ranges::find(report.layers, name, &LayerReport::name);
        if (row != report.layers.end()) fmt::print("{:<10}{}\n", title, one_line(*row));
    };
    for (const ir::Value v : graph.node(*id).inputs)
        if (!graph.constant(v)) print("reads", graph.node(v).name);
    std::set<std::string> readers;
    for (const ir::Output& output : graph.node(*id).outputs)
        for (const ir::Use use : output.uses) readers.insert(graph.node(use.node).name);
    for (const std::string& reader : readers) print("read by", reader);
}

ordered_json operands_json(const ir::Graph& graph, const std::string& layer) {
    ordered_json list = ordered_json::array();
    const ir::NodeId* id = graph.find(layer);
    if (!id) return list;
    for (const Operand& operand : operands_of(graph, graph.node(*id))) {
        ordered_json quantize = nullptr;
        if (operand.quantize) {
            const Interval interval = interval_of(graph, *operand.quantize);
            quantize = {{"layer", operand.quantize->name},
                        {"levels", operand.quantize->op.get<ir::FakeQuantize>().levels},
                        {"intervals", interval.count},
                        {"low", interval.low},
                        {"high", interval.high}};
        }
        list.push_back({{"operand", operand.index},
                        {"role", operand.constant ? "weights" : "data"},
                        {"layer", graph.node(operand.source).name},
                        {"type", to_string(operand.constant ? operand.constant->type() : graph.type(operand.source))},
                        {"fake_quantize", quantize}});
    }
    return list;
}

}  // namespace octet::tools
