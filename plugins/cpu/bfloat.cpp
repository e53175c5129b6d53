#include "plugins/cpu/bfloat.hpp"

#include <algorithm>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// Of fewer input channels the conversion costs as much as is won.
constexpr std::int64_t kLeastDepth = 8;

// A 1x1 convolution of a few pixels.
bool has_few_rows(const Node& node, const Dims& data, const Dims& weights) {
    const auto one = [](std::int64_t d) { return d == 1; };
    return std::all_of(weights.begin() + 2, weights.end(), one) && product(data) / data[1] <= kFewRows &&
           node.outputs[0].type.shape.elements() / weights[0] == product(data) / data[1];
}
bool is_float(const Graph& graph, Value v) { return graph.element(v) == Element::f32; }

bool gains(const Graph& graph, const Group& group) {
    const Node& node = graph.node(group.core);
    const bool computes = group.kind == Group::Kind::convolution || group.kind == Group::Kind::matmul;
    if (!computes || !group.sum.parts.empty() || node.inputs.size() < 2 || !graph.constant(node.inputs[1]))
        return false;
    const Dims data = graph.shape(node.inputs[0]).sizes(), weights = graph.shape(node.inputs[1]).sizes();
    if (!is_float(graph, node.inputs[0]) || !is_float(graph, node.inputs[1]) || !is_float(graph, group.output))
        return false;
    if (const auto* op = node.op.as<MatMul>())
        return !op->transpose_a && data.size() >= 2 && weights.size() == 2 && data.back() >= kLeastDepth &&
               product(data) / data.back() > kFewRows;
    if (data.size() != 3 && data.size() != 4) return false;
    if (node.op.is<Convolution>())
        return (weights[1] >= kLeastDepth || convolves_image(graph, node) || has_few_outputs(graph, group)) &&
               !has_few_rows(node, data, weights);
    if (node.op.is<ConvolutionBackpropData>()) return weights[0] >= kLeastDepth;
    const bool depthwise = node.op.is<GroupConvolution>() && weights[1] == 1 && weights[2] == 1;
    return depthwise && weights[0] >= kLeastDepth;
}

// Whether a group that multiplies no weights reads and writes bf16 as well as f32.
bool passes_on(const Graph& graph, const Group& group) {
    const Node& node = graph.node(group.core);
    const auto floats = [&](Value v) { return is_float(graph, v); };
    const auto images = [&](Value v) { return graph.shape(v).rank() >= 3 && graph.shape(v).rank() <= 4; };
    if (group.inputs.empty() || !floats(group.output) || !std::ranges::all_of(group.inputs, floats)) return false;
    switch (group.kind) {
        case Group::Kind::pool: return node.inputs[0] == group.inputs[0] && images(node.inputs[0]);
        case Group::Kind::elementwise: return graph.shape(group.inputs[0]) == graph.shape(group.output);
        case Group::Kind::other:
            if (node.op.is<Interpolate>() || node.op.is<DepthToSpace>()) return true;
            return node.op.is<Concat>() &&
                   std::ranges::none_of(node.inputs, [&](Value v) { return graph.constant(v) != nullptr; });
        default: return false;
    }
}

// Which of its inputs a group takes as bf16.
class Readers {
public:
    Readers(const Graph& graph, const std::vector<Group>& groups) : graph_(graph) {
        for (const Group& group : groups) {
            if (gains(graph, group)) cores_.insert(group.core);
            else if (passes_on(graph, group)) passing_.insert(group.core);
        }
    }

    const std::set<NodeId>& cores() const { return cores_; }
    bool is_core(const Group& group) const { return cores_.contains(group.core); }
    bool passes(const Group& group) const { return passing_.contains(group.core); }
    bool writes(const Group& group) const { return is_core(group) || passes(group); }
    bool reads(const Group& group, Value v) const {
        if (!writes(group)) return false;
        const Node& node = graph_.node(group.core);
        if (is_core(group) && v == node.inputs[0] && convolves_image(graph_, node) && !has_few_outputs(graph_, group))
            return false;
        // Operands of the result's shape are read beside it; others are vectors.
        const bool data = v == group.inputs[0] || group.kind == Group::Kind::other;
        return data || graph_.shape(v) == graph_.shape(group.output);
    }

private:
    const Graph& graph_;
    std::set<NodeId> cores_, passing_;
};

