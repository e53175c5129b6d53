#pragma once
#include <cstdint>

#include "plugins/cpu/kernels/portable/epilogue.hpp"
#include "plugins/cpu/kernels/portable/window.hpp"

namespace octet::cpu::portable {

// sum(code - zero_point) over all channels and the taps that lie inside the data: a convolution whose weights are all 1. Data is
// [batch, spatial..., channels] in u8 or s8, the result has one channel. Sums must fit 32 bits.
struct WindowSum {
    DataType input = DataType::u8;
    std::int32_t zero_point = 0;
    std::size_t batch = 1;
    std::size_t channels = 1;
    Window window = {};
    Epilogue epilogue = {};

    // First the channels of every pixel are summed, then the sums of each window.
    std::size_t scratch_bytes() const { return batch * window.in_pixels() * sizeof(std::int32_t); }
    std::size_t row_units() const { return batch * window.input[0] * window.input[1]; }
    void sum_channels(const void* input, std::int32_t* pixels, std::size_t begin, std::size_t end) const;
    std::size_t units() const { return batch * window.output[0] * window.output[1]; }
    void run(const std::int32_t* pixels, const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
