#include "plugins/cpu/gate_groups.hpp"

#include <algorithm>
#include <map>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using Index = std::size_t;

class Joiner {
public:
    Joiner(const Graph& graph, std::vector<Group>& groups) : graph_(graph), groups_(groups) {
        for (Index i = 0; i < groups_.size(); ++i) {
            by_output_[groups_[i].output] = i;
            for (Value v : groups_[i].inputs) ++readers_[v];
        }
        for (NodeId id : graph_.results()) ++readers_[graph_.node(id).inputs[0]];
    }

    void run() {
        std::vector<bool> replaced(groups_.size());
        for (Index i = 0; i < groups_.size(); ++i) {
            const std::vector<Index> parts = gate_at(i);
            if (parts.empty()) continue;
            for (Index part : parts) replaced[part] = part != i;
            groups_[i] = join(parts);
        }
        Index kept = 0;
        for (Index i = 0; i < groups_.size(); ++i)
            if (!replaced[i]) {
                if (kept != i) groups_[kept] = std::move(groups_[i]);
                ++kept;
            }
        groups_.resize(kept);
    }

private:
    const Node& core(Index i) const { return graph_.node(groups_[i].core); }

    // The group that makes a value which one group reads.
    std::optional<Index> only_for(Value v) const {
        const auto it = by_output_.find(v);
        if (it == by_output_.end() || readers_.at(v) != 1) return std::nullopt;
        return it->second;
    }

    // One value for each channel of each image, of a map that has more.
    bool is_factor(Value factor, Value map) const {
        Dims dims = graph_.shape(map).sizes();
        if (dims.size() < 3 || graph_.shape(factor).sizes() == dims) return false;
        std::fill(dims.begin() + 2, dims.end(), 1);
        return graph_.shape(factor).sizes() == dims;
    }

    // Small products, what becomes codes beside them, and what reshapes their vectors.
    bool is_inside(Index i) const {
        const Group& group = groups_[i];
        if (group.inputs.size() != 1 || !group.parts.empty() || !group.sum.parts.empty()) return false;
        const Op& op = core(i).op;
        switch (group.kind) {
            case Group::Kind::convolution: return op.is<Convolution>();
            case Group::Kind::matmul: return graph_.constant(core(i).inputs[1]) != nullptr;
            case Group::Kind::elementwise: return true;
            case Group::Kind::other: return op.is<Reshape>() || op.is<Squeeze>() || op.is<Unsqueeze>();
            default: return false;
        }
    }

    // The parts of the squeeze-excite whose last product is group i, in order; none if it is none.
    std::vector<Index> gate_at(Index i) const {
        constexpr std::size_t kMostParts = 10;
        const Group& last = groups_[i];
        if (last.kind != Group::Kind::elementwise || !core(i).op.is<Multiply>() || last.inputs.size() != 2) return {};
        const bool swapped = is_factor(last.inputs[0], last.inputs[1]);
        const Value map = last.inputs[swapped ? 1 : 0];
        Value v = last.inputs[swapped ? 0 : 1];
        if (!is_factor(v, map)) return {};
        std::vector<Index> parts{i};
        std::size_t products = 0;
        while (parts.size() < kMostParts) {
            const auto above = only_for(v);
            if (!above) return {};
            parts.push_back(*above);
            const Group& group = groups_[*above];
            if (group.kind == Group::Kind::pool) {
                if (group.inputs != std::vector<Value>{map} || products == 0) return {};
                std::ranges::reverse(parts);
                return parts;
            }
            if (!is_inside(*above)) return {};
            products += group.kind == Group::Kind::convolution || group.kind == Group::Kind::matmul ? 1 : 0;
            v = group.inputs[0];
        }
        return {};
    }

    // Named after the map: it is what the most work is about.
    Group join(const std::vector<Index>& parts) const {
        Group joined = groups_[parts.back()];
        joined.kind = Group::Kind::gate;
        joined.inputs = groups_[parts.front()].inputs;
        for (Index part : parts) {
            joined.parts.push_back(groups_[part]);
            if (part == parts.back()) break;
            joined.chain.push_back(groups_[part].core);
            std::ranges::copy_if(groups_[part].chain, std::back_inserter(joined.chain),
                                 [&](NodeId id) { return id != groups_[part].core; });
        }
        return joined;
    }

    const Graph& graph_;
    std::vector<Group>& groups_;
    std::map<Value, Index> by_output_;
    std::map<Value, std::size_t> readers_;
};

}  // namespace

void join_gates(const Graph& graph, std::vector<Group>& groups) { Joiner(graph, groups).run(); }

std::vector<Group> parts_of_gates(const std::vector<Group>& groups) {
    std::vector<Group> all;
    for (const Group& group : groups) {
        if (group.kind == Group::Kind::gate) all.insert(all.end(), group.parts.begin(), group.parts.end());
        else all.push_back(group);
    }
    return all;
}

}  // namespace octet::cpu
