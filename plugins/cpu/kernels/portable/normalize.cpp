#include "plugins/cpu/kernels/portable/normalize.hpp"

#include <cmath>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

bool has_mean(Normalize::Kind kind) { return kind != Normalize::Kind::l2_add && kind != Normalize::Kind::l2_max; }

// `squares` is the sum of (x - mean)^2 over `count` values.
float factor_of(const Normalize& op, double squares, std::size_t count) {
    const double epsilon = op.epsilon;
    const double variance = squares / static_cast<double>(count);
    switch (op.kind) {
        case Normalize::Kind::mean: return 1.0F;
        case Normalize::Kind::mean_variance_inside: return static_cast<float>(1.0 / std::sqrt(variance + epsilon));
        case Normalize::Kind::mean_variance_outside: return static_cast<float>(1.0 / (std::sqrt(variance) + epsilon));
        case Normalize::Kind::l2_add: return static_cast<float>(1.0 / std::sqrt(squares + epsilon));
        case Normalize::Kind::l2_max: return static_cast<float>(1.0 / std::sqrt(std::max(squares, epsilon)));
    }
    return 1.0F;
}

template <class T>
void normalize_row(const Normalize& op, const Arguments& args, std::size_t outer) {
    const std::size_t count = op.shape.axis;
    const T* x = static_cast<const T*>(args.input) + outer * count;
    double mean = op.zero_point;
    double squares = 0;
    vectorized([&] {
        if (has_mean(op.kind)) {
            mean = sum_of<double>(count, [&](std::size_t i) { return static_cast<double>(x[i]); }) /
                   static_cast<double>(count);
        }
        squares = sum_of<double>(count, [&](std::size_t i) {
            const double d = static_cast<double>(x[i]) - mean;
            return d * d;
        });
    });
    const auto centre = static_cast<float>(mean);
    const float factor = factor_of(op, squares, count);
    map_axis_row(op.shape, op.epilogue, outer, x, args, [&](const T* from, float* to, std::size_t values) {
        vectorized([&] {
            for (std::size_t i = 0; i < values; ++i) {
                to[i] = (static_cast<float>(from[i]) - centre) * factor;
            }
        });
    });
}

struct ColumnStatistics {
    alignas(64) std::array<double, kColumns> mean{};
    alignas(64) std::array<double, kColumns> squares{};
};

template <class T>
void collect(const Normalize& op, const T* x, std::size_t width, ColumnStatistics& statistics) {
    const AxisShape& shape = op.shape;
    if (!has_mean(op.kind)) {
        statistics.mean.fill(op.zero_point);
    } else {
        for (std::size_t i = 0; i < shape.axis; ++i) {
            for (std::size_t c = 0; c < width; ++c) {
                statistics.mean[c] += static_cast<double>(x[i * shape.inner + c]);
            }
        }
        for (std::size_t c = 0; c < width; ++c) {
            statistics.mean[c] /= static_cast<double>(shape.axis);
        }
    }
    for (std::size_t i = 0; i < shape.axis; ++i) {
        for (std::size_t c = 0; c < width; ++c) {
            const double d = static_cast<double>(x[i * shape.inner + c]) - statistics.mean[c];
            statistics.squares[c] += d * d;
        }
    }
}

template <class T>
void normalize_columns(const Normalize& op, const Arguments& args, std::size_t outer, std::size_t column) {
    const AxisShape& shape = op.shape;
    const std::size_t width = std::min(kColumns, shape.inner - column);
    const T* x = static_cast<const T*>(args.input) + outer * shape.axis * shape.inner + column;
    ColumnStatistics statistics;
    vectorized([&] { collect(op, x, width, statistics); });
    alignas(64) std::array<float, kColumns> centre;
    alignas(64) std::array<float, kColumns> factor;
    for (std::size_t c = 0; c < width; ++c) {
        centre[c] = static_cast<float>(statistics.mean[c]);
        factor[c] = factor_of(op, statistics.squares[c], shape.axis);
    }
    map_axis_columns(shape, op.epilogue, outer, column, width, x, args,
                     [&](const T* from, float* to, std::size_t count) {
                         vectorized([&] {
                             for (std::size_t c = 0; c < count; ++c) {
                                 to[c] = (static_cast<float>(from[c]) - centre[c]) * factor[c];
                             }
                         });
                     });
}

