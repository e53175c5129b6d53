#pragma once
// Every named pipeline.
#include <memory>
#include <string_view>
#include <vector>

#include "transformations/low_precision/precision_plan.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet {

// One spelling for each idea: dequantize, activation functions, f32 throughout, BatchNorm inside weights.
rewrite::Pipeline canonicalise();
// The same without what a model file has no operator for.
rewrite::Pipeline canonicalise_for_files();

// Integers where the device of `restrictions` can have them and `policy` wants them. What was decided goes into `plan`.
rewrite::Pipeline low_precision_pipeline(const low_precision::Restrictions& restrictions,
                                         std::shared_ptr<low_precision::PrecisionPlan> plan,
                                         const low_precision::Policy& policy = low_precision::cheapest_policy());

// The same decisions, with what becomes of them spelled so that a model file holds it: every layer computes in float on what
// convert, subtract and multiply make of codes. Weights stay codes.
rewrite::Pipeline qdq_pipeline(const low_precision::Restrictions& restrictions,
                               std::shared_ptr<low_precision::PrecisionPlan> plan,
                               const low_precision::Policy& policy = low_precision::cheapest_policy());

// Constants that stayed float, at the end. weight_only: the device multiplies floats by weights that stay codes (weight_only.hpp) and
// spreads tables of corrections (zero_point_correction.hpp).
rewrite::Pipeline finish(bool weight_only = false);

struct NamedPipeline {
    std::string_view name;
    rewrite::Pipeline (*make)();
};
// For tools: every pipeline under the name that users give.
const std::vector<NamedPipeline>& named_pipelines();

}  // namespace octet
