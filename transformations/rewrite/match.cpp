#include "transformations/rewrite/match.hpp"

#include <algorithm>

#include "ir/edit.hpp"
#include "ir/ops/core.hpp"

namespace octet::rewrite {

using ir::check;
using ir::NodeId;
using ir::Value;

Matcher::Matcher(const Pattern& pattern) {
    check(pattern.kind == Pattern::Kind::op && !pattern.may_be_absent, "the root of a pattern is an op");
    add(pattern, 1, false);
    check(slots_.size() <= kMaxSlots, "a pattern has {} parts, at most {} are possible", slots_.size(), kMaxSlots);
}

std::uint16_t Matcher::add(const Pattern& pattern, std::size_t level, bool list) {
    const auto index = static_cast<std::uint16_t>(nodes_.size());
    height_ = std::max(height_, level);
    nodes_.emplace_back();
    Node node{.pattern = pattern, .list = list || pattern.each};
    node.pattern.operands.clear();
    for (const ir::OpDef* def : pattern.ops) node.ids.push_back(def->id);
    const int known = pattern.name.empty() ? -1 : slot(pattern.name);
    if (known < 0) slots_.push_back(pattern.name);
    node.slot = static_cast<std::uint8_t>(known < 0 ? slots_.size() - 1 : static_cast<std::size_t>(known));
    for (std::size_t i = 0; i < pattern.operands.size(); ++i) {
        const Pattern& operand = pattern.operands[i];
        check(!operand.each || i + 1 == pattern.operands.size(), "each() stands for the last operands");
        if (!operand.each && !operand.optional) {
            check(node.required == i, "an operand that must be there follows an optional one");
            ++node.required;
        }
        node.operands.push_back(add(operand, level + 1, node.list));
    }
    nodes_[index] = std::move(node);
    return index;
}

int Matcher::slot(std::string_view name) const {
    for (std::size_t i = 0; i < slots_.size(); ++i)
        if (slots_[i] == name) return static_cast<int>(i);
    return -1;
}

// What is still to be matched, as a list on the call stack: so every choice (order of operands, an absent op) can be taken back when
// something to its right fails.
struct Match::Goal {
    enum class Kind : std::uint8_t { value, rest };
    Kind kind = Kind::value;
    std::uint16_t pattern = 0;
    Value value = {};  // of Kind::value
    NodeId node = 0;   // of Kind::rest: its operands from `operand` on match an `each`
    std::uint32_t operand = 0;
    const Goal* next = nullptr;
};

bool Match::find(const Matcher& matcher, NodeId root) {
    matcher_ = &matcher;
    root_ = root;
    count_.fill(0);
    if (lists_.size() < matcher.slots().size()) lists_.resize(matcher.slots().size());
    for (auto& list : lists_) list.clear();
    const Goal goal{.value = {root, 0}};
    return solve(&goal);
}

bool Match::solve(const Goal* goals) {
    if (!goals) return true;
    if (goals->kind == Goal::Kind::value) return solve_value(*goals);
    const auto& inputs = graph_->node(goals->node).inputs;
    if (goals->operand == inputs.size()) return solve(goals->next);
    Goal rest = *goals;
    ++rest.operand;
    const Goal first{.pattern = goals->pattern, .value = inputs[goals->operand], .next = &rest};
    return solve(&first);
}

namespace {

bool is_read_once(const ir::Graph& graph, Value value) {
    std::size_t count = 0;
    for (const ir::Use use : graph.uses(value)) {
        const auto* result = graph.node(use.node).op.as<ir::Result>();
        if (!(result && result->tap) && ++count > 1) return false;
    }
    return count == 1;
}

}  // namespace

bool Match::bind(const Matcher::Node& node, Value value) {
    if (node.list) {
        lists_[node.slot].push_back(value);
    } else if (count_[node.slot] == 0) {
        single_[node.slot] = value;
    } else if (single_[node.slot] != value) {
        return false;
    }
    ++count_[node.slot];
    return true;
}

void Match::unbind(const Matcher::Node& node) {
    --count_[node.slot];
    if (node.list) lists_[node.slot].pop_back();
}

bool Match::solve_value(const Goal& goal) {
    const Matcher::Node& node = matcher_->nodes()[goal.pattern];
    const Pattern& p = node.pattern;
    const ir::Node& source = graph_->node(goal.value);
    const bool is_root = goal.pattern == 0;
    bool holds = p.kind == Pattern::Kind::any || (p.kind == Pattern::Kind::constant && source.op.is<ir::Constant>()) ||
                 (p.kind == Pattern::Kind::op && std::ranges::find(node.ids, source.op.id()) != node.ids.end());
    holds = holds && (p.port < 0 || static_cast<std::uint32_t>(p.port) == goal.value.port);
    holds = holds && std::ranges::all_of(p.types, [&](const TypeTest& test) { return test(graph_->type(goal.value)); });
    holds = holds && (!p.one_use || is_read_once(*graph_, goal.value));
    if (holds && p.kind == Pattern::Kind::op && p.all_operands) {
        const std::size_t given = source.inputs.size();
        const bool open = !node.operands.empty() && matcher_->nodes()[node.operands.back()].pattern.each;
        holds = given >= node.required && (open || given <= node.operands.size());
    }
    if (holds && bind(node, goal.value)) {
        const bool commutes = node.operands.size() == 2 && source.inputs.size() == 2 && source.op.traits().commutative;
        if (solve_operands(goal, goal.value, false) || (commutes && solve_operands(goal, goal.value, true)))
            return true;
        unbind(node);
    }
    if (!p.may_be_absent || is_root) return false;
    Goal without = goal;
    without.pattern = node.operands[0];
    return solve(&without);
}

bool Match::solve_operands(const Goal& goal, Value value, bool swapped) {
    const Matcher::Node& node = matcher_->nodes()[goal.pattern];
    const auto& inputs = graph_->node(value).inputs;
    std::array<Goal, Matcher::kMaxSlots> goals;
    const Goal* next = goal.next;
    for (std::size_t i = node.operands.size(); i-- > 0;) {
        const std::uint16_t operand = node.operands[i];
        if (matcher_->nodes()[operand].pattern.each)
            goals[i] = {.kind = Goal::Kind::rest,
                        .pattern = operand,
                        .node = value.node,
                        .operand = static_cast<std::uint32_t>(i),
                        .next = next};
        else if (i < inputs.size()) goals[i] = {.pattern = operand, .value = inputs[swapped ? 1 - i : i], .next = next};
        else continue;
        next = &goals[i];
    }
    return solve(next);
}

int Match::slot_of(std::string_view name) const {
    const int slot = matcher_->slot(name);
    check(slot >= 0, "the pattern has no '{}'", name);
    return slot;
}

bool Match::has(std::string_view name) const { return count_[static_cast<std::size_t>(slot_of(name))] > 0; }

Value Match::value(std::string_view name) const {
    Value value;
    check(bound(static_cast<std::size_t>(slot_of(name)), value), "'{}' is not bound", name);
    return value;
}

std::span<const Value> Match::values(std::string_view name) const {
    return lists_[static_cast<std::size_t>(slot_of(name))];
}

bool Match::bound(std::size_t slot, Value& value) const {
    if (count_[slot] == 0) return false;
    value = lists_[slot].empty() ? single_[slot] : lists_[slot][0];
    return true;
}

ir::Origins Match::origins() const {
    ir::Origins result;
    for (const Matcher::Node& node : matcher_->nodes()) {
        if (node.pattern.kind == Pattern::Kind::any || count_[node.slot] == 0) continue;
        if (!node.list) result = ir::united(result, graph_->node(single_[node.slot]).origins);
        for (const Value v : lists_[node.slot]) result = ir::united(result, graph_->node(v).origins);
    }
    return result;
}

}  // namespace octet::rewrite
