#pragma once
#include "plugins/cpu/kernels/portable/softmax.hpp"

namespace octet::cpu::portable {

// Rows that fit a tile are worked on together, so that short ones cost little more than their exponentials.
inline std::size_t rows_together(const AxisShape& shape) { return std::max<std::size_t>(1, kTileValues / shape.axis); }

// A unit of rows of a few values, where SoftMax::takes_planes holds.
void softmax_few(const SoftMax& op, const Arguments& args, std::size_t unit);

// kColumns columns of at most kTileValues / kColumns values.
void softmax_planes(const SoftMax& op, const Arguments& args, std::size_t outer, std::size_t column);

}  // namespace octet::cpu::portable
