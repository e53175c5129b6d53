#pragma once
// The activations of recurrent ops.
#include <string>
#include <vector>

#include "ir/eval/eval.hpp"
#include "ir/ops/recurrent.hpp"

namespace octet::ir::eval {

// An activation of a recurrent op: its name in lower case, and its parameters, the op's or those it has by default.
struct CellActivation {
    std::string name;
    float alpha = 0, beta = 0;
};
// Those of the recurrence, in the order of its formula. Unsupported where a name is not known.
std::vector<CellActivation> cell_activations(const Recurrence& op);

}  // namespace octet::ir::eval
