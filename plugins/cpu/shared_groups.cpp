#include "plugins/cpu/shared_groups.hpp"

#include <algorithm>
#include <optional>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// Whether it stores one value for each of these, without other data.
bool maps(const Graph& graph, const Group& group, Value values) {
    return group.kind == Group::Kind::elementwise && group.inputs == std::vector<Value>{values} &&
           graph.shape(group.output) == graph.shape(values);
}

// The one or two groups that map what group `i` stores; none where something else reads it, too.
std::vector<std::size_t> readers(const Graph& graph, const std::vector<Group>& groups, std::size_t i) {
    const Value values = groups[i].output;
    std::vector<std::size_t> found;
    std::size_t uses = 0;
    for (std::size_t k = 0; k < groups.size(); ++k) {
        if (std::ranges::find(groups[k].inputs, values) == groups[k].inputs.end()) continue;
        if (!maps(graph, groups[k], values) || found.size() == kMostReaders) return {};
        found.push_back(k);
        uses += static_cast<std::size_t>(
            std::ranges::count(graph.uses(values), groups[k].core, [](const Use& use) { return use.node; }));
    }
    return uses == graph.uses(values).size() ? found : std::vector<std::size_t>{};
}

void remove(std::vector<Group>& groups, const std::vector<bool>& removed) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < groups.size(); ++i)
        if (!removed[i]) {
            if (kept != i) groups[kept] = std::move(groups[i]);
            ++kept;
        }
    groups.resize(kept);
}

Group join(const std::vector<Group>& groups, std::size_t rows, const std::vector<std::size_t>& others) {
    Group joined = groups[rows];
    joined.parts.push_back(groups[rows]);
    for (std::size_t k : others) {
        joined.parts.push_back(groups[k]);
        joined.chain.insert(joined.chain.end(), groups[k].chain.begin(), groups[k].chain.end());
    }
    joined.output = groups[others.back()].output;
    return joined;
}

}  // namespace

void join_rows(const Graph& graph, std::vector<Group>& groups) {
    std::vector<bool> taken(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const bool plain = groups[i].kind == Group::Kind::row && graph.node(groups[i].core).op.is<Mvn>() &&
                           groups[i].chain.empty();
        if (!plain) continue;
        const std::vector<std::size_t> others = readers(graph, groups, i);
        const auto by_columns = [&](std::size_t k) { return groups[k].channels != Channels::axis1; };
        if (others.empty() || !std::ranges::all_of(others, by_columns)) continue;
        groups[i] = join(groups, i, others);
        for (std::size_t k : others) taken[k] = true;
    }
    remove(groups, taken);
}

namespace {

// Whether its floats take more memory than the codes they are made of, and no function is worth more than reading them.
bool is_cheap(const Graph& graph, const Group& group) {
    if (group.kind != Group::Kind::elementwise || graph.element(group.output) != Element::f32) return false;
    const Shape& shape = graph.shape(group.output);
    const auto cheap = [&](NodeId id) {
        const Op& op = graph.node(id).op;
        return op.is<Add>() || op.is<Subtract>() || op.is<Multiply>() || op.is<Dequantize>() || op.is<Relu>() ||
               op.is<Clamp>();
    };
    const auto codes = [&](Value v) {
        return (graph.element(v) == Element::u8 || graph.element(v) == Element::i8) && graph.shape(v) == shape;
    };
    return group.inputs.size() <= 2 && std::ranges::all_of(group.inputs, codes) &&
           std::ranges::all_of(group.chain, cheap);
}

// `reader` with the ops of the group that it reads before its own; nothing where they see their channels differently.
std::optional<Group> with_ops_of(const Group& read, const Group& reader) {
    if (read.channels != Channels::any && reader.channels != Channels::any && read.channels != reader.channels)
        return std::nullopt;
    Group joined = read;
    joined.chain.insert(joined.chain.end(), reader.chain.begin(), reader.chain.end());
    joined.output = reader.output;
    if (joined.channels == Channels::any) joined.channels = reader.channels;
    return joined;
}

}  // namespace

void repeat_cheap_groups(const Graph& graph, std::vector<Group>& groups) {
    std::vector<bool> repeated(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (!is_cheap(graph, groups[i])) continue;
        std::vector<std::pair<std::size_t, Group>> joined;
        const std::vector<std::size_t> others = readers(graph, groups, i);
        for (std::size_t k : others)
            if (auto group = with_ops_of(groups[i], groups[k])) joined.emplace_back(k, std::move(*group));
        if (others.empty() || joined.size() != others.size()) continue;
        for (auto& [k, group] : joined) groups[k] = std::move(group);
        repeated[i] = true;
    }
    remove(groups, repeated);
}

}  // namespace octet::cpu
