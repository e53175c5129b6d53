#pragma once
// The code of recurrent products, and of cells behind them.
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/recurrent.hpp"

namespace octet::cpu::x64 {

// What both are called with; bytes, not elements.
struct RecurrentCall {
    const std::byte* state = nullptr;
    const std::byte* panel = nullptr;
    float* sums = nullptr;
    // Of cells, for `count` panels; steps are bytes from one to the next.
    const portable::RecurrentRow* rows = nullptr;
    const float* scale = nullptr;
    const float* bias = nullptr;
    std::int64_t unit = 0;  // the first of the panel, in bytes
    std::int64_t start_stride = 0;
    std::int64_t count = 0;
    std::int64_t panel_step = 0;
    std::int64_t scale_step = 0;
    std::int64_t unit_step = 0;
};

// Sums of `rows` states, at most three, with the weights of a panel.
void emit_recurrent_sums(Emitter& code, const RecurrentProductDesc& desc, int rows);
// The same for `count` panels, and the cells.
void emit_recurrent_cells(Emitter& code, const RecurrentProductDesc& desc, int rows);

}  // namespace octet::cpu::x64
