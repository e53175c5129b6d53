#include <chrono>
#include <set>
#include <tuple>
#include <utility>

#include "ir/verify.hpp"
#include "transformations/rewrite/pipeline.hpp"
#include "transformations/rewrite/sweep.hpp"

namespace octet::rewrite {
namespace {

constexpr std::size_t kPassRounds = 100;

// The GraphPtr fields of an op.
std::vector<const ir::FieldDef*> body_fields(const ir::Op& op) {
    std::vector<const ir::FieldDef*> found;
    for (const ir::FieldDef& f : op.def().fields) {
        const auto ref = f.at(const_cast<void*>(op.data()));
        const auto* body = std::get_if<ir::GraphPtr*>(&ref);
        if (body && **body) found.push_back(&f);
    }
    return found;
}

class Engine {
public:
    Engine(const Pipeline& pipeline, const Options& options) : pipeline_(pipeline), options_(options) {}

    RunLog run(Graph& graph) {
        for (const Step& step : pipeline_) {
            if (log_.stopped) break;
            if (matches(step.name, options_.disabled)) continue;
            if (!options_.only.empty() && !matches(step.name, options_.only)) continue;
            run(step, graph);
        }
        return std::move(log_);
    }

private:
    void run(const Step& step, Graph& graph) {
        const auto start = std::chrono::steady_clock::now();
        const auto index = static_cast<std::uint16_t>(log_.steps.size());
        log_.steps.push_back({.name = step.name});
        if (const auto* rules = std::get_if<std::vector<Rule>>(&step.action))
            for (const Rule& rule : *rules) add(log_.steps[index], rule);
        const std::size_t first_event = log_.events.size();
        const std::size_t limit = options_.limit_per_node * (graph.live() + 64);
        log_.steps[index].changed = run(step, index, graph, 0, limit);
        remove_repeated(first_event, log_.steps[index]);
        StepLog& done = log_.steps[index];
        done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (!done.changed) return;
        if (options_.verify != Verify::nothing) ir::verify_or_throw(graph, "step '" + step.name + "'");
        if (options_.dumped && matches(step.name, options_.dump)) options_.dumped(step.name, graph);
    }

    static void add(StepLog& step, const Rule& rule) {
        RuleLog row{.name = rule.name(), .slots = rule.matcher().slots()};
        for (const Rule::Check& check : rule.checks()) row.texts.push_back(check.text);
        step.rules.push_back(std::move(row));
    }

    // The graph, then the bodies of its nodes.
    bool run(const Step& step, std::uint16_t index, Graph& graph, std::uint32_t scope, std::size_t limit) {
        bool changed = false;
        if (const auto* rules = std::get_if<std::vector<Rule>>(&step.action))
            changed = Sweep({*rules, options_, log_, index, scope, limit}, graph).run(step.repeat);
        else changed = run_pass(step, index, graph, scope);
        const std::size_t size = graph.size();
        for (NodeId id = 0; id < size && !log_.stopped; ++id) {
            if (!graph.node(id).alive || body_fields(graph.node(id).op).empty()) continue;
            changed |= run_bodies(step, index, graph, id, scope, limit);
        }
        return changed;
    }

    bool run_bodies(const Step& step, std::uint16_t index, Graph& graph, NodeId id, std::uint32_t scope,
                    std::size_t limit) {
        const ir::Op op = graph.node(id).op;
        const auto copy = op.def().clone(op.data());
        bool changed = false;
        for (const ir::FieldDef* field : body_fields(op)) {
            const ir::FieldRef ref = field->at(copy.get());
            ir::GraphPtr& body = **std::get_if<ir::GraphPtr*>(&ref);
            Graph inner = *body;
            const std::string owner = graph.node(id).name + "/" + std::string(field->name);
            const auto inner_scope = static_cast<std::uint32_t>(log_.scopes.size());
            log_.scopes.push_back({scope == 0 ? owner : log_.scopes[scope].owner + "/" + owner, nullptr});
            const std::size_t events = log_.events.size();
            const bool inner_changed = run(step, index, inner, inner_scope, limit);
            if (inner_changed && options_.verify != Verify::nothing)
                ir::verify_or_throw(inner, "step '" + step.name + "' in '" + owner + "'");
            auto result = std::make_shared<const Graph>(std::move(inner));
            log_.scopes[inner_scope].graph = result;
            if (log_.events.size() == events) log_.scopes.resize(inner_scope);
            if (inner_changed) body = std::move(result);
            changed |= inner_changed;
        }
        if (changed) Edit(graph).set_op(id, ir::Op(&op.def(), copy));
        return changed;
    }

    bool run_pass(const Step& step, std::uint16_t index, Graph& graph, std::uint32_t scope) {
        const auto& pass = std::get<Pass>(step.action);
        Notes notes(log_, index, scope);
        for (std::size_t round = 0;; ++round) {
            ir::check(round < kPassRounds, "pass '{}' still reports changes after {} rounds", step.name, round);
            if (log_.applications >= options_.stop_after) {
                log_.stopped = true;
                return round > 0;
            }
            const bool compare = options_.verify != Verify::nothing;
            const std::size_t before = compare ? graph.hash() : 0;
            const bool changed = pass(graph, notes);
            ir::check(!compare || changed || before == graph.hash(),
                      "pass '{}' changed the graph and reported no change", step.name);
            if (!changed) return round > 0;
            ++log_.applications;
            ++log_.steps[index].applied;
            if (step.repeat == Repeat::once) return true;
        }
    }

    // A node offered again declines again: once is enough.
    void remove_repeated(std::size_t first, StepLog& step) {
        std::set<std::tuple<std::uint32_t, NodeId, std::uint16_t, std::uint32_t>> seen;
        std::size_t kept = first;
        for (std::size_t i = first; i < log_.events.size(); ++i) {
            const Event& e = log_.events[i];
            const bool refusal = e.outcome == Outcome::declined && e.rule != Event::kPass;
            if (refusal && !seen.emplace(e.scope, e.node, e.rule, e.text).second) continue;
            if (refusal) ++step.rules[e.rule].declined;
            log_.events[kept++] = e;
        }
        log_.events.resize(kept);
    }

    const Pipeline& pipeline_;
    const Options& options_;
    RunLog log_;
};

}  // namespace

void Notes::add(Event event, std::string text) {
    event.step = step_;
    event.scope = scope_;
    event.text = static_cast<std::uint32_t>(log_.notes.size());
    log_.notes.push_back(std::move(text));
    log_.events.push_back(event);
}

void Notes::applied(NodeId node, std::string text) { add({.node = node}, std::move(text)); }

void Notes::declined(NodeId node, Code code, std::string text, Detail detail) {
    log_.details.push_back(std::move(detail));
    add({.node = node,
         .outcome = Outcome::declined,
         .code = code,
         .detail = static_cast<std::uint32_t>(log_.details.size() - 1)},
        std::move(text));
}

RunLog run(const Pipeline& pipeline, Graph& graph, const Options& options) {
    return Engine(pipeline, options).run(graph);
}

}  // namespace octet::rewrite
