#pragma once
// Kernels of recurrent cells.
#include "ir/eval/eval.hpp"
#include "ir/ops/control.hpp"

namespace octet::ir::eval {

Tensors lstm_sequence(const LstmSequence& op, std::span<const Tensor> in);
Tensors gru_cell(const GruCell& op, std::span<const Tensor> in);

}  // namespace octet::ir::eval
