#pragma once
#include "plugins/cpu/kernels/portable/columns.hpp"

namespace octet::cpu::portable {

// Resampling of [batch, spatial..., channels]: along each axis an output position is a weighted sum of input positions. One tap of
// weight 1 copies (nearest), two are linear, four cubic.
struct Interpolate {
    struct Axis {
        std::size_t taps = 1;
        std::vector<std::uint32_t> index = {0};  // [output][taps]
        std::vector<float> weight = {};          // the same; empty where taps is 1
        bool operator==(const Axis&) const = default;
    };
    DataType type = DataType::f32;  // of the input: u8, s8, f32 or bf16
    std::size_t batch = 1;
    std::size_t channels = 1;
    std::size_t in_stride = 0;  // elements from pixel to pixel; 0 means channels
    std::size_t out_stride = 0;
    std::array<std::size_t, 3> input = {1, 1, 1};
    std::array<std::size_t, 3> output = {1, 1, 1};
    std::array<Axis, 3> axes = {};
    Epilogue epilogue = {};

    // Rows of the output along its width.
    std::size_t units() const { return batch * output[0] * output[1]; }
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
