#pragma once
// What convolutions and matrix products share: packed weights, and a block of rows times a block of columns.
#include <array>
#include <memory>
#include <vector>

#include "plugins/cpu/kernels/portable/dot_tile.hpp"
#include "plugins/cpu/kernels/portable/epilogue.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {

inline constexpr std::size_t kBlockRows = 32;
inline constexpr std::size_t kBlockColumns = 128;

// Constant right-hand matrices [group][depth][columns], as [group][columns / 16][depth][16]; the last panel is filled with zeros.
struct PackedWeights {
    std::size_t groups = 1;
    std::size_t depth = 0;
    std::size_t columns = 0;  // of one group
    bool integer = false;
    std::vector<float> floats = {};
    std::vector<std::int16_t> shorts = {};  // integer weights less their zero point

    std::size_t panels() const { return (columns + kTileColumns - 1) / kTileColumns; }
    std::size_t panel(std::size_t group, std::size_t index) const {
        return (group * panels() + index) * depth * kTileColumns;
    }
};

// value(group, k, column) gives each weight as float, its zero point subtracted.
template <class Value>
PackedWeights pack_weights(std::size_t groups, std::size_t depth, std::size_t columns, bool integer,
                           const Value& value) {
    PackedWeights packed{groups, depth, columns, integer};
    const std::size_t size = groups * packed.panels() * depth * kTileColumns;
    (integer ? packed.shorts.resize(size) : packed.floats.resize(size));
    for (std::size_t group = 0; group < groups; ++group) {
        for (std::size_t column = 0; column < columns; ++column) {
            const std::size_t base = packed.panel(group, column / kTileColumns) + column % kTileColumns;
            for (std::size_t k = 0; k < depth; ++k) {
                const float weight = value(group, k, column);
                if (integer) {
                    packed.shorts[base + k * kTileColumns] = static_cast<std::int16_t>(weight);
                } else {
                    packed.floats[base + k * kTileColumns] = weight;
                }
            }
        }
    }
    return packed;
}

// The state of one block while its depth is walked.
class DenseBlock {
public:
    DenseBlock(std::size_t rows, std::size_t columns, bool integer)
        : rows_(rows), columns_(columns), integer_(integer) {
        const std::size_t used = panels() * kBlockRows * kTileColumns;
        std::fill_n(sums_.data(), used, 0.0F);
        if (integer) {
            std::fill_n(totals_.data(), used, 0);
        }
    }

    // Where the caller puts the rows' next values, at most kBlockDepth of each: row r begins at row(r).
    float* row(std::size_t r) { return rows_data_.data() + r * kRowStride; }
    std::size_t panels() const { return (columns_ + kTileColumns - 1) / kTileColumns; }

    template <class Weight>
    void multiply(DotTile<Weight> dot, std::size_t panel, const Weight* weights, std::size_t depth) {
        float* sums = sums_.data() + panel * kBlockRows * kTileColumns;
        for (std::size_t r = 0; r < rows_; r += kTileRows) {
            dot(row(r), std::min(kTileRows, rows_ - r), weights, depth, sums + r * kTileColumns);
        }
        if (integer_) {
            flush(panel);
        }
    }

    // Rows go to result rows first_row..., columns to channels first_channel...
    void finish(const Epilogue& epilogue, const ResultLayout& layout, std::size_t first_row, std::size_t first_channel,
                const Arguments& args);

private:
    void flush(std::size_t panel);

    std::size_t rows_;
    std::size_t columns_;
    bool integer_;
    alignas(64) std::array<float, kBlockRows * kRowStride> rows_data_;
    alignas(64) std::array<float, kBlockRows * kBlockColumns> sums_;
    alignas(64) std::array<std::int32_t, kBlockRows * kBlockColumns> totals_;
};

}  // namespace octet::cpu::portable
