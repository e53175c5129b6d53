#include "plugins/cpu/kernels/portable/gather_windows.hpp"

#include <array>
#include <cstring>

namespace octet::cpu::portable {
namespace {

// visit(tap, whether it sees the image, which of its pixels)
template <class Visit>
void each_tap(const Window& w, const std::array<std::size_t, 3>& pixel, const Visit& visit) {
    std::array<std::size_t, 3> tap{};
    std::size_t index = 0;
    for (tap[0] = 0; tap[0] < w.kernel[0]; ++tap[0])
        for (tap[1] = 0; tap[1] < w.kernel[1]; ++tap[1])
            for (tap[2] = 0; tap[2] < w.kernel[2]; ++tap[2]) {
                bool inside = true;
                std::size_t position = 0;
                for (std::size_t axis = 0; axis < 3; ++axis) {
                    const std::ptrdiff_t at = first_position(w, axis, pixel[axis]) +
                                              static_cast<std::ptrdiff_t>(tap[axis] * w.dilation[axis]);
                    inside = inside && at >= 0 && at < static_cast<std::ptrdiff_t>(w.input[axis]);
                    position = inside ? position * w.input[axis] + static_cast<std::size_t>(at) : 0;
                }
                visit(index++, inside, position);
            }
}

}  // namespace

void GatherWindows::run(const void* in, void* out, std::size_t begin, std::size_t end) const {
    const std::size_t bytes = channels * element_size;
    const std::size_t stride = (in_stride == 0 ? channels : in_stride) * element_size;
    const std::size_t pixels = window.out_pixels();
    for (std::size_t unit = begin; unit < end; ++unit) {
        const std::size_t p = unit % pixels;
        const auto* image = static_cast<const std::byte*>(in) + unit / pixels * window.in_pixels() * stride;
        auto* row = static_cast<std::byte*>(out) + unit * row_bytes();
        const std::array<std::size_t, 3> pixel{p / window.output[2] / window.output[1],
                                               p / window.output[2] % window.output[1], p % window.output[2]};
        each_tap(window, pixel, [&](std::size_t tap, bool inside, std::size_t position) {
            if (inside) std::memcpy(row + tap * bytes, image + position * stride, bytes);
            else std::memset(row + tap * bytes, 0, bytes);
        });
    }
}

}  // namespace octet::cpu::portable
