#pragma once
// Matrix products of u8 with s8 and of floats, the second operand constant or not, over any number of outer extents.
#include <cstdint>
#include <vector>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"

namespace octet::cpu::onednn {

// In elements. Left empty: dense, in the order outer extents, rows, columns.
struct MatrixStrides {
    std::vector<std::int64_t> outer = {};  // 0: the same matrix for all indices
    std::int64_t row = 0;
    std::int64_t column = 0;
    bool dense() const { return row == 0 && column == 0; }
};

// result[outer, rows, columns] = source[outer, rows, depth] * weights[outer, depth, columns]; the channels are the columns.
struct MatMul {
    DataType source = DataType::u8;  // u8 with s8, f32 with f32, or bf16 with constant f32, which are rounded
    std::vector<std::int64_t> outer = {};
    std::int64_t rows = 1;
    std::int64_t depth = 1;
    std::int64_t columns = 1;
    MatrixStrides source_strides = {};
    MatrixStrides weights_strides = {};  // of a constant too: [columns, depth] is {{}, 1, depth}
    MatrixStrides result_strides = {};
    const void* weights = nullptr;  // constant (then dense and without outer extents), or nullptr: Args::weights
    std::int32_t source_zero = 0;   // subtracted from every source value
    Epilogue epilogue = {};         // Spread::per_batch_channel is declined
    int in_place = -1;
    int threads = 1;
    bool allow_reference = false;
    bool allow_saturation = false;
};

// Declines with code SATURATION_RISK where u8 x s8 products might saturate on this machine.
Creation create(const MatMul& matmul);

}  // namespace octet::cpu::onednn
