#include "plugins/cpu/partition.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ir/ops/all.hpp"
#include "plugins/cpu/attention_groups.hpp"
#include "plugins/cpu/chain.hpp"
#include "plugins/cpu/gate_groups.hpp"
#include "plugins/cpu/shared_groups.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/low_precision/weight_only.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// The operand of multiply(rows, constant) that has one channel where the constant has all; nothing when it is another product.
std::optional<Value> rows_of_outer_product(const Graph& graph, const Node& node) {
    const Tensor* constant = node.op.is<Multiply>() ? graph.constant(node.inputs[1]) : nullptr;
    if (!constant || graph.element(node.inputs[0]) != Element::f32 || !node.outputs[0].type.shape.is_static())
        return std::nullopt;
    const auto channels = low_precision::axis_of(*constant);
    Dims rows = node.outputs[0].type.shape.sizes();
    if (!channels || constant->dims().size() != rows.size() || constant->dims()[*channels] != rows[*channels])
        return std::nullopt;
    const bool of_an_image = *channels == 1 && rows.size() > 2;
    if (!of_an_image && *channels + 1 != rows.size()) return std::nullopt;
    rows[*channels] = 1;
    if (graph.shape(node.inputs[0]).sizes() != rows) return std::nullopt;
    const auto sums = [&](const Use& use) {
        const Op& op = graph.node(use.node).op;
        return op.is<Add>() || op.is<Subtract>();
    };
    return std::ranges::all_of(node.outputs[0].uses, sums) ? std::optional(node.inputs[0]) : std::nullopt;
}

}  // namespace

Value stored(const Graph& graph, Value v) {
    const Node& node = graph.node(v);
    if (const auto rows = rows_of_outer_product(graph, node)) return *rows;
    const bool codes = node.op.is<Dequantize>() &&
                       (graph.element(node.inputs[0]) == Element::u8 || graph.element(node.inputs[0]) == Element::i8);
    return codes ? node.inputs[0] : v;
}

namespace {

// Normalisations read codes without a scale; of NormalizeL2 the kernel subtracts the zero point.
bool reads_codes(const Graph& graph, const Node& node) {
    if (!node.op.is<Mvn>() && !node.op.is<NormalizeL2>()) return false;
    const auto* dq = graph.op(node.inputs[0]).as<Dequantize>();
    return dq && dq->scale.size() == 1 && dq->zero_point.size() == 1 && dq->scale.at(0) == 1 &&
           (dq->zero_point.at(0) == 0 || node.op.is<NormalizeL2>());
}

bool static_values(const Graph& graph, const Node& node) {
    return std::ranges::all_of(node.outputs, [](const Output& o) { return o.type.shape.is_static(); }) &&
           std::ranges::all_of(node.inputs, [&](Value v) { return graph.shape(v).is_static(); });
}

// A mean or sum over all spatial axes is a pool.
bool is_spatial_mean(const Graph& graph, const Node& node) {
    if (!node.op.is<ReduceMean>() && !node.op.is<ReduceSum>()) return false;
    const Shape& shape = graph.shape(node.inputs[0]);
    const Tensor* axes = graph.constant(node.inputs[1]);
    if (!axes || shape.elements() == 0 || shape.rank() < 3 || shape.rank() > 5 || axes->size() != shape.rank() - 2)
        return false;
    std::vector<std::size_t> found;
    for (auto axis : axes->integers()) found.push_back(normalise_axis(axis, shape.rank()));
    std::ranges::sort(found);
    for (std::size_t i = 0; i < found.size(); ++i)
        if (found[i] != i + 2) return false;
    return true;
}

// Over the last axis alone, of floats.
bool is_row_op(const Graph& graph, const Node& node) {
    if (graph.element(node.inputs[0]) != Element::f32) return false;
    const std::size_t rank = graph.shape(node.inputs[0]).rank();
    if (const auto* softmax = node.op.as<SoftMax>()) return normalise_axis(softmax->axis, rank) + 1 == rank;
    if (!node.op.is<Mvn>()) return false;
    const Tensor* axes = graph.constant(node.inputs[1]);
    return axes && axes->size() == 1 && normalise_axis(axes->integers()[0], rank) + 1 == rank;
}

bool reads_floats_or_codes(const Graph& graph, const Node& node) {
    const Element e = graph.element(node.inputs[0]);
    return e == Element::f32 || e == Element::u8 || e == Element::i8;
}

Group::Kind kind_of(const Graph& graph, const Node& node) {
    if (!static_values(graph, node)) return Group::Kind::dynamic;
    if (node.inputs.empty()) return Group::Kind::other;
    if (!reads_floats_or_codes(graph, node))
        return chainable(graph, node) && node.op.is<Dequantize>() ? Group::Kind::elementwise : Group::Kind::other;
    const Op& op = node.op;
    const bool constant_weights = node.inputs.size() > 1 && graph.constant(node.inputs[1]);
    if (op.is<Convolution>() || op.is<GroupConvolution>() || op.is<ConvolutionBackpropData>() ||
        op.is<GroupConvolutionBackpropData>())
        return constant_weights ? Group::Kind::convolution : Group::Kind::other;
    if (op.is<MatMul>()) return Group::Kind::matmul;
    if (is_row_op(graph, node)) return Group::Kind::row;
    if (op.is<AvgPool>() || (op.is<MaxPool>() && node.outputs[1].uses.empty()) || is_spatial_mean(graph, node))
        return Group::Kind::pool;
    return chainable(graph, node) ? Group::Kind::elementwise : Group::Kind::other;
}

Channels channels_of(Group::Kind kind) {
    switch (kind) {
        case Group::Kind::convolution:
        case Group::Kind::pool: return Channels::axis1;
        case Group::Kind::matmul:
        case Group::Kind::row: return Channels::last;
        default: return Channels::any;
    }
}

class Partitioner {
public:
    explicit Partitioner(const Graph& graph) : graph_(graph) {}

