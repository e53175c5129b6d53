#pragma once
#include "plugins/cpu/kernels/portable/epilogue.hpp"

namespace octet::cpu::portable {

// f32 [batch, channels, pixels] -> u8 or s8 [batch, pixels, channels], in one pass:
// code = round_half_even(clamp(fma(x, scale, shift), low, high)). The vectors have one value or one per channel.
struct QuantizeToChannelsLast {
    std::size_t batch = 1;
    std::size_t channels = 1;
    std::size_t pixels = 1;
    std::size_t out_stride = 0;  // bytes from pixel to pixel; 0 means channels
    DataType result = DataType::u8;
    std::vector<float> scale = {};
    std::vector<float> shift = {};
    float low = 0;
    float high = 255;

    std::size_t units() const;
    void run(const float* input, void* out, std::size_t begin, std::size_t end) const;
};

// u8 or s8 [batch, pixels, channels] -> f32 [batch, channels, pixels]: x = fma(code, scale, shift).
struct DequantizeToChannelsFirst {
    std::size_t batch = 1;
    std::size_t channels = 1;
    std::size_t pixels = 1;
    std::size_t in_stride = 0;
    DataType input = DataType::u8;
    std::vector<float> scale = {};
    std::vector<float> shift = {};

    std::size_t units() const;
    void run(const void* input, float* out, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
