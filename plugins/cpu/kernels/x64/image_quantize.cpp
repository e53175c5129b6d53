#include "plugins/cpu/kernels/x64/image_quantize.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstddef>

#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

struct QuantizeArgs {
    const float* in = nullptr;  // a row of the first plane
    std::uint8_t* out = nullptr;
    std::array<float, 4> scale = {};
    std::array<float, 4> shift = {};
};

// The codes of a pixel side by side: dwords hold one pixel each and are squeezed to `channels` bytes.
class QuantizeEmitter {
public:
    QuantizeEmitter(Emitter& code, const ImageQuantizeDesc& desc)
        : c(code), d(desc), channels_(static_cast<int>(desc.channels)) {}

    void emit() {
        c.mov(in, c.at(c.rdi, offsetof(QuantizeArgs, in)));
        c.mov(out, c.at(c.rdi, offsetof(QuantizeArgs, out)));
        for (int i = 0; i < channels_; ++i) {
            c.vbroadcastss(Zmm(16 + i),
                           c.dword[c.rdi + offsetof(QuantizeArgs, scale) + static_cast<std::size_t>(i) * 4]);
            c.vbroadcastss(Zmm(20 + i),
                           c.dword[c.rdi + offsetof(QuantizeArgs, shift) + static_cast<std::size_t>(i) * 4]);
        }
        c.vbroadcastss(low, c.one_lane(std::bit_cast<std::uint32_t>(d.low)));
        c.vbroadcastss(high, c.one_lane(std::bit_cast<std::uint32_t>(d.high)));
        load_orders();
        c.set_mask(c.k2, low_bits(16 * channels_), c.r8);
        if (d.width >= 16) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(d.width / 16));
            c.L(loop);
            pixels(16);
            c.advance(in, 64);
            c.advance(out, 16 * channels_);
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        const int rest = static_cast<int>(d.width % 16);
        if (rest != 0) {
            c.set_mask(c.k1, low_bits(rest), c.r8);
            c.set_mask(c.k2, low_bits(rest * channels_), c.r8);
            pixels(rest);
        }
        c.leave();
    }

private:
    void load_orders() {
        std::array<std::uint8_t, 64> bytes{};
        std::array<std::uint32_t, 16> dwords{};
        for (std::size_t i = 0; i < 12; ++i) {
            dwords[i] = static_cast<std::uint32_t>(i / 3 * 4 + i % 3);
            for (std::size_t lane = 0; lane < 4; ++lane) {
                bytes[lane * 16 + i] = static_cast<std::uint8_t>(i / 3 * 4 + i % 3);
            }
        }
        if (channels_ == 3) {
            c.vmovdqu8(byte_order, c.table(bytes));
            c.vmovdqu32(dword_order, c.table(dwords));
        }
    }

    void pixels(int number) {
        const std::int64_t plane = d.height * d.width * 4;
        for (int i = 0; i < channels_; ++i) {
            const Zmm x(i);
            c.vmovups(number < 16 ? x | c.k1 | Xbyak::util::T_z : x, c.at(in, i * plane));
            c.vfmadd213ps(x, Zmm(16 + i), Zmm(20 + i));
            c.vmaxps(x, x, low);
            c.vminps(x, x, high);
            c.vcvtps2dq(x, x);
            if (i > 0) {
                c.vpslld(x, x, static_cast<std::uint8_t>(8 * i));
                c.vpord(Zmm(0), Zmm(0), x);
            }
        }
        if (channels_ == 1) {
            c.vpmovdb(Xmm(0), Zmm(0));
        } else if (channels_ == 2) {
            c.vpmovdw(Ymm(0), Zmm(0));
        } else if (channels_ == 3) {
            c.vpshufb(Zmm(0), Zmm(0), byte_order);
            c.vpermd(Zmm(0), dword_order, Zmm(0));
        }
        c.vmovdqu8(c.ptr[out] | c.k2, Zmm(0));
    }

    Emitter& c;
    const ImageQuantizeDesc& d;
    const int channels_;
    const Xbyak::Reg64 in = Xbyak::util::rax, out = Xbyak::util::rdx, count = Xbyak::util::rsi;
    const Zmm low = Zmm(24), high = Zmm(25), byte_order = Zmm(26), dword_order = Zmm(27);
};

float of_channel(const std::vector<float>& values, std::size_t channel, float absent) {
    return values.empty() ? absent : values.size() == 1 ? values[0] : values[channel];
}

}  // namespace

Acceptance ImageQuantize::accepts(const ImageQuantizeDesc& desc, const Machine& machine) {
    if (machine.isa < Isa::avx512_vnni) {
        return declined("needs AVX-512 VNNI");
    }
    if (desc.batch < 1 || desc.height < 1 || desc.width < 1 || desc.height * desc.width > (1 << 27)) {
        return declined("an empty image or one of more than 128 million pixels");
    }
    if (desc.channels < 1 || desc.channels > 4) {
        return declined("the image has neither one, two, three nor four channels");
    }
    if (desc.low < 0 || desc.high > 255) {
        return declined("codes outside 0 to 255");
    }
    const auto fits = [&](const std::vector<float>& values) {
        return values.size() <= 1 || static_cast<std::int64_t>(values.size()) == desc.channels;
    };
    if (!fits(desc.scale) || !fits(desc.shift)) {
        return declined("a vector of the quantization has neither one entry nor one for each channel");
    }
    return accepted();
}

ImageQuantize::ImageQuantize(const ImageQuantizeDesc& desc, CodeBlock& code)
    : batch_(desc.batch), height_(desc.height), width_(desc.width), channels_(desc.channels), code_(&code) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(desc.channels); ++i) {
        scale_[i] = of_channel(desc.scale, i, 1.F);
        shift_[i] = of_channel(desc.shift, i, 0.F);
    }
    const std::string key = fmt::format("quantize {} {} {} {} {}", desc.channels, desc.height, desc.width, desc.low,
                                        desc.high);
    row_ = code.add(key, [&](Emitter& emitter) { QuantizeEmitter(emitter, desc).emit(); });
}

void ImageQuantize::run_row(const float* in, std::int64_t batch, std::int64_t y, std::uint8_t* out) const {
    code_->call(row_, QuantizeArgs{in + (batch * channels_ * height_ + y) * width_, out, scale_, shift_});
}

void ImageQuantize::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    for (std::int64_t unit = begin; unit < end; ++unit) {
        run_row(args.in, unit / height_, unit % height_, args.out + unit * width_ * channels_);
    }
}

}  // namespace octet::cpu::x64
