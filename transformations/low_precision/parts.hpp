#pragma once
// Data whose scale varies along its input channels, as it does behind a Concat: the op is a sum of ops on data of one scale each,
//   conv(cat(a, b), w) = conv(a, w[a's channels]) + conv(b, w[b's channels]).
// Each has i32 sums and zero points of its own; they meet in float.
#include <optional>
#include <vector>

#include "transformations/low_precision/weighted.hpp"

namespace octet::low_precision {

struct Part {
    Dequantization data;                 // of a sum: one scale, or one for each row of a product, and one zero point
    std::vector<std::int64_t> channels;  // input channels, ascending; empty: all of them
};

// In the order of their first channels; a single part where one op is enough: nothing varies, or only from group to group, or from row to row. Nothing
// where the scale or zero point varies along another axis or within a group.
std::optional<std::vector<Part>> parts_of(const Weighted& w);

// The weights of a part alone.
ir::Shape weights_shape(const Weighted& w, const Part& part);
// Whether the check holds against one of the op's parts, which are `parts_of(w)`.
bool declines(const WeightedCheck& check, const Weighted& w, const std::optional<std::vector<Part>>& parts);

// Where a part is read: operands of the Concat above the codes that together are exactly its channels, so that the Concat is not needed
// for it. Empty where there are none: then the part reads all codes, with weights of 0 for the channels of other parts.
std::vector<ir::Value> whole_operands(const ir::Graph& graph, ir::Value codes, std::size_t axis, const Part& part);
// The weights for it, with and without such operands.
ir::Tensor picked_weights(const Weighted& w, const ir::Tensor& codes, const Part& part);
ir::Tensor masked_weights(const Weighted& w, const ir::Tensor& codes, const Part& part);

}  // namespace octet::low_precision
