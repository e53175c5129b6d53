#include "ir/graph.hpp"

#include <algorithm>
#include <bit>
#include <functional>

#include "ir/ops/core.hpp"

namespace octet::ir {

const Tensor* Graph::constant(Value v) const {
    const auto* c = op(v).as<Constant>();
    return c ? &c->value : nullptr;
}

std::vector<NodeId> Graph::order() const {
    std::vector<NodeId> result;
    result.reserve(live_);
    std::vector<bool> seen(nodes_.size());
    std::vector<std::pair<NodeId, std::size_t>> stack;  // node, next input to look at
    const auto visit = [&](NodeId root) {
        if (seen[root]) return;
        seen[root] = true;
        stack.emplace_back(root, 0);
        while (!stack.empty()) {
            auto& [id, next] = stack.back();
            const auto& inputs = nodes_[id].inputs;
            if (next == inputs.size()) {
                result.push_back(id);
                stack.pop_back();
                continue;
            }
            const NodeId operand = inputs[next++].node;
            if (seen[operand]) continue;
            seen[operand] = true;
            stack.emplace_back(operand, 0);
        }
    };
    for (NodeId id : parameters_) visit(id);
    std::vector<bool> last(nodes_.size());
    for (NodeId id : results_) last[id] = true;
    for (NodeId id = 0; id < nodes_.size(); ++id)
        if (nodes_[id].alive && !last[id]) visit(id);
    for (NodeId id : results_) visit(id);
    return result;
}

const NodeId* Graph::find(std::string_view name) const { return names_.find(name, nodes_); }

namespace {

std::uint32_t name_hash(std::string_view name) {
    const std::size_t h = std::hash<std::string_view>{}(name);
    return static_cast<std::uint32_t>(h ^ h >> 32);
}

}  // namespace

const NodeId* NameIndex::find(std::string_view name, const Nodes& nodes) const {
    if (entries_.empty()) return nullptr;
    const std::uint32_t hash = name_hash(name);
    for (std::size_t i = hash;; ++i) {
        const Entry& e = entries_[i & (entries_.size() - 1)];
        if (e.id == kFree) return nullptr;
        if (e.hash == hash && e.id != kErased && nodes[e.id].name == name) return &e.id;
    }
}

void NameIndex::insert(std::string_view name, NodeId id) {
    if ((taken_ + 1) * 4 > entries_.size() * 3) grow();
    const std::uint32_t hash = name_hash(name);
    std::size_t i = hash & (entries_.size() - 1);
    while (entries_[i].id != kFree) i = (i + 1) & (entries_.size() - 1);
    entries_[i] = {hash, id};
    ++taken_;
    ++live_;
}

void NameIndex::erase(std::string_view name, NodeId id) {
    std::size_t i = name_hash(name) & (entries_.size() - 1);
    while (entries_[i].id != id) i = (i + 1) & (entries_.size() - 1);
    entries_[i].id = kErased;
    --live_;
}

void NameIndex::grow() {
    std::vector<Entry> old(std::max<std::size_t>(16, std::bit_ceil(live_ * 2 + 2)));
    old.swap(entries_);
    taken_ = live_;
    for (const Entry& e : old) {
        if (e.id >= kErased) continue;
        std::size_t i = e.hash & (entries_.size() - 1);
        while (entries_[i].id != kFree) i = (i + 1) & (entries_.size() - 1);
        entries_[i] = e;
    }
}

std::size_t Graph::hash() const {
    std::size_t h = 14695981039346656037ull;
    std::vector<std::size_t> index(nodes_.size());
    std::size_t count = 0;
    for (NodeId id : order()) {
        index[id] = count++;
        h = (h ^ nodes_[id].op.hash()) * 1099511628211ull;
        for (Value v : nodes_[id].inputs) h = (h ^ (index[v.node] * 16 + v.port)) * 1099511628211ull;
    }
    return h;
}

bool Graph::operator==(const Graph& other) const {
    const auto mine = order();
    const auto theirs = other.order();
    if (mine.size() != theirs.size()) return false;
    // Nodes are matched by name: the order in which independent nodes were added does not count.
    for (NodeId id : mine) {
        const Node& a = nodes_[id];
        const NodeId* found = other.find(a.name);
        if (!found) return false;
        const Node& b = other.nodes_[*found];
        if (!(a.op == b.op) || a.inputs.size() != b.inputs.size() || a.outputs.size() != b.outputs.size()) return false;
        for (std::size_t i = 0; i < a.inputs.size(); ++i)
            if (a.inputs[i].port != b.inputs[i].port || node(a.inputs[i]).name != other.node(b.inputs[i]).name)
                return false;
        for (std::size_t i = 0; i < a.outputs.size(); ++i)
            if (a.outputs[i].type != b.outputs[i].type) return false;
    }
    const auto same_names = [&](const std::vector<NodeId>& x, const std::vector<NodeId>& y) {
        return std::ranges::equal(x, y, [&](NodeId i, NodeId j) { return nodes_[i].name == other.nodes_[j].name; });
    };
    return same_names(parameters_, other.parameters_) && same_names(results_, other.results_);
}

}  // namespace octet::ir
