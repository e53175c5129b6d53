#pragma once
// Kernels of recurrent cells.
#include <string>

#include "ir/eval/eval.hpp"
#include "ir/ops/control.hpp"

namespace octet::ir::eval {

// An activation of a recurrent op: its name in lower case, and its parameters, the op's or those it has by default.
struct CellActivation {
    std::string name;
    float alpha = 0, beta = 0;
};
// Those of an LSTM for its gates, the cell's input and the cell. Unsupported where a name is not known.
std::array<CellActivation, 3> cell_activations(const LstmSequence& op);
std::array<CellActivation, 3> cell_activations(const LstmRecurrence& op);

Tensors lstm_sequence(const LstmSequence& op, std::span<const Tensor> in);
Tensors lstm_recurrence(const LstmRecurrence& op, std::span<const Tensor> in);
Tensors gru_cell(const GruCell& op, std::span<const Tensor> in);

}  // namespace octet::ir::eval
