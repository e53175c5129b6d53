#include "transformations/apply.hpp"

namespace octet {

LowPrecisionResult apply_low_precision(ir::Graph graph, const LowPrecisionOptions& options) {
    const auto plan = std::make_shared<low_precision::PrecisionPlan>();
    rewrite::Pipeline pipeline = options.first;
    const auto append = [&](rewrite::Pipeline steps) {
        pipeline.insert(pipeline.end(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
    };
    const bool integers = options.form == LowPrecisionOptions::Form::integers;
    append(integers ? canonicalise() : canonicalise_for_files());
    append(options.before_plan);
    if (integers) {
        append(low_precision_pipeline(options.restrictions, plan, options.policy));
        append(finish(options.weight_only));
    } else {
        append(qdq_pipeline(options.restrictions, plan, options.policy));
    }
    LowPrecisionResult result;
    result.log = rewrite::run(pipeline, graph, options.engine);
    result.graph = std::move(graph);
    result.plan = std::move(*plan);
    return result;
}

}  // namespace octet
