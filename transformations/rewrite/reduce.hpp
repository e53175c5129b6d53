#pragma once
// Makes a graph that shows a fault small.
#include <cstddef>
#include <functional>
#include <string>

#include "ir/graph.hpp"

namespace octet::rewrite {

// What is wrong with a graph, in words that stay the same while the graph shrinks; empty: nothing. What it throws counts as nothing.
using Fault = std::function<std::string(const ir::Graph&)>;

struct Reduction {
    ir::Graph graph;
    std::string fault;      // of the graph given and of the one found
    std::size_t tries = 0;  // graphs that were looked at
};

// A small graph with the same fault, found by leaving out results, turning values into parameters, going around ops, and making
// dimensions, constants and fields smaller, as long as the fault stays. At most `limit` graphs are looked at. Throws Error when the
// graph has no fault.
Reduction reduce(const ir::Graph& graph, const Fault& fault, std::size_t limit = 5000);

}  // namespace octet::rewrite
