#include "plugins/cpu/kernels/x64/image_quantize.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstddef>

#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Xmm;
using Xbyak::Ymm;

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
            const auto at = static_cast<std::size_t>(i) * 4;
            c.vbroadcastss(scale(i), c.dword[c.rdi + offsetof(QuantizeArgs, scale) + at]);
            c.vbroadcastss(shift(i), c.dword[c.rdi + offsetof(QuantizeArgs, shift) + at]);
        }
        c.vbroadcastss(low, c.one_lane(std::bit_cast<std::uint32_t>(d.low)));
        c.vbroadcastss(high, c.one_lane(std::bit_cast<std::uint32_t>(d.high)));
        load_orders();
        const int lanes = c.lanes();
        c.set_mask(c.k2, low_bits(lanes * channels_), c.r8);
        if (d.width >= lanes) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(d.width / lanes));
            c.L(loop);
            pixels(lanes);
            c.advance(in, lanes * 4);
            c.advance(out, lanes * channels_);
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        const int rest = static_cast<int>(d.width % lanes);
        if (rest != 0) {
            c.set_mask(c.k1, low_bits(rest), c.r8);
            c.set_mask(c.k2, low_bits(rest * channels_), c.r8);
            pixels(rest);
        }
        c.leave();
    }

private:
    Vec scale(int i) const { return c.vec((c.wide() ? 16 : 4) + i); }
    Vec shift(int i) const { return c.vec((c.wide() ? 20 : 8) + i); }
    // Whether the bytes of pixels are moved together by two permutations; AVX-512 narrows one and two channels at once.
    bool permutes() const { return channels_ == 3 || (channels_ < 3 && !c.wide()); }

    void load_orders() {
        const auto channels = static_cast<std::size_t>(channels_);
        std::array<std::uint8_t, 64> bytes{};
        std::array<std::uint32_t, 16> dwords{};
        for (std::size_t i = 0; i < 4 * channels; ++i) {
            dwords[i] = static_cast<std::uint32_t>(i / channels * 4 + i % channels);
            for (std::size_t lane = 0; lane < 4; ++lane) {
                bytes[lane * 16 + i] = static_cast<std::uint8_t>(i / channels * 4 + i % channels);
            }
        }
        if (permutes()) {
            c.move(byte_order, c.table(bytes));
            c.move(dword_order, c.table(dwords));
        }
    }

    void load(const Vec& x, std::int64_t offset, int number) {
        if (number == c.lanes()) {
            c.vmovups(x, c.at(in, offset));
        } else if (c.wide()) {
            c.vmovups(x | c.k1 | Xbyak::util::T_z, c.at(in, offset));
        } else {
            c.vmovups(x, c.lane_mask(number));
            c.vmaskmovps(x, x, c.at(in, offset));
        }
    }

    void pixels(int number) {
        const std::int64_t plane = d.height * d.width * 4;
        const Vec all = c.vec(0);
        for (int i = 0; i < channels_; ++i) {
            const Vec x = c.vec(i);
            load(x, i * plane, number);
            c.vfmadd213ps(x, scale(i), shift(i));
            c.vmaxps(x, x, low);
            c.vminps(x, x, high);
            c.vcvtps2dq(x, x);
            if (i > 0) {
                c.vpslld(x, x, static_cast<std::uint8_t>(8 * i));
                c.wide() ? c.vpord(all, all, x) : c.vpor(all, all, x);
            }
        }
        if (permutes()) {
            c.vpshufb(all, all, byte_order);
            c.vpermd(all, dword_order, all);
        } else if (channels_ == 1) {
            c.vpmovdb(Xmm(0), all);
        } else if (channels_ == 2) {
            c.vpmovdw(Ymm(0), all);
        }
        if (c.wide()) {
            c.vmovdqu8(c.ptr[out] | c.k2, all);
        } else {
            c.store_bytes(out, all, number * channels_);
        }
    }

    Emitter& c;
    const ImageQuantizeDesc& d;
    const int channels_;
    const Xbyak::Reg64 in = Xbyak::util::rax, out = Xbyak::util::rdx, count = Xbyak::util::rsi;
    const Vec low = c.vec(c.wide() ? 24 : 12), high = c.vec(c.wide() ? 25 : 13), byte_order = c.vec(c.wide() ? 26 : 14),
              dword_order = c.vec(c.wide() ? 27 : 15);
};

float of_channel(const std::vector<float>& values, std::size_t channel, float absent) {
    return values.empty() ? absent : values.size() == 1 ? values[0] : values[channel];
}

}  // namespace

Acceptance ImageQuantize::accepts(const ImageQuantizeDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
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
    row_ = code.add(key, [=](Emitter& emitter) { QuantizeEmitter(emitter, desc).emit(); });
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
