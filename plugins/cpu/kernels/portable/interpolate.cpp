#include "plugins/cpu/kernels/portable/interpolate.hpp"

#include <cmath>
#include <cstring>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

float weight_of(const Interpolate::Axis& axis, std::size_t out, std::size_t tap) {
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
        for (std::size_t w = 0; w < op.output[2]; ++w) {
            std::memcpy(out + (unit * op.output[2] + w) * out_stride, input + (first + op.axes[2].index[w]) * in_stride,
                        op.channels * sizeof(T));
        }
    });
}

template <class T>
void blend_tile(const Interpolate& op, const T* input, std::size_t unit, const Tile& tile, float* values) {
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const Interpolate::Axis& width = op.axes[2];
    std::fill_n(values, tile.rows * tile.channels, 0.0F);
    each_row(op, unit, [&](std::size_t first, float row_weight) {
        for (std::size_t r = 0; r < tile.rows; ++r) {
            float* to = values + r * tile.channels;
            for (std::size_t k = 0; k < width.taps; ++k) {
                const float weight = row_weight * weight_of(width, tile.row + r, k);
                const T* from = input + (first + width.index[(tile.row + r) * width.taps + k]) * stride + tile.channel;
                for (std::size_t c = 0; c < tile.channels; ++c) {
                    to[c] = std::fma(static_cast<float>(from[c]), weight, to[c]);
                }
            }
        }
    });
}

template <class T>
void run_units(const Interpolate& op, const Arguments& args, std::size_t begin, std::size_t end) {
    const T* input = static_cast<const T*>(args.input);
    const TileGrid grid{op.output[2], op.channels};
    const ResultLayout layout{op.channels, op.output[0] * op.output[1] * op.output[2], op.out_stride};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t unit = begin; unit < end; ++unit) {
        if (copies(op)) {
            copy_row(op, input, static_cast<T*>(args.out), unit);
            continue;
        }
        for (std::size_t i = 0; i < grid.size(); ++i) {
            Tile tile = grid[i];
            vectorized([&] { blend_tile(op, input, unit, tile, values.data()); });
            tile.row += unit * op.output[2];
            apply_epilogue(op.epilogue, layout, tile, values.data(), args.operands, args.out);
        }
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
