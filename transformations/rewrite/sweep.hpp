#pragma once
// A set of rules over one graph: the worklist. Part of the engine.
#include <chrono>
#include <functional>
#include <queue>
#include <unordered_map>

#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {

class Sweep {
public:
    struct Job {
        const std::vector<Rule>& rules;
        const Options& options;
        RunLog& log;
        std::uint16_t step;   // of log.steps
        std::uint32_t scope;  // of log.scopes
        std::size_t limit;    // of applications in the step
    };
    Sweep(const Job& job, Graph& graph);
    // Whether anything was applied.
    bool run(Repeat repeat);

private:
    using Clock = std::chrono::steady_clock;
    using Place = std::pair<std::uint32_t, NodeId>;  // topological position and node

    void sweep();
    NodeId next();
    void offer(NodeId node);
    void offer_around(const std::vector<NodeId>& touched, std::uint32_t position);
    void visit(NodeId node);
    bool attempt(std::uint16_t rule_index, NodeId root);
    bool declined(std::uint16_t rule_index, NodeId root);
    void apply(std::uint16_t rule_index, NodeId root);
    void build(Edit& edit, const Rule& rule, const std::string& root_name);
    void check_limit() const;
    StepLog& step_log() { return job_.log.steps[job_.step]; }

    Job job_;
    Graph& graph_;
    Match match_;
    Repeat repeat_ = Repeat::once;
    std::unordered_map<std::uint64_t, std::vector<std::uint16_t>>
        rules_of_;            // by the id of the root's op, in the order of the list
    std::size_t height_ = 0;  // of the deepest pattern
    std::size_t applied_ = 0;
    std::vector<NodeId> order_;  // of the sweep; `cursor_`: the next of it
    std::size_t cursor_ = 0;
    std::priority_queue<Place, std::vector<Place>, std::greater<>> again_;
    std::vector<std::uint32_t> position_;  // by node; a new node has that of the root it replaces
    std::vector<bool> waiting_;            // by node: still to be visited
    std::vector<Value> with_;              // what the rewrite at hand gave
    std::vector<NodeId> near_;             // of offer_around
};

}  // namespace octet::rewrite
