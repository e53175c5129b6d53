#include "transformations/low_precision/dequantization.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/below.hpp"

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

Tensor with_ones(const Tensor& scalar, std::size_t rank) {
    return scalar.dims().size() == rank ? scalar : scalar.reshaped(Dims(rank, 1));
}

Moved moved(std::vector<Dequantization> outputs) { return {std::move(outputs), Decision::yes(), std::nullopt}; }
Moved stays(Code code, std::string text) { return {{}, Decision::no(code, std::move(text)), std::nullopt}; }

std::optional<Dims> constant_integers(const Graph& graph, const Node& node, std::size_t operand) {
    if (operand >= node.inputs.size()) return std::nullopt;
    const Tensor* tensor = graph.constant(node.inputs[operand]);
    if (!tensor) return std::nullopt;
    return tensor->integers();
}

// One number for all of the data holds wherever its elements go.
Moved everywhere(const Node& node, const Dequantization& d) {
    std::vector<Dequantization> outputs;
    for (const ir::Output& output : node.outputs) {
        const std::size_t rank = output.type.shape.rank();
        outputs.push_back({with_ones(d.scale, rank), with_ones(d.zero_point, rank)});
    }
    return moved(std::move(outputs));
}

// The op on the parameters themselves: they have the data's axes.
Dequantization on_parameters(const ir::Op& op, const Dequantization& d, const Tensor& operand) {
    const auto on = [&](const Tensor& parameter) { return ir::eval::evaluate(op, std::array{parameter, operand})[0]; };
    return {on(d.scale), on(d.zero_point)};
}

// Ops that touch some axes only: the scale may vary along any other.
Moved below_untouched(const Node& node, const Dequantization& d, std::span<const std::int64_t> touched) {
    const std::size_t rank = d.scale.dims().size();
    for (const Tensor* t : {&d.scale, &d.zero_point}) {
        if (per_tensor(*t)) continue;
        const auto axis = axis_of(*t);
        const bool hit = !axis || std::ranges::any_of(touched, [&](std::int64_t a) {
            return ir::normalise_axis(a, rank) == *axis;
        });
        if (hit || node.outputs[0].type.shape.rank() != rank)
            return stays(Code::act_scale_per_channel, "'{layer}' moves elements of different scales");
    }
    return moved({d});
}

Dims all_axes(std::size_t rank) {
    Dims axes;
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
    return axes;
}