    std::vector<Group> run() {
        find_sums();
        for (NodeId id : graph_.parameters()) store({id, 0});
        // Constants but for their form: there before anything that could read them in its chain.
        for (NodeId id : graph_.order())
            if (low_precision::keeps_table(graph_, id)) add(id);
        for (NodeId id : graph_.order()) visit(id);
        return std::move(groups_);
    }

private:
    static std::uint64_t key(Value v) { return std::uint64_t{v.node} << 32 | v.port; }
    void store(Value v) { stored_.insert(key(v)); }
    bool is_stored(Value v) const { return graph_.constant(v) || stored_.contains(key(v)); }

    void visit(NodeId id) {
        const Node& node = graph_.node(id);
        if (taken_.contains(id) || node.op.is<Constant>() || node.op.is<Parameter>()) return;
        if (node.op.is<Result>()) {
            demand(node.inputs[0]);
            return;
        }
        if (stored(graph_, {id, 0}) != Value{id, 0}) return;  // its readers apply it
        if (is_coded_weights(id)) return;
        add(id);
    }

    // Whether products read the codes behind it.
    bool is_coded_weights(NodeId id) const {
        const NodeId dequantize = graph_.node(id).op.is<Reshape>() ? graph_.node(id).inputs[0].node : id;
        return low_precision::keeps_codes_of_known_shapes(graph_, dequantize);
    }

    // The part that comes last has all data of the others before it, and stands for the sum.
    void find_sums() {
        std::vector<std::size_t> position(graph_.size());
        std::size_t next = 0;
        for (NodeId id : graph_.order()) position[id] = next++;
        for (Sum& sum : sums_of(graph_)) {
            NodeId leader = sum.parts[0].core;
            for (const SumPart& part : sum.parts) {
                if (position[part.core] > position[leader]) leader = part.core;
                taken_.insert(part.core);
                taken_.insert(part.chain.begin(), part.chain.end());
            }
            taken_.insert(sum.adds.begin(), sum.adds.end());
            taken_.erase(leader);
            sums_.emplace(leader, std::move(sum));
        }
    }

    // Makes a value that only readers would have applied.
    void demand(Value v) {
        if (!is_stored(v)) add(v.node);
    }

