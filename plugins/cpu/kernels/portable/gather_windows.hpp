#pragma once
#include <cstddef>

#include "plugins/cpu/kernels/portable/window.hpp"

namespace octet::cpu::portable {

// out[pixel of the result, tap, channel] = what the tap of the pixel's window sees, dense; 0 in the padding. Of images whose channels lie
// last. A product of these rows with weights [tap, channel, output channel] is the convolution.
struct GatherWindows {
    Window window = {};
    std::size_t batch = 1;
    std::size_t channels = 1;
    std::size_t in_stride = 0;     // elements between pixels; 0: dense
    std::size_t element_size = 4;  // bytes

    std::size_t row_bytes() const { return window.taps() * channels * element_size; }
    std::size_t units() const { return batch * window.out_pixels(); }
    void run(const void* in, void* out, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
