#pragma once
// What a run did, as integers; texts are made on demand.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.hpp"
#include "transformations/rewrite/decision.hpp"

namespace octet::rewrite {

enum class Outcome : std::uint8_t { applied, declined };

// One attempt that got past the pattern.
struct Event {
    static constexpr std::uint16_t kPass = 0xffff;
    std::uint16_t step = 0;      // of RunLog::steps
    std::uint16_t rule = kPass;  // of StepLog::rules
    std::uint32_t scope = 0;     // of RunLog::scopes: which graph the node belongs to
    ir::NodeId node = 0;         // the root, before the rewrite
    Outcome outcome = Outcome::applied;
    Code code = Code::none;
    std::uint32_t text = 0;    // a rule's check, or an entry of RunLog::notes
    std::uint32_t bound = 0;   // first entry of RunLog::bound
    std::uint32_t detail = 0;  // entry of RunLog::details; entry 0 is empty
};

struct RuleLog {
    std::string name;
    std::vector<std::string> slots = {};  // names of the pattern
    std::vector<std::string> texts = {};  // of the checks
    std::size_t tried = 0;                // nodes with the root's op
    std::size_t matched = 0;
    std::size_t applied = 0;
    std::size_t declined = 0;
    double seconds = 0;
};

struct StepLog {
    std::string name;
    std::vector<RuleLog> rules = {};
    std::size_t applied = 0;
    bool changed = false;
    double seconds = 0;
};

struct RunLog {
    // The graph itself is scope 0; the others are bodies of its nodes, as the step left them.
    struct Scope {
        std::string owner;
        ir::GraphPtr graph;
    };
    std::vector<StepLog> steps = {};
    std::vector<Event> events = {};
    std::vector<ir::NodeId> bound = {};
    std::vector<Detail> details = {Detail{}};
    std::vector<std::string> notes = {};
    std::vector<Scope> scopes = {Scope{}};
    std::size_t applications = 0;
    bool stopped = false;  // at Options::stop_after

    const StepLog* step(std::string_view name) const;
    std::size_t applied(std::string_view rule) const;  // over all steps
};

// "fuse: fuse-swish @ mul: applied"; "fuse: fuse-swish @ mul: declined: USED_ELSEWHERE: 'sigmoid' is read elsewhere". `graph`: the one
// that was run on.
std::string describe(const RunLog& log, const ir::Graph& graph, const Event& event);
// The reason of a declined event alone: "'sigmoid' is read elsewhere".
std::string reason(const RunLog& log, const ir::Graph& graph, const Event& event);
// All events at nodes that have this name or stand for the layer of this name, one a line, in order.
std::string explain(const RunLog& log, const ir::Graph& graph, std::string_view layer);
// A table of steps and rules with counts and times, those that did nothing left out.
std::string statistics(const RunLog& log);

}  // namespace octet::rewrite