    void add(NodeId id) {
        const Node& node = graph_.node(id);
        Group group;
        group.kind = kind_of(graph_, node);
        group.core = id;
        group.output = {id, 0};
        group.channels = channels_of(group.kind);
        if (const auto sum = sums_.find(id); sum != sums_.end()) {
            group.sum = std::move(sum->second);
            group.output = start_of(group);
            for (const SumPart& part : group.sum.parts) {
                demand(graph_.node(part.core).inputs[0]);
                read(group, graph_.node(part.core).inputs[0]);
            }
        } else if (group.kind == Group::Kind::elementwise) {
            const auto main = main_operand(graph_, node, [&](Value v) { return is_stored(stored(graph_, v)); });
            if (!main || !join(group, node, *main)) {
                group = {};
                group.core = id;
                group.output = {id, 0};
                group.kind = static_values(graph_, node) ? Group::Kind::other : Group::Kind::dynamic;
            }
        } else if (group.kind == Group::Kind::pool) {
            if (is_stored(stored(graph_, node.inputs[0])) && meaning_fits(node.inputs[0], group.channels) &&
                pools_codes(node)) {
                read(group, stored(graph_, node.inputs[0]));
            } else {
                group.kind = Group::Kind::other;
                group.channels = Channels::any;
            }
        }
        const bool reads_all = group.kind == Group::Kind::other || group.kind == Group::Kind::dynamic ||
                               group.kind == Group::Kind::convolution || group.kind == Group::Kind::matmul ||
                               group.kind == Group::Kind::row;
        if (reads_all && group.sum.parts.empty()) {
            for (Value v : node.inputs) {
                if (graph_.constant(v) || is_coded_weights(v.node)) continue;
                // A pool before may have stored values instead.
                const Value codes = stored(graph_, v);
                const bool as_codes = v == node.inputs[0] && reads_codes(graph_, node) && is_stored(codes);
                const Value from = as_codes ? codes : v;
                demand(from);
                read(group, from);
            }
        }
        if (group.kind != Group::Kind::other && group.kind != Group::Kind::dynamic) grow(group);
        taken_.insert(id);
        if (group.output.node == id)
            for (std::uint32_t port = 0; port < node.outputs.size(); ++port) store({id, port});
        store(group.output);
        groups_.push_back(std::move(group));
    }

    static void read(Group& group, Value v) {
        if (std::ranges::find(group.inputs, v) == group.inputs.end()) group.inputs.push_back(v);
    }

    // Takes the elementwise ops below the group's output into it, as long as nothing else reads the values between.
    void grow(Group& group) {
        while (take_user(group)) {}
        // Readers that apply a dequantize look for the codes.
        const auto uses = graph_.uses(group.output);
        const bool applied = std::ranges::any_of(uses, [&](const Use& use) {
            const Node& reader = graph_.node(use.node);
            return chainable(graph_, reader) || kind_of(graph_, reader) == Group::Kind::pool;
        });
        if (group.output.node == group.core || stored(graph_, group.output) == group.output || !applied) return;
        taken_.erase(group.output.node);
        group.output = stored(graph_, group.output);
        group.chain.pop_back();
    }

    bool take_user(Group& group) {
        if (graph_.uses(group.output).size() != 1) return false;
        if (graph_.op(group.output).is<Quantize>()) return take_sum_of_codes(group);
        return take(group, graph_.uses(group.output)[0]);
    }

    // Codes of a product that are stored for one sum alone are rounded in flight instead.
    bool take_sum_of_codes(Group& group) {
        if (group.kind != Group::Kind::convolution && group.kind != Group::Kind::matmul) return false;
        const Use use = graph_.uses(group.output)[0];
        const Node& meaning = graph_.node(use.node);
        if (!meaning.op.is<Dequantize>() || meaning.outputs[0].uses.size() != 1) return false;
        const Use sum = meaning.outputs[0].uses[0];
        if (!graph_.node(sum.node).op.is<Add>() || graph_.constant(graph_.node(sum.node).inputs[1 - sum.input]))
            return false;
        Group before = group;
        if (take(group, use) && take(group, sum)) return true;
        taken_.erase(use.node);
        group = std::move(before);
        return false;
    }

    bool take(Group& group, const Use& use) {
        const Node& user = graph_.node(use.node);
        if (!chainable(graph_, user) || !static_values(graph_, user)) return false;
        // Float kernels store floats; the codes are made by a step of their own.
        if (user.op.is<Quantize>() && is_float_product(group)) return false;
        if (graph_.shape(group.output) != user.outputs[0].type.shape || !join(group, user, use.input)) return false;
        taken_.insert(use.node);
        group.output = {use.node, 0};
        return true;
    }

    bool is_float_product(const Group& group) const {
        const bool product = group.kind == Group::Kind::convolution || group.kind == Group::Kind::matmul;
        return product && graph_.element(graph_.node(group.core).inputs[0]) == Element::f32;
    }

    // Whether codes can be read as what they mean: by one factor, or one per channel.
    bool meaning_fits(Value v, Channels& channels) const {
        return stored(graph_, v) == v || parameters_fit(graph_, graph_.node(v), channels);
    }

    // Whether a pool may work on codes: they keep the order of what they mean, and one number stands for the padding that counts.
    bool pools_codes(const Node& node) const {
        const auto* dq = graph_.op(node.inputs[0]).as<Dequantize>();
        if (!dq || stored(graph_, node.inputs[0]) == node.inputs[0]) return true;
        if (const auto* max = node.op.as<MaxPool>())
            return std::ranges::all_of(dq->scale.floats(), [](float s) { return s > 0; }) &&
                   !low_precision::may_pool_nothing(*max, graph_.shape(node.inputs[0]));
        const auto* average = node.op.as<AvgPool>();
        return !average || average->exclude_pad || dq->zero_point.size() == 1;
    }

