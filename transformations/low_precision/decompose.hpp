#pragma once
#include "transformations/low_precision/precision_plan.hpp"

namespace octet::low_precision {

// fake_quantize(x) -> dequantize(quantize(x)) for those the plan makes integers.
bool decompose_planned(ir::Graph& graph, const PrecisionPlan& plan);

}  // namespace octet::low_precision
