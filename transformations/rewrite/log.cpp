#include "transformations/rewrite/log.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace octet::rewrite {
namespace {

const ir::Graph& graph_of(const RunLog& log, const ir::Graph& graph, const Event& event) {
    return event.scope == 0 ? graph : *log.scopes[event.scope].graph;
}

// Also of removed nodes: they keep their names and layers.
std::string node_name(const RunLog& log, const ir::Graph& graph, const Event& event, ir::NodeId id) {
    const ir::Graph& g = graph_of(log, graph, event);
    const std::string name = id < g.size() ? g.node(id).name : "?";
    return event.scope == 0 ? name : log.scopes[event.scope].owner + "/" + name;
}

}  // namespace

const StepLog* RunLog::step(std::string_view name) const {
    const auto it = std::ranges::find(steps, name, &StepLog::name);
    return it == steps.end() ? nullptr : &*it;
}

std::size_t RunLog::applied(std::string_view rule) const {
    std::size_t count = 0;
    for (const StepLog& s : steps)
        for (const RuleLog& r : s.rules)
            if (r.name == rule) count += r.applied;
    return count;
}

std::string reason(const RunLog& log, const ir::Graph& graph, const Event& event) {
    const bool pass = event.rule == Event::kPass;
    const RuleLog* rule = pass ? nullptr : &log.steps[event.step].rules[event.rule];
    if (rule && event.outcome == Outcome::applied) return "";
    return fill(pass ? log.notes[event.text] : rule->texts[event.text],
                [&](std::string_view placeholder) -> std::string {
                    if (rule) {
                        const auto slot = std::ranges::find(rule->slots, placeholder) - rule->slots.begin();
                        if (slot < std::ssize(rule->slots))
                            return node_name(log, graph, event,
                                             log.bound[event.bound + static_cast<std::size_t>(slot)]);
                    }
                    bool known = false;
                    return detail_text(log.details[event.detail], placeholder, known);
                });
}

std::string describe(const RunLog& log, const ir::Graph& graph, const Event& event) {
    const StepLog& step = log.steps[event.step];
    const std::string rule = event.rule == Event::kPass ? "" : step.rules[event.rule].name + " ";
    std::string text = fmt::format("{}: {}@ {}: ", step.name, rule, node_name(log, graph, event, event.node));
    text += event.outcome == Outcome::applied ? "applied" : fmt::format("declined: {}", name_of(event.code));
    const std::string why = reason(log, graph, event);
    return why.empty() ? text : text + ": " + why;
}

std::string explain(const RunLog& log, const ir::Graph& graph, std::string_view layer) {
    std::string text;
    for (const Event& event : log.events) {
        const ir::Graph& g = graph_of(log, graph, event);
        if (event.node >= g.size()) continue;
        const ir::Node& node = g.node(event.node);
        const bool concerned = node.name == layer || std::ranges::any_of(node.origins, [&](std::uint32_t i) {
                                   return i < g.layers().size() && g.layers()[i].name == layer;
                               });
        if (concerned) text += describe(log, graph, event) + "\n";
    }
    return text;
}

std::string statistics(const RunLog& log) {
    std::string text = fmt::format("{:<48}{:>8}{:>9}{:>9}{:>9}{:>11}\n", "step, rule", "tried", "matched", "applied",
                                   "declined", "ms");
    for (const StepLog& step : log.steps) {
        if (!step.changed && step.rules.empty()) continue;
        text += fmt::format("{:<48}{:>8}{:>9}{:>9}{:>9}{:>11.3f}\n", step.name, "", "", step.applied, "",
                            step.seconds * 1e3);
        for (const RuleLog& r : step.rules)
            if (r.matched)
                text += fmt::format("  {:<46}{:>8}{:>9}{:>9}{:>9}{:>11.3f}\n", r.name, r.tried, r.matched, r.applied,
                                    r.declined, r.seconds * 1e3);
    }
    return text;
}

}  // namespace octet::rewrite