namespace {

// How many leading dimensions the reshape certainly keeps: known and equal; unknown and copied; unknown and the only unknown ones of
// two shapes that are otherwise of one size.
std::size_t kept_dimensions(const Graph& graph, const Node& node) {
    const auto& from = graph.shape(node.inputs[0]);
    const auto& to = node.outputs[0].type.shape;
    const auto pattern = constant_integers(graph, node, 1);
    const auto known_size = [](const ir::Shape& shape, std::size_t without) {
        std::optional<std::int64_t> size = 1;
        for (std::size_t i = 0; i < shape.rank(); ++i)
            if (i != without) size = size && shape[i].is_static() ? std::optional(*size * shape[i].low) : std::nullopt;
        return size;
    };
    const auto keeps = [&](std::size_t i) {
        if (from[i] != to[i]) return false;
        if (from[i].is_static()) return true;
        if (pattern && (*pattern)[i] == 0 && node.op.get<ir::Reshape>().special_zero) return true;
        return known_size(from, i) && known_size(from, i) == known_size(to, i);
    };
    std::size_t kept = 0;
    while (kept < from.rank() && kept < to.rank() && keeps(kept)) ++kept;
    return kept;
}

// A parameter of `from` after a reshape to `to`. Both shapes are taken apart into the smallest blocks of dimensions with equal products;
// within a block the parameter has one value or one for each element.
std::optional<Tensor> reshaped(const Tensor& parameter, const ir::Shape& from, const ir::Shape& to, std::size_t kept) {
    if (per_tensor(parameter)) return with_ones(parameter, to.rank());
    const Dims& dims = parameter.dims();
    Dims result(to.rank(), 1);
    std::copy_n(dims.begin(), kept, result.begin());
    const auto varies = [&](std::size_t begin, std::size_t end) {
        return std::any_of(dims.begin() + static_cast<std::ptrdiff_t>(begin),
                           dims.begin() + static_cast<std::ptrdiff_t>(end), [](std::int64_t d) { return d != 1; });
    };
    for (std::size_t i = kept, j = kept; varies(i, from.rank());) {
        const std::size_t i0 = i, j0 = j;
        std::int64_t in = 1, out = 1;
        do {
            const bool take = in <= out && i < from.rank();
            const ir::Dim next = take ? from[i++] : j < to.rank() ? to[j++] : ir::Dim();
            if (!next.is_static()) return std::nullopt;
            (take ? in : out) *= next.low;
        } while (in != out);
        if (!varies(i0, i)) continue;
        for (std::size_t k = i0; k < i; ++k)
            if (from[k] != ir::Dim(dims[k])) return std::nullopt;
        for (std::size_t k = j0; k < j; ++k) result[k] = to[k].low;
    }
    return parameter.reshaped(std::move(result));
}

Moved below_reshape(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto& from = graph.shape(node.inputs[0]);
    const auto& to = node.outputs[0].type.shape;
    const std::size_t kept = kept_dimensions(graph, node);
    auto scale = reshaped(d.scale, from, to, kept);
    auto zero_point = reshaped(d.zero_point, from, to, kept);
    if (scale && zero_point) return moved({{std::move(*scale), std::move(*zero_point)}});
    Moved carried = below_carried(graph, node, d, all_axes(from.rank()));
    if (carried.decision) return carried;
    return stays(Code::reshape_mixes_channels, "'{layer}' mixes channels of different scales");
}

Moved below_squeeze_or_unsqueeze(const Graph& graph, const Node& node, const Dequantization& d) {
    const Tensor* given = node.inputs.size() > 1 ? graph.constant(node.inputs[1]) : nullptr;
    if (node.inputs.size() > 1 && !given) return stays(Code::not_constant, "the axes of '{layer}' are not constant");
    if (given && given->size() > 0) return moved({on_parameters(node.op, d, *given)});
    // Every dimension of 1 goes: they are known, since the result has a rank.
    const auto& from = graph.shape(node.inputs[0]);
    std::vector<std::int64_t> axes;
    for (std::size_t i = 0; i < from.rank(); ++i)
        if (from[i] == ir::Dim(1)) axes.push_back(static_cast<std::int64_t>(i));
    return moved({on_parameters(node.op, d, Tensor::vector(axes))});
}

Moved below_transpose(const Graph& graph, const Node& node, const Dequantization& d) {
    const Tensor* order = graph.constant(node.inputs[1]);
    if (!order) return stays(Code::not_constant, "the order of '{layer}' is not constant");
    return moved({on_parameters(node.op, d, *order)});
}

// Elements begin .. begin + count of `axis`.
Tensor slice(const Tensor& parameter, std::size_t axis, std::int64_t begin, std::int64_t count) {
    const Dims& dims = parameter.dims();
    if (dims[axis] == 1) return parameter;
    const std::int64_t inner = ir::product({dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, dims.end()});
    const auto from = parameter.as<float>();
    std::vector<float> values;
    for (std::int64_t at = begin * inner; at < static_cast<std::int64_t>(from.size()); at += dims[axis] * inner) {
        const auto part = from.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count * inner));
        values.insert(values.end(), part.begin(), part.end());
    }
    Dims part_dims = dims;
    part_dims[axis] = count;
    return Tensor::of<float>(std::move(part_dims), std::span<const float>(values));
}

Moved below_split(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto axis = constant_integers(graph, node, 1);
    if (!axis) return stays(Code::not_constant, "the axis of '{layer}' is not constant");
    const std::size_t a = ir::normalise_axis((*axis)[0], d.scale.dims().size());
    if (d.scale.dims()[a] == 1 && d.zero_point.dims()[a] == 1) return moved(std::vector(node.outputs.size(), d));
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

Tensor joined(std::span<const Dequantization> operands, Tensor Dequantization::*member, std::size_t axis,
              const std::vector<std::int64_t>& counts) {
    const Tensor& first = operands[0].*member;
    if (per_tensor(first) && std::ranges::all_of(operands, [&](const Dequantization& d) { return d.*member == first; }))
        return first;
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
    const bool constant_along = operands[0].scale.dims()[axis] == 1 && operands[0].zero_point.dims()[axis] == 1;
    if (constant_along && std::ranges::all_of(operands, [&](const Dequantization& d) { return d == operands[0]; }))
        return moved({operands[0]});
    std::vector<std::int64_t> counts;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const ir::Shape& part = graph.shape(node.inputs[i]);
        const ir::Dim count = part.ranked() ? part[axis] : ir::Dim();
        if (!count.is_static()) return stays(Code::dynamic_channels, "the parts of '{layer}' are not known");
        if (!only_along(operands[i].scale) || !only_along(operands[i].zero_point))
            return stays(Code::concat_axis, "'{layer}' joins parts with scales along another axis");
        counts.push_back(count.low);
    }
    return moved({{joined(operands, &Dequantization::scale, axis, counts),
                   joined(operands, &Dequantization::zero_point, axis, counts)}});
}

