#include "transformations/low_precision/dequantization.hpp"

#include <algorithm>
#include <cmath>

#include "ir/ops/all.hpp"

namespace octet::low_precision {

using ir::Constant;
using ir::Dims;
using ir::Graph;
using ir::Node;
using ir::Tensor;
using rewrite::Code;
using rewrite::Decision;

Dequantization dequantization_of(const ir::Dequantize& op) { return {op.scale, op.zero_point}; }

ir::Dequantize op_of(const Dequantization& d) { return {d.scale, d.zero_point, ir::Element::f32}; }

bool per_tensor(const Tensor& parameter) { return parameter.size() == 1; }
bool per_tensor(const Dequantization& d) { return per_tensor(d.scale) && per_tensor(d.zero_point); }

std::optional<std::size_t> axis_of(const Tensor& parameter) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < parameter.dims().size(); ++i) {
        if (parameter.dims()[i] == 1) continue;
        if (found) return std::nullopt;
        found = i;
    }
    return found;
}

std::vector<float> along(const Tensor& parameter, std::size_t axis, std::size_t count) {
    const auto values = parameter.as<float>();
    if (values.size() == 1) return std::vector<float>(count, values[0]);
    ir::check(axis_of(parameter) == axis && values.size() == count, "a parameter of {} is not along axis {} of {}",
              ir::to_string(parameter.dims()), axis, count);
    return {values.begin(), values.end()};
}

SplitZeroPoint split_zero_point(float zero_point) {
    const float nearest = std::nearbyint(zero_point);
    const float rest = zero_point - nearest;
    return {static_cast<std::int64_t>(nearest), std::abs(rest) < 0x1p-14f ? 0.0f : rest};
}

