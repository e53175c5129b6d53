#pragma once
// Checks of a whole graph. All violations are reported, each under the line of the node it concerns.
#include <span>
#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace octet::ir {

struct Violation {
    NodeId node;
    std::string text;
};

// A named list of checks; a stage of the pipeline adds its own to those that always hold.
struct Check {
    std::string_view name;
    void (*run)(const Graph& graph, std::vector<Violation>& found);
};

// What holds for every graph: edges lead to live nodes, use lists match inputs, types are what `infer` says, names are unique.
std::vector<Violation> verify(const Graph& graph, std::span<const Check> stage = {});
// Throws InternalError naming `after` and every violation, when there is one.
void verify_or_throw(const Graph& graph, std::string_view after, std::span<const Check> stage = {});
// The same for these nodes alone, as far as they still exist.
void verify_or_throw(const Graph& graph, std::string_view after, std::span<const NodeId> nodes);

}  // namespace octet::ir
