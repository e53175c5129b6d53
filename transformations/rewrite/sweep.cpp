#include "transformations/rewrite/sweep.hpp"

#include <algorithm>
#include <map>
#include <new>

#include "ir/verify.hpp"

namespace octet::rewrite {

Sweep::Sweep(const Job& job, Graph& graph) : job_(job), graph_(graph), match_(graph) {
    for (std::size_t i = 0; i < job.rules.size(); ++i) {
        const Rule& rule = job.rules[i];
        ir::check(!rule.matcher().nodes().empty() && rule.rewrite(), "rule '{}' has no pattern or no rewrite",
                  rule.name());
        if (matches(rule.name(), job.options.disabled)) continue;
        height_ = std::max(height_, rule.matcher().height());
        for (const ir::OpDef* def : rule.matcher().root_ops())
            rules_of_[def->id].push_back(static_cast<std::uint16_t>(i));
    }
}

// Checks may look further than patterns do, so only a whole sweep without a change is the end.
bool Sweep::run(Repeat repeat) {
    repeat_ = repeat;
    for (std::size_t before = 0; !rules_of_.empty() && !job_.log.stopped; before = applied_) {
        sweep();
        if (repeat == Repeat::once || applied_ == before) break;
    }
    return applied_ > 0;
}

void Sweep::sweep() {
    order_ = graph_.order();
    cursor_ = 0;
    again_ = {};
    position_.assign(graph_.size(), 0);
    waiting_.assign(graph_.size(), false);
    for (std::size_t i = 0; i < order_.size(); ++i) {
        position_[order_[i]] = static_cast<std::uint32_t>(i);
        waiting_[order_[i]] = true;
    }
    while (!job_.log.stopped && (cursor_ < order_.size() || !again_.empty())) visit(next());
}

NodeId Sweep::next() {
    NodeId node;
    if (cursor_ == order_.size() || (!again_.empty() && again_.top().first <= cursor_)) {
        node = again_.top().second;
        again_.pop();
    } else {
        node = order_[cursor_++];
    }
    waiting_[node] = false;
    return node;
}

void Sweep::offer(NodeId node) {
    if (waiting_[node] || !graph_.node(node).alive || !rules_of_.contains(graph_.node(node).op.id())) return;
    waiting_[node] = true;
    again_.emplace(position_[node], node);
}

// A change can only matter to roots that see it: downstream, as far as the deepest pattern reaches.
void Sweep::offer_around(const std::vector<NodeId>& touched, std::uint32_t position) {
    position_.resize(graph_.size(), position);
    waiting_.resize(graph_.size(), false);
    near_.clear();
    for (const NodeId node : touched)
        if (graph_.node(node).alive) near_.push_back(node);
    std::size_t begin = 0;
    for (std::size_t level = 1;; ++level) {
        const std::size_t end = near_.size();
        for (std::size_t i = begin; i < end; ++i) offer(near_[i]);
        if (level >= height_ || begin == end) return;
        for (std::size_t i = begin; i < end; ++i)
            for (const ir::Output& output : graph_.node(near_[i]).outputs)
                for (const ir::Use use : output.uses) near_.push_back(use.node);
        std::sort(near_.begin() + static_cast<std::ptrdiff_t>(end), near_.end());
        near_.erase(std::unique(near_.begin() + static_cast<std::ptrdiff_t>(end), near_.end()), near_.end());
        begin = end;
    }
}

void Sweep::visit(NodeId node) {
    if (!graph_.node(node).alive) return;
    const auto found = rules_of_.find(graph_.node(node).op.id());
    if (found == rules_of_.end()) return;
    auto start = Clock::now();
    for (const std::uint16_t rule : found->second) {
        const bool applied = attempt(rule, node);
        const auto end = Clock::now();
        step_log().rules[rule].seconds += std::chrono::duration<double>(end - start).count();
        start = end;
        if (applied || job_.log.stopped) return;
    }
}

bool Sweep::attempt(std::uint16_t rule_index, NodeId root) {
    RuleLog& row = step_log().rules[rule_index];
    ++row.tried;
    if (!match_.find(job_.rules[rule_index].matcher(), root)) return false;
    ++row.matched;
    if (declined(rule_index, root)) return false;
    if (job_.log.applications >= job_.options.stop_after) {
        job_.log.stopped = true;
        return false;
    }
    apply(rule_index, root);
    return true;
}

bool Sweep::declined(std::uint16_t rule_index, NodeId root) {
    const Rule& rule = job_.rules[rule_index];
    RunLog& log = job_.log;
    for (std::size_t i = 0; i < rule.checks().size(); ++i) {
        auto detail = rule.checks()[i].declines(match_);
        if (!detail) continue;
        Event event{.step = job_.step,
                    .rule = rule_index,
                    .scope = job_.scope,
                    .node = root,
                    .outcome = Outcome::declined,
                    .code = rule.checks()[i].code,
                    .text = static_cast<std::uint32_t>(i),
                    .bound = static_cast<std::uint32_t>(log.bound.size())};
        for (std::size_t slot = 0; slot < rule.matcher().slots().size(); ++slot) {
            Value value;
            log.bound.push_back(match_.bound(slot, value) ? value.node : root);
        }
        if (*detail != Detail{}) {
            event.detail = static_cast<std::uint32_t>(log.details.size());
            log.details.push_back(std::move(*detail));
        }
        log.events.push_back(event);
        return true;
    }
    return false;
}

// Runs the rewrite and checks what it gave.
void Sweep::build(Edit& edit, const Rule& rule, const std::string& root_name) {
    const NodeId root = match_.root();
    const auto first_new = static_cast<NodeId>(graph_.size());
    try {
        rule.rewrite()(edit, match_, with_);
    } catch (const std::bad_alloc&) {
        throw;  // of a graph too large for this machine; no fault of the rule
    } catch (const std::exception& e) {
        throw InternalError("internal error: rule '" + rule.name() + "' at '" + root_name + "': " + e.what());
    }
    const auto& outputs = graph_.node(root).outputs;
    ir::check(with_.size() == outputs.size(), "rule '{}' at '{}': {} values replace {} outputs", rule.name(), root_name,
              with_.size(), outputs.size());
    for (const Value v : with_)
        ir::check(v.node != root, "rule '{}' at '{}': the replacement is the node itself", rule.name(), root_name);
    // Edit::replace leaves alone only what the replacing node itself reads: anything above it would make a cycle.
    for (const ir::Output& output : outputs)
        for (const ir::Use use : output.uses)
            ir::check(use.node < first_new || std::ranges::any_of(with_, [&](Value v) { return v.node == use.node; }),
                      "rule '{}' at '{}': a node above the replacement reads what is replaced", rule.name(), root_name);
}

void Sweep::apply(std::uint16_t rule_index, NodeId root) {
    const Rule& rule = job_.rules[rule_index];
    const bool check_each = job_.options.verify == Verify::applications;
    const std::optional<Graph> before = check_each ? std::optional(graph_) : std::nullopt;
    const std::string name = graph_.node(root).name;
    const auto first_new = static_cast<NodeId>(graph_.size());
    Edit edit(graph_, name, match_.origins());
    build(edit, rule, name);
    edit.replace(root, with_);
    for (NodeId id = first_new; id < graph_.size(); ++id) edit.remove_unused(id);

    ++applied_;
    ++job_.log.applications;
    ++step_log().applied;
    ++step_log().rules[rule_index].applied;
    job_.log.events.push_back({.step = job_.step, .rule = rule_index, .scope = job_.scope, .node = root});
    if (check_each) {
        const std::string after = "rule '" + rule.name() + "' at '" + name + "'";
        ir::verify_or_throw(graph_, after, std::span<const NodeId>(edit.touched()));
        ir::check(!(*before == graph_), "{} was applied and the graph is the same", after);
    }
    check_limit();
    if (repeat_ == Repeat::to_fixed_point) offer_around(edit.touched(), position_[root]);
}

void Sweep::check_limit() const {
    const StepLog& step = job_.log.steps[job_.step];
    if (step.applied <= job_.limit) return;
    // The rules at work in the second half are those that feed each other.
    std::map<std::string, std::size_t> counts;
    const auto& events = job_.log.events;
    const std::size_t recent = std::min(job_.limit / 2, events.size());
    for (std::size_t i = events.size() - recent; i < events.size(); ++i)
        if (events[i].outcome == Outcome::applied && events[i].step == job_.step)
            ++counts[step.rules[events[i].rule].name];
    std::string names;
    for (const auto& [name, count] : counts)
        names += fmt::format("{}'{}' ({} times)", names.empty() ? "" : ", ", name, count);
    throw InternalError(fmt::format("internal error: step '{}' does not end: {} applications, lately of {}", step.name,
                                    step.applied, names));
}

}  // namespace octet::rewrite
