#include "transformations/pipelines.hpp"

#include "transformations/common/canonical.hpp"
#include "transformations/common/constants.hpp"
#include "transformations/low_precision/decompose.hpp"
#include "transformations/low_precision/rules.hpp"
#include "transformations/low_precision/weight_only.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet {

using common::Fold;
using common::fold_constants;
using ir::Graph;
using rewrite::Pipeline;

Pipeline canonicalise() {
    return {
        {"recognise-dequantize", "before constants fold: weights must stay integers", common::dequantize_rules()},
        {"widen", "every later step knows one float type only", [](Graph& g) { return common::widen(g); }},
        {"fold-constants", "the fusions look for constant operands",
         [](Graph& g) { return fold_constants(g, Fold::all_but_quantization); }},
        {"attention", "its products and its softmax are quantized one by one", common::attention_rules()},
        {"remove-identities", "what does nothing must not stand between what fuses",
         [](Graph& g) { return common::remove_identities(g); }},
        {"merge-equal", "one FakeQuantize for all readers, so that it can be fused above",
         [](Graph& g) { return common::merge_equal(g); }},
        {"quantize-weights", "their intervals are constants now", low_precision::quantize_weights_rules()},
        {"recurrent", "the product of a sequence's inputs is a product like any other", common::recurrent_rules()},
        {"compose", "what is spelled out in several ops is one, before anything moves between them",
         low_precision::compose_rules()},
        {"activations", "one op for each activation function", common::activation_rules()},
        {"linear", "one factor and one summand at most, where the next steps look for them", common::linear_rules()},
        {"scale-shift", "BatchNorm and constant factors go into weights", common::scale_shift_rules()},
        {"fold-scale-shift", "the weights that were scaled",
         [](Graph& g) { return fold_constants(g, Fold::all_but_quantization); }},
        {"fake-quantize",
         "what it computes before or after rounding goes into its intervals, and it moves up to what produces its data",
         low_precision::fake_quantize_rules()},
        {"merge-fake-quantize", "those that moved to one value are one",
         [](Graph& g) { return common::merge_equal(g); }},
    };
}

namespace {

Pipeline joined(std::initializer_list<Pipeline> parts) {
    Pipeline all;
    for (const Pipeline& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace

Pipeline canonicalise_for_files() {
    Pipeline steps = canonicalise();
    std::erase_if(steps, [](const rewrite::Step& step) { return step.name == "recurrent"; });
    return steps;
}

namespace {

// Codes as far as the plan wants them, products still in float.
Pipeline quantized(const low_precision::Restrictions& restrictions,
                   const std::shared_ptr<low_precision::PrecisionPlan>& plan, const low_precision::Policy& policy) {
    return {
        {"plan", "precisions are decided once, before any rewrite",
         [restrictions, plan, policy](Graph& g, rewrite::Notes& notes) {
             low_precision::PrecisionPlan made = low_precision::make_plan(g, restrictions, policy);
             if (notes.in_body()) low_precision::add_body(*plan, std::move(made));
             else *plan = std::move(made);
             return false;
         }},
        {"decompose", "quantize and dequantize where the plan pays for them",
         [restrictions, plan, policy](Graph& g, rewrite::Notes& notes) {
             if (notes.in_body())
                 return low_precision::decompose_planned(g, low_precision::make_plan(g, restrictions, policy), notes);
             return low_precision::decompose_planned(g, *plan, notes);
         }},
        {"propagate", "codes reach the ops that work on them", low_precision::movement_rules()},
        {"gather-rows", "tables stay as small as they are in the file", low_precision::gather_rules()},
        {"fold-codes", "weights that were moved are constants again",
         [](Graph& g) { return fold_constants(g, Fold::all_but_quantization); }},
    };
}

}  // namespace

Pipeline low_precision_pipeline(const low_precision::Restrictions& restrictions,
                                std::shared_ptr<low_precision::PrecisionPlan> plan,
                                const low_precision::Policy& policy) {
    return joined(
        {quantized(restrictions, plan, policy),
         {{"normalise", "kernels that normalise read codes", low_precision::normalization_rules()},
          {"integers", "convolutions and products on codes", low_precision::weighted_rules(plan, policy.step_share)},
          {"recurrent-integers", "the weights of recurrences stay codes", low_precision::recurrent_rules(plan)}}});
}

Pipeline qdq_pipeline(const low_precision::Restrictions& restrictions,
                      std::shared_ptr<low_precision::PrecisionPlan> plan, const low_precision::Policy& policy) {
    return joined({quantized(restrictions, plan, policy),
                   {{"spell-out", "other readers of model files know neither quantize nor dequantize",
                     low_precision::spell_out_rules()}}});
}

Pipeline finish(bool weight_only) {
    const rewrite::Step rearranging{"rearranging", "kernels know what several ops spell out",
                                    common::rearranging_rules()};
    if (!weight_only)
        return {{"fold-float", "what stayed float needs its weights as numbers",
                 [](Graph& g) { return fold_constants(g, Fold::everything); }},
                rearranging};
    return {{"turn-weights", "a transpose between codes and the product that reads them would make numbers of them",
             low_precision::weight_only_rules()},
            {"fold-float", "what stayed float needs its weights as numbers, unless it reads codes of them",
             [](Graph& g) {
                 return fold_constants(g, Fold::everything, [](const Graph& graph, ir::NodeId id) {
                     return low_precision::keeps_codes(graph, id) || low_precision::keeps_table(graph, id);
                 });
             }},
            rearranging};
}

namespace {

Pipeline whole(const low_precision::Restrictions& restrictions, const low_precision::Policy& policy,
               bool weight_only = false) {
    const auto plan = std::make_shared<low_precision::PrecisionPlan>();
    return joined({canonicalise(), low_precision_pipeline(restrictions, plan, policy), finish(weight_only)});
}

Pipeline whole_qdq(const low_precision::Policy& policy) {
    const auto plan = std::make_shared<low_precision::PrecisionPlan>();
    return joined({canonicalise_for_files(), qdq_pipeline(low_precision::cpu_restrictions(), plan, policy)});
}

}  // namespace

const std::vector<NamedPipeline>& named_pipelines() {
    static const std::vector<NamedPipeline> pipelines{
        {"canonicalise", canonicalise},
        {"low-precision",
         [] { return whole(low_precision::cpu_restrictions(), low_precision::cheapest_policy(), true); }},
        {"low-precision-lossy",
         [] { return whole(low_precision::cpu_restrictions(), low_precision::lossy_policy(), true); }},
        {"low-precision-upstream",
         [] { return whole(low_precision::cpu_restrictions(), low_precision::upstream_policy(), true); }},
        {"low-precision-qdq", [] { return whole_qdq(low_precision::cheapest_policy()); }},
        {"low-precision-qdq-lossy", [] { return whole_qdq(low_precision::lossy_policy()); }},
        {"low-precision-qdq-upstream", [] { return whole_qdq(low_precision::upstream_policy()); }},
        {"low-precision-gpu",
         [] { return whole(low_precision::gpu_restrictions(), low_precision::cheapest_policy()); }},
        {"low-precision-none",
         [] { return whole(low_precision::no_restrictions(), low_precision::cheapest_policy()); }},
    };
    return pipelines;
}

}  // namespace octet
