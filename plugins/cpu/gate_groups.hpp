#pragma once
// Squeeze-excite as one group: the mean of a map over its pixels, the small products that make a factor of each channel from it, and the
// map times these factors.
#include <vector>

#include "plugins/cpu/partition.hpp"

namespace octet::cpu {

void join_gates(const ir::Graph& graph, std::vector<Group>& groups);

// These groups, and instead of each joined one its parts.
std::vector<Group> parts_of_gates(const std::vector<Group>& groups);

}  // namespace octet::cpu
