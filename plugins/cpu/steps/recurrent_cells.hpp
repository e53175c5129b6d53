#pragma once
// What follows the products of a recurrence: its cells.
#include <vector>

#include "ir/ops/recurrent.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"

namespace octet::cpu {

// The cells of a time step. One, but for a GRU without linear_before_reset, whose second product is of what the first cell keeps.
std::vector<portable::RecurrentCell> cells_of(const ir::Recurrence& op);

}  // namespace octet::cpu
