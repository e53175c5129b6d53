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

// `count` rows of a panel of codes, as floats.
void widen_codes(const PackedCodes& w, std::size_t panel, std::size_t k, std::size_t count, float* to) {
    const std::size_t bytes = kTileColumns * static_cast<std::size_t>(w.bits) / 8;
    const std::uint8_t* from = w.codes.data() + (panel * w.depth + k) * bytes;
    const int flip = w.flip;
    for (const std::size_t end = k + count; k < end;) {
        const std::size_t next = std::min(end, (k / w.group + 1) * w.group);
        const float* scale = w.scale.data() + (k / w.group * w.panels() + panel) * kTileColumns;
        const float* shift = w.shift.data() + (k / w.group * w.panels() + panel) * kTileColumns;
        for (; k < next; ++k, from += bytes, to += kTileColumns) {
            if (w.bits == 8) {
                for (std::size_t c = 0; c < kTileColumns; ++c) {
                    to[c] = static_cast<float>((from[c] ^ flip) - flip) * scale[c] + shift[c];
                }
                continue;
            }
            for (std::size_t c = 0; c < kTileColumns / 2; ++c) {
                to[c] = static_cast<float>(((from[c] & 15) ^ flip) - flip) * scale[c] + shift[c];
                to[c + 8] = static_cast<float>(((from[c] >> 4) ^ flip) - flip) * scale[c + 8] + shift[c + 8];
            }
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

PackedCodes pack_codes(const CodedWeights& weights) {
    PackedCodes packed;
    packed.bits = weights.bits;
    packed.flip = weights.is_signed ? 1 << (weights.bits - 1) : 0;
    packed.depth = static_cast<std::size_t>(weights.depth);
    packed.columns = static_cast<std::size_t>(weights.columns);
    packed.group = static_cast<std::size_t>(weights.group);
    const std::size_t bytes = kTileColumns * static_cast<std::size_t>(weights.bits) / 8;
    packed.codes.resize(packed.panels() * packed.depth * bytes);
    packed.scale.resize(packed.depth / packed.group * packed.panels() * kTileColumns);
    packed.shift.resize(packed.scale.size());
    for (std::size_t column = 0; column < packed.columns; ++column) {
        const std::size_t panel = column / kTileColumns, lane = column % kTileColumns;
        for (std::size_t k = 0; k < packed.depth; ++k) {
            const std::uint32_t code = weights.at(static_cast<std::int64_t>(k), static_cast<std::int64_t>(column));
            const bool upper = weights.bits == 4 && lane >= 8;
            std::uint8_t& to = packed.codes[(panel * packed.depth + k) * bytes + lane - (upper ? 8 : 0)];
            to = static_cast<std::uint8_t>(to | code << (upper ? 4 : 0));
        }
        for (std::size_t group = 0; group < packed.depth / packed.group; ++group) {
            const std::size_t to = (group * packed.panels() + panel) * kTileColumns + lane;
            packed.scale[to] = weights.scale[group * packed.columns + column];
            packed.shift[to] = weights.shift.empty() ? 0 : weights.shift[group * packed.columns + column];
        }
    }
    return packed;
}

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

namespace {

// The second matrix becomes packed floats as it is read: widen(place, panel, k, count, to) gives `count` rows of a panel.
template <class Widen>
void run_widened(const MatMul& matmul, const Arguments& args, std::size_t begin, std::size_t end, const Widen& widen) {
    const DotTile<float> dot = choose_dot_tile<float>();
    for (std::size_t unit = begin; unit < end; ++unit) {
        const Place place = place_of(matmul, unit);
        run_unit(matmul, args, place, [&](DenseBlock& block, std::size_t k, std::size_t count) {
            alignas(64) std::array<float, kBlockDepth * kTileColumns> packed;
            for (std::size_t panel = 0; panel < block.panels(); ++panel) {
                vectorized([&] { widen(place, panel, k, count, packed.data()); });
                block.multiply(dot, panel, packed.data(), count);
            }
        });
    }
}

}  // namespace

void MatMul::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    run_widened(*this, args, begin, end,
                [&](const Place& place, std::size_t panel, std::size_t k, std::size_t count, float* to) {
                    const Matrix right(second, args.second, place.batch, depth, columns);
                    const std::size_t column = place.column + panel * kTileColumns;
                    const std::size_t width = std::min(kTileColumns, place.column + place.columns - column);
                    widen_panel(right, k, count, column, width, to);
                });
}

void MatMul::run(const PackedCodes& weights, const Arguments& args, std::size_t begin, std::size_t end) const {
    run_widened(*this, args, begin, end,
                [&](const Place& place, std::size_t panel, std::size_t k, std::size_t count, float* to) {
                    widen_codes(weights, place.column / kTileColumns + panel, k, count, to);
                });
}

}  // namespace octet::cpu::portable
