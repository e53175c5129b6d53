#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {

std::optional<Culprit> bisect(const Pipeline& pipeline, const Graph& graph,
                              const std::function<bool(const Graph&)>& good, Options options) {
    const auto run_to = [&](std::size_t applications, Graph& result) {
        result = graph;
        options.stop_after = applications;
        return run(pipeline, result, options);
    };
    Graph result;
    if (!good(graph)) return Culprit{};
    std::size_t works = 0;
    std::size_t fails = run_to(options.stop_after, result).applications;
    if (good(result)) return std::nullopt;
    while (fails - works > 1) {
        const std::size_t middle = works + (fails - works) / 2;
        run_to(middle, result);
        (good(result) ? works : fails) = middle;
    }
    const RunLog log = run_to(fails, result);
    // The last step that changed something; its last rule, when it is one of rules.
    std::string text;
    for (const StepLog& step : log.steps)
        if (step.changed) text = step.name + ": applied";
    for (const Event& event : log.events)
        if (event.outcome == Outcome::applied && event.rule != Event::kPass &&
            text.starts_with(log.steps[event.step].name + ": "))
            text = describe(log, result, event);
    return Culprit{fails, text};
}

}  // namespace octet::rewrite
