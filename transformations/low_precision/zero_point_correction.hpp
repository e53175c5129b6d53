#pragma once
// What is missing when a convolution subtracts the nearest integer instead of a real zero point.
#include <optional>

#include "transformations/low_precision/weighted.hpp"

namespace octet::low_precision {

// With zero point z = zi + d the op on integers gives sum((q - zi) * w); the exact sum over the taps that lie inside the data is
// d * sum(w) smaller. The result is -d * scale * sum(w), to be added after the dequantize: of shape [1, O, 1...] where the sums are the
// same everywhere or differ by less than `tolerance`, else of the shape of the op's result for one batch. Nothing when d is 0.
// `codes`: the weights; `scale`: the data's times the weights', per output channel.
std::optional<ir::Tensor> zero_point_correction(const Weighted& w, const ir::Tensor& codes,
                                                const std::vector<float>& scale, const ir::Shape& result,
                                                double tolerance);

}  // namespace octet::low_precision
