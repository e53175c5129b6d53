#include "plugins/cpu/kernels/portable/interpolate.hpp"

#include <cmath>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/short_copy.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

using Axis = Interpolate::Axis;

// Values of the input between the outermost places that a tile is made of.
constexpr std::size_t kReach = 2 * kTileValues;

template <class T>
float float_of(T x) {
    return static_cast<float>(x);
}
float float_of(std::uint16_t x) { return from_bfloat(x); }

float weight_of(const Axis& axis, std::size_t out, std::size_t tap) {
    return axis.taps == 1 ? 1.0F : axis.weight[out * axis.taps + tap];
}

// visit(first pixel of the input row, weight) for every input row that an output row is made of.
template <class Visit>
void each_row(const Interpolate& op, std::size_t unit, const Visit& visit) {
    const std::size_t batch = unit / (op.output[0] * op.output[1]);
    const std::size_t d = unit / op.output[1] % op.output[0];
    const std::size_t h = unit % op.output[1];
    for (std::size_t i = 0; i < op.axes[0].taps; ++i) {
        for (std::size_t j = 0; j < op.axes[1].taps; ++j) {
            const std::size_t plane = batch * op.input[0] + op.axes[0].index[d * op.axes[0].taps + i];
            const std::size_t row = plane * op.input[1] + op.axes[1].index[h * op.axes[1].taps + j];
            visit(row * op.input[2], weight_of(op.axes[0], d, i) * weight_of(op.axes[1], h, j));
        }
    }
}

bool copies(const Interpolate& op) {
    return op.axes[0].taps == 1 && op.axes[1].taps == 1 && op.axes[2].taps == 1 && op.epilogue.result == op.type &&
           is_plain(op.epilogue);
}

template <class T>
void copy_row(const Interpolate& op, const T* input, T* out, std::size_t unit) {
    const std::size_t in_stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const std::size_t out_stride = op.out_stride == 0 ? op.channels : op.out_stride;
    each_row(op, unit, [&](std::size_t first, float) {
        const T* from = input + first * in_stride;
        T* to = out + unit * op.output[2] * out_stride;
        with_short_copy(op.channels * sizeof(T), [&](const auto& copy) {
            for (std::size_t w = 0; w < op.output[2]; ++w)
                copy(to + w * out_stride, from + op.axes[2].index[w] * in_stride);
        });
    });
}

// Places of the input along the width, from the first that a tile is made of to the last.
struct Reach {
    std::size_t first = 0;
    std::size_t pixels = 0;
};

Reach reach_of(const Axis& width, const Tile& tile) {
    const auto begin = width.index.begin() + static_cast<std::ptrdiff_t>(tile.row * width.taps);
    const auto [low, high] = std::minmax_element(begin, begin + static_cast<std::ptrdiff_t>(tile.rows * width.taps));
    return {*low, *high - *low + std::size_t{1}};
}

// The rows' sum: values[pixel][channel] of the places in reach.
template <class T>
void blend_rows(const Interpolate& op, const T* input, std::size_t unit, const Tile& tile, const Reach& reach,
                float* values) {
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const bool dense = stride == tile.channels;
    const std::size_t pieces = dense ? 1 : reach.pixels;
    const std::size_t length = dense ? reach.pixels * tile.channels : tile.channels;
    bool begun = false;
    each_row(op, unit, [&](std::size_t first, float weight) {
        for (std::size_t p = 0; p < pieces; ++p) {
            const T* from = input + (first + reach.first + p) * stride + tile.channel;
            float* to = values + p * length;
            if (begun) {
                for (std::size_t i = 0; i < length; ++i) to[i] = std::fma(float_of(from[i]), weight, to[i]);
            } else {
                for (std::size_t i = 0; i < length; ++i) to[i] = float_of(from[i]) * weight;
            }
        }
        begun = true;
    });
}

// The width's sum of blended rows. Taps and channels are 0 where they are known only when it runs.
template <std::size_t kTaps, std::size_t kChannels>
void blend_columns(const Axis& width, const Tile& tile, std::size_t first, const float* __restrict rows,
                   float* __restrict values, std::size_t stride) {
    const std::size_t taps = kTaps == 0 ? width.taps : kTaps;
    const std::size_t channels = kChannels == 0 ? tile.channels : kChannels;
    const std::uint32_t* index = width.index.data() + tile.row * taps;
    const float* weight = width.weight.data() + (kTaps == 1 ? 0 : tile.row * taps);
    for (std::size_t r = 0; r < tile.rows; ++r, index += taps) {
        float* to = values + r * stride;
        const auto place = [&](std::size_t k) { return rows + (index[k] - first) * channels; };
        const float* from = place(0);
        if constexpr (kTaps == 1) {
            for (std::size_t c = 0; c < channels; ++c) to[c] = from[c];
            continue;
        }
        if constexpr (kTaps == 2) {
            const float* other = place(1);
            const float a = weight[r * 2], b = weight[r * 2 + 1];
            for (std::size_t c = 0; c < channels; ++c) to[c] = std::fma(other[c], b, from[c] * a);
            continue;
        }
        const float* factor = weight + r * taps;
        for (std::size_t c = 0; c < channels; ++c) to[c] = from[c] * factor[0];
        for (std::size_t k = 1; k < taps; ++k) {
            const float* other = place(k);
            for (std::size_t c = 0; c < channels; ++c) to[c] = std::fma(other[c], factor[k], to[c]);
        }
    }
}

