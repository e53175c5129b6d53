#pragma once
// The register tile of matrix products and convolutions: `rows` pixels times up to 64 columns, 32-bit sums in up to 24 registers.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {

struct TileArgs {
    const std::uint8_t* a = nullptr;
    const std::int8_t* weights = nullptr;
    void* out = nullptr;
    std::int64_t tiles = 0;              // row tiles to do
    const std::int8_t* ahead = nullptr;  // weights to fetch into L2 meanwhile
    EpilogueArgs epilogue;
};

struct TileShape {
    int rows = 0;
    int columns = 0;
    std::int64_t k = 0;                      // bytes of A that each tap multiplies
    std::vector<std::int64_t> taps = {0};    // where they lie, from the first byte of the row
    bool whole_dwords = false;               // A may be read up to the end of the last dword of a tap
    std::int64_t row_stride = 0;             // bytes between rows of A
    std::int64_t out_stride = 0;             // elements between rows of the result
    std::vector<std::int64_t> operand_strides = {};
    int prefetch_lines = 0;                  // for each row tile
};

// Rows of a tile with this many vectors of 16 columns, so that sums, weights and broadcasts fill the registers.
// kTileRows is a multiple of all of them.
constexpr int tile_rows(int vectors) { return vectors <= 2 ? 12 : vectors == 3 ? 8 : 6; }
inline constexpr std::int64_t kTileRows = 24;

// Bytes of weights for `columns` columns: for each dword of A, 4 bytes for each column.
constexpr std::int64_t panel_bytes(int columns, std::int64_t k, std::size_t taps) {
    return (columns + 15) / 16 * 64 * ((k + 3) / 4) * static_cast<std::int64_t>(taps);
}

// The offset of void(const TileArgs*) in the block.
std::size_t add_tile(CodeBlock& block, const TileShape& shape, const Epilogue& epilogue, bool bounded);

// One block of columns of a product, as wide as a tile.
struct ColumnBlock {
    std::int64_t first = 0;
    int columns = 0;
    std::int64_t panel = 0;  // bytes from the start of the packed weights
    int vectors() const { return (columns + 15) / 16; }
};

// `columns` cut into blocks of at most 64 of nearly equal widths.
std::vector<ColumnBlock> column_blocks(std::int64_t columns, std::int64_t k, std::size_t taps);

// Packs one block: `weight(tap, i, column)` is asked for i < k and the block's columns.
template <class Weight>
void pack_panel(std::int8_t* panel, const ColumnBlock& block, std::int64_t k, std::size_t taps, const Weight& weight) {
    const int width = block.vectors() * 16;
    for (std::size_t tap = 0; tap < taps; ++tap) {
        for (std::int64_t i = 0; i < (k + 3) / 4 * 4; ++i) {
            std::int8_t* to = panel + (static_cast<std::int64_t>(tap) * ((k + 3) / 4) + i / 4) * width * 4 + i % 4;
            for (int c = 0; c < width; ++c) {
                to[c * 4] = i < k && c < block.columns ? weight(tap, i, block.first + c) : std::int8_t{0};
            }
        }
    }
}

}  // namespace octet::cpu::x64
