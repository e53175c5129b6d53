#include "plugins/cpu/attention_groups.hpp"

#include <algorithm>
#include <map>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using Index = std::size_t;

bool is_codes(const Graph& graph, Value v) {
    return graph.element(v) == Element::u8 || graph.element(v) == Element::i8;
}

class Joiner {
public:
    Joiner(const Graph& graph, std::vector<Group>& groups) : graph_(graph), groups_(groups) {
        for (Index i = 0; i < groups_.size(); ++i) by_output_[groups_[i].output] = i;
    }

    void run() {
        std::vector<bool> replaced(groups_.size());
        for (Index i = 0; i < groups_.size(); ++i) {
            std::vector<Index> parts = attention_at(i);
            if (parts.empty()) continue;
            Group joined = join(parts);
            for (Index part : parts) replaced[part] = part != i;
            groups_[i] = std::move(joined);
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
    // The group that makes a value which nothing else reads.
    std::optional<Index> only_for(Value v) const {
        const auto it = by_output_.find(v);
        if (it == by_output_.end() || graph_.uses(v).size() != 1) return std::nullopt;
        return it->second;
    }
    const Node& core(Index i) const { return graph_.node(groups_[i].core); }

    // Whose shares are floats or codes.
    bool is_softmax(Index i) const {
        const Group& group = groups_[i];
        if (group.kind != Group::Kind::row || !core(i).op.is<SoftMax>()) return false;
        return group.chain.empty() || (group.chain.size() == 1 && graph_.op(group.output).is<Quantize>());
    }

    bool is_codes_or_floats(Value v) const { return is_codes(graph_, v) || graph_.element(v) == Element::f32; }

    const std::vector<Value>& core_inputs(const Group& group) const { return graph_.node(group.core).inputs; }

    bool is_product(Index i) const {
        const auto* product = core(i).op.as<MatMul>();
        return product && groups_[i].kind == Group::Kind::matmul && !product->transpose_a &&
               graph_.shape(core(i).inputs[0]).rank() >= 2 && graph_.shape(core(i).inputs[1]).rank() >= 2 &&
               !graph_.constant(core(i).inputs[0]) && !graph_.constant(core(i).inputs[1]);
    }

    bool is_transpose(Index i) const {
        const Tensor* order = core(i).op.is<Transpose>() ? graph_.constant(core(i).inputs[1]) : nullptr;
        return order && order->size() > 0 && groups_[i].kind == Group::Kind::other;
    }

    // An addition alone, of numbers that are the same for several heads or rows.
    bool is_mask(Index i) const {
        const bool alone = groups_[i].kind == Group::Kind::other ||
                           (groups_[i].kind == Group::Kind::elementwise && groups_[i].chain.size() == 1);
        if (!alone || !core(i).op.is<Add>()) return false;
        const Value mask = core(i).inputs[1 - masked_operand(i)];
        const Shape &scores = core(i).outputs[0].type.shape, &shape = graph_.shape(mask);
        const std::size_t rank = shape.rank();
        return graph_.shape(core(i).inputs[masked_operand(i)]) == scores && graph_.element(mask) == Element::f32 &&
               stored(graph_, mask) == mask && rank >= 2 && shape[rank - 1] == scores[scores.rank() - 1];
    }
    std::size_t masked_operand(Index i) const {
        return graph_.shape(core(i).inputs[0]) == core(i).outputs[0].type.shape ? 0 : 1;
    }

    // The parts of the attention whose last product is group i, in order; none if it is none.
    std::vector<Index> attention_at(Index i) const {
        if (!is_product(i)) return {};
        std::vector<Index> parts{i};
        const auto softmax = only_for(core(i).inputs[0]);
        if (!softmax || !is_softmax(*softmax)) return {};
        auto scores = only_for(core(*softmax).inputs[0]);
        if (scores && is_mask(*scores)) {
            parts.push_back(*scores);
            scores = only_for(core(*scores).inputs[masked_operand(*scores)]);
        }
        if (!scores || !is_product(*scores) || !is_codes_or_floats(core(*scores).inputs[0])) return {};
        parts.insert(parts.end(), {*softmax, *scores});
        for (Value v : {core(*scores).inputs[0], core(*scores).inputs[1], core(i).inputs[1]})
            if (const auto above = only_for(v); above && is_transpose(*above)) parts.push_back(*above);
        const Value result = groups_[i].output;
        if (graph_.uses(result).size() == 1) {
            const auto below = by_output_.find({graph_.uses(result)[0].node, 0});
            if (below != by_output_.end() && is_transpose(below->second)) {
                parts.push_back(below->second);
                const std::vector<Index> codes = codes_below(groups_[below->second].output);
                parts.insert(parts.end(), codes.begin(), codes.end());
            }
        }
        std::ranges::sort(parts);
        return parts;
    }

    // The only reader of a value, by what it makes.
    std::optional<Index> only_reader(Value v) const {
        if (graph_.uses(v).size() != 1) return std::nullopt;
        const auto reads = [v](const Group& group) { return std::ranges::find(group.inputs, v) != group.inputs.end(); };
        const auto it = std::ranges::find_if(groups_, reads);
        return it == groups_.end() ? std::nullopt : std::optional(static_cast<Index>(it - groups_.begin()));
    }

    // [..., heads, width] to [..., heads * width] and these to codes: both groups, or none.
    std::vector<Index> codes_below(Value heads) const {
        const auto reshape = only_reader(heads);
        if (!reshape || !core(*reshape).op.is<Reshape>()) return {};
        const Value rows = groups_[*reshape].output;
        Dims joined = graph_.shape(heads).sizes();
        const std::int64_t width = joined.back();
        joined.pop_back();
        joined.back() *= width;
        const auto codes = only_reader(rows);
        if (!codes || graph_.shape(rows) != Shape(joined)) return {};
        const Group& group = groups_[*codes];
        const bool maps = group.kind == Group::Kind::elementwise && group.inputs.size() == 1 &&
                          group.channels != Channels::axis1 && graph_.element(group.output) == Element::u8 &&
                          graph_.shape(group.output) == graph_.shape(rows);
        return maps ? std::vector{*reshape, *codes} : std::vector<Index>{};
    }

    Group join(const std::vector<Index>& parts) const {
        Group joined;
        joined.kind = Group::Kind::attention;
        for (Index part : parts) joined.parts.push_back(groups_[part]);
        const auto scores = std::ranges::find(joined.parts, Group::Kind::matmul, &Group::kind);
        joined.core = scores->core;
        joined.output = joined.parts.back().output;
        joined.channels = Channels::last;
        const Value query = core_inputs(*scores)[0];
        const auto split = std::ranges::find(joined.parts, query, &Group::output);
        joined.inputs.push_back(split == joined.parts.end() ? query : core_inputs(*split)[0]);
        for (const Group& part : joined.parts) {
            if (part.core != joined.core) joined.chain.push_back(part.core);
            std::ranges::copy_if(part.chain, std::back_inserter(joined.chain),
                                 [&](NodeId id) { return id != part.core; });
            for (Value v : part.inputs) {
                const bool inside = std::ranges::find(joined.parts, v, &Group::output) != joined.parts.end();
                if (!inside && std::ranges::find(joined.inputs, v) == joined.inputs.end()) joined.inputs.push_back(v);
            }
        }
        return joined;
    }

    const Graph& graph_;
    std::vector<Group>& groups_;
    std::map<Value, Index> by_output_;
};

}  // namespace

void join_attention(const Graph& graph, std::vector<Group>& groups) { Joiner(graph, groups).run(); }

}  // namespace octet::cpu