template <std::size_t kTaps>
void blend_columns(const Axis& width, const Tile& tile, std::size_t first, const float* rows, float* values,
                   std::size_t stride) {
    switch (tile.channels) {
        case 1: return blend_columns<kTaps, 1>(width, tile, first, rows, values, stride);
        case 2: return blend_columns<kTaps, 2>(width, tile, first, rows, values, stride);
        case 3: return blend_columns<kTaps, 3>(width, tile, first, rows, values, stride);
        case 4: return blend_columns<kTaps, 4>(width, tile, first, rows, values, stride);
        case 8: return blend_columns<kTaps, 8>(width, tile, first, rows, values, stride);
        case 16: return blend_columns<kTaps, 16>(width, tile, first, rows, values, stride);
        default: return blend_columns<kTaps, 0>(width, tile, first, rows, values, stride);
    }
}

void blend_columns(const Axis& width, const Tile& tile, std::size_t first, const float* rows, float* values,
                   std::size_t stride) {
    if (width.taps == 1) return blend_columns<1>(width, tile, first, rows, values, stride);
    if (width.taps == 2) return blend_columns<2>(width, tile, first, rows, values, stride);
    blend_columns<0>(width, tile, first, rows, values, stride);
}

// Both sums at once, for places that lie far apart.
template <class T>
void blend_apart(const Interpolate& op, const T* input, std::size_t unit, const Tile& tile, float* values) {
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const Axis& width = op.axes[2];
    std::fill_n(values, tile.rows * tile.channels, 0.0F);
    each_row(op, unit, [&](std::size_t first, float row_weight) {
        for (std::size_t r = 0; r < tile.rows; ++r) {
            float* to = values + r * tile.channels;
            for (std::size_t k = 0; k < width.taps; ++k) {
                const float weight = row_weight * weight_of(width, tile.row + r, k);
                const T* from = input + (first + width.index[(tile.row + r) * width.taps + k]) * stride + tile.channel;
                for (std::size_t c = 0; c < tile.channels; ++c) {
                    to[c] = std::fma(float_of(from[c]), weight, to[c]);
                }
            }
        }
    });
}

template <class T>
void blend_row(const Interpolate& op, const Arguments& args, std::size_t unit) {
    const T* input = static_cast<const T*>(args.input);
    const TileGrid grid{op.output[2], op.channels};
    const ResultLayout layout{op.channels, op.output[0] * op.output[1] * op.output[2], op.out_stride};
    const std::size_t stride = op.out_stride == 0 ? op.channels : op.out_stride;
    const bool plain = op.epilogue.result == DataType::f32 && is_plain(op.epilogue);
    alignas(64) std::array<float, kReach> rows;
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t i = 0; i < grid.size(); ++i) {
        Tile tile = grid[i];
        const Reach reach = reach_of(op.axes[2], tile);
        const std::size_t row = unit * op.output[2] + tile.row;
        if (reach.pixels * tile.channels > kReach) {
            vectorized([&] { blend_apart(op, input, unit, tile, values.data()); });
        } else {
            float* to = plain ? static_cast<float*>(args.out) + row * stride + tile.channel : values.data();
            vectorized([&] {
                blend_rows(op, input, unit, tile, reach, rows.data());
                blend_columns(op.axes[2], tile, reach.first, rows.data(), to, plain ? stride : tile.channels);
            });
            if (plain) continue;
        }
        tile.row = row;
        apply_epilogue(op.epilogue, layout, tile, values.data(), args.operands, args.out);
    }
}

template <class T>
void run_units(const Interpolate& op, const Arguments& args, std::size_t begin, std::size_t end) {
    const bool copying = copies(op);
    for (std::size_t unit = begin; unit < end; ++unit) {
        if (copying) copy_row(op, static_cast<const T*>(args.input), static_cast<T*>(args.out), unit);
        else blend_row<T>(op, args, unit);
    }
}

}  // namespace

void Interpolate::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    switch (type) {
        case DataType::u8: return run_units<std::uint8_t>(*this, args, begin, end);
        case DataType::s8: return run_units<std::int8_t>(*this, args, begin, end);
        case DataType::bf16: return run_units<std::uint16_t>(*this, args, begin, end);
        default: return run_units<float>(*this, args, begin, end);
    }
}

}  // namespace octet::cpu::portable
