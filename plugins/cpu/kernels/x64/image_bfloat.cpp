#include "plugins/cpu/kernels/x64/image_bfloat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Ymm;
using Xbyak::Zmm;

struct CallArgs {
    const float* in = nullptr;  // a row of the first plane
    std::uint16_t* out = nullptr;
};

constexpr int kPixels = 16;  // of a turn

// The words of 16 pixels, plane by plane in two registers, and picked from both in the order of pixels.
class RowEmitter {
public:
    RowEmitter(Emitter& code, const ImageBfloatDesc& desc)
        : c(code), d(desc), channels_(static_cast<int>(desc.channels)) {}

    void emit() {
        c.mov(in, c.at(c.rdi, offsetof(CallArgs, in)));
        c.mov(out, c.at(c.rdi, offsetof(CallArgs, out)));
        for (int part = 0; part < parts(); ++part) c.move(order(part), c.table(order_of(part)));
        if (d.width >= kPixels) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(d.width / kPixels));
            c.L(loop);
            pixels(kPixels);
            c.advance(in, kPixels * 4);
            c.advance(out, kPixels * channels_ * 2);
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        if (const int rest = static_cast<int>(d.width % kPixels); rest != 0) {
            c.set_mask(c.k1, low_bits(rest), c.r8);
            pixels(rest);
        }
        c.leave();
    }

private:
    int parts() const { return (channels_ + 1) / 2; }  // registers of 32 words
    Zmm order(int part) const { return Zmm(16 + part); }

    std::array<std::uint32_t, 16> order_of(int part) const {
        std::array<std::uint32_t, 16> dwords{};
        for (int i = 0; i < 32; ++i) {
            const int word = part * 32 + i;
            const int at = word % channels_ * kPixels + word / channels_;
            dwords[static_cast<std::size_t>(i / 2)] |= static_cast<std::uint32_t>(at % 64) << 16 * (i % 2);
        }
        return dwords;
    }

    void pixels(int number) {
        const std::int64_t plane = d.height * d.width * 4;
        for (int i = 0; i < channels_; ++i) {
            const Zmm x(i);
            c.vmovups(number == kPixels ? x : x | c.k1 | Xbyak::util::T_z, c.at(in, i * plane));
            c.vcvtneps2bf16(Ymm(i), x, Xbyak::EvexEncoding);
        }
        if (channels_ > 1) c.vinserti64x4(Zmm(0), Zmm(0), Ymm(1), 1);
        if (channels_ > 3) c.vinserti64x4(Zmm(2), Zmm(2), Ymm(3), 1);
        for (int part = 0; part < parts(); ++part) {
            const Zmm words(4 + part);
            c.vmovdqu16(words, order(part));
            c.vpermi2w(words, Zmm(0), Zmm(2));
            const int left = number * channels_ - part * 32;
            if (left >= 32) {
                c.vmovdqu16(c.at(out, part * 64), words);
            } else if (left > 0) {
                c.set_mask(c.k2, low_bits(left), c.r8);
                c.vmovdqu16(c.at(out, part * 64) | c.k2, words);
            }
        }
    }

    Emitter& c;
    const ImageBfloatDesc& d;
    const int channels_;
    const Xbyak::Reg64 in = Xbyak::util::rax, out = Xbyak::util::rdx, count = Xbyak::util::rsi;
};

}  // namespace

Acceptance ImageBfloat::accepts(const ImageBfloatDesc& desc, const Machine& machine) {
    if (!machine.bf16) {
        return declined("needs products of bf16");
    }
    if (desc.batch < 1 || desc.height < 1 || desc.width < 1 || desc.height * desc.width > (1 << 27)) {
        return declined("an empty image or one of more than 128 million pixels");
    }
    if (desc.channels < 1 || desc.channels > 4) {
        return declined("the image has neither one, two, three nor four channels");
    }
    return accepted();
}

ImageBfloat::ImageBfloat(const ImageBfloatDesc& desc, CodeBlock& code) : desc_(desc), code_(&code) {
    const std::string key = fmt::format("image bf16 {} {} {}", desc.channels, desc.height, desc.width);
    row_ = code.add(key, [=](Emitter& emitter) { RowEmitter(emitter, desc).emit(); });
}

void ImageBfloat::run_row(const float* in, std::int64_t batch, std::int64_t y, std::uint16_t* out) const {
    code_->call(row_, CallArgs{in + (batch * desc_.channels * desc_.height + y) * desc_.width, out});
}

}  // namespace octet::cpu::x64
