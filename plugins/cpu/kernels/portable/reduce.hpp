#pragma once
#include "plugins/cpu/kernels/portable/columns.hpp"

namespace octet::cpu::portable {

// Means (or sums) over the axis of [outer, axis, inner] in u8, s8 or f32; the result is [outer, inner]. Codes are summed as integers.
struct ReduceMean {
    DataType input = DataType::f32;
    std::size_t outer = 1;
    std::size_t axis = 1;
    std::size_t inner = 1;
    std::size_t rows_per_batch = 1;
    bool sum = false;
    Epilogue epilogue = {};

    double divisor() const { return sum ? 1 : static_cast<double>(axis); }
    std::size_t units() const { return TileGrid{outer, inner}.size(); }
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
