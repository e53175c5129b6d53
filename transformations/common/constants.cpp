#include "transformations/common/constants.hpp"

#include <algorithm>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"

namespace octet::common {

using namespace ir;

namespace {

constexpr std::size_t kLargestGrowth = std::size_t{64} << 20;

bool says_how_weights_are_quantized(const Op& op) { return op.is<FakeQuantize>() || op.is<Dequantize>(); }

bool foldable(const Graph& graph, const Node& node, Fold fold) {
    if (node.inputs.empty() || node.op.traits().effect || node.op.is<Result>() || !eval::has_kernel(node.op))
        return false;
    if (fold == Fold::all_but_quantization && says_how_weights_are_quantized(node.op)) return false;
    std::size_t operand_bytes = 0;
    for (Value v : node.inputs) {
        const Tensor* tensor = graph.constant(v);
        if (!tensor) return false;
        operand_bytes += tensor->bytes();
    }
    for (const Output& o : node.outputs) {
        if (!o.type.shape.is_static()) continue;
        const std::size_t bytes = bytes_of(o.type.element, static_cast<std::size_t>(o.type.shape.elements()));
        if (bytes > kLargestGrowth && bytes > operand_bytes) return false;
    }
    return true;
}

// The tensor whose numbers `partial` knows, if it knows all of them.
std::optional<Tensor> known(const Output& output) {
    if (!output.partial || !output.type.shape.is_static()) return std::nullopt;
    const auto& entries = *output.partial;
    if (!std::ranges::all_of(entries, [](Dim d) { return d.is_static(); })) return std::nullopt;
    Tensor tensor(Element::i64, output.type.shape.sizes());
    std::ranges::transform(entries, tensor.write<std::int64_t>().begin(), [](Dim d) { return d.low; });
    return tensor.converted(output.type.element);
}

bool replace_known(Edit& edit, const Graph& graph, NodeId id) {
    bool changed = false;
    for (std::uint32_t port = 0; port < graph.node(id).outputs.size() && graph.node(id).alive; ++port) {
        const Output& output = graph.node(id).outputs[port];
        if (output.uses.empty()) continue;
        const auto tensor = known(output);
        if (!tensor) continue;
        const Value constant = edit.constant(*tensor, graph.node(id).name + ".constant");
        edit.set_origins(constant.node, graph.node(id).origins);
        edit.replace(Value{id, port}, constant);
        changed = true;
    }
    return changed;
}

bool evaluate(Edit& edit, Graph& graph, NodeId id) {
    Tensors operands;
    for (Value v : graph.node(id).inputs) operands.push_back(*graph.constant(v));
    Tensors results;
    try {
        results = eval::evaluate(graph.node(id).op, operands);
    } catch (const InternalError&) {
        throw;
    } catch (const Error& e) {
        throw Error("layer '" + graph.node(id).name + "': " + e.what());
    }
    Origins origins = graph.node(id).origins;
    for (Value v : graph.node(id).inputs) origins = united(origins, graph.node(v).origins);
    std::vector<Value> values;
    Edit named(graph, graph.node(id).name, origins);
    for (Tensor& t : results) values.push_back(named.constant(std::move(t)));
    edit.replace(id, values);
    for (Value v : values) edit.remove_unused(v.node);  // of outputs that nobody reads
    return true;
}

}  // namespace

bool fold_constants(Graph& graph, Fold fold, const std::function<bool(const Graph&, NodeId)>& keep) {
    Edit edit(graph);
    bool changed = false;
    for (NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        if (!node.alive || node.op.is<Constant>() || node.op.is<Parameter>() || node.op.is<Result>()) continue;
        if (node.outputs[0].partial && replace_known(edit, graph, id)) changed = true;
        if (graph.node(id).alive && foldable(graph, graph.node(id), fold) && !(keep && keep(graph, id)))
            changed |= evaluate(edit, graph, id);
    }
    return changed;
}

}  // namespace octet::common
