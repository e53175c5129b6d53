#include "plugins/cpu/bfloat.hpp"

#include <algorithm>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// Fewer input channels than a vector of bf16 holds are padded up to it, and the conversion costs as much as is won.
constexpr std::int64_t kLeastDepth = 16;

// A 1x1 convolution of a few pixels.
bool has_few_rows(const Node& node, const Dims& data, const Dims& weights) {
    const auto one = [](std::int64_t d) { return d == 1; };
    return std::all_of(weights.begin() + 2, weights.end(), one) && product(data) / data[1] <= kFewRows &&
           node.outputs[0].type.shape.elements() / weights[0] == product(data) / data[1];
}

bool gains(const Graph& graph, const Group& group) {
    const Node& node = graph.node(group.core);
    const bool computes = group.kind == Group::Kind::convolution || group.kind == Group::Kind::matmul;
    if (!computes || !group.sum.parts.empty() || node.inputs.size() < 2 || !graph.constant(node.inputs[1]))
        return false;
    const Dims data = graph.shape(node.inputs[0]).sizes(), weights = graph.shape(node.inputs[1]).sizes();
    if (graph.element(node.inputs[0]) != Element::f32 || graph.element(node.inputs[1]) != Element::f32) return false;
    if (graph.element(group.output) != Element::f32) return false;
    if (const auto* op = node.op.as<MatMul>())
        return !op->transpose_a && data.size() >= 2 && weights.size() == 2 && data.back() >= kLeastDepth &&
               product(data) / data.back() > kFewRows;
    if (data.size() != 3 && data.size() != 4) return false;
    if (node.op.is<Convolution>()) return weights[1] >= kLeastDepth && !has_few_rows(node, data, weights);
    const bool depthwise = node.op.is<GroupConvolution>() && weights[1] == 1 && weights[2] == 1;
    return depthwise && weights[0] >= kLeastDepth;
}

}  // namespace

Bfloat bfloat_of(const Graph& graph, const std::vector<Group>& groups) {
    Bfloat result;
    std::set<Value> read_as_float;
    for (NodeId id : graph.results()) read_as_float.insert(graph.node(id).inputs[0]);
    for (const Group& group : groups) {
        const bool here = gains(graph, group);
        if (here) result.cores.insert(group.core);
        const Value data = graph.node(group.core).inputs.empty() ? Value{} : graph.node(group.core).inputs[0];
        for (Value v : group.inputs) {
            // Operands of the result's shape are read beside it; others are vectors.
            const bool beside = graph.shape(v) == graph.shape(group.output);
            if (!here || (v != data && !beside)) read_as_float.insert(v);
        }
    }
    for (const Group& group : groups)
        if (result.cores.contains(group.core) && !read_as_float.contains(group.output))
            result.values.insert(group.output);
    return result;
}

}  // namespace octet::cpu
