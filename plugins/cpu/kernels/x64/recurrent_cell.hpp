#pragma once
// Recurrent cells with sigmoid gates and tanh, for 16 hidden units at a time: portable/recurrent.hpp says what they compute.
#include <cstddef>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

Acceptance accepts(const portable::RecurrentCell& cell, const Machine& machine);

// The offset of void(const portable::RecurrentCell::Arguments*) in the block, for kUnits units. Relative error of a gate below 2e-6.
std::size_t add_recurrent_cell(CodeBlock& block, portable::RecurrentCell::Kind kind);

}  // namespace octet::cpu::x64
