#pragma once
// The inner loop of the portable products: a few rows times sixteen columns, in registers.
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/machine.hpp"

namespace octet::cpu::portable {

inline constexpr std::size_t kTileRows = 8;
inline constexpr std::size_t kTileColumns = 16;
// Products of integers are summed as floats, exactly: 256 * 255 * 255 < 2^24. Then they go into 32-bit sums.
inline constexpr std::size_t kBlockDepth = 256;
inline constexpr std::size_t kRowStride = kBlockDepth + 16;  // not a power of two: rows spread over the cache's sets

// sums[r][c] += sum over k of rows[r * kRowStride + k] * weights[k][c], for r < row_count <= kTileRows.
template <class Weight>
using DotTile = void (*)(const float* rows, std::size_t row_count, const Weight* weights, std::size_t depth,
                         float* sums);

// The same source compiled for one instruction set in a file of its own: what it calls must carry `isa` in its name too, otherwise
// the linker could give a plain processor a copy it cannot run.
template <Isa isa, class Weight>
void dot_tile(const float* rows, std::size_t row_count, const Weight* weights, std::size_t depth, float* sums);

template <class Weight>
DotTile<Weight> choose_dot_tile();

}  // namespace octet::cpu::portable
