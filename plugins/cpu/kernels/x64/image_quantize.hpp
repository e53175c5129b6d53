#pragma once
// A planar float image [batch, channels, height, width] to codes [batch, height, width, channels]:
// min(max(x * scale + shift, low), high), one fused multiply-add, rounded half to even.
#include <array>
#include <cstdint>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct ImageQuantizeDesc {
    std::int64_t batch = 1;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t channels = 3;      // one to four
    std::vector<float> scale = {};  // one value or one for each channel; empty: 1
    std::vector<float> shift = {};  // empty: 0
    float low = 0;
    float high = 255;
};

class ImageQuantize {
public:
    struct Args {
        const float* in = nullptr;
        std::uint8_t* out = nullptr;
    };

    static Acceptance accepts(const ImageQuantizeDesc& desc, const Machine& machine);

    ImageQuantize(const ImageQuantizeDesc& desc, CodeBlock& code);

    // A unit is a row of the image.
    std::int64_t units() const { return batch_ * height_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;
    // Row y of image `batch` of the planes at `in`, to `width` * `channels` bytes.
    void run_row(const float* in, std::int64_t batch, std::int64_t y, std::uint8_t* out) const;

private:
    std::int64_t batch_;
    std::int64_t height_;
    std::int64_t width_;
    std::int64_t channels_;
    std::array<float, 4> scale_ = {};
    std::array<float, 4> shift_ = {};
    const CodeBlock* code_;
    std::size_t row_ = 0;
};

}  // namespace octet::cpu::x64
