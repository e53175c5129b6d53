#include "transformations/low_precision/weighted.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ir/ops/convolution.hpp"
#include "transformations/low_precision/parts.hpp"
#include "transformations/low_precision/weights_zero_point.hpp"

namespace octet::low_precision {

using ir::Dims;
using ir::Op;
using ir::Tensor;
using rewrite::Code;

bool is_weighted(const Op& op) {
    return op.is<ir::Convolution>() || op.is<ir::GroupConvolution>() || op.is<ir::ConvolutionBackpropData>() ||
           op.is<ir::GroupConvolutionBackpropData>() || op.is<ir::MatMul>();
}

std::vector<std::size_t> output_axes(const Op& op, std::size_t weights_rank) {
    if (op.is<ir::Convolution>()) return {0};
    if (op.is<ir::GroupConvolution>()) return {0, 1};
    if (op.is<ir::ConvolutionBackpropData>()) return {1};
    if (op.is<ir::GroupConvolutionBackpropData>()) return {0, 2};
    return {op.get<ir::MatMul>().transpose_b ? weights_rank - 2 : weights_rank - 1};
}

std::size_t input_channel_axis(const Op& op, std::size_t data_rank) {
    const auto* matmul = op.as<ir::MatMul>();
    if (!matmul) return 1;
    return matmul->transpose_a ? data_rank - 2 : data_rank - 1;
}

std::size_t weights_channel_axis(const Op& op, std::size_t weights_rank) {
    if (op.is<ir::Convolution>()) return 1;
    if (op.is<ir::GroupConvolution>()) return 2;
    if (op.is<ir::ConvolutionBackpropData>()) return 0;
    if (op.is<ir::GroupConvolutionBackpropData>()) return 1;
    return op.get<ir::MatMul>().transpose_b ? weights_rank - 1 : weights_rank - 2;
}

std::size_t result_channel_axis(const Op& op, std::size_t result_rank) {
    return op.is<ir::MatMul>() ? result_rank - 1 : 1;
}

bool is_depthwise(const Op& op, const ir::Shape& weights) {
    return op.is<ir::GroupConvolution>() && weights.rank() > 2 && weights[1] == ir::Dim(1) && weights[2] == ir::Dim(1);
}

float at_output(const Weighted& w, const Tensor& parameter, std::size_t c) {
    const auto values = parameter.as<float>();
    if (values.size() == 1) return values[0];
    const auto axes = output_axes(w.node.op, w.weights_shape.rank());
    const auto outputs = static_cast<std::size_t>(w.weights_shape[axes.back()].low);
    const auto groups = static_cast<std::size_t>(w.weights_shape[0].low);
    return values[c / outputs * (values.size() / groups)];
}

std::optional<std::vector<float>> per_output(const Tensor& parameter, const Op& op, const Dims& weights) {
    const auto axes = output_axes(op, weights.size());
    std::int64_t count = 1;
    for (auto axis : axes) count *= weights[axis];
    const auto values = parameter.as<float>();
    if (values.size() == 1) return std::vector<float>(static_cast<std::size_t>(count), values[0]);
    for (std::size_t i = 0; i < weights.size(); ++i)
        if (parameter.dims()[i] != 1 && std::ranges::find(axes, i) == axes.end()) return std::nullopt;
    // Two axes number the channels of a grouped op; either may be of extent 1 in the parameter.
    const std::int64_t inner = axes.size() == 2 ? weights[axes[1]] : 1;
    const bool outer_varies = parameter.dims()[axes[0]] != 1;
    const bool inner_varies = axes.size() == 2 && parameter.dims()[axes[1]] != 1;
    std::vector<float> result(static_cast<std::size_t>(count));
    for (std::int64_t c = 0; c < count; ++c) {
        const std::int64_t outer = outer_varies ? c / inner : 0;
        const std::int64_t index = inner_varies ? outer * inner + c % inner : outer;
        result[static_cast<std::size_t>(c)] = values[static_cast<std::size_t>(index)];
    }
    return result;
}

std::optional<Tensor> factor_of_results(const ir::MatMul& op, const Tensor& scale, bool second,
                                        std::size_t result_rank) {
    Dims dims = scale.dims();
    const std::size_t rank = dims.size();
    if (rank < 2 || rank > result_rank) return std::nullopt;
    const bool transposed = second ? op.transpose_b : op.transpose_a;
    if (dims[second == transposed ? rank - 1 : rank - 2] != 1) return std::nullopt;
    // One of the two is 1, so that the elements stay in order.
    if (transposed) std::swap(dims[rank - 2], dims[rank - 1]);
    dims.insert(dims.begin(), result_rank - rank, 1);
    return scale.reshaped(std::move(dims));
}

std::optional<Tensor> scales_of_rows(const Weighted& w) {
    const auto* op = w.node.op.as<ir::MatMul>();
    const ir::Shape& result = w.node.outputs[0].type.shape;
    if (!op || per_tensor(w.data.scale) || !per_tensor(w.data.zero_point) || !result.ranked()) return std::nullopt;
    return factor_of_results(*op, w.data.scale, false, result.rank());
}

std::int64_t products_per_sum(const Op& op, const Dims& weights) {
    std::int64_t total = ir::product(weights);
    for (auto axis : output_axes(op, weights.size())) total /= std::max<std::int64_t>(weights[axis], 1);
    return total;
}

double largest_difference(const Dequantization& d, ir::Element element) {
    const double low = element == ir::Element::i8 ? -128 : 0;
    double largest = 0;
    for (float z : d.zero_point.as<float>()) largest = std::max({largest, std::abs(low - z), std::abs(low + 255 - z)});
    return largest;
}

namespace {

bool any_nonzero(const std::vector<std::int64_t>& values) {
    return std::ranges::any_of(values, [](std::int64_t v) { return v != 0; });
}

template <class T>
bool window_pads(const Op& op) {
    const auto* conv = op.as<T>();
    if (!conv) return false;
    if (conv->auto_pad == ir::PadType::valid) return false;
    return conv->auto_pad != ir::PadType::explicit_ || any_nonzero(conv->pads_begin) || any_nonzero(conv->pads_end);
}

bool has_rest(const Dequantization& d) {
    return std::ranges::any_of(d.zero_point.as<float>(), [](float z) { return split_zero_point(z).rest != 0; });
}
bool rest_of_zero_point(const Weighted& w) { return has_rest(w.data); }

bool outside_of_codes(const Dequantization& d, ir::Element element) {
    const std::int64_t low = element == ir::Element::i8 ? -128 : 0;
    return std::ranges::any_of(d.zero_point.as<float>(), [&](float z) {
        const auto zero = split_zero_point(z).integer;
        return zero < low || zero > low + 255;
    });
}

ir::Dim depth_of(const Weighted& w) { return w.data_shape[input_channel_axis(w.node.op, w.data_shape.rank())]; }

bool varies_along_sum(const Weighted& w, const Tensor& scale, bool second) {
    const std::size_t rank = w.node.outputs[0].type.shape.rank();
    return !per_tensor(scale) && !factor_of_results(w.node.op.get<ir::MatMul>(), scale, second, rank);
}

bool batched_weights(const Weighted& w) {
    for (std::size_t i = 0; i + 2 < w.weights_shape.rank(); ++i)
        if (w.weights_shape[i] != ir::Dim(1)) return true;
    return false;
}

bool spatial_shape_unknown(const Weighted& w) {
    for (std::size_t i = 2; i < w.data_shape.rank(); ++i)
        if (!w.data_shape[i].is_static()) return true;
    return false;
}

// Which ops a check concerns.
bool any_op(const Op&) { return true; }
bool is_matrix(const Op& op) { return op.is<ir::MatMul>(); }
bool is_windowed(const Op& op) { return !is_matrix(op); }
bool is_backward(const Op& op) {
    return op.is<ir::ConvolutionBackpropData>() || op.is<ir::GroupConvolutionBackpropData>();
}
bool is_grouped(const Op& op) { return op.is<ir::GroupConvolution>() || op.is<ir::GroupConvolutionBackpropData>(); }
bool is_forward(const Op& op) { return is_windowed(op) && !is_backward(op); }

constexpr std::array kChecks{
    WeightedCheck{any_op, Code::dynamic_rank, "the rank of the data of '{op}' is not known",
                  [](const Weighted& w) { return !w.data_shape.ranked(); }},
    WeightedCheck{is_matrix, Code::shape_unsupported, "the weights of '{op}' are a vector",
                  [](const Weighted& w) { return w.weights_shape.rank() < 2; }},
    WeightedCheck{any_op, Code::type_unsupported, "the weights of '{op}' are not 8-bit integers with a sign",
                  [](const Weighted& w) { return w.weights_element != ir::Element::i8; }},
    WeightedCheck{is_grouped, Code::weights_zp, "the weights of '{op}' have a zero point, and it sums in groups",
                  groups_have_zero_points},
    WeightedCheck{any_op, Code::weights_zp, "the zero point of the weights of '{op}' varies along the sum",
                  [](const Weighted& w) {
                      return !per_output(w.weights.zero_point, w.node.op, w.weights_shape.sizes());
                  }},
    WeightedCheck{any_op, Code::scale_along_k, "the scale of the weights of '{op}' varies along the sum",
                  [](const Weighted& w) { return !per_output(w.weights.scale, w.node.op, w.weights_shape.sizes()); }},
    WeightedCheck{any_op, Code::act_scale_per_channel, "the scale of the data of '{op}' varies within its sums",
                  [](const Weighted& w) { return !parts_of(w); }},
    WeightedCheck{any_op, Code::acc_overflow, "the sums of '{op}' could leave 32 bits",
                  [](const Weighted& w) {
                      const auto products = static_cast<double>(products_per_sum(w.node.op, w.weights_shape.sizes()));
                      return products * largest_difference(w.data, w.data_element) * 128 >
                             std::numeric_limits<std::int32_t>::max();
                  }},
    WeightedCheck{is_windowed, Code::zp_out_of_range, "'{op}' pads, and no code of its data stands for 0",
                  [](const Weighted& w) { return pads(w.node.op) && outside_of_codes(w.data, w.data_element); }},
    WeightedCheck{is_backward, Code::zp_fractional,
                  "no code of the data of '{op}' stands for 0 exactly, and its outputs sum different numbers of taps",
                  [](const Weighted& w) { return rest_of_zero_point(w); }},
    WeightedCheck{is_matrix, Code::zp_fractional,
                  "no code of the data of '{op}' stands for 0 exactly, and its weights differ from batch to batch",
                  [](const Weighted& w) { return batched_weights(w) && rest_of_zero_point(w); }},
    WeightedCheck{is_forward, Code::zp_fractional,
                  "'{op}' pads, no code of its data stands for 0 exactly, and its map's size is not known",
                  [](const Weighted& w) {
                      return pads(w.node.op) && rest_of_zero_point(w) && spatial_shape_unknown(w);
                  }},
};

constexpr std::array kProductChecks{
    WeightedCheck{is_matrix, Code::dynamic_rank, "the rank of an operand of '{op}' is not known",
                  [](const Weighted& w) { return !w.data_shape.ranked() || !w.weights_shape.ranked(); }},
    WeightedCheck{is_matrix, Code::shape_unsupported, "an operand of '{op}' is a vector",
                  [](const Weighted& w) { return w.data_shape.rank() < 2 || w.weights_shape.rank() < 2; }},
    WeightedCheck{is_matrix, Code::act_scale_per_channel, "the scale of the first operand of '{op}' varies in its sums",
                  [](const Weighted& w) { return varies_along_sum(w, w.data.scale, false); }},
    WeightedCheck{is_matrix, Code::act_scale_per_channel, "the zero point of the first operand of '{op}' varies",
                  [](const Weighted& w) { return !per_tensor(w.data.zero_point); }},
    WeightedCheck{is_matrix, Code::act_scale_per_channel, "the zero point of the second operand of '{op}' varies",
                  [](const Weighted& w) { return !per_tensor(w.weights.zero_point); }, 1},
    WeightedCheck{is_matrix, Code::scale_along_k, "the scale of the second operand of '{op}' varies in its sums",
                  [](const Weighted& w) { return varies_along_sum(w, w.weights.scale, true); }},
    WeightedCheck{is_matrix, Code::zp_out_of_range, "no code of an operand of '{op}' stands for 0",
                  [](const Weighted& w) {
                      return outside_of_codes(w.data, w.data_element) || outside_of_codes(w.weights, w.weights_element);
                  }},
    // Products with the rest would need sums over rows and columns in float.
    WeightedCheck{is_matrix, Code::zp_fractional, "no code of an operand of '{op}' stands for 0 exactly",
                  [](const Weighted& w) { return has_rest(w.data) || has_rest(w.weights); }},
    WeightedCheck{is_matrix, Code::dynamic_channels, "how many products '{op}' adds up is not known",
                  [](const Weighted& w) { return depth_of(w).high == ir::Dim::kUnbounded; }},
    WeightedCheck{is_matrix, Code::acc_overflow, "the sums of '{op}' could leave 32 bits",
                  [](const Weighted& w) {
                      return static_cast<double>(depth_of(w).high) * largest_difference(w.data, w.data_element) *
                                 largest_difference(w.weights, w.weights_element) >
                             std::numeric_limits<std::int32_t>::max();
                  }},
};

}  // namespace

bool pads(const Op& op) {
    return window_pads<ir::Convolution>(op) || window_pads<ir::GroupConvolution>(op) || is_backward(op);
}

std::span<const WeightedCheck> weighted_checks() { return kChecks; }
std::span<const WeightedCheck> product_checks() { return kProductChecks; }

}  // namespace octet::low_precision
