#include "transformations/low_precision/weight_only.hpp"

#include <algorithm>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/dequantization.hpp"

namespace octet::low_precision {

using namespace ir;

namespace {

bool is_quantized(const Graph& graph, Value v) {
    while (moves_codes(graph.op(v))) v = graph.node(v).inputs[0];
    const Op& op = graph.op(v);
    return op.is<FakeQuantize>() || op.is<Dequantize>() || op.is<Quantize>();
}

// The axis at which `extent` elements of the leading axes end.
std::optional<std::size_t> axis_after(const Dims& dims, std::int64_t extent) {
    std::int64_t count = 1;
    std::size_t axis = 0;
    while (axis < dims.size() && count < extent) count *= dims[axis++];
    return count == extent ? std::optional(axis) : std::nullopt;
}

}  // namespace

std::optional<CodedMatrix> coded_matrix(const Graph& graph, const Node& product) {
    const auto* op = product.op.as<MatMul>();
    if (!op || op->transpose_a || graph.element(product.inputs[0]) != Element::f32) return std::nullopt;
    const Shape& data = graph.shape(product.inputs[0]);
    const Shape& matrix = graph.shape(product.inputs[1]);
    if (!data.ranked() || data.rank() < 2 || !matrix.is_static() || matrix.rank() != 2) return std::nullopt;
    NodeId id = product.inputs[1].node;
    if (graph.node(id).op.is<Reshape>()) id = graph.node(id).inputs[0].node;
    const auto* dq = graph.node(id).op.as<Dequantize>();
    const Tensor* codes = dq ? graph.constant(graph.node(id).inputs[0]) : nullptr;
    if (!codes || codes->size() == 0 || dq->element != Element::f32 || is_quantized(graph, product.inputs[0]))
        return std::nullopt;
    CodedMatrix result{id, matrix[op->transpose_b ? 1 : 0].low, matrix[op->transpose_b ? 0 : 1].low, 0};
    const Dims& dims = codes->dims();
    const auto second = axis_after(dims, matrix[0].low);
    if (!second) return std::nullopt;
    // Along the depth the parameters change after `group` elements, if at all.
    const std::size_t first = op->transpose_b ? *second : 0, end = op->transpose_b ? dims.size() : *second;
    for (const Tensor* parameter : {&dq->scale, &dq->zero_point}) {
        std::int64_t run = 1;
        std::size_t axis = end;
        while (axis > first && parameter->dims()[axis - 1] == 1) run *= dims[--axis];
        result.group = result.group == 0 ? run : std::min(result.group, run);
    }
    return result;
}

namespace {

template <class Holds>
bool all_readers(const Graph& graph, NodeId id, const Holds& holds) {
    const auto uses = graph.uses({id, 0});
    return !uses.empty() && std::ranges::all_of(uses, [&](const Use& use) {
        const Node& reader = graph.node(use.node);
        if (reader.op.is<Reshape>()) return all_readers(graph, use.node, holds);
        return use.input == 1 && coded_matrix(graph, reader).has_value() && holds(reader);
    });
}

}  // namespace

bool keeps_codes(const Graph& graph, NodeId dequantize) {
    if (!graph.node(dequantize).op.is<Dequantize>()) return false;
    return all_readers(graph, dequantize, [](const Node&) { return true; });
}

bool keeps_codes_of_known_shapes(const Graph& graph, NodeId dequantize) {
    if (!graph.node(dequantize).op.is<Dequantize>()) return false;
    return all_readers(graph, dequantize, [&](const Node& product) {
        const Shape& result = product.outputs[0].type.shape;
        return result.is_static() && result.elements() > 0 && graph.shape(product.inputs[0]).is_static();
    });
}

}  // namespace octet::low_precision
