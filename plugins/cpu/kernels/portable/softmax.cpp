#include "plugins/cpu/kernels/portable/softmax.hpp"

#include <limits>

#include "plugins/cpu/kernels/portable/math.hpp"
#include "plugins/cpu/kernels/portable/softmax_few.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

float maximum_of(const float* x, std::size_t count) {
    alignas(64) std::array<float, kPartialSums> best;
    best.fill(-std::numeric_limits<float>::infinity());
    std::size_t i = 0;
    for (; i + kPartialSums <= count; i += kPartialSums) {
        for (std::size_t j = 0; j < kPartialSums; ++j) {
            best[j] = x[i + j] > best[j] ? x[i + j] : best[j];
        }
    }
    for (std::size_t j = 0; i + j < count; ++j) {
        best[j] = x[i + j] > best[j] ? x[i + j] : best[j];
    }
    return *std::max_element(best.begin(), best.end());
}

void softmax_row(const SoftMax& op, const Arguments& args, std::size_t outer) {
    const float* x = static_cast<const float*>(args.input) + outer * op.shape.axis;
    float highest = 0;
    float sum = 0;
    vectorized([&] {
        highest = maximum_of(x, op.shape.axis);
        sum = sum_of<float>(op.shape.axis, [&](std::size_t i) { return fast_exp(x[i] - highest); });
    });
    const float factor = 1.0F / sum;
    map_axis_row(op.shape, op.epilogue, outer, x, args, [&](const float* from, float* to, std::size_t count) {
        vectorized([&] {
            for (std::size_t i = 0; i < count; ++i) {
                to[i] = fast_exp(from[i] - highest) * factor;
            }
        });
    });
}

void exponentials(const float* x, std::size_t rows, std::size_t axis, float* values) {
    for (std::size_t r = 0; r < rows; ++r) {
        const float* from = x + r * axis;
        const float highest = axis < kPartialSums ? *std::max_element(from, from + axis) : maximum_of(from, axis);
        for (std::size_t i = 0; i < axis; ++i) {
            values[r * axis + i] = from[i] - highest;
        }
    }
    for (std::size_t i = 0; i < rows * axis; ++i) {
        values[i] = fast_exp(values[i]);
    }
    for (std::size_t r = 0; r < rows; ++r) {
        float* row = values + r * axis;
        float sum = 0;
        if (axis < kPartialSums) {
            for (std::size_t i = 0; i < axis; ++i) {
                sum += row[i];
            }
        } else {
            sum = sum_of<float>(axis, [&](std::size_t i) { return row[i]; });
        }
        const float factor = 1.0F / sum;
        for (std::size_t i = 0; i < axis; ++i) {
            row[i] *= factor;
        }
    }
}

void softmax_rows(const SoftMax& op, const Arguments& args, std::size_t unit) {
    const std::size_t axis = op.shape.axis;
    const std::size_t channels = op.shape.channels == 0 ? axis : op.shape.channels;
    const std::size_t first = unit * rows_together(op.shape);
    const std::size_t rows = std::min(rows_together(op.shape), op.shape.outer - first);
    alignas(64) std::array<float, kTileValues> values;
    vectorized([&] { exponentials(static_cast<const float*>(args.input) + first * axis, rows, axis, values.data()); });
    const Tile tile{first * axis / channels, rows * axis / channels, 0, channels};
    apply_epilogue(op.epilogue, {channels, op.shape.rows_per_batch}, tile, values.data(), args.operands, args.out);
}

void softmax_columns(const SoftMax& op, const Arguments& args, std::size_t outer, std::size_t column) {
    const AxisShape& shape = op.shape;
    const std::size_t width = std::min(kColumns, shape.inner - column);
    const float* x = static_cast<const float*>(args.input) + outer * shape.axis * shape.inner + column;
    alignas(64) std::array<float, kColumns> highest;
    alignas(64) std::array<float, kColumns> sum{};
    highest.fill(-std::numeric_limits<float>::infinity());
    vectorized([&] {
        for (std::size_t i = 0; i < shape.axis; ++i) {
            const float* from = x + i * shape.inner;
            for (std::size_t c = 0; c < width; ++c) {
                highest[c] = from[c] > highest[c] ? from[c] : highest[c];
            }
        }
        for (std::size_t i = 0; i < shape.axis; ++i) {
            const float* from = x + i * shape.inner;
            for (std::size_t c = 0; c < width; ++c) {
                sum[c] += fast_exp(from[c] - highest[c]);
            }
        }
    });
    map_axis_columns(shape, op.epilogue, outer, column, width, x, args,
                     [&](const float* from, float* to, std::size_t count) {
                         vectorized([&] {
                             for (std::size_t c = 0; c < count; ++c) {
                                 to[c] = fast_exp(from[c] - highest[c]) / sum[c];
                             }
                         });
                     });
}

}  // namespace

std::size_t SoftMax::units() const {
    if (shape.inner != 1) return column_units(shape);
    const std::size_t rows = plane == 0 ? shape.outer : plane;
    return shape.outer / rows * ((rows + rows_together(shape) - 1) / rows_together(shape));
}

void SoftMax::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    const std::size_t blocks = (shape.inner + kColumns - 1) / kColumns;
    for (std::size_t unit = begin; unit < end; ++unit) {
        if (takes_planes(shape)) softmax_few(*this, args, unit);
        else if (shape.inner == 1 && shape.axis <= kTileValues) softmax_rows(*this, args, unit);
        else if (shape.inner == 1) softmax_row(*this, args, unit);
        else if (shape.axis <= kTileValues / kColumns)
            softmax_planes(*this, args, unit / blocks, unit % blocks * kColumns);
        else softmax_columns(*this, args, unit / blocks, unit % blocks * kColumns);
    }
}

}  // namespace octet::cpu::portable
