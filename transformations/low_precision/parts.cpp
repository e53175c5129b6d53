#include "transformations/low_precision/parts.hpp"

#include <algorithm>
#include <map>

#include "ir/ops/convolution.hpp"
#include "ir/ops/movement.hpp"

namespace octet::low_precision {

using ir::Dims;
using ir::Graph;
using ir::Tensor;
using ir::Value;

namespace {

bool is_grouped(const ir::Op& op) { return op.is<ir::GroupConvolution>() || op.is<ir::GroupConvolutionBackpropData>(); }

// One number, or one for each group of input channels.
bool same_within_groups(const Tensor& parameter, std::int64_t groups) {
    if (per_tensor(parameter)) return true;
    const auto values = parameter.as<float>();
    const std::size_t each = values.size() / static_cast<std::size_t>(groups);
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] != values[i / each * each]) return false;
    return true;
}

// Calls `f(element, channel)` for each weight.
template <class F>
void for_each_weight(const Weighted& w, const Tensor& codes, F f) {
    const Dims& dims = codes.dims();
    const auto axis = static_cast<std::ptrdiff_t>(weights_channel_axis(w.node.op, dims.size()));
    const std::int64_t inner = ir::product({dims.begin() + axis + 1, dims.end()});
    const std::int64_t extent = dims[static_cast<std::size_t>(axis)];
    for (std::int64_t i = 0, n = static_cast<std::int64_t>(codes.size()); i < n; ++i)
        f(static_cast<std::size_t>(i), i / inner % extent);
}

// The operands of concats along the axis, from the first channel on, whatever the nesting.
void operands_of(const Graph& graph, Value v, std::size_t axis, std::vector<Value>& operands) {
    const ir::Node& node = graph.node(v);
    const auto* concat = node.op.as<ir::Concat>();
    if (!concat || ir::normalise_axis(concat->axis, graph.shape(v).rank()) != axis) return operands.push_back(v);
    for (Value operand : node.inputs) operands_of(graph, operand, axis, operands);
}

}  // namespace

std::optional<std::vector<Part>> parts_of(const Weighted& w) {
    if (per_tensor(w.data) || scales_of_rows(w)) return std::vector<Part>{{w.data, {}}};
    if (!w.data_shape.ranked() || w.weights_shape.rank() < 2) return std::nullopt;
    const std::size_t axis = input_channel_axis(w.node.op, w.data_shape.rank());
    for (const Tensor* t : {&w.data.scale, &w.data.zero_point})
        if (!per_tensor(*t) && axis_of(*t) != axis) return std::nullopt;
    if (is_grouped(w.node.op)) {
        const std::int64_t groups = w.weights_shape[0].low;
        if (!same_within_groups(w.data.scale, groups) || !same_within_groups(w.data.zero_point, groups))
            return std::nullopt;
        return std::vector<Part>{{w.data, {}}};
    }
    const std::int64_t count = w.weights_shape[weights_channel_axis(w.node.op, w.weights_shape.rank())].low;
    const auto scale = along(w.data.scale, axis, static_cast<std::size_t>(count));
    const auto zero_point = along(w.data.zero_point, axis, static_cast<std::size_t>(count));
    std::map<std::pair<float, float>, std::size_t> index;
    std::vector<Part> parts;
    for (std::int64_t c = 0; c < count; ++c) {
        const float s = scale[static_cast<std::size_t>(c)];
        const SplitZeroPoint split = split_zero_point(zero_point[static_cast<std::size_t>(c)]);
        const float z = static_cast<float>(split.integer) + split.rest;
        const auto [at, fresh] = index.try_emplace({s, z}, parts.size());
        const auto one = [&](float value) {
            return Tensor::filled(ir::Element::f32, Dims(w.data_shape.rank(), 1), value);
        };
        if (fresh) parts.push_back({{one(s), one(z)}, {}});
        parts[at->second].channels.push_back(c);
    }
    return parts;
}

ir::Shape weights_shape(const Weighted& w, const Part& part) {
    Dims dims = w.weights_shape.sizes();
    if (!part.channels.empty())
        dims[weights_channel_axis(w.node.op, dims.size())] = static_cast<std::int64_t>(part.channels.size());
    return ir::Shape(dims);
}

bool declines(const WeightedCheck& check, const Weighted& w, const std::optional<std::vector<Part>>& parts) {
    if (!parts || parts->size() == 1) return check.declines(w);
    return std::ranges::any_of(*parts, [&](const Part& part) {
        const ir::Shape shape = weights_shape(w, part);
        return check.declines(
            {w.graph, w.node, part.data, w.weights, w.data_element, w.weights_element, w.data_shape, shape});
    });
}

std::vector<Value> whole_operands(const Graph& graph, Value codes, std::size_t axis, const Part& part) {
    std::vector<Value> operands;
    operands_of(graph, codes, axis, operands);
    std::vector<Value> mine;
    std::int64_t begin = 0;
    std::size_t found = 0;
    for (Value operand : operands) {
        const ir::Dim extent = graph.shape(operand)[axis];
        if (!extent.is_static()) return {};
        const auto inside = std::ranges::count_if(part.channels,
                                                  [&](std::int64_t c) { return c >= begin && c < begin + extent.low; });
        if (inside != 0 && inside != extent.low) return {};
        if (inside != 0) mine.push_back(operand);
        found += static_cast<std::size_t>(inside);
        begin += extent.low;
    }
    return operands.size() > 1 && found == part.channels.size() ? mine : std::vector<Value>{};
}

Tensor picked_weights(const Weighted& w, const Tensor& codes, const Part& part) {
    std::vector<std::int8_t> values;
    const auto from = codes.as<std::int8_t>();
    for_each_weight(w, codes, [&](std::size_t i, std::int64_t channel) {
        if (std::ranges::binary_search(part.channels, channel)) values.push_back(from[i]);
    });
    return Tensor::of<std::int8_t>(weights_shape(w, part).sizes(), std::span<const std::int8_t>(values));
}

Tensor masked_weights(const Weighted& w, const Tensor& codes, const Part& part) {
    Tensor masked(ir::Element::i8, codes.dims());
    const auto from = codes.as<std::int8_t>();
    auto to = masked.write<std::int8_t>();
    for_each_weight(w, codes, [&](std::size_t i, std::int64_t channel) {
        to[i] = std::ranges::binary_search(part.channels, channel) ? from[i] : std::int8_t{0};
    });
    return masked;
}

}  // namespace octet::low_precision
