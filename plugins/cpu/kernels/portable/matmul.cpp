#include "plugins/cpu/kernels/portable/matmul.hpp"

namespace octet::cpu::portable {
namespace {

// Where element (major, minor) of a matrix of this side stands. For the input major is a row and minor the depth; for the second
// matrix major is the depth and minor a column.
struct Matrix {
    const void* data = nullptr;
    DataType type = DataType::f32;
    float zero = 0;
    std::size_t offset = 0;
    std::size_t major_step = 0;
    std::size_t minor_step = 0;

    Matrix(const MatMul::Side& side, const void* source, std::size_t batch, std::size_t majors, std::size_t minors)
        : data(source),
          type(side.type),
          zero(static_cast<float>(side.zero_point)),
          offset(side.offsets.empty() ? batch * majors * minors : side.offsets[batch]) {
        const std::size_t stride = side.stride != 0 ? side.stride : side.transposed ? majors : minors;
        major_step = side.transposed ? 1 : stride;
        minor_step = side.transposed ? stride : 1;
    }
};

template <class T>
void widen(const Matrix& matrix, std::size_t major, std::size_t minor, std::size_t count, float* to) {
    const T* from = static_cast<const T*>(matrix.data) + matrix.offset + major * matrix.major_step +
                    minor * matrix.minor_step;
    if (matrix.minor_step == 1) {
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = static_cast<float>(from[i]) - matrix.zero;
        }
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<float>(from[i * matrix.minor_step]) - matrix.zero;
    }
}

void widen(const Matrix& matrix, std::size_t major, std::size_t minor, std::size_t count, float* to) {
    switch (matrix.type) {
        case DataType::u8: return widen<std::uint8_t>(matrix, major, minor, count, to);
        case DataType::s8: return widen<std::int8_t>(matrix, major, minor, count, to);
        default: return widen<float>(matrix, major, minor, count, to);
    }
}

// Sixteen columns of the second matrix as a packed panel. Columns that do not exist are zeros.
void widen_panel(const Matrix& matrix, std::size_t k, std::size_t depth, std::size_t column, std::size_t columns,
                 float* panel) {
    if (columns < kTileColumns) {
        std::fill_n(panel, depth * kTileColumns, 0.0F);
    }
    if (matrix.minor_step == 1) {
        for (std::size_t i = 0; i < depth; ++i) {
            widen(matrix, k + i, column, columns, panel + i * kTileColumns);
        }
        return;
    }
    Matrix flipped = matrix;
    std::swap(flipped.major_step, flipped.minor_step);
    alignas(64) std::array<float, kBlockDepth> line;
    for (std::size_t c = 0; c < columns; ++c) {
        widen(flipped, column + c, k, depth, line.data());
        for (std::size_t i = 0; i < depth; ++i) {
            panel[i * kTileColumns + c] = line[i];
        }
    }
}

bool integer(const MatMul& matmul) { return matmul.input.type != DataType::f32 && matmul.second.type != DataType::f32; }

struct Place {
    std::size_t batch = 0;
    std::size_t row = 0;
    std::size_t rows = 0;
    std::size_t column = 0;
    std::size_t columns = 0;
};

Place place_of(const MatMul& matmul, std::size_t unit) {
    const std::size_t column_blocks = (matmul.columns + kBlockColumns - 1) / kBlockColumns;
    const std::size_t row_blocks = (matmul.rows + kBlockRows - 1) / kBlockRows;
    Place place;
    place.column = unit % column_blocks * kBlockColumns;
    place.columns = std::min(kBlockColumns, matmul.columns - place.column);
    place.row = unit / column_blocks % row_blocks * kBlockRows;
    place.rows = std::min(kBlockRows, matmul.rows - place.row);
    place.batch = unit / column_blocks / row_blocks;
    return place;
}

// multiply(block, k, depth) adds the products of the rows just copied.
template <class Multiply>
void run_unit(const MatMul& matmul, const Arguments& args, const Place& place, const Multiply& multiply) {
    const Matrix input(matmul.input, args.input, place.batch, matmul.rows, matmul.depth);
    DenseBlock block(place.rows, place.columns, integer(matmul));
    for (std::size_t k = 0; k < matmul.depth; k += kBlockDepth) {
        const std::size_t depth = std::min(kBlockDepth, matmul.depth - k);
        vectorized([&] {
            for (std::size_t r = 0; r < place.rows; ++r) {
                widen(input, place.row + r, k, depth, block.row(r));
            }
        });
        multiply(block, k, depth);
    }
    const ResultLayout layout{matmul.columns, matmul.rows, matmul.out_stride};
    block.finish(matmul.epilogue, layout, place.batch * matmul.rows + place.row, place.column, args);
}

template <class Weight>
void run_packed(const MatMul& matmul, const PackedWeights& weights, const Weight* packed, const Arguments& args,
                const Place& place) {
    const DotTile<Weight> dot = choose_dot_tile<Weight>();
    run_unit(matmul, args, place, [&](DenseBlock& block, std::size_t k, std::size_t depth) {
        for (std::size_t panel = 0; panel < block.panels(); ++panel) {
            block.multiply(dot, panel,
                           packed + weights.panel(0, place.column / kTileColumns + panel) + k * kTileColumns, depth);
        }
    });
}

}  // namespace

PackedWeights MatMul::pack(const void* weights, std::span<const std::int32_t> zero_points) const {
    Side side = second;
    side.zero_point = 0;
    side.offsets = {0};
    const Matrix matrix(side, weights, 0, depth, columns);
    return pack_weights(1, depth, columns, integer(*this), [&](std::size_t, std::size_t k, std::size_t column) {
        float value = 0;
        widen(matrix, k, column, 1, &value);
        const std::int32_t zero = zero_points.empty() ? 0 : zero_points[zero_points.size() == 1 ? 0 : column];
        return value - static_cast<float>(zero);
    });
}

std::size_t MatMul::units() const {
    return batch * ((rows + kBlockRows - 1) / kBlockRows) * ((columns + kBlockColumns - 1) / kBlockColumns);
}

void MatMul::run(const PackedWeights& weights, const Arguments& args, std::size_t begin, std::size_t end) const {
    for (std::size_t unit = begin; unit < end; ++unit) {
        const Place place = place_of(*this, unit);
        if (weights.integer) {
            run_packed(*this, weights, weights.shorts.data(), args, place);
        } else {
            run_packed(*this, weights, weights.floats.data(), args, place);
        }
    }
}

void MatMul::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    const DotTile<float> dot = choose_dot_tile<float>();
    for (std::size_t unit = begin; unit < end; ++unit) {
        const Place place = place_of(*this, unit);
        const Matrix right(second, args.second, place.batch, depth, columns);
        run_unit(*this, args, place, [&](DenseBlock& block, std::size_t k, std::size_t count) {
            alignas(64) std::array<float, kBlockDepth * kTileColumns> packed;
            for (std::size_t panel = 0; panel < block.panels(); ++panel) {
                const std::size_t column = place.column + panel * kTileColumns;
                const std::size_t width = std::min(kTileColumns, place.column + place.columns - column);
                vectorized([&] { widen_panel(right, k, count, column, width, packed.data()); });
                block.multiply(dot, panel, packed.data(), count);
            }
        });
    }
}

}  // namespace octet::cpu::portable