namespace {

Moved moved(std::vector<Dequantization> outputs) { return {std::move(outputs), Decision::yes()}; }
Moved stays(Code code, std::string text) { return {{}, Decision::no(code, std::move(text))}; }

std::optional<Dims> constant_integers(const Graph& graph, const Node& node, std::size_t operand) {
    if (operand >= node.inputs.size()) return std::nullopt;
    const Tensor* tensor = graph.constant(node.inputs[operand]);
    if (!tensor) return std::nullopt;
    return tensor->integers();
}

Tensor with_ones(const Tensor& scalar, std::size_t rank) { return scalar.reshaped(Dims(rank, 1)); }

// A parameter that varies along one axis of `from`, after a reshape to `to`: the axis survives when the dimensions before it
// multiply to the same number and it is not cut.
std::optional<Tensor> reshaped(const Tensor& parameter, const ir::Shape& from, const ir::Shape& to) {
    if (per_tensor(parameter)) return with_ones(parameter, to.rank());
    const auto axis = axis_of(parameter);
    if (!axis || !from.ranked() || !to.ranked()) return std::nullopt;
    // Leading dimensions may be unknown as long as they are the same ones, one by one.
    std::size_t same = 0;
    while (same < *axis && same < to.rank() && from[same] == to[same]) ++same;
    std::int64_t before = 1;
    for (std::size_t i = same; i < *axis; ++i) {
        if (!from[i].is_static()) return std::nullopt;
        before *= from[i].low;
    }
    const std::int64_t extent = parameter.dims()[*axis];
    std::int64_t product = 1;
    for (std::size_t i = same; i < to.rank(); ++i) {
        if (!to[i].is_static()) return std::nullopt;
        if (product == before && to[i].low == extent) {
            Dims dims(to.rank(), 1);
            dims[i] = extent;
            return parameter.reshaped(std::move(dims));
        }
        product *= to[i].low;
    }
    return std::nullopt;
}

Moved below_reshape(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto& from = graph.shape(node.inputs[0]);
    const auto& to = node.outputs[0].type.shape;
    if (!to.ranked()) return stays(Code::dynamic_rank, "the rank of '{layer}' is not known");
    auto scale = reshaped(d.scale, from, to);
    auto zero_point = reshaped(d.zero_point, from, to);
    if (!scale || !zero_point) return stays(Code::reshape_mixes_channels, "'{layer}' mixes channels of different scales");
    return moved({{std::move(*scale), std::move(*zero_point)}});
}

Tensor transposed(const Tensor& parameter, const Dims& order) {
    Dims dims;
    for (auto axis : order) dims.push_back(parameter.dims()[static_cast<std::size_t>(axis)]);
    return parameter.reshaped(std::move(dims));  // at most one extent is not 1, so the elements keep their order
}

Moved below_transpose(const Graph& graph, const Node& node, const Dequantization& d) {
    auto order = constant_integers(graph, node, 1);
    if (!order) return stays(Code::not_constant, "the order of '{layer}' is not constant");
    if (order->empty())
        for (std::size_t i = d.scale.dims().size(); i-- > 0;) order->push_back(static_cast<std::int64_t>(i));
    return moved({{transposed(d.scale, *order), transposed(d.zero_point, *order)}});
}

Tensor slice(const Tensor& parameter, std::size_t axis, std::int64_t begin, std::int64_t count) {
    if (parameter.dims()[axis] == 1) return parameter;
    Dims dims = parameter.dims();
    dims[axis] = count;
    return Tensor::of<float>(std::move(dims), parameter.as<float>().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
}

Moved below_split(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto axis = constant_integers(graph, node, 1);
    if (!axis || axis->size() != 1) return stays(Code::not_constant, "the axis of '{layer}' is not constant");
    const std::size_t a = ir::normalise_axis((*axis)[0], d.scale.dims().size());
    std::vector<Dequantization> outputs;
    std::int64_t begin = 0;
    for (const ir::Output& output : node.outputs) {
        const ir::Dim count = output.type.shape[a];
        if (!count.is_static()) return stays(Code::dynamic_channels, "the parts of '{layer}' are not known");
        outputs.push_back({slice(d.scale, a, begin, count.low), slice(d.zero_point, a, begin, count.low)});
        begin += count.low;
    }
    return moved(std::move(outputs));
}

Tensor joined(std::span<const Dequantization> operands, Tensor Dequantization::*member, std::size_t axis, const std::vector<std::int64_t>& counts) {
    const Tensor& first = operands[0].*member;
    if (per_tensor(first) && std::ranges::all_of(operands, [&](const Dequantization& d) { return d.*member == first; })) return first;
    std::vector<float> values;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const auto part = along(operands[i].*member, axis, static_cast<std::size_t>(counts[i]));
        values.insert(values.end(), part.begin(), part.end());
    }
    Dims dims(first.dims().size(), 1);
    dims[axis] = static_cast<std::int64_t>(values.size());
    return Tensor::of<float>(std::move(dims), std::span<const float>(values));
}

Moved below_concat(const Graph& graph, const Node& node, std::span<const Dequantization> operands) {
    const std::size_t rank = operands[0].scale.dims().size();
    const std::size_t axis = ir::normalise_axis(node.op.get<ir::Concat>().axis, rank);
    const auto only_along = [&](const Tensor& t) { return per_tensor(t) || axis_of(t) == axis; };
    if (std::ranges::all_of(operands, [&](const Dequantization& d) { return d == operands[0]; }) && !only_along(operands[0].scale))
        return moved({operands[0]});
    std::vector<std::int64_t> counts;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const ir::Dim count = graph.shape(node.inputs[i])[axis];
        const bool equal = per_tensor(operands[i]) && operands[i] == operands[0];
        if (!count.is_static() && !equal) return stays(Code::dynamic_channels, "the parts of '{layer}' are not known");
        if (!only_along(operands[i].scale) || !only_along(operands[i].zero_point))
            return stays(Code::concat_axis, "'{layer}' joins parts with scales along another axis");
        counts.push_back(count.low);
    }
    return moved({{joined(operands, &Dequantization::scale, axis, counts), joined(operands, &Dequantization::zero_point, axis, counts)}});
}

Moved below_pool(const Graph&, const Node& node, const Dequantization& d) {
    if (node.outputs.size() > 1 && !node.outputs[1].uses.empty())
        return stays(Code::attribute_unsupported, "the indices of '{layer}' are read");
    for (const Tensor* t : {&d.scale, &d.zero_point})
        if (!per_tensor(*t) && !(axis_of(*t) && *axis_of(*t) <= 1))
            return stays(Code::act_scale_per_channel, "the scale varies along a pooled axis of '{layer}'");
    if (std::ranges::any_of(d.scale.as<float>(), [](float s) { return s < 0; }))
        return stays(Code::negative_scale, "a negative scale would turn the maximum of '{layer}' into a minimum");
    return moved({d});
}

