#include "transformations/low_precision/weights_zero_point.hpp"

#include <algorithm>
#include <cmath>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet::low_precision {

using namespace ir;

namespace {

constexpr double kLeastChange = 1.0 / 32;
// Zero points below this are what is left of 0 after the ends of the interval were rounded.
constexpr double kFileRounding = 1e-3;

bool has_groups(const Weighted& w) {
    const bool grouped = w.node.op.is<GroupConvolution>() || w.node.op.is<GroupConvolutionBackpropData>();
    return grouped && !is_depthwise(w.node.op, w.weights_shape);
}

// Whether any result could change by more than the slack.
bool matters(const Weighted& w, std::span<const float> zero_points, std::span<const float> scale, const Slack& slack) {
    const double most = static_cast<double>(products_per_sum(w.node.op, w.weights_shape.sizes())) *
                        largest_difference(w.data, w.data_element);
    for (std::size_t c = 0; c < zero_points.size(); ++c) {
        const double zero_point = std::abs(static_cast<double>(zero_points[c]));
        const double change = most * zero_point;
        if (zero_point >= slack.zero_point && change >= kLeastChange &&
            change * std::abs(static_cast<double>(scale[c])) >= slack.change)
            return true;
    }
    return false;
}

// Weights of 1 for a single output channel; of a depthwise op for each.
Tensor ones_for(const Weighted& w) {
    Dims dims = w.weights_shape.sizes();
    if (!is_depthwise(w.node.op, w.weights_shape))
        for (std::size_t axis : output_axes(w.node.op, dims.size())) dims[axis] = 1;
    Tensor ones(Element::i8, dims);
    std::ranges::fill(ones.write<std::int8_t>(), std::int8_t{1});
    return ones;
}

Tensor number(std::size_t rank, float value) { return Tensor::filled(Element::f32, Dims(rank, 1), value); }

}  // namespace

bool groups_have_zero_points(const Weighted& w) {
    return has_groups(w) && std::ranges::any_of(w.weights.zero_point.as<float>(), [](float z) {
               return std::abs(static_cast<double>(z)) > kFileRounding;
           });
}

std::optional<Value> weights_zero_point_correction(Edit& e, const Weighted& w, const Op& op, Value data,
                                                   const std::vector<float>& scale, const Slack& slack,
                                                   const Part* masked) {
    const auto zero_points = *per_output(w.weights.zero_point, w.node.op, w.weights_shape.sizes());
    if (has_groups(w) || !matters(w, zero_points, scale, slack)) return std::nullopt;
    const Tensor ones = masked ? masked_weights(w, ones_for(w), *masked) : ones_for(w);
    std::vector<Value> operands = w.node.inputs;
    operands[0] = data;
    operands[1] = e.constant(ones);
    Value sum = e.add(op, std::move(operands));
    const Shape shape = w.graph.shape(sum);
    const std::size_t rank = shape.rank();
    sum = e.add(Dequantize{number(rank, 1), number(rank, 0), Element::f32}, {sum});
    const Weighted of_ones{w.graph,           w.node,       w.data,           w.weights, w.data_element,
                           w.weights_element, w.data_shape, ones.type().shape};
    const std::vector<float> units(is_depthwise(op, w.weights_shape) ? scale.size() : 1, 1.0f);
    if (const auto rest = zero_point_correction(e, of_ones, ones, units, shape, 0)) sum = e.add(Add{}, {sum, *rest});

    Dims dims(rank, 1);
    dims[result_channel_axis(op, rank)] = static_cast<std::int64_t>(scale.size());
    Tensor factor(Element::f32, dims);
    for (std::size_t c = 0; c < scale.size(); ++c) factor.write<float>()[c] = -zero_points[c] * scale[c];
    return e.add(Multiply{}, {sum, e.constant(factor)});
}

}  // namespace octet::low_precision