    // Adds a node whose operand `main` is the value in flight, if its other operands can be had here.
    bool join(Group& group, const Node& node, std::size_t main) {
        Channels channels = group.channels;
        std::vector<Value> reads;
        if (group.chain.empty() && group.kind == Group::Kind::elementwise) {
            if (!meaning_fits(node.inputs[main], channels)) return false;
            reads.push_back(stored(graph_, node.inputs[main]));
        }
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (i == main) continue;
            const Value from = stored(graph_, node.inputs[i]);
            if (!is_stored(from) || !operand_fits(graph_, node, i, channels) || !meaning_fits(node.inputs[i], channels))
                return false;
            if (!graph_.constant(from)) reads.push_back(from);
        }
        if (!parameters_fit(graph_, node, channels)) return false;
        if (!reads.empty() && !is_stored(reads[0])) return false;
        const std::size_t extra = static_cast<std::size_t>(std::ranges::count_if(reads, [&](Value v) {
            return std::ranges::find(group.inputs, v) == group.inputs.end();
        }));
        if (group.inputs.size() + extra > most_inputs(group)) return false;
        group.channels = channels;
        for (Value v : reads) read(group, v);
        group.chain.push_back(*graph_.find(node.name));
        return true;
    }

    // The data and four operands; of a sum one less, since its parts may have to hand their sums on.
    std::size_t most_inputs(const Group& group) const {
        std::set<Value> data;
        for (const SumPart& part : group.sum.parts) data.insert(graph_.node(part.core).inputs[0]);
        return data.empty() ? 5 : data.size() + 3;
    }

    const Graph& graph_;
    std::unordered_map<NodeId, Sum> sums_;  // by the part that stands for it
    std::vector<Group> groups_;
    std::unordered_set<NodeId> taken_;
    std::unordered_set<std::uint64_t> stored_;
};

}  // namespace

Value start_of(const Group& group) { return {group.sum.adds.empty() ? group.core : group.sum.adds.back(), 0}; }

std::vector<Group> one_by_one(const Graph& graph, const Group& group) {
    std::vector<Group> groups;
    for (std::size_t i = 0; i < group.sum.parts.size(); ++i) {
        const SumPart& part = group.sum.parts[i];
        Group one;
        one.kind = group.kind;
        one.channels = group.channels;
        one.core = part.core;
        one.chain = part.chain;
        one.inputs = {graph.node(part.core).inputs[0]};
        if (i > 0) {
            one.chain.push_back(group.sum.adds[i - 1]);
            one.inputs.push_back(groups.back().output);
        }
        if (i + 1 == group.sum.parts.size()) {
            one.chain.insert(one.chain.end(), group.chain.begin(), group.chain.end());
            for (Value v : group.inputs)
                if (std::ranges::find(one.inputs, v) == one.inputs.end()) one.inputs.push_back(v);
        }
        one.output = i + 1 == group.sum.parts.size() ? group.output : Value{one.chain.back(), 0};
        groups.push_back(std::move(one));
    }
    return groups;
}

std::vector<Group> partition(const Graph& graph) {
    std::vector<Group> groups = Partitioner(graph).run();
    join_attention(graph, groups);
    join_rows(graph, groups);
    join_gates(graph, groups);
    repeat_cheap_groups(graph, groups);
    return groups;
}

std::string print(const Graph& graph, const std::vector<Group>& groups) {
    constexpr std::array<std::string_view, 9> kKinds{"convolution", "matmul", "pool",  "elementwise", "row",
                                                     "attention",   "gate",   "other", "dynamic"};
    std::string text;
    for (const Group& group : groups) {
        text += fmt::format("{}: {} '{}'", kKinds[static_cast<std::size_t>(group.kind)],
                            graph.node(group.core).op.name(), graph.node(group.core).name);
        for (const SumPart& part : group.sum.parts)
            if (part.core != group.core)
                text += fmt::format(" + {} '{}'", graph.node(part.core).op.name(), graph.node(part.core).name);
        for (NodeId id : group.chain)
            if (id != group.core) text += fmt::format(" > {} '{}'", graph.node(id).op.name(), graph.node(id).name);
        text += " : " + to_string(graph.type(group.output)) + "\n";
    }
    return text;
}

}  // namespace octet::cpu
