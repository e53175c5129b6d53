#pragma once
#include <cstdint>

namespace octet::cpu::x64 {

// The geometry of convolutions and pools on an image [batch, height, width, channels]. Padding may be negative at the far sides
// (input that no window reaches); rounding the result up is a larger padding there.
struct Window {
    std::int64_t batch = 1;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t kernel_height = 1;
    std::int64_t kernel_width = 1;
    std::int64_t stride_height = 1;
    std::int64_t stride_width = 1;
    std::int64_t dilation_height = 1;
    std::int64_t dilation_width = 1;
    std::int64_t pad_top = 0;
    std::int64_t pad_left = 0;
    std::int64_t pad_bottom = 0;
    std::int64_t pad_right = 0;

    std::int64_t out_height() const {
        return (height + pad_top + pad_bottom - (kernel_height - 1) * dilation_height - 1) / stride_height + 1;
    }
    std::int64_t out_width() const {
        return (width + pad_left + pad_right - (kernel_width - 1) * dilation_width - 1) / stride_width + 1;
    }
    std::int64_t taps() const { return kernel_height * kernel_width; }

    bool valid() const {
        const bool positive = batch > 0 && height > 0 && width > 0 && kernel_height > 0 && kernel_width > 0 &&
                              stride_height > 0 && stride_width > 0 && dilation_height > 0 && dilation_width > 0;
        return positive && pad_top >= 0 && pad_left >= 0 &&
               height + pad_top + pad_bottom > (kernel_height - 1) * dilation_height &&
               width + pad_left + pad_right > (kernel_width - 1) * dilation_width;
    }
};

}  // namespace octet::cpu::x64
