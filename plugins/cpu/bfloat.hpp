#pragma once
// Which float layers compute in bf16 where the machine gains from it, and which values stay bf16 between them.
#include <set>
#include <vector>

#include "plugins/cpu/partition.hpp"

namespace octet::cpu {

struct Bfloat {
    std::set<ir::NodeId> cores;  // of the groups
    std::set<ir::Value> values;  // f32 in the graph, stored as bf16: nobody but these groups reads them
};

// Products of floats of so few rows are bound by reading their weights. Kernels of their own read these as bf16, but the data as f32.
inline constexpr std::int64_t kFewRows = 8;

Bfloat bfloat_of(const ir::Graph& graph, const std::vector<Group>& groups);

}  // namespace octet::cpu
