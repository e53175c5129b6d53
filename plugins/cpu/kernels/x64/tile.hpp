#pragma once
// The register tile of matrix products and convolutions: `rows` pixels times a block of columns, 32-bit sums in up to 24 registers, or 12
// with AVX2.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"

namespace octet::cpu::x64 {

struct TileArgs {
    const std::uint8_t* a = nullptr;
    const std::int8_t* weights = nullptr;
    void* out = nullptr;
    std::int64_t tiles = 0;                   // row tiles to do
    const std::int8_t* ahead = nullptr;       // weights to fetch into L2 meanwhile
    const std::int32_t* row_terms = nullptr;  // one for each row
    EpilogueArgs epilogue;
};

struct TileShape {
    int rows = 0;
    int columns = 0;
    std::int64_t k = 0;                    // bytes of A that each tap multiplies
    std::vector<std::int64_t> taps = {0};  // where they lie, from the first byte of the row
    bool whole_dwords = false;             // A may be read up to the end of the last dword of a tap
    std::int64_t row_stride = 0;           // bytes between rows of A
    std::int64_t out_stride = 0;           // elements between rows of the result
    std::vector<std::int64_t> operand_strides = {};
    int prefetch_lines = 0;        // for each row tile
    bool starts = false;           // panels begin with the values the sums start from
    DataType type = DataType::u8;  // of A; of f32 one value, of bf16 two take the place of a dword of codes
    bool row_terms = false;        // the sums of a row start from its term, too; without prefetch
};

// Rows of a tile with this many vectors of 16 columns, so that sums, weights and broadcasts fill the registers.
// kTileRows is a multiple of all of them.
constexpr int tile_rows(int vectors) { return vectors <= 2 ? 12 : vectors == 3 ? 8 : 6; }
inline constexpr std::int64_t kTileRows = 24;

// The same for the block of columns that code for `isa` takes, at most block_columns wide. Where codes have to be taken apart, wide blocks
// of few rows use them more often.
int tile_rows(const VectorIsa& isa, int columns);
constexpr int block_columns(const VectorIsa& isa) { return isa.wide() ? 64 : isa.widens() ? 32 : 16; }

// What a panel of weights multiplies. A zero point is subtracted from every byte of A by starting the sums from -zp * sum of weights.
struct PanelShape {
    std::int64_t k = 0;
    std::size_t taps = 1;
    std::uint8_t zero_point = 0;
    bool pairs = false;  // weights of 16 bits: of each dword's four first those of its codes 0 and 2, then of 1 and 3

    // Columns come in groups of 16. For each dword of A, 4 bytes for each column, or twice 4; before them, with a zero point, the start of
    // the sums.
    std::int64_t start_bytes(int columns) const { return (columns + 15) / 16 * 64; }
    std::int64_t dword_bytes(int columns) const { return start_bytes(columns) * (pairs ? 2 : 1); }
    std::int64_t dwords() const { return (k + 3) / 4 * static_cast<std::int64_t>(taps); }
    std::int64_t bytes(int columns) const {
        return dword_bytes(columns) * dwords() + (zero_point != 0 ? start_bytes(columns) : 0);
    }
};

// The offset of void(const TileArgs*) in the block.
std::size_t add_tile(CodeBlock& block, const TileShape& shape, const Epilogue& epilogue, bool bounded);

// One block of columns of a product, as wide as a tile.
struct ColumnBlock {
    std::int64_t first = 0;
    int columns = 0;
    std::int64_t panel = 0;  // bytes from the start of the packed weights
    int vectors() const { return (columns + 15) / 16; }
};

// `columns` cut into blocks of at most `widest`, a multiple of 16, of nearly equal widths.
std::vector<ColumnBlock> column_blocks(std::int64_t columns, const PanelShape& panel, int widest = 64);

// Weights of 8 bits, `dwords` rows of four for each of `width` columns in the second half of `products`, into pairs of 16 bits in all of it.
void widen_weights(std::int8_t* products, std::int64_t dwords, std::int64_t width);

// Weights of floats for an A of f32 or bf16: `weight(tap, i, column)` is asked for i < k values and the block's columns.
using FloatWeight = std::function<float(std::size_t tap, std::int64_t i, std::int64_t column)>;
void pack_floats(std::int8_t* panel, const ColumnBlock& block, DataType type, std::int64_t k, std::size_t taps,
                 const FloatWeight& weight);

// Packs one block of weights whose columns lie one after the other, `stride` bytes apart; of one tap.
void pack_columns(std::int8_t* panel, const ColumnBlock& block, const PanelShape& shape, const std::int8_t* weights,
                  std::int64_t stride);

// Packs one block: `weight(tap, i, column)` is asked for i < k and the block's columns, along k first: fastest where the weights lie so.
// A panel is written in pieces that stay in the first-level cache.
template <class Weight>
void pack_panel(std::int8_t* panel, const ColumnBlock& block, const PanelShape& shape, const Weight& weight) {
    constexpr std::int64_t kPiece = 64;
    const int width = block.vectors() * 16;
    const std::int64_t dwords = (shape.k + 3) / 4, whole = shape.k / 4;
    std::vector<std::int32_t> sums(static_cast<std::size_t>(width), 0);
    std::int8_t* const all = panel + (shape.zero_point != 0 ? width * 4 : 0);
    std::int8_t* products = all + (shape.pairs ? shape.dwords() * width * 4 : 0);
    for (std::size_t tap = 0; tap < shape.taps; ++tap, products += dwords * width * 4) {
        for (std::int64_t first = 0; first < dwords; first += kPiece) {
            const std::int64_t end = std::min(first + kPiece, dwords);
            for (int c = 0; c < width; ++c) {
                std::int32_t sum = 0;
                for (std::int64_t d = first; d < end; ++d) {
                    std::int8_t bytes[4] = {0, 0, 0, 0};
                    const std::int64_t count = c >= block.columns ? 0 : d < whole ? 4 : shape.k % 4;
                    for (std::int64_t i = 0; i < count; ++i) {
                        bytes[i] = weight(tap, d * 4 + i, block.first + c);
                        sum += bytes[i];
                    }
                    std::memcpy(products + (d * width + c) * 4, bytes, 4);
                }
                sums[static_cast<std::size_t>(c)] += sum;
            }
        }
    }
    if (shape.pairs) widen_weights(all, shape.dwords(), width);
    if (shape.zero_point != 0) {
        for (std::int32_t& sum : sums) {
            sum *= -shape.zero_point;
        }
        std::memcpy(panel, sums.data(), sums.size() * 4);
    }
}

}  // namespace octet::cpu::x64
