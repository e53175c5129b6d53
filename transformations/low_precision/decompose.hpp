#pragma once
#include "transformations/low_precision/precision_plan.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::low_precision {

// fake_quantize(x) -> dequantize(quantize(x)) for those the plan makes integers. Notes what a common grid costs.
bool decompose_planned(ir::Graph& graph, const PrecisionPlan& plan, rewrite::Notes& notes);

}  // namespace octet::low_precision
