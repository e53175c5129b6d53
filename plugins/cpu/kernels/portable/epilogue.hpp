#pragma once
// The epilogue of the portable kernels, and the reference for all others.
#include <cstddef>
#include <span>

#include "plugins/cpu/kernels/epilogue.hpp"

namespace octet::cpu::portable {

// A result [rows, channels] as an epilogue sees it. Operands are dense; the result may be a slice of wider rows.
struct ResultLayout {
    std::size_t channels = 1;
    std::size_t rows_per_batch = 1;  // for Spread::per_batch_channel
    std::size_t stride = 0;          // elements from one row of the result to the next; 0 means channels
};

struct Tile {
    std::size_t row = 0;
    std::size_t rows = 0;
    std::size_t channel = 0;
    std::size_t channels = 0;
};

// Tiles are worked on in the first-level cache.
inline constexpr std::size_t kTileValues = 2048;

// Cuts a matrix [rows, channels] into tiles of at most kTileValues.
struct TileGrid {
    std::size_t rows = 0;
    std::size_t channels = 1;

    std::size_t rows_per_tile() const { return channels >= kTileValues ? 1 : kTileValues / channels; }
    std::size_t tiles_per_row() const { return (channels + kTileValues - 1) / kTileValues; }
    std::size_t size() const { return (rows + rows_per_tile() - 1) / rows_per_tile() * tiles_per_row(); }
    Tile operator[](std::size_t i) const;
};

// What a kernel runs on. `second` is the other matrix of a product; `operands` are those of the epilogue.
struct Arguments {
    const void* input = nullptr;
    const void* second = nullptr;
    std::span<const void* const> operands = {};
    void* out = nullptr;
};

// Throws std::invalid_argument where the epilogue cannot belong to a result of so many channels: vectors that are neither one
// value nor one per channel, an operand beyond `operands`, types that no portable kernel stores or reads.
void check_epilogue(const Epilogue& epilogue, std::size_t channels, std::size_t operands);

// Applies the epilogue to values[tile.rows][tile.channels] (destroyed) and stores them in the whole result `out`.
// tile.rows * tile.channels <= kTileValues.
void apply_epilogue(const Epilogue& epilogue, const ResultLayout& layout, const Tile& tile, float* values,
                    std::span<const void* const> operands, void* out);

// The same for integer accumulators.
void apply_epilogue(const Epilogue& epilogue, const ResultLayout& layout, const Tile& tile, const std::int32_t* values,
                    std::span<const void* const> operands, void* out);

// values[i] = float(source[offset + i]) for u8, s8, s32, i64, f32, bf16.
void load_floats(DataType type, const void* source, std::size_t offset, std::size_t count, float* values);

// Whether it changes nothing but the type: no operation, and codes in their full range.
bool is_plain(const Epilogue& epilogue);

}  // namespace octet::cpu::portable
