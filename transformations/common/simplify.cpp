#include <algorithm>
#include <unordered_map>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;

namespace {

bool same_static_shape(const Graph& graph, const Node& node) {
    const Shape& in = graph.shape(node.inputs[0]);
    return in.is_static() && in == node.outputs[0].type.shape;
}

bool identity_order(const Graph& graph, const Node& node) {
    const Tensor* order = graph.constant(node.inputs[1]);
    if (!order || order->size() == 0) return false;
    const auto axes = order->integers();
    return std::ranges::is_sorted(axes);
}

bool positive_steps(const Graph& graph, const Node& node) {
    if (node.inputs.size() < 4) return true;
    const Tensor* steps = graph.constant(node.inputs[3]);
    if (!steps) return false;
    const auto values = steps->integers();
    return std::ranges::all_of(values, [](auto v) { return v > 0; });
}

bool all_zero(const Graph& graph, Value v) {
    const Tensor* t = graph.constant(v);
    if (!t) return false;
    const auto values = t->integers();
    return std::ranges::all_of(values, [](auto x) { return x == 0; });
}

// The result is the first operand as it is.
bool does_nothing(const Graph& graph, const Node& node) {
    const Op& op = node.op;
    if (node.inputs.empty() || node.outputs.size() != 1) return false;
    if (const auto* convert = op.as<Convert>()) return graph.element(node.inputs[0]) == convert->element;
    if (op.is<Reshape>() || op.is<Squeeze>() || op.is<Unsqueeze>() || op.is<Broadcast>() || op.is<Tile>())
        return same_static_shape(graph, node);
    if (op.is<Transpose>()) return identity_order(graph, node);
    if (op.is<Concat>()) return node.inputs.size() == 1;
    if (op.is<Split>() || op.is<VariadicSplit>()) return true;  // of one part
    if (op.is<StridedSlice>() || op.is<Slice>()) return same_static_shape(graph, node) && positive_steps(graph, node);
    if (op.is<Pad>()) return all_zero(graph, node.inputs[1]) && all_zero(graph, node.inputs[2]);
    return false;
}

std::size_t key_of(const Node& node) {
    std::size_t h = node.op.hash();
    for (Value v : node.inputs) h = (h ^ (std::size_t{v.node} << 8 ^ v.port)) * 1099511628211u;
    return h;
}

bool mergeable(const Node& node) {
    return !node.op.traits().effect && !node.op.is<Parameter>() && !node.op.is<Result>() && !node.op.is<Constant>() &&
           !node.op.is<Opaque>();
}

}  // namespace

bool remove_identities(Graph& graph) {
    Edit edit(graph);
    bool changed = false;
    for (NodeId id : graph.order()) {
        if (!graph.node(id).alive || !does_nothing(graph, graph.node(id))) continue;
        const Value source = graph.node(id).inputs[0];
        edit.replace(Value{id, 0}, source);
        changed = true;
    }
    return changed;
}

bool merge_equal(Graph& graph) {
    Edit edit(graph);
    std::unordered_map<std::size_t, std::vector<NodeId>> seen;
    // Equal small constants are one for the comparison of operands: FakeQuantize nodes repeat their intervals.
    bool changed = false;
    for (NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        if (!node.alive) continue;
        const bool small_constant = node.op.is<Constant>() && node.op.get<Constant>().value.size() <= 4096;
        if (!mergeable(node) && !small_constant) continue;
        auto& candidates = seen[key_of(node)];
        const auto equal = std::ranges::find_if(candidates, [&](NodeId other) {
            const Node& o = graph.node(other);
            return o.alive && o.op == node.op && o.inputs == node.inputs;
        });
        if (equal == candidates.end()) {
            candidates.push_back(id);
            continue;
        }
        edit.add_origins(*equal, node.origins);
        std::vector<Value> with = edit.outputs(*equal);
        edit.replace(id, with);
        changed = true;
    }
    return changed;
}

}  // namespace octet::common
