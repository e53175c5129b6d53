#pragma once
// Values that are a small table, spread along some axes.
#include "plugins/cpu/plan.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet::cpu {

// All floats of the value of this shape, in memory order.
void spread(const low_precision::SpreadTable& table, const ir::Dims& dims, Layout layout, float* to);

}  // namespace octet::cpu
