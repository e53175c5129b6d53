#pragma once
// What is missing when a convolution subtracts the nearest integer instead of a real zero point.
#include <optional>

#include "ir/edit.hpp"
#include "transformations/low_precision/weighted.hpp"

namespace octet::low_precision {

// With zero point z = zi + d the op on integers gives sum((q - zi) * w); the exact sum over the taps that lie inside the data is
// d * sum(w) smaller. The result is -d * scale * sum(w), to be added after the dequantize: a constant of shape [1, O, 1...] where the sums
// are the same everywhere or differ by less than `tolerance`, else of the shape of the op's result for one batch. As only the border
// differs, a large one of these is a small table that gathers spread along the spatial axes. Nothing when d is 0.
// `codes`: the weights; `scale`: the data's times the weights', per output channel.
std::optional<ir::Value> zero_point_correction(ir::Edit& edit, const Weighted& w, const ir::Tensor& codes,
                                               const std::vector<float>& scale, const ir::Shape& result,
                                               double tolerance);

// A value that gathers take from a smaller constant.
struct SpreadTable {
    const ir::Tensor* table = nullptr;
    // By axis: the entry of the table for each place; empty where the table has as many as the value.
    std::vector<std::vector<std::int64_t>> entries;
};
std::optional<SpreadTable> spread_table(const ir::Graph& graph, ir::Value value);

// Whether the node makes such a value of floats along spatial axes and it is only added to others, so that a device may spread the table
// when and how it wants it.
bool keeps_table(const ir::Graph& graph, ir::NodeId node);

}  // namespace octet::low_precision
