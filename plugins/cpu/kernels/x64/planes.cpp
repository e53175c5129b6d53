#include "plugins/cpu/kernels/x64/planes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "plugins/cpu/kernels/x64/emit_pixels.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Xmm;
using Xbyak::Ymm;

struct Call {
    const void* in = nullptr;
    float* out = nullptr;
    std::int64_t count = 0;  // of registers
};

// Four channels at a time.
class PlanesEmitter {
public:
    PlanesEmitter(Emitter& code, const PlanesDesc& desc) : c(code), d(desc) {}

    void emit() {
        c.mov(in, c.at(c.rdi, offsetof(Call, in)));
        c.mov(out, c.at(c.rdi, offsetof(Call, out)));
        c.mov(count, c.at(c.rdi, offsetof(Call, count)));
        Xbyak::Label next;
        c.L(next);
        if (d.channels == 1 && d.in_stride == 1) {
            load_plane();
        } else {
            for (std::int64_t first = 0; first < d.channels; first += 4) turn(first);
        }
        c.advance(in, c.lanes() * d.in_stride * size());
        c.advance(out, c.lanes() * 4);
        c.dec(count);
        c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
        c.leave();
    }

private:
    std::int64_t size() const { return static_cast<std::int64_t>(size_of(d.type)); }

    // Values of the type, as many as `from` gives to the lanes.
    void widen(const Vec& x, const Xbyak::Operand& from) {
        if (d.type == DataType::bf16) {
            c.vpmovzxwd(x, from);
            c.vpslld(x, x, 16);
        } else if (d.type == DataType::u8) {
            c.vpmovzxbd(x, from);
            if (d.zero_point != 0) c.vpsubd(x, x, c.all_lanes(std::uint32_t{d.zero_point}));
            c.vcvtdq2ps(x, x);
        }
    }

    void load_plane() {
        const Vec x = c.vec(0);
        if (d.type == DataType::f32) c.vmovups(x, c.ptr[in]);
        else widen(x, c.ptr[in]);
        c.vmovups(c.ptr[out], x);
    }

    // Into the 128 bits of x: four channels of the pixels `pixel`, `pixel` + 4 and so on.
    void load(const Vec& x, int pixel, std::int64_t channel) {
        const auto at = [&](int group) { return c.at(in, ((pixel + 4 * group) * d.in_stride + channel) * size()); };
        const Xmm low(x.getIdx());
        const Ymm half(x.getIdx());
        if (d.type == DataType::u8) {
            c.vmovd(low, at(0));
            for (int group = 1; group < c.lanes() / 4; ++group)
                c.vpinsrd(low, low, at(group), static_cast<std::uint8_t>(group));
            widen(x, low);
        } else if (d.type == DataType::bf16) {
            const Xmm high(8 + x.getIdx());
            c.vmovq(low, at(0));
            c.vmovhps(low, low, at(1));
            if (c.wide()) {
                c.vmovq(high, at(2));
                c.vmovhps(high, high, at(3));
                c.vinserti128(half, half, high, 1);
            }
            c.wide() ? widen(x, half) : widen(x, low);
        } else {
            c.vmovups(low, at(0));
            c.vinsertf128(half, half, at(1), 1);
            for (int group = 2; group < c.lanes() / 4; ++group)
                c.vinsertf32x4(x, x, at(group), static_cast<std::uint8_t>(group));
        }
    }

    void turn(std::int64_t channel) {
        std::array<Vec, 4> rows, temps;
        for (int i = 0; i < 4; ++i) {
            rows[static_cast<std::size_t>(i)] = c.vec(i);
            temps[static_cast<std::size_t>(i)] = c.vec(4 + i);
            load(c.vec(i), i, channel);
        }
        emit_transpose(c, rows, temps);
        for (int i = 0; i < std::min<std::int64_t>(4, d.channels - channel); ++i) {
            c.vmovups(c.at(out, (channel + i) * d.plane * 4), c.vec(i));
        }
    }

    Emitter& c;
    const PlanesDesc& d;
    const Xbyak::Reg64 in = Xbyak::util::rax, out = Xbyak::util::rdx, count = Xbyak::util::rsi;
};

float value_at(const void* in, std::int64_t i, const PlanesDesc& desc) {
    if (desc.type == DataType::f32) return static_cast<const float*>(in)[i];
    if (desc.type == DataType::u8) return static_cast<float>(static_cast<const std::uint8_t*>(in)[i] - desc.zero_point);
    return std::bit_cast<float>(std::uint32_t{static_cast<const std::uint16_t*>(in)[i]} << 16);
}

}  // namespace

Planes::Planes(const PlanesDesc& desc, CodeBlock& code) : desc_(desc), code_(&code) {
    const std::int64_t more = desc.channels == 1 && desc.in_stride == 1 ? 0 : (4 - desc.channels % 4) % 4;
    read_on_ = (more + desc.in_stride - 1) / desc.in_stride;
    const std::string key = fmt::format("planes {} {} {} {} {}", static_cast<int>(desc.type), desc.zero_point,
                                        desc.channels, desc.in_stride, desc.plane);
    kernel_ = code.add(key, [=](Emitter& emitter) { PlanesEmitter(emitter, desc).emit(); });
}

void Planes::run(const void* in, std::int64_t count, std::int64_t readable, float* out) const {
    const std::int64_t whole = std::min((count + step() - 1) / step(), (readable - read_on_) / step());
    if (whole > 0) code_->call(kernel_, Call{in, out, whole});
    for (std::int64_t pixel = std::max<std::int64_t>(0, whole) * step(); pixel < count; ++pixel) {
        for (std::int64_t channel = 0; channel < desc_.channels; ++channel) {
            out[channel * desc_.plane + pixel] = value_at(in, pixel * desc_.in_stride + channel, desc_);
        }
    }
}

}  // namespace octet::cpu::x64
