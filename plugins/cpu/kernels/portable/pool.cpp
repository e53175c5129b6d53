#include "plugins/cpu/kernels/portable/pool.hpp"

#include <limits>
#include <type_traits>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

// One output pixel's taps: which of them lie in the input, and where the first of those is.
struct Taps {
    std::array<TapRange, 3> range = {};
    std::array<std::size_t, 3> step = {};  // input pixels from tap to tap
    std::size_t first = 0;                 // pixel index of the first tap inside
    std::size_t count() const { return range[0].size() * range[1].size() * range[2].size(); }
};

Taps taps_of(const Window& window, std::size_t batch, const std::array<std::size_t, 3>& out) {
    Taps taps;
    std::size_t pixel = batch;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        taps.range[axis] = taps_inside(window, axis, out[axis]);
        const std::ptrdiff_t at = first_position(window, axis, out[axis]) +
                                  static_cast<std::ptrdiff_t>(taps.range[axis].begin * window.dilation[axis]);
        pixel = pixel * window.input[axis] + (taps.range[axis].size() == 0 ? 0 : static_cast<std::size_t>(at));
    }
    taps.step = {window.dilation[0] * window.input[1] * window.input[2], window.dilation[1] * window.input[2],
                 window.dilation[2]};
    taps.first = pixel;
    return taps;
}

template <class T, class Visit>
void each_tap(const Taps& taps, const T* input, std::size_t stride, const Visit& visit) {
    for (std::size_t d = 0; d < taps.range[0].size(); ++d) {
        for (std::size_t h = 0; h < taps.range[1].size(); ++h) {
            for (std::size_t w = 0; w < taps.range[2].size(); ++w) {
                visit(input + (taps.first + d * taps.step[0] + h * taps.step[1] + w * taps.step[2]) * stride);
            }
        }
    }
}

template <class T>
void maximum(const Taps& taps, const T* input, std::size_t stride, std::size_t channels, T* result) {
    using Limits = std::numeric_limits<T>;
    std::fill_n(result, channels, Limits::has_infinity ? -Limits::infinity() : Limits::lowest());
    each_tap(taps, input, stride, [&](const T* from) {
        for (std::size_t c = 0; c < channels; ++c) {
            result[c] = from[c] > result[c] ? from[c] : result[c];
        }
    });
}

template <class T>
void minimum(const Taps& taps, const T* input, std::size_t stride, std::size_t channels, T* result) {
    using Limits = std::numeric_limits<T>;
    std::fill_n(result, channels, Limits::has_infinity ? Limits::infinity() : Limits::max());
    each_tap(taps, input, stride, [&](const T* from) {
        for (std::size_t c = 0; c < channels; ++c) {
            result[c] = from[c] < result[c] ? from[c] : result[c];
        }
    });
}

bool is_extremum(const Pool& pool) { return pool.kind == Pool::Kind::max || pool.kind == Pool::Kind::min; }

template <class T>
void extremum(const Pool& pool, const Taps& taps, const T* input, std::size_t stride, std::size_t channels, T* result) {
    if (pool.kind == Pool::Kind::max) {
        maximum(taps, input, stride, channels, result);
    } else {
        minimum(taps, input, stride, channels, result);
    }
}

template <class T>
void average(const Pool& pool, const Taps& taps, const T* input, std::size_t stride, std::size_t channels,
             std::size_t padded, float* result) {
    using Sum = std::conditional_t<std::is_floating_point_v<T>, float, std::int32_t>;
    alignas(64) std::array<Sum, kTileValues> sums;
    std::fill_n(sums.data(), channels, Sum{0});
    each_tap(taps, input, stride, [&](const T* from) {
        for (std::size_t c = 0; c < channels; ++c) {
            sums[c] += static_cast<Sum>(from[c]);
        }
    });
    const std::size_t count = taps.count() + padded;
    const float extra = static_cast<float>(padded) * pool.padding;
    const float divisor = static_cast<float>(count == 0 || !pool.divides ? 1 : count);
    for (std::size_t c = 0; c < channels; ++c) {
        result[c] = (static_cast<float>(sums[c]) + extra) / divisor;
    }
}

