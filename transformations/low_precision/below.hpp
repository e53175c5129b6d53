#pragma once
// What the answers of `below` are made of, and those that need more than a few lines.
#include "transformations/low_precision/dequantization.hpp"

namespace octet::low_precision {

ir::Tensor with_ones(const ir::Tensor& scalar, std::size_t rank);
Moved moved(std::vector<Dequantization> outputs);
Moved stays(rewrite::Code code, std::string text);
std::optional<ir::Dims> constant_integers(const ir::Graph& graph, const ir::Node& node, std::size_t operand);
ir::Dims all_axes(std::size_t rank);
// One number for all of the data holds wherever its elements go.
Moved everywhere(const ir::Node& node, const Dequantization& d);
// The op on the parameters themselves: they have the data's axes.
Dequantization on_parameters(const ir::Op& op, const Dequantization& d, const ir::Tensor& operand);
// Ops that touch some axes only: the scale may vary along any other.
Moved below_untouched(const ir::Node& node, const Dequantization& d, std::span<const std::int64_t> touched);
// The same for ops that only move elements: the op itself, on the parameters, says where a scale goes that it does move. Other operands
// must be constant, and the extents of the touched axes known.
Moved below_carried(const ir::Graph& graph, const ir::Node& node, const Dequantization& d,
                    std::span<const std::int64_t> touched);

Moved below_extremum(const ir::Graph& graph, const ir::Node& node, const Dequantization& d);
Moved below_space_to_batch(const ir::Graph& graph, const ir::Node& node, const Dequantization& d);
Moved below_pad(const ir::Graph& graph, const ir::Node& node, const Dequantization& d, ir::Element element);

}  // namespace octet::low_precision
