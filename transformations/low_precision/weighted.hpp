#pragma once
// Convolutions and matrix products on integers: what their operands must be like, the same for the plan and for the rules.
#include <optional>
#include <span>
#include <vector>

#include "ir/graph.hpp"
#include "transformations/low_precision/dequantization.hpp"

namespace octet::low_precision {

// A weighted op whose operands are dequantized codes.
struct Weighted {
    const ir::Graph& graph;
    const ir::Node& node;
    const Dequantization& data;
    const Dequantization& weights;
    ir::Element data_element;
    ir::Element weights_element;
    const ir::Shape& data_shape;
    const ir::Shape& weights_shape;
};

bool is_weighted(const ir::Op& op);

// Axes of the weights that number output channels, in order.
std::vector<std::size_t> output_axes(const ir::Op& op, std::size_t weights_rank);
// The axis of the data whose elements meet in one sum, and of the result that numbers output channels.
std::size_t input_channel_axis(const ir::Op& op, std::size_t data_rank);
std::size_t weights_channel_axis(const ir::Op& op, std::size_t weights_rank);  // the same of the weights (of one group)
std::size_t result_channel_axis(const ir::Op& op, std::size_t result_rank);
// Every output channel has one input channel.
bool is_depthwise(const ir::Op& op, const ir::Shape& weights);
// A parameter of the data where it meets output channel `c`: the one number, or that of the channel's group.
float at_output(const Weighted& w, const ir::Tensor& parameter, std::size_t c);
// A parameter of the weights as one value per output channel; nothing when it varies along another axis.
std::optional<std::vector<float>> per_output(const ir::Tensor& parameter, const ir::Op& op, const ir::Dims& weights);
// A scale of a product's operand as a factor of its results: it varies by row (of the second operand: by column) and along the batch.
// Nothing where it varies along the sum or the operand is a vector.
std::optional<ir::Tensor> factor_of_results(const ir::MatMul& op, const ir::Tensor& scale, bool second,
                                            std::size_t result_rank);
// That of the data of a product with more than one scale and a single zero point.
std::optional<ir::Tensor> scales_of_rows(const Weighted& w);
// Products that are added up for one result.
std::int64_t products_per_sum(const ir::Op& op, const ir::Dims& weights);
// How far a code can be from its zero point.
double largest_difference(const Dequantization& d, ir::Element element);
bool pads(const ir::Op& op);

struct WeightedCheck {
    bool (*concerns)(const ir::Op& op);  // by its kind alone
    rewrite::Code code;
    std::string_view text;  // {op} is the layer
    bool (*declines)(const Weighted& w);
    std::size_t operand = 0;  // whose scales and zero points are the reason
};
// Of 8-bit data and weights of known shape.
std::span<const WeightedCheck> weighted_checks();
// Of a product of two activations in 8 bits; the second one stands where the weights do.
std::span<const WeightedCheck> product_checks();

}  // namespace octet::low_precision