Moved below_pool(const Graph& graph, const Node& node, const Dequantization& d) {
    if (node.outputs.size() > 1 && !node.outputs[1].uses.empty())
        return stays(Code::attribute_unsupported, "the indices of '{layer}' are read");
    for (const Tensor* t : {&d.scale, &d.zero_point})
        if (!per_tensor(*t) && !(axis_of(*t) && *axis_of(*t) <= 1))
            return stays(Code::act_scale_per_channel, "the scale varies along a pooled axis of '{layer}'");
    if (std::ranges::any_of(d.scale.as<float>(), [](float s) { return s < 0; }))
        return stays(Code::negative_scale, "a negative scale would turn the maximum of '{layer}' into a minimum");
    if (may_pool_nothing(node.op.get<ir::MaxPool>(), graph.shape(node.inputs[0])))
        return stays(Code::value_unsupported,
                     "a window of '{layer}' lies beyond the data, where no code stands for its maximum");
    return moved({d});
}

// Axes whose extent or order the op changes. A slice with a negative step may turn any axis around.
Dims changed_axes(const Graph& graph, const Node& node) {
    const auto& from = graph.shape(node.inputs[0]);
    const auto& to = node.outputs[0].type.shape;
    const bool slices = node.op.is<ir::StridedSlice>() || node.op.is<ir::Slice>();
    const auto steps = slices && node.inputs.size() > 3 ? constant_integers(graph, node, 3) : Dims{};
    if (!steps || std::ranges::any_of(*steps, [](auto step) { return step < 0; })) return all_axes(from.rank());
    if (from.rank() != to.rank()) return all_axes(from.rank());
    Dims axes;
    for (std::size_t i = 0; i < from.rank(); ++i)
        if (!from[i].is_static() || from[i] != to[i]) axes.push_back(static_cast<std::int64_t>(i));
    return axes;
}

Moved below_interpolate(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto& op = node.op.get<ir::Interpolate>();
    if (op.mode != ir::InterpolateMode::nearest)
        return stays(Code::attribute_unsupported, "'{layer}' computes new values between its points");
    if (std::ranges::any_of(op.pads_begin, [](auto p) { return p != 0; }) ||
        std::ranges::any_of(op.pads_end, [](auto p) { return p != 0; }))
        return stays(Code::attribute_unsupported, "'{layer}' pads");
    const auto axes = constant_integers(graph, node, 2);
    return below_carried(graph, node, d, axes ? *axes : all_axes(d.scale.dims().size()));
}

// Beyond the data a gather gives 0, which is a code for 0 only where zero points are 0.
bool reads_inside(const Graph& graph, const Node& node) {
    const auto axis = constant_integers(graph, node, 2);
    const auto indices = constant_integers(graph, node, 1);
    if (!axis || !indices) return false;
    const ir::Shape& data = graph.shape(node.inputs[0]);
    const std::int64_t extent = data[ir::normalise_axis((*axis)[0], data.rank())].low;
    return std::ranges::all_of(*indices, [&](std::int64_t i) { return i >= -extent && i < extent; });
}

Moved below_gather(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto zero_points = d.zero_point.as<float>();
    if (std::ranges::any_of(zero_points, [](float z) { return z != 0; }) && !reads_inside(graph, node))
        return stays(Code::value_unsupported, "'{layer}' may read beyond its data, where it gives 0");
    if (per_tensor(d)) return everywhere(node, d);
    const auto axis = constant_integers(graph, node, 2);
    if (!axis) return stays(Code::not_constant, "the axis of '{layer}' is not constant");
    if (!reads_inside(graph, node) || node.op.get<ir::Gather>().batch_dims != 0) return below_untouched(node, d, *axis);
    return below_carried(graph, node, d, *axis);
}

}  // namespace