// y^-beta for the powers that occur, without a logarithm.
void inverse_power(float* values, std::size_t count, float beta) {
    if (beta == 0.75F) {
        for (std::size_t i = 0; i < count; ++i) {
            const float root = std::sqrt(values[i]);
            values[i] = 1.0F / (root * std::sqrt(root));
        }
    } else if (beta == 0.5F) {
        for (std::size_t i = 0; i < count; ++i) {
            values[i] = 1.0F / std::sqrt(values[i]);
        }
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            values[i] = std::pow(values[i], -beta);
        }
    }
}

// The values of one outer index as the epilogue's rows and channels.
TileGrid grid_of(const LocalResponse& op) {
    const std::size_t channels = op.shape.inner != 1      ? op.shape.inner
                                 : op.shape.channels == 0 ? op.shape.axis
                                                          : op.shape.channels;
    return {op.shape.axis * op.shape.inner / channels, channels};
}

// Values [first, first + count) of the matrix [axis, inner] of one outer index.
void respond(const LocalResponse& op, const float* x, std::size_t first, std::size_t count, float* result) {
    const std::size_t inner = op.shape.inner;
    const std::size_t total = op.shape.axis * inner;
    const std::size_t before = (op.size - 1) / 2 * inner;
    alignas(64) std::array<float, kTileValues> sums;
    std::fill_n(sums.data(), count, 0.0F);
    for (std::size_t k = 0; k < op.size; ++k) {
        const std::size_t shift = k * inner;
        // Value i takes x[i + shift - before]^2 where that exists.
        const std::size_t low = std::max(first, before > shift ? before - shift : 0);
        const std::size_t high = std::min(first + count, total + before > shift ? total + before - shift : 0);
        for (std::size_t i = low; i < high; ++i) {
            const float value = x[i + shift - before];
            sums[i - first] += value * value;
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        sums[i] = op.bias + op.alpha * sums[i];
    }
    inverse_power(sums.data(), count, op.beta);
    for (std::size_t i = 0; i < count; ++i) {
        result[i] = x[first + i] * sums[i];
    }
}

template <class T>
void run_units(const Normalize& op, const Arguments& args, std::size_t begin, std::size_t end) {
    for (std::size_t unit = begin; unit < end; ++unit) {
        if (op.shape.inner == 1) {
            normalize_row<T>(op, args, unit);
        } else {
            const std::size_t blocks = (op.shape.inner + kColumns - 1) / kColumns;
            normalize_columns<T>(op, args, unit / blocks, unit % blocks * kColumns);
        }
    }
}

}  // namespace

void Normalize::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    switch (input) {
        case DataType::u8: return run_units<std::uint8_t>(*this, args, begin, end);
        case DataType::s8: return run_units<std::int8_t>(*this, args, begin, end);
        default: return run_units<float>(*this, args, begin, end);
    }
}

std::size_t LocalResponse::units() const { return shape.outer * grid_of(*this).size(); }

void LocalResponse::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    const TileGrid grid = grid_of(*this);
    const ResultLayout layout{grid.channels, shape.rows_per_batch};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t unit = begin; unit < end; ++unit) {
        const std::size_t outer = unit / grid.size();
        Tile tile = grid[unit % grid.size()];
        const float* x = static_cast<const float*>(args.input) + outer * shape.axis * shape.inner;
        vectorized([&] {
            respond(*this, x, tile.row * grid.channels + tile.channel, tile.rows * tile.channels, values.data());
        });
        tile.row += outer * grid.rows;
        apply_epilogue(epilogue, layout, tile, values.data(), args.operands, args.out);
    }
}

}  // namespace octet::cpu::portable
