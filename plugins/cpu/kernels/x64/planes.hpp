#pragma once
// Pixels whose channels lie beside each other as planes of f32: what a kernel reads whose lanes hold pixels.
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"

namespace octet::cpu::x64 {

struct PlanesDesc {
    DataType type = DataType::f32;  // of the pixels: f32, bf16 or u8
    std::uint8_t zero_point = 0;    // of u8
    std::int64_t channels = 0;
    std::int64_t in_stride = 0;  // elements between pixels
    std::int64_t plane = 0;      // floats from a channel's values to the next channel's
};

class Planes {
public:
    Planes(const PlanesDesc& desc, CodeBlock& code);

    // Pixels that are written at once; see `run`.
    std::int64_t step() const { return code_->isa().lanes; }
    // in: the first of `count` pixels, behind which the image has at least `readable` in all. May write up to step() - 1 values behind
    // each plane's `count`.
    void run(const void* in, std::int64_t count, std::int64_t readable, float* out) const;

private:
    PlanesDesc desc_;
    const CodeBlock* code_;
    std::int64_t read_on_ = 0;  // pixels behind the last one that are read, too
    std::size_t kernel_ = 0;
};

}  // namespace octet::cpu::x64
