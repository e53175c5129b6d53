#pragma once
// f16, bf16 and f64 as f32.
#include "ir/graph.hpp"

namespace octet::ir {

// The graph with every value of those types in f32. Parameters and Results follow when `interface` is set (a v10 file); else they
// keep their types and a Convert stands behind or before them.
Graph widened(const Graph& graph, bool interface);
bool needs_widening(const Graph& graph);

}  // namespace octet::ir
