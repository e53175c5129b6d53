#pragma once
#include "plugins/cpu/kernels/portable/dense.hpp"
#include "plugins/cpu/kernels/portable/window.hpp"

namespace octet::cpu::portable {

// Convolution of [batch, spatial..., in_channels]. Integers (u8 or s8 by s8 or u8) are summed exactly into 32 bits; padding counts
// as the zero point of its channel. Floats: f32 by f32.
struct Convolution {
    DataType input = DataType::f32;
    std::vector<std::int32_t> zero_points =
        {};  // of the input, 0..255 for u8: none (0), one, or one for each of in_channels
    std::size_t batch = 1;
    std::size_t in_channels = 1;
    std::size_t out_channels = 1;
    std::size_t groups = 1;
    std::size_t in_stride = 0;   // elements from pixel to pixel; 0 means in_channels
    std::size_t out_stride = 0;  // the same for out_channels
    Window window = {};
    Epilogue epilogue = {};

    bool depthwise() const;
    bool zero_points_vary() const;
    // `weights` lies as [out_channels][in_channels / groups][kernel...] in f32, s8 or u8; `weight_zero_points` is empty, one,
    // or one for each output channel. The packed form depends on neither batch nor spatial extents.
    PackedWeights pack(const void* weights, DataType type, std::span<const std::int32_t> weight_zero_points = {}) const;

    std::size_t units() const;
    void run(const PackedWeights& weights, const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
