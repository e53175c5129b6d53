#pragma once
// What follows the products of a recurrence: its cells, and the kernels for them.
#include <memory>
#include <vector>

#include "ir/ops/recurrent.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

// The cells of a time step. One, but for a GRU without linear_before_reset, whose second product is of what the first cell keeps.
std::vector<portable::RecurrentCell> cells_of(const ir::Recurrence& op);

// What makes of the gates of up to kUnits hidden units their next state.
class CellKernel {
public:
    CellKernel() = default;
    CellKernel(const CellKernel&) = delete;
    CellKernel& operator=(const CellKernel&) = delete;
    virtual ~CellKernel() = default;
    virtual void run(const portable::RecurrentCell::Arguments& args) const = 0;
};
std::unique_ptr<const CellKernel> cell_kernel(Planner& p, const portable::RecurrentCell& cell);

}  // namespace octet::cpu
