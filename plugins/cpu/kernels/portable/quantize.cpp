#include "plugins/cpu/kernels/portable/quantize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "plugins/cpu/kernels/portable/interleave.hpp"
#include "plugins/cpu/kernels/portable/math.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

constexpr std::size_t kPixels = 256;  // of one unit
constexpr std::size_t kStreams = 16;  // channels turned at once

float at(const std::vector<float>& values, std::size_t channel, float neutral) {
    return values.empty() ? neutral : values[values.size() == 1 ? 0 : channel];
}

std::size_t blocks(std::size_t pixels) { return (pixels + kPixels - 1) / kPixels; }

// codes[channel][kPixels] -> out[pixel][channels], a result narrower than its rows.
template <class T>
void spread(const T* codes, std::size_t channels, std::size_t pixels, T* out, std::size_t stride) {
    const bool dense = channels == stride;
    if (dense && channels == 1) {
        std::copy_n(codes, pixels, out);
    } else if (dense && channels == 2) {
        interleave<2>(codes, kPixels, out, pixels);
    } else if (dense && channels == 3) {
        interleave<3>(codes, kPixels, out, pixels);
    } else if (dense && channels == 4) {
        interleave<4>(codes, kPixels, out, pixels);
    } else {
        alignas(64) std::array<T, kPixels * kStreams> turned;
        interleave<kStreams>(codes, kPixels, turned.data(), pixels);
        if (channels == kStreams) {
            for (std::size_t p = 0; p < pixels; ++p) {
                std::memcpy(out + p * stride, turned.data() + p * kStreams, kStreams * sizeof(T));
            }
        } else {
            for (std::size_t p = 0; p < pixels; ++p) {
                std::copy_n(turned.data() + p * kStreams, channels, out + p * stride);
            }
        }
    }
}

template <class T>
void quantize_unit(const QuantizeToChannelsLast& op, const float* input, T* out, std::size_t unit) {
    const std::size_t stride = op.out_stride == 0 ? op.channels : op.out_stride;
    const std::size_t batch = unit / blocks(op.pixels);
    const std::size_t first = unit % blocks(op.pixels) * kPixels;
    const std::size_t pixels = std::min(kPixels, op.pixels - first);
    alignas(64) std::array<T, kPixels * kStreams> codes{};
    for (std::size_t begin = 0; begin < op.channels; begin += kStreams) {
        const std::size_t channels = std::min(kStreams, op.channels - begin);
        for (std::size_t c = 0; c < channels; ++c) {
            const float scale = at(op.scale, begin + c, 1.0F);
            const float shift = at(op.shift, begin + c, 0.0F);
            const float low = op.low;
            const float high = op.high;
            const float* from = input + (batch * op.channels + begin + c) * op.pixels + first;
            T* to = codes.data() + c * kPixels;
            for (std::size_t i = 0; i < pixels; ++i) {
                to[i] = static_cast<T>(round_to_int(clamp_code(std::fma(from[i], scale, shift), low, high)));
            }
        }
        spread(codes.data(), channels, pixels, out + (batch * op.pixels + first) * stride + begin, stride);
    }
}

template <class T>
void dequantize_unit(const DequantizeToChannelsFirst& op, const T* input, float* out, std::size_t unit) {
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const std::size_t batch = unit / blocks(op.pixels);
    const std::size_t first = unit % blocks(op.pixels) * kPixels;
    const std::size_t pixels = std::min(kPixels, op.pixels - first);
    alignas(64) std::array<float, kPixels> values;
    for (std::size_t c = 0; c < op.channels; ++c) {
        const float scale = at(op.scale, c, 1.0F);
        const float shift = at(op.shift, c, 0.0F);
        const T* from = input + (batch * op.pixels + first) * stride + c;
        for (std::size_t i = 0; i < pixels; ++i) {
            values[i] = static_cast<float>(from[i * stride]);
        }
        float* to = out + (batch * op.channels + c) * op.pixels + first;
        for (std::size_t i = 0; i < pixels; ++i) {
            to[i] = std::fma(values[i], scale, shift);
        }
    }
}

}  // namespace

std::size_t QuantizeToChannelsLast::units() const { return batch * blocks(pixels); }

void QuantizeToChannelsLast::run(const float* input, void* out, std::size_t begin, std::size_t end) const {
    vectorized([&] {
        for (std::size_t unit = begin; unit < end; ++unit) {
            if (result == DataType::s8) {
                quantize_unit(*this, input, static_cast<std::int8_t*>(out), unit);
            } else {
                quantize_unit(*this, input, static_cast<std::uint8_t*>(out), unit);
            }
        }
    });
}

std::size_t DequantizeToChannelsFirst::units() const { return batch * blocks(pixels); }

void DequantizeToChannelsFirst::run(const void* source, float* out, std::size_t begin, std::size_t end) const {
    vectorized([&] {
        for (std::size_t unit = begin; unit < end; ++unit) {
            if (input == DataType::s8) {
                dequantize_unit(*this, static_cast<const std::int8_t*>(source), out, unit);
            } else {
                dequantize_unit(*this, static_cast<const std::uint8_t*>(source), out, unit);
            }
        }
    });
}

}  // namespace octet::cpu::portable
