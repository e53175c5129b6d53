#pragma once
#include "plugins/cpu/kernels/portable/epilogue.hpp"
#include "plugins/cpu/kernels/portable/window.hpp"

namespace octet::cpu::portable {

// Pooling of [batch, spatial..., channels] in u8, s8 or f32. The average of codes is exact up to one division: sum as integers,
// then float(sum) / count.
struct Pool {
    enum class Kind : std::uint8_t { max, min, average, average_with_padding };
    Kind kind = Kind::max;
    bool divides = true;  // false: an average is a sum
    DataType input = DataType::f32;
    std::size_t batch = 1;
    std::size_t channels = 1;
    std::size_t in_stride = 0;  // elements from pixel to pixel; 0 means channels
    std::size_t out_stride = 0;
    Window window = {};
    float padding = 0;  // the code that stands for zero, counted once for every padded tap by average_with_padding
    Epilogue epilogue = {};

    // Rows of the output along its width.
    std::size_t units() const { return batch * window.output[0] * window.output[1]; }
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