bool may_pool_nothing(const ir::MaxPool& pool, const ir::Shape& data) {
    if (pool.auto_pad == ir::PadType::same_upper || pool.auto_pad == ir::PadType::same_lower) return false;
    if (data.is_static()) {
        const ir::Window w = window_of(pool, data.sizes());
        for (std::size_t i = 0; i < w.kernel.size(); ++i) {
            const std::int64_t first_end = (w.kernel[i] - 1) * w.dilations[i] - w.pads_begin[i];
            const std::int64_t last = (w.output[i] - 1) * w.strides[i] - w.pads_begin[i];
            if (first_end < 0 || last >= w.data[i]) return true;
        }
        return false;
    }
    // Whatever the extents are: rounding up adds at most a stride less one.
    const auto at = [](const std::vector<std::int64_t>& values, std::size_t i, std::int64_t missing) {
        return values.empty() ? missing : values[i];
    };
    for (std::size_t i = 0; i < pool.kernel.size(); ++i) {
        const std::int64_t reach = (pool.kernel[i] - 1) * at(pool.dilations, i, 1);
        const bool up = pool.rounding == ir::RoundingType::ceil;
        const bool pads = pool.auto_pad == ir::PadType::explicit_;
        const std::int64_t begin = pads ? at(pool.pads_begin, i, 0) : 0;
        const std::int64_t end = (pads ? at(pool.pads_end, i, 0) : 0) + (up ? at(pool.strides, i, 1) - 1 : 0);
        if (begin > reach || end > reach) return true;
    }
    return false;
}

bool moves_codes(const ir::Op& op) {
    return op.is<ir::MaxPool>() || op.is<ir::Concat>() || op.is<ir::Interpolate>() || op.is<ir::Pad>() ||
           op.is<ir::SpaceToBatch>() || op.is<ir::ReduceMax>() || op.is<ir::ReduceMin>() || op.traits().moves_data;
}

std::size_t code_operands(const Node& node) { return node.op.is<ir::Concat>() ? node.inputs.size() : 1; }

Moved below(const Graph& graph, const Node& node, std::span<const Dequantization> operands, ir::Element element) {
    const ir::Op& op = node.op;
    const Dequantization& d = operands[0];
    const std::size_t rank = d.scale.dims().size();
    if (!graph.shape(node.inputs[0]).ranked() ||
        !std::ranges::all_of(node.outputs, [](const ir::Output& o) { return o.type.shape.ranked(); }))
        return stays(Code::dynamic_rank, "the rank of '{layer}' is not known");
    if (op.is<ir::MaxPool>()) return below_pool(graph, node, d);
    if (op.is<ir::Concat>()) return below_concat(graph, node, operands);
    if (op.is<ir::Interpolate>()) return below_interpolate(graph, node, d);
    if (op.is<ir::Gather>()) return below_gather(graph, node, d);
    if (op.is<ir::Pad>()) return below_pad(graph, node, d, element);
    if (op.is<ir::SpaceToBatch>()) return below_space_to_batch(graph, node, d);
    if (op.is<ir::ReduceMax>() || op.is<ir::ReduceMin>()) return below_extremum(graph, node, d);
    if (per_tensor(d)) return everywhere(node, d);
    if (op.is<ir::Reshape>()) return below_reshape(graph, node, d);
    if (op.is<ir::Squeeze>() || op.is<ir::Unsqueeze>()) return below_squeeze_or_unsqueeze(graph, node, d);
    if (op.is<ir::Transpose>()) return below_transpose(graph, node, d);
    if (op.is<ir::Split>() || op.is<ir::VariadicSplit>()) return below_split(graph, node, d);
    if (op.is<ir::StridedSlice>() || op.is<ir::Slice>() || op.is<ir::Tile>() || op.is<ir::Broadcast>())
        return below_carried(graph, node, d, changed_axes(graph, node));
    if (op.is<ir::ShuffleChannels>()) return below_carried(graph, node, d, Dims{op.get<ir::ShuffleChannels>().axis});
    if (const auto* reverse = op.as<ir::ReverseSequence>()) return below_untouched(node, d, Dims{reverse->seq_axis});
    return below_carried(graph, node, d, all_axes(rank));
}

}  // namespace octet::low_precision
