#include "ir/verify.hpp"

#include <algorithm>

#include "ir/text.hpp"

namespace octet::ir {
namespace {

void check_edges(const Graph& g, NodeId id, std::vector<Violation>& found) {
    const Node& node = g.node(id);
    for (std::uint32_t i = 0; i < node.inputs.size(); ++i) {
        const Value v = node.inputs[i];
        if (v.node >= g.size() || !g.node(v).alive || v.port >= g.node(v).outputs.size()) {
            found.push_back({id, fmt::format("input {} leads to a node that does not exist", i)});
            continue;
        }
        const auto uses = g.uses(v);
        if (node.use_at.size() <= i || node.use_at[i] >= uses.size() || uses[node.use_at[i]] != Use{id, i})
            found.push_back({id, fmt::format("input {} is not in the use list of '{}'", i, g.node(v).name)});
    }
    for (std::uint32_t port = 0; port < node.outputs.size(); ++port)
        for (const Use use : node.outputs[port].uses)
            if (use.node >= g.size() || !g.node(use.node).alive || use.input >= g.node(use.node).inputs.size() ||
                g.node(use.node).inputs[use.input] != Value{id, port})
                found.push_back({id, "its use list names an input that does not read it"});
}

void check_types(const Graph& g, NodeId id, std::vector<Violation>& found) {
    const Node& node = g.node(id);
    std::vector<Input> inputs;
    for (Value v : node.inputs) inputs.push_back({&g.type(v), &g.node(v).outputs[v.port].partial, g.constant(v)});
    try {
        const Types types = node.op.def().infer(node.op.data(), inputs);
        for (std::size_t i = 0; i < types.size() && i < node.outputs.size(); ++i)
            if (types[i] != node.outputs[i].type)
                found.push_back({id, fmt::format("output {} is recorded as {}, it is {}", i,
                                                 to_string(node.outputs[i].type), to_string(types[i]))});
    } catch (const Error& e) {
        found.push_back({id, e.what()});
    }
}

void check_node(const Graph& g, NodeId id, std::vector<Violation>& found) {
    const std::size_t before = found.size();
    check_edges(g, id, found);
    if (found.size() == before) check_types(g, id, found);
    const NodeId* by_name = g.find(g.node(id).name);
    if (!by_name || *by_name != id) found.push_back({id, "its name leads to another node"});
}

void throw_if_any(const Graph& graph, std::string_view after, const std::vector<Violation>& found) {
    if (found.empty()) return;
    std::string text = fmt::format("internal error: the graph is not valid after {}:", after);
    for (const Violation& v : found)
        text += fmt::format("\n  {}\n    {}", print(graph, v.node, {.elide_above = 16}), v.text);
    throw InternalError(text);
}

}  // namespace

std::vector<Violation> verify(const Graph& graph, std::span<const Check> stage) {
    std::vector<Violation> found;
    for (NodeId id : graph.order()) check_node(graph, id, found);
    for (const Check& c : stage) c.run(graph, found);
    return found;
}

void verify_or_throw(const Graph& graph, std::string_view after, std::span<const Check> stage) {
    throw_if_any(graph, after, verify(graph, stage));
}

void verify_or_throw(const Graph& graph, std::string_view after, std::span<const NodeId> nodes) {
    std::vector<Violation> found;
    for (NodeId id : nodes)
        if (graph.node(id).alive) check_node(graph, id, found);
    throw_if_any(graph, after, found);
}

}  // namespace octet::ir
