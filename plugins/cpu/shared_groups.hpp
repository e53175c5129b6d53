#pragma once
// Values that one or two elementwise groups read and nothing else: they need not be stored.
#include <vector>

#include "plugins/cpu/partition.hpp"

namespace octet::cpu {

inline constexpr std::size_t kMostReaders = 2;

// A normalisation of rows and the elementwise groups that read it become one group where there are no other readers: residual networks
// read the same rows as floats and as codes. Its parts are the groups that it replaces, the normalisation first; each of the others
// stores its own result.
void join_rows(const ir::Graph& graph, std::vector<Group>& groups);

// Sums and products of codes that are floats and read by elementwise groups alone are computed by each of these: to read a few codes
// again takes less time than to write floats and read them.
void repeat_cheap_groups(const ir::Graph& graph, std::vector<Group>& groups);

}  // namespace octet::cpu