// Values of `some` that a walk along the groups, begun where `starts` says so, reaches over groups that pass on.
template <class Groups, class From, class To, class Starts>
std::set<Value> reached(const std::set<Value>& some, const Readers& readers, const Groups& groups, const From& from,
                        const To& to, const Starts& starts) {
    std::set<Value> result;
    for (const Group& group : groups) {
        const auto is_reached = [&](Value v) { return result.contains(v); };
        const bool begins = starts(group);
        if (!begins && !(readers.passes(group) && std::ranges::any_of(from(group), is_reached))) continue;
        for (Value v : to(group))
            if (some.contains(v)) result.insert(v);
    }
    return result;
}

}  // namespace

bool convolves_image(const Graph& graph, const Node& node) {
    constexpr std::int64_t kMostChannels = 4;
    if (!node.op.is<Convolution>() || graph.shape(node.inputs[0]).rank() != 4) return false;
    const Dims weights = graph.shape(node.inputs[1]).sizes();
    return weights[1] <= kMostChannels && weights[2] * weights[3] > 1;
}

bool has_few_outputs(const Graph& graph, const Group& group) {
    constexpr std::int64_t kMostOutputs = 4, kMostDepth = 64, kMostTaps = 81, kFewestPixels = 16;
    const Node& node = graph.node(group.core);
    const auto* op = node.op.as<Convolution>();
    if (op == nullptr || !group.sum.parts.empty() || group.inputs.size() != 1 || !is_float(graph, node.inputs[0]) ||
        graph.shape(node.inputs[0]).rank() != 4)
        return false;
    const Dims weights = graph.shape(node.inputs[1]).sizes();
    const std::int64_t taps = weights[2] * weights[3];
    return weights[0] <= kMostOutputs && weights[1] <= kMostDepth && taps > 1 && taps <= kMostTaps &&
           std::ranges::all_of(op->strides, [](auto s) { return s == 1; }) &&
           node.outputs[0].type.shape.sizes()[3] >= kFewestPixels;
}

Bfloat bfloat_of(const Graph& graph, const std::vector<Group>& groups) {
    const Readers readers(graph, groups);
    std::set<Value> values, excluded;
    for (NodeId id : graph.results()) excluded.insert(graph.node(id).inputs[0]);
    for (const Group& group : groups) {
        if (readers.writes(group)) values.insert(group.output);
        for (Value v : group.inputs)
            if (!readers.reads(group, v)) excluded.insert(v);
    }
    std::erase_if(values, [&](Value v) { return excluded.contains(v); });

    const auto inputs = [&](const Group& group) {
        std::vector<Value> read;
        for (Value v : group.inputs)
            if (readers.reads(group, v)) read.push_back(v);
        return read;
    };
    const auto outputs = [](const Group& group) { return std::vector<Value>{group.output}; };
    const auto cores = [&](const Group& group) { return readers.is_core(group); };
    const std::vector<Group> backward(groups.rbegin(), groups.rend());
    for (std::size_t before = 0; before != values.size();) {
        before = values.size();
        const auto after = reached(values, readers, groups, inputs, outputs, cores);
        const auto ahead = reached(values, readers, backward, outputs, inputs, cores);
        std::erase_if(values, [&](Value v) { return !after.contains(v) || !ahead.contains(v); });
        // Parts of a concatenation are of one type.
        for (const Group& group : groups) {
            if (group.kind != Group::Kind::other || !readers.passes(group)) continue;
            const auto kept = [&](Value v) { return values.contains(v); };
            if (kept(group.output) && std::ranges::all_of(group.inputs, kept)) continue;
            values.erase(group.output);
            for (Value v : group.inputs) values.erase(v);
        }
    }
    return {readers.cores(), values};
}

}  // namespace octet::cpu
