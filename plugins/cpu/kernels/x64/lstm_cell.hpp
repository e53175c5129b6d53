#pragma once
// The cell of an LSTM with sigmoid gates and tanh, for 16 hidden units at a time: portable/recurrent.hpp says what it computes.
#include <cstddef>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

Acceptance accepts(const portable::LstmCell& cell, const Machine& machine);

// The offset of void(const portable::LstmCell::Arguments*) in the block, for kUnits units. Relative error of a gate below 2e-6.
std::size_t add_lstm_cell(CodeBlock& block);

}  // namespace octet::cpu::x64
