#pragma once
// Sums of 1x1 convolutions on codes, as convolutions of data with several scales become: one kernel can compute all of it.
#include <vector>

#include "ir/graph.hpp"

namespace octet::cpu {

// A convolution and the ops that make numbers of its sums: a dequantize, and a constant per channel that may be added.
struct SumPart {
    ir::NodeId core = 0;
    std::vector<ir::NodeId> chain;
};

// add(add(part 0, part 1), part 2) ...
struct Sum {
    std::vector<SumPart> parts;
    std::vector<ir::NodeId> adds;  // adds[i] takes part i + 1
};

// Of u8 data, static shapes and zero points that are codes; nothing else reads what lies between.
std::vector<Sum> sums_of(const ir::Graph& graph);

}  // namespace octet::cpu
