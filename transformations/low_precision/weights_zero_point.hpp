#pragma once
// What the zero points of the weights take from the sums of a weighted op.
#include <optional>
#include <vector>

#include "ir/edit.hpp"
#include "transformations/low_precision/parts.hpp"

namespace octet::low_precision {

// What the results of an op need not be exact about.
struct Slack {
    double change = 0;      // of any result
    double zero_point = 0;  // of weights: one that is smaller counts as 0
};

// Whether the op sums in groups and its weights have zero points that are more than the rounding of the tool that wrote the file.
bool groups_have_zero_points(const Weighted& w);

// sum((q - z) * (w - zw)) = sum((q - z) * w) - zw * sum(q - z), and the last sum is the op itself on weights that are all 1:
//   multiply(dequantize(op(data, ones)), -zw * scale)
// is to be added to what the op gives on the codes of the weights. Nothing where the slack allows that, or where no sum of integers could
// change by 1/32, which is below the rounding of the sums as floats; nor for groups of several channels.
// `masked`: only weights of this part's channels count, of the others 0 is multiplied.
// `op`: with the integer zero points of the data; `scale`: the data's times the weights', per output channel.
std::optional<ir::Value> weights_zero_point_correction(ir::Edit& edit, const Weighted& w, const ir::Op& op,
                                                       ir::Value data, const std::vector<float>& scale,
                                                       const Slack& slack, const Part* masked = nullptr);

}  // namespace octet::low_precision
