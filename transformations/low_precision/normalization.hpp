#pragma once
// Normalisations of codes: the scale falls out, and what is left of it is in eps. So does the zero point where the mean is subtracted.
#include "ir/graph.hpp"
#include "transformations/low_precision/dequantization.hpp"

namespace octet::low_precision {

// Mvn that divides by the deviation, and NormalizeL2.
bool is_normalization(const ir::Op& op);
// Whether normalising the codes gives what normalising the values gives.
rewrite::Decision normalizes_codes(const ir::Graph& graph, const ir::Node& node, const Dequantization& d);
// The op for codes: with x = (q - z) * s,
//   (x - mean x) / sqrt(var x + eps) = sign(s) * (q - mean q) / sqrt(var q + eps / s^2),
//   x / sqrt(sum x^2 + eps) = sign(s) * (q - z) / sqrt(sum (q - z)^2 + eps / s^2).
// The sign is left to the caller.
ir::Op on_codes(const ir::Op& op, const Dequantization& d);
// What is left of the meaning of the codes that the op reads.
Dequantization left_by(const ir::Op& op, const Dequantization& d);

}  // namespace octet::low_precision
