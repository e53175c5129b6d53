#pragma once
// Operations along one axis of a tensor seen as [outer, axis, inner]: first something is found for each column, then each value is
// mapped with it. The result is seen by its epilogue as [rows, channels].
#include <algorithm>
#include <array>

#include "plugins/cpu/kernels/portable/epilogue.hpp"

namespace octet::cpu::portable {

struct AxisShape {
    std::size_t outer = 1;
    std::size_t axis = 1;
    std::size_t inner = 1;
    // Of the epilogue. Where inner is 1 a divisor of axis (0 stands for axis itself), otherwise it is inner.
    std::size_t channels = 0;
    std::size_t rows_per_batch = 1;
};

inline constexpr std::size_t kColumns = 64;  // of one unit, where inner is not 1
inline constexpr std::size_t kPartialSums = 64;

// Sum of value(i), in a fixed order that leaves room for vectors.
template <class Sum, class Value>
Sum sum_of(std::size_t count, const Value& value) {
    alignas(64) std::array<Sum, kPartialSums> sums{};
    std::size_t i = 0;
    for (; i + kPartialSums <= count; i += kPartialSums) {
        for (std::size_t j = 0; j < kPartialSums; ++j) {
            sums[j] += value(i + j);
        }
    }
    for (std::size_t j = 0; i + j < count; ++j) {
        sums[j] += value(i + j);
    }
    for (std::size_t half = kPartialSums / 2; half > 0; half /= 2) {
        for (std::size_t j = 0; j < half; ++j) {
            sums[j] += sums[j + half];
        }
    }
    return sums[0];
}

inline std::size_t column_units(const AxisShape& shape) {
    return shape.outer * (shape.inner == 1 ? 1 : (shape.inner + kColumns - 1) / kColumns);
}

// For inner = 1: map(x, result, count) computes consecutive values of the row that begins at x.
template <class T, class MapRow>
void map_axis_row(const AxisShape& shape, const Epilogue& epilogue, std::size_t outer, const T* x,
                  const Arguments& args, const MapRow& map) {
    const std::size_t channels = shape.channels == 0 ? shape.axis : shape.channels;
    const std::size_t rows = shape.axis / channels;
    const TileGrid grid{rows, channels};
    const ResultLayout layout{channels, shape.rows_per_batch};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t i = 0; i < grid.size(); ++i) {
        Tile tile = grid[i];
        map(x + tile.row * channels + tile.channel, values.data(), tile.rows * tile.channels);
        tile.row += outer * rows;
        apply_epilogue(epilogue, layout, tile, values.data(), args.operands, args.out);
    }
}

// For other extents: map(x, result, width) computes `width` <= kColumns columns of one position along the axis.
template <class T, class MapColumns>
void map_axis_columns(const AxisShape& shape, const Epilogue& epilogue, std::size_t outer, std::size_t column,
                      std::size_t width, const T* x, const Arguments& args, const MapColumns& map) {
    const std::size_t rows = kTileValues / kColumns;
    const ResultLayout layout{shape.inner, shape.rows_per_batch};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t begin = 0; begin < shape.axis; begin += rows) {
        const std::size_t count = std::min(rows, shape.axis - begin);
        for (std::size_t r = 0; r < count; ++r) {
            map(x + (begin + r) * shape.inner, values.data() + r * width, width);
        }
        apply_epilogue(epilogue, layout, {outer * shape.axis + begin, count, column, width}, values.data(),
                       args.operands, args.out);
    }
}

}  // namespace octet::cpu::portable
