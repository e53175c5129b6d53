#pragma once
// The product of matrices that convolutions and matmul stand on.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace octet::ir::eval {

inline constexpr std::size_t kTileRows = 4;
inline constexpr std::size_t kTileColumns = 16;
inline constexpr std::size_t kBlockColumns = 64;  // so many columns of the right factor are packed at a time

inline std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// The left factor, kTileRows rows side by side; value(row, k) gives its elements.
template <class T, class F>
std::vector<T> pack_left(std::size_t rows, std::size_t depth, F&& value) {
    std::vector<T> packed(rounded_up(rows, kTileRows) * depth, T(0));
    for (std::size_t row = 0; row < rows; ++row) {
        T* tile = packed.data() + row / kTileRows * kTileRows * depth + row % kTileRows;
        for (std::size_t k = 0; k < depth; ++k) tile[k * kTileRows] = value(row, k);
    }
    return packed;
}

// Where element (k, column) of a block of the right factor stands: kTileColumns columns side by side.
inline std::size_t right_offset(std::size_t k, std::size_t column, std::size_t depth) {
    return column / kTileColumns * kTileColumns * depth + k * kTileColumns + column % kTileColumns;
}

// c = left * right, for one block of `columns` columns; rows of c are c_stride apart. Sums run along k in order, in pieces of a few
// hundred that are then added, so that a long float sum keeps its precision; the result does not depend on the machine. T is float,
// double or uint32_t (whose sums modulo 2^32 are those of int32_t).
template <class T>
void multiply(const T* left, const T* right, T* c, std::size_t rows, std::size_t columns, std::size_t depth,
              std::size_t c_stride);

extern template void multiply<float>(const float*, const float*, float*, std::size_t, std::size_t, std::size_t,
                                     std::size_t);
extern template void multiply<double>(const double*, const double*, double*, std::size_t, std::size_t, std::size_t,
                                      std::size_t);
extern template void multiply<std::uint32_t>(const std::uint32_t*, const std::uint32_t*, std::uint32_t*, std::size_t,
                                             std::size_t, std::size_t, std::size_t);

}  // namespace octet::ir::eval
