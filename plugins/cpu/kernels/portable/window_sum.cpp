#include "plugins/cpu/kernels/portable/window_sum.hpp"

#include <array>
#include <type_traits>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

// 16-bit lanes hold the sums of this many 8-bit codes, whatever their sign.
constexpr std::size_t kCodesPerLane = 256;
constexpr std::size_t kLanes = 64;

template <class T>
std::int32_t sum_of_codes(const T* codes, std::size_t count) {
    using Narrow = std::conditional_t<std::is_signed_v<T>, std::int16_t, std::uint16_t>;
    std::int32_t total = 0;
    std::size_t i = 0;
    while (i + kLanes <= count) {
        const std::size_t end = std::min(count / kLanes * kLanes, i + kCodesPerLane * kLanes);
        alignas(64) std::array<Narrow, kLanes> lanes{};
        for (; i < end; i += kLanes) {
            for (std::size_t k = 0; k < kLanes; ++k) {
                lanes[k] = static_cast<Narrow>(lanes[k] + codes[i + k]);
            }
        }
        for (std::size_t k = 0; k < kLanes; ++k) {
            total += lanes[k];
        }
    }
    for (; i < count; ++i) {
        total += codes[i];
    }
    return total;
}

template <class T>
void sum_pixels(const WindowSum& sum, const T* codes, std::int32_t* pixels, std::size_t begin, std::size_t end) {
    const std::size_t width = sum.window.input[2];
    const std::int32_t zero = static_cast<std::int32_t>(sum.channels) * sum.zero_point;
    vectorized([&] {
        for (std::size_t pixel = begin * width; pixel < end * width; ++pixel) {
            pixels[pixel] = sum_of_codes(codes + pixel * sum.channels, sum.channels) - zero;
        }
    });
}

// One row of the result: for each tap the part of the row that it reaches.
void add_row(const Window& w, const std::int32_t* row, std::size_t from, std::size_t count, std::int32_t* sums) {
    for (std::size_t tap = 0; tap < w.kernel[2]; ++tap) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::ptrdiff_t x = first_position(w, 2, from + i) + static_cast<std::ptrdiff_t>(tap * w.dilation[2]);
            const bool inside = x >= 0 && x < static_cast<std::ptrdiff_t>(w.input[2]);
            sums[i] += inside ? row[x] : 0;
        }
    }
}

}  // namespace

void WindowSum::sum_channels(const void* data, std::int32_t* pixels, std::size_t begin, std::size_t end) const {
    if (input == DataType::s8) {
        sum_pixels(*this, static_cast<const std::int8_t*>(data), pixels, begin, end);
    } else {
        sum_pixels(*this, static_cast<const std::uint8_t*>(data), pixels, begin, end);
    }
}

void WindowSum::run(const std::int32_t* pixels, const Arguments& args, std::size_t begin, std::size_t end) const {
    const Window& w = window;
    const ResultLayout layout{1, w.out_pixels()};
    alignas(64) std::array<std::int32_t, kTileValues> sums;
    for (std::size_t unit = begin; unit < end; ++unit) {
        const std::size_t image = unit / (w.output[0] * w.output[1]);
        const std::array<std::size_t, 2> out = {unit / w.output[1] % w.output[0], unit % w.output[1]};
        const std::array<TapRange, 2> taps = {taps_inside(w, 0, out[0]), taps_inside(w, 1, out[1])};
        for (std::size_t from = 0; from < w.output[2]; from += kTileValues) {
            const std::size_t count = std::min(kTileValues, w.output[2] - from);
            std::fill_n(sums.begin(), count, 0);
            for (std::size_t d = taps[0].begin; d < taps[0].end; ++d) {
                for (std::size_t h = taps[1].begin; h < taps[1].end; ++h) {
                    const auto z = static_cast<std::size_t>(first_position(w, 0, out[0])) + d * w.dilation[0];
                    const auto y = static_cast<std::size_t>(first_position(w, 1, out[1])) + h * w.dilation[1];
                    add_row(w, pixels + ((image * w.input[0] + z) * w.input[1] + y) * w.input[2], from, count,
                            sums.data());
                }
            }
            apply_epilogue(epilogue, layout, {unit * w.output[2] + from, count, 0, 1}, sums.data(), args.operands,
                           args.out);
        }
    }
}

}  // namespace octet::cpu::portable
