#include "ir/eval/gemm.hpp"

#include <algorithm>
#include <cstring>

namespace octet::ir::eval {
namespace {

constexpr std::size_t kPiece = 256;  // length of a partial sum

// One tile: sum over k of left[k][row] * right[k][column].
template <class T>
[[gnu::always_inline]] inline void tile_body(const T* left, const T* right, std::size_t depth, T* sums) {
    constexpr std::size_t kLanes = 32 / sizeof(T);
    constexpr std::size_t kVectors = kTileColumns / kLanes;
    typedef T V [[gnu::vector_size(32)]];
    typedef T Unaligned [[gnu::vector_size(32), gnu::aligned(alignof(T)), gnu::may_alias]];
    V total[kTileRows][kVectors] = {};
    for (std::size_t begin = 0; begin < depth; begin += kPiece) {
        const std::size_t end = std::min(begin + kPiece, depth);
        V sum[kTileRows][kVectors] = {};
        for (std::size_t k = begin; k < end; ++k) {
            const auto* b = reinterpret_cast<const Unaligned*>(right + k * kTileColumns);
            for (std::size_t row = 0; row < kTileRows; ++row)
                for (std::size_t v = 0; v < kVectors; ++v) sum[row][v] += b[v] * left[k * kTileRows + row];
        }
        for (std::size_t row = 0; row < kTileRows; ++row)
            for (std::size_t v = 0; v < kVectors; ++v) total[row][v] += sum[row][v];
    }
    std::memcpy(sums, total, sizeof total);
}

template <class T>
void tile(const T* left, const T* right, std::size_t depth, T* sums) {
    tile_body(left, right, depth, sums);
}

#if defined(__x86_64__)
// The same operations in the same order, with wider registers.
template <class T>
[[gnu::target("avx2")]] void tile_avx2(const T* left, const T* right, std::size_t depth, T* sums) {
    tile_body(left, right, depth, sums);
}
#endif

template <class T>
auto chosen_tile() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return &tile_avx2<T>;
#endif
    return &tile<T>;
}

}  // namespace

template <class T>
void multiply(const T* left, const T* right, T* c, std::size_t rows, std::size_t columns, std::size_t depth,
              std::size_t c_stride) {
    static const auto run_tile = chosen_tile<T>();
    T sums[kTileRows * kTileColumns];
    for (std::size_t row = 0; row < rows; row += kTileRows)
        for (std::size_t column = 0; column < columns; column += kTileColumns) {
            run_tile(left + row * depth, right + column * depth, depth, sums);
            const std::size_t width = std::min(kTileColumns, columns - column);
            for (std::size_t r = 0; r < std::min(kTileRows, rows - row); ++r)
                std::copy_n(sums + r * kTileColumns, width, c + (row + r) * c_stride + column);
        }
}

template void multiply<float>(const float*, const float*, float*, std::size_t, std::size_t, std::size_t, std::size_t);
template void multiply<double>(const double*, const double*, double*, std::size_t, std::size_t, std::size_t,
                               std::size_t);
template void multiply<std::uint32_t>(const std::uint32_t*, const std::uint32_t*, std::uint32_t*, std::size_t,
                                      std::size_t, std::size_t, std::size_t);

}  // namespace octet::ir::eval