// Ops that touch some axes only: the scale may vary along any other.
Moved below_untouched(const Node& node, const Dequantization& d, std::span<const std::int64_t> touched) {
    const std::size_t rank = d.scale.dims().size();
    for (const Tensor* t : {&d.scale, &d.zero_point}) {
        if (per_tensor(*t)) continue;
        const auto axis = axis_of(*t);
        const bool hit = !axis || std::ranges::any_of(touched, [&](std::int64_t a) { return ir::normalise_axis(a, rank) == *axis; });
        if (hit || node.outputs[0].type.shape.rank() != rank)
            return stays(Code::act_scale_per_channel, "'{layer}' moves elements of different scales");
    }
    if (!node.outputs[0].type.shape.ranked()) return stays(Code::dynamic_rank, "the rank of '{layer}' is not known");
    const std::size_t out_rank = node.outputs[0].type.shape.rank();
    if (out_rank == rank) return moved({d});
    return moved({{with_ones(d.scale, out_rank), with_ones(d.zero_point, out_rank)}});
}

Dims all_axes(std::size_t rank) {
    Dims axes;
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
    return axes;
}


// Axes whose extent or order the op changes. A slice with a negative step may turn any axis around.
Dims changed_axes(const Graph& graph, const Node& node) {
    const auto& from = graph.shape(node.inputs[0]);
    const auto& to = node.outputs[0].type.shape;
    const bool slices = node.op.is<ir::StridedSlice>() || node.op.is<ir::Slice>();
    const auto steps = slices && node.inputs.size() > 3 ? constant_integers(graph, node, 3) : Dims{};
    if (!steps || std::ranges::any_of(*steps, [](auto step) { return step < 0; })) return all_axes(from.rank());
    if (!from.ranked() || !to.ranked() || from.rank() != to.rank()) return all_axes(from.rank());
    Dims axes;
    for (std::size_t i = 0; i < from.rank(); ++i)
        if (!from[i].is_static() || from[i] != to[i]) axes.push_back(static_cast<std::int64_t>(i));
    return axes;
}

Moved below_interpolate(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto& op = node.op.get<ir::Interpolate>();
    if (op.mode != ir::InterpolateMode::nearest) return stays(Code::attribute_unsupported, "'{layer}' computes new values between its points");
    if (std::ranges::any_of(op.pads_begin, [](auto p) { return p != 0; }) || std::ranges::any_of(op.pads_end, [](auto p) { return p != 0; }))
        return stays(Code::attribute_unsupported, "'{layer}' pads");
    const auto axes = constant_integers(graph, node, 2);
    return below_untouched(node, d, axes ? *axes : all_axes(d.scale.dims().size()));
}

Moved below_gather(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto axis = constant_integers(graph, node, 2);
    if (!axis || axis->size() != 1) return stays(Code::not_constant, "the axis of '{layer}' is not constant");
    return below_untouched(node, d, *axis);
}

}  // namespace

bool moves_codes(const ir::Op& op) {
    return op.is<ir::MaxPool>() || op.is<ir::Concat>() || op.is<ir::Interpolate>() ||
           (op.traits().moves_data && !op.is<ir::GatherElements>() && !op.is<ir::GatherNd>() && !op.is<ir::ReverseSequence>());
}

std::size_t code_operands(const Node& node) { return node.op.is<ir::Concat>() ? node.inputs.size() : 1; }

Moved below(const Graph& graph, const Node& node, std::span<const Dequantization> operands) {
    const ir::Op& op = node.op;
    const Dequantization& d = operands[0];
    const std::size_t rank = d.scale.dims().size();
    if (op.is<ir::MaxPool>()) return below_pool(graph, node, d);
    if (op.is<ir::Concat>()) return below_concat(graph, node, operands);
    if (op.is<ir::Reshape>() || op.is<ir::Squeeze>() || op.is<ir::Unsqueeze>()) return below_reshape(graph, node, d);
    if (op.is<ir::Transpose>()) return below_transpose(graph, node, d);
    if (op.is<ir::Split>() || op.is<ir::VariadicSplit>()) return below_split(graph, node, d);
    if (op.is<ir::Interpolate>()) return below_interpolate(graph, node, d);
    if (op.is<ir::Gather>()) return below_gather(graph, node, d);
    if (op.is<ir::StridedSlice>() || op.is<ir::Slice>() || op.is<ir::Tile>() || op.is<ir::Broadcast>())
        return below_untouched(node, d, changed_axes(graph, node));
    if (op.is<ir::ShuffleChannels>()) return below_untouched(node, d, Dims{op.get<ir::ShuffleChannels>().axis});
    if (op.is<ir::DepthToSpace>() || op.is<ir::SpaceToDepth>() || op.is<ir::BatchToSpace>()) return below_untouched(node, d, all_axes(rank));
    return stays(Code::attribute_unsupported, "'{layer}' has no meaning on codes");
}

}  // namespace octet::low_precision
