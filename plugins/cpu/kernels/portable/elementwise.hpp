#pragma once
#include "plugins/cpu/kernels/portable/epilogue.hpp"

namespace octet::cpu::portable {

// out = epilogue(input) on a matrix [rows, channels]: chains of sums, products, activations and requantization, the other tensors
// being the epilogue's operands.
struct Elementwise {
    std::size_t rows = 1;
    std::size_t channels = 1;
    std::size_t rows_per_batch = 1;
    std::size_t out_stride = 0;  // elements from row to row of the result; 0 means channels
    DataType input = DataType::f32;
    Epilogue epilogue = {};

    std::size_t units() const { return TileGrid{rows, channels}.size(); }
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
