#pragma once
// All rules of the low-precision pipeline, by family.
#include <memory>
#include <vector>

#include "transformations/low_precision/precision_plan.hpp"
#include "transformations/rewrite/rule.hpp"

namespace octet::low_precision {

// fake_quantize(constant) -> dequantize(i8 constant), and codes of weights as signed bytes around 0 as far as they fit.
std::vector<rewrite::Rule> quantize_weights_rules();

// dequantize(quantize(x)) -> fake_quantize(x): quantization that a file spells out.
std::vector<rewrite::Rule> compose_rules();

// Ops beside a FakeQuantize go into its intervals, and it moves above ops that only move data.
std::vector<rewrite::Rule> fake_quantize_rules();

// op(dequantize(x)) -> dequantize(op(x)) for ops that only move data.
std::vector<rewrite::Rule> movement_rules();

// gather(dequantize(x)) -> dequantize(gather(x)) where each row has its own scale: tables of weights stay integers.
std::vector<rewrite::Rule> gather_rules();

// normalize(dequantize(x)) -> normalize(x) with another eps, for Mvn and NormalizeL2.
std::vector<rewrite::Rule> normalization_rules();

// op(dequantize(x), dequantize(w)) -> dequantize(op(x, w)) with i32 sums, for convolutions and matrix products. Layers that `plan`
// keeps float are left alone; without a plan none is.
// `step_share`: see Policy.
std::vector<rewrite::Rule> weighted_rules(std::shared_ptr<const PrecisionPlan> plan = nullptr,
                                          double step_share = 1.0 / 16);

// recurrence(..., dequantize(R), ...) -> recurrence(..., R, ..., scale). Without a plan wherever it can be done.
std::vector<rewrite::Rule> recurrent_rules(std::shared_ptr<const PrecisionPlan> plan = nullptr);

// matmul(x, transpose(w)) -> matmul(x, w) where w are codes that a float product reads.
std::vector<rewrite::Rule> weight_only_rules();

// quantize -> convert(fake_quantize), dequantize -> multiply(subtract(convert)): the spelling that model files have for them.
std::vector<rewrite::Rule> spell_out_rules();

}  // namespace octet::low_precision
