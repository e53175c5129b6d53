#pragma once
// A planar float image [batch, channels, height, width] to bf16 [batch, height, width, channels], rounded half to even.
#include <cstdint>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct ImageBfloatDesc {
    std::int64_t batch = 1;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t channels = 3;  // one to four
};

class ImageBfloat {
public:
    static Acceptance accepts(const ImageBfloatDesc& desc, const Machine& machine);

    ImageBfloat(const ImageBfloatDesc& desc, CodeBlock& code);

    // Row y of image `batch` of the planes at `in`, to `width` * `channels` values.
    void run_row(const float* in, std::int64_t batch, std::int64_t y, std::uint16_t* out) const;

private:
    ImageBfloatDesc desc_;
    const CodeBlock* code_;
    std::size_t row_ = 0;
};

}  // namespace octet::cpu::x64