// Taps in the padded input but not in the input.
std::size_t padded_taps(const Window& window, const std::array<std::size_t, 3>& out, std::size_t inside) {
    std::size_t all = 1;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        all *= taps_within(window, axis, out[axis], -window.pad_begin[axis],
                           static_cast<std::ptrdiff_t>(window.input[axis]) + window.pad_end[axis])
                   .size();
    }
    return all - inside;
}

template <class T>
void pool_pixel(const Pool& pool, const T* input, std::size_t batch, const std::array<std::size_t, 3>& out,
                const Tile& tile, float* values) {
    const std::size_t stride = pool.in_stride == 0 ? pool.channels : pool.in_stride;
    const Taps taps = taps_of(pool.window, batch, out);
    const T* from = input + tile.channel;
    vectorized([&] {
        if (is_extremum(pool)) {
            alignas(64) std::array<T, kTileValues> best;
            extremum(pool, taps, from, stride, tile.channels, best.data());
            for (std::size_t c = 0; c < tile.channels; ++c) {
                values[c] = static_cast<float>(best[c]);
            }
            return;
        }
        const std::size_t padded = pool.kind == Pool::Kind::average ? 0 : padded_taps(pool.window, out, taps.count());
        average(pool, taps, from, stride, tile.channels, padded, values);
    });
}

// Codes that stay codes need no float.
template <class T>
void copy_extrema(const Pool& pool, const T* input, std::size_t unit, std::size_t batch, std::array<std::size_t, 3> out,
                  T* result) {
    const std::size_t in_stride = pool.in_stride == 0 ? pool.channels : pool.in_stride;
    const std::size_t out_stride = pool.out_stride == 0 ? pool.channels : pool.out_stride;
    const std::size_t width = pool.window.output[2];
    vectorized([&] {
        for (out[2] = 0; out[2] < width; ++out[2]) {
            extremum(pool, taps_of(pool.window, batch, out), input, in_stride, pool.channels,
                     result + (unit * width + out[2]) * out_stride);
        }
    });
}

template <class T>
void pool_rows(const Pool& pool, const Arguments& args, std::size_t begin, std::size_t end, DataType type) {
    const T* input = static_cast<const T*>(args.input);
    const auto& output = pool.window.output;
    const ResultLayout layout{pool.channels, pool.window.out_pixels(), pool.out_stride};
    const bool plain = is_extremum(pool) && pool.epilogue.result == type && is_plain(pool.epilogue);
    const TileGrid grid{output[2], pool.channels};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t unit = begin; unit < end; ++unit) {
        const std::size_t batch = unit / (output[0] * output[1]);
        std::array<std::size_t, 3> out = {unit / output[1] % output[0], unit % output[1], 0};
        if (plain) {
            copy_extrema(pool, input, unit, batch, out, static_cast<T*>(args.out));
            continue;
        }
        for (std::size_t i = 0; i < grid.size(); ++i) {
            Tile tile = grid[i];
            for (std::size_t r = 0; r < tile.rows; ++r) {
                out[2] = tile.row + r;
                pool_pixel(pool, input, batch, out, tile, values.data() + r * tile.channels);
            }
            tile.row += unit * output[2];
            apply_epilogue(pool.epilogue, layout, tile, values.data(), args.operands, args.out);
        }
    }
}

}  // namespace

void Pool::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    switch (input) {
        case DataType::u8: return pool_rows<std::uint8_t>(*this, args, begin, end, input);
        case DataType::s8: return pool_rows<std::int8_t>(*this, args, begin, end, input);
        default: return pool_rows<float>(*this, args, begin, end, input);
    }
}

}  // namespace octet::cpu::portable
