#pragma once
// Sliding windows over up to three spatial dimensions (depth, height, width; an absent one has extent 1).
#include <algorithm>
#include <array>
#include <cstddef>

namespace octet::cpu::portable {

struct Window {
    std::array<std::size_t, 3> input = {1, 1, 1};
    std::array<std::size_t, 3> output = {1, 1, 1};
    std::array<std::size_t, 3> kernel = {1, 1, 1};
    std::array<std::size_t, 3> stride = {1, 1, 1};
    std::array<std::size_t, 3> dilation = {1, 1, 1};
    std::array<std::ptrdiff_t, 3> pad_begin = {0, 0, 0};  // negative: the input is cropped
    std::array<std::ptrdiff_t, 3> pad_end = {0, 0, 0};    // only average pooling that counts padding reads it

    std::size_t in_pixels() const { return input[0] * input[1] * input[2]; }
    std::size_t out_pixels() const { return output[0] * output[1] * output[2]; }
    std::size_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// The taps of one dimension that fall inside [low, high), as a range of kernel indices.
struct TapRange {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t size() const { return end - begin; }
};

inline std::ptrdiff_t first_position(const Window& window, std::size_t axis, std::size_t out) {
    return static_cast<std::ptrdiff_t>(out * window.stride[axis]) - window.pad_begin[axis];
}

inline TapRange taps_within(const Window& window, std::size_t axis, std::size_t out, std::ptrdiff_t low,
                            std::ptrdiff_t high) {
    const std::ptrdiff_t first = first_position(window, axis, out);
    const auto step = static_cast<std::ptrdiff_t>(window.dilation[axis]);
    const auto taps = static_cast<std::ptrdiff_t>(window.kernel[axis]);
    const std::ptrdiff_t begin = std::min(taps, first >= low ? 0 : (low - first + step - 1) / step);
    const std::ptrdiff_t end = first >= high ? 0 : std::min(taps, (high - first + step - 1) / step);
    return {static_cast<std::size_t>(begin), static_cast<std::size_t>(std::max(begin, end))};
}

inline TapRange taps_inside(const Window& window, std::size_t axis, std::size_t out) {
    return taps_within(window, axis, out, 0, static_cast<std::ptrdiff_t>(window.input[axis]));
}

}  // namespace octet::cpu::portable
