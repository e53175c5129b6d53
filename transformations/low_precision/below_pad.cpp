#include <algorithm>
#include <cmath>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/below.hpp"

namespace octet::low_precision {

using ir::Dims;
using ir::Graph;
using ir::Node;
using ir::Tensor;
using rewrite::Code;

// A maximum or minimum is one of the elements it is taken of.
Moved below_extremum(const Graph& graph, const Node& node, const Dequantization& d) {
    const Tensor* given = graph.constant(node.inputs[1]);
    if (!given) return stays(Code::not_constant, "the axes of '{layer}' are not constant");
    const std::size_t rank = d.scale.dims().size();
    for (const std::int64_t axis : given->integers()) {
        const std::size_t a = ir::normalise_axis(axis, rank);
        if (d.scale.dims()[a] != 1 || d.zero_point.dims()[a] != 1)
            return stays(Code::act_scale_per_channel, "the scale varies along a reduced axis of '{layer}'");
    }
    if (std::ranges::any_of(d.scale.as<float>(), [](float s) { return s < 0; }))
        return stays(Code::negative_scale, "a negative scale would turn '{layer}' around");
    return moved({on_parameters(node.op, d, *given)});
}

// Without pads; those are a Pad of their own in a canonical graph.
Moved below_space_to_batch(const Graph& graph, const Node& node, const Dequantization& d) {
    const auto begin = constant_integers(graph, node, 2);
    const auto end = constant_integers(graph, node, 3);
    const auto zero = [](const std::optional<Dims>& pads) {
        return pads && std::ranges::all_of(*pads, [](auto p) { return p == 0; });
    };
    const bool zero_is_code_0 = std::ranges::all_of(d.zero_point.as<float>(), [](float z) { return z == 0; });
    if (!zero_is_code_0 && !(zero(begin) && zero(end)))
        return stays(Code::value_unsupported, "'{layer}' pads with 0, which is no code 0");
    if (per_tensor(d)) return everywhere(node, d);
    const Dims axes = all_axes(d.scale.dims().size());
    return zero(begin) && zero(end) ? below_carried(graph, node, d, axes) : below_untouched(node, d, axes);
}

namespace {

// Axes that a pad lengthens or cuts.
Dims padded_axes(const Graph& graph, const Node& node) {
    const std::size_t rank = graph.shape(node.inputs[0]).rank();
    const auto begin = constant_integers(graph, node, 1);
    const auto end = constant_integers(graph, node, 2);
    if (!begin || !end) return all_axes(rank);
    Dims axes;
    for (std::size_t i = 0; i < rank; ++i)
        if ((*begin)[i] != 0 || (*end)[i] != 0) axes.push_back(static_cast<std::int64_t>(i));
    return axes;
}

// The code that stands for `value` in every channel; a fraction below 2^-14 is the rounding of the interval's ends.
std::optional<std::int64_t> code_for(double value, const Dequantization& d, ir::Element element) {
    const auto scale = d.scale.as<float>();
    const auto zero = d.zero_point.as<float>();
    const std::int64_t codes = std::int64_t{1} << bits_of(element);
    const std::int64_t low = is_signed(element) ? -codes / 2 : 0;
    std::optional<std::int64_t> found;
    for (std::size_t c = 0; c < std::max(scale.size(), zero.size()); ++c) {
        const double code = value / scale[scale.size() == 1 ? 0 : c] + zero[zero.size() == 1 ? 0 : c];
        const double nearest = std::nearbyint(code);
        if (!(std::abs(code - nearest) < 0x1p-14) || nearest < static_cast<double>(low) ||
            nearest >= static_cast<double>(low + codes))
            return std::nullopt;
        if (found && *found != static_cast<std::int64_t>(nearest)) return std::nullopt;
        found = static_cast<std::int64_t>(nearest);
    }
    return found;
}

// Channels that a pad adds have a scale of their own, the added value itself: it is code 1 of them, and 0 code 0.
Moved below_channel_pad(const Graph& graph, const Node& node, const Dequantization& d, std::size_t axis, double value) {
    const std::int64_t begin = (*constant_integers(graph, node, 1))[axis];
    const std::int64_t end = (*constant_integers(graph, node, 2))[axis];
    const ir::Dim extent = graph.shape(node.inputs[0])[axis];
    if (!extent.is_static() || begin < 0 || end < 0)
        return stays(Code::dynamic_channels, "the channels that '{layer}' adds are not known");
    const auto padded = [&](const Tensor& parameter, float added) {
        std::vector<float> values(static_cast<std::size_t>(begin), added);
        const auto middle = along(parameter, axis, static_cast<std::size_t>(extent.low));
        values.insert(values.end(), middle.begin(), middle.end());
        values.resize(values.size() + static_cast<std::size_t>(end), added);
        Dims dims(parameter.dims().size(), 1);
        dims[axis] = static_cast<std::int64_t>(values.size());
        return Tensor::of<float>(std::move(dims), std::span<const float>(values));
    };
    Moved result = moved({{padded(d.scale, value == 0 ? 1 : static_cast<float>(value)), padded(d.zero_point, 0)}});
    result.pad = value == 0 ? 0 : 1;
    return result;
}

}  // namespace

Moved below_pad(const Graph& graph, const Node& node, const Dequantization& d, ir::Element element) {
    const Dims axes = padded_axes(graph, node);
    Moved result = per_tensor(d) ? everywhere(node, d) : below_untouched(node, d, axes);
    if (node.op.get<ir::Pad>().mode != ir::PadMode::constant) {
        if (node.inputs.size() > 3) result.pad = 0;  // read by no one, but of the type of the data
        return result;
    }
    const Tensor* given = node.inputs.size() > 3 ? graph.constant(node.inputs[3]) : nullptr;
    if (node.inputs.size() > 3 && !given) return stays(Code::not_constant, "the value of '{layer}' is not constant");
    const double value = given ? given->at(0) : 0;
    const bool constant = graph.constant(node.inputs[1]) && graph.constant(node.inputs[2]);
    const auto varies_along = [&](const Tensor& t) {
        return constant && axes.size() == 1 && (per_tensor(t) || axis_of(t) == static_cast<std::size_t>(axes[0]));
    };
    if (!per_tensor(d) && varies_along(d.scale) && varies_along(d.zero_point) && std::isfinite(value))
        return below_channel_pad(graph, node, d, static_cast<std::size_t>(axes[0]), value);
    if (!result.decision) return result;
    result.pad = code_for(value, d, element);
    if (!result.pad) return stays(Code::value_unsupported, "'{layer}' adds a value that no code stands for");
    return result;
}

}  // namespace octet::low_precision
