#include "ir/eval/eval.hpp"

#include <unordered_map>

#include "ir/ops/control.hpp"
#include "ir/ops/core.hpp"

namespace octet::ir::eval {
namespace {

const Kernel* find(std::uint64_t op) {
    static const auto table = [] {
        std::unordered_map<std::uint64_t, const Kernel*> rows;
        for (const auto& family : {kActivationKernels, kAttentionKernels, kBinaryKernels, kControlKernels,
                                   kConvolutionKernels, kDetectionKernels, kMovementKernels, kNormalizationKernels,
                                   kQuantizationKernels, kRecurrentKernels, kReductionKernels})
            for (const Kernel& k : family) rows.emplace(k.op, &k);
        return rows;
    }();
    const auto it = table.find(op);
    return it == table.end() ? nullptr : it->second;
}

// The inputs of a node, and which of them are used here for the last time.
struct Frame {
    std::unordered_map<NodeId, Tensors> values;
    std::unordered_map<NodeId, std::size_t> uses_left;
};

// Operands are what the op takes. Where shapes were not known before, nothing has said so yet.
void check_operands(const Op& op, std::span<const Tensor> inputs) {
    Types types;
    types.reserve(inputs.size());
    for (const Tensor& t : inputs) types.push_back(t.type());
    const Partials unknown(inputs.size());
    std::vector<Input> described;
    described.reserve(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) described.push_back({&types[i], &unknown[i], &inputs[i]});
    op.def().infer(op.data(), described);
}

std::string operator_name(const Op& op) {
    if (const auto* opaque = op.as<Opaque>()) return opaque->type + " (" + opaque->version + ")";
    return std::string(op.name());
}

}  // namespace

bool has_kernel(const Op& op) { return op.is<Constant>() || op.is<Result>() || op.is<Parameter>() || find(op.id()); }

Tensors evaluate(const Op& op, std::span<const Tensor> inputs, State* state) {
    if (const auto* constant = op.as<Constant>()) return {constant->value.aligned()};
    if (op.is<Result>()) return {inputs[0]};
    const Kernel* kernel = find(op.id());
    if (!kernel) throw Unsupported(operator_name(op), "there is no reference kernel for it");
    Tensors aligned;
    aligned.reserve(inputs.size());
    for (const Tensor& t : inputs) aligned.push_back(t.aligned());
    check_operands(op, aligned);
    return kernel->run(op.data(), aligned, state);
}

Tensors evaluate(const Graph& graph, std::span<const Tensor> parameters, State* state) {
    check(parameters.size() == graph.parameters().size(), "{} tensors for {} parameters", parameters.size(),
          graph.parameters().size());
    Frame frame;
    // Variables change after the inference: what reads them here sees what they held before.
    State before = state ? *state : State{};
    for (std::size_t i = 0; i < parameters.size(); ++i) frame.values[graph.parameters()[i]] = {parameters[i]};
    for (const NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        for (const Output& o : node.outputs) frame.uses_left[id] += o.uses.size();
        if (node.op.is<Parameter>()) continue;
        Tensors inputs;
        for (const Value v : node.inputs) inputs.push_back(frame.values.at(v.node)[v.port]);
        try {
            frame.values[id] = evaluate(node.op, inputs, node.op.is<ReadValue>() ? &before : state);
        } catch (const Unsupported& e) {
            throw Unsupported(e, "layer '" + node.name + "'");
        } catch (const InternalError&) {
            throw;
        } catch (const Error& e) {
            throw Error("layer '" + node.name + "': " + e.what());
        }
        for (const Value v : node.inputs)
            if (--frame.uses_left[v.node] == 0) frame.values.erase(v.node);
    }
    Tensors results;
    for (const NodeId id : graph.results()) results.push_back(frame.values.at(id)[0]);
    return results;
}

}  // namespace octet::ir::eval
