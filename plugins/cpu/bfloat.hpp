#pragma once
// Which float layers compute in bf16 where the machine gains from it, and which values stay bf16 between them.
#include <set>
#include <vector>

#include "plugins/cpu/partition.hpp"

namespace octet::cpu {

struct Bfloat {
    std::set<ir::NodeId> cores;  // of the groups whose products are of bf16
    // f32 in the graph, stored as bf16: on a way from one of these groups to another, where everything can read and write it.
    std::set<ir::Value> values;
};

// Products of floats of so few rows are bound by reading their weights. Kernels of their own read these as bf16, but the data as f32.
inline constexpr std::int64_t kFewRows = 8;
// A convolution of an image of so few channels that they are rounded while its rows are brought together.
bool convolves_image(const ir::Graph& graph, const ir::Node& node);
// A convolution of floats to so few channels that the sums of neighbouring pixels share a register. It reads f32 and bf16, channels last
// or in planes.
bool has_few_outputs(const ir::Graph& graph, const Group& group);

Bfloat bfloat_of(const ir::Graph& graph, const std::vector<Group>& groups);

}  // namespace octet::cpu
