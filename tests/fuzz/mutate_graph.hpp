#pragma once
#include "ir/graph.hpp"

namespace octet::ir {

// The graph with one to three of its numbers, names of modes, types or constants changed to what tends to hurt: 0, -1, the ends of the
// integers, another mode, infinities. Throws Error where the ops do not take it.
Graph mutated(const Graph& graph, std::uint64_t seed);

}  // namespace octet::ir
