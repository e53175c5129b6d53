#include "plugins/cpu/kernels/x64/softmax.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <span>

#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/lanes.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr float kLog2E = 1.44269504F;

class SoftmaxEmitter {
public:
    SoftmaxEmitter(Emitter& code, const SoftmaxShape& shape)
        : c(code), s(shape), vectors_(static_cast<int>((shape.columns + 15) / 16)) {}

    void emit();

private:
    Zmm value(int vector) const { return Zmm(vector); }
    bool partial(int vector) const { return vector == vectors_ - 1 && s.columns % 16 != 0; }

    void load();
    void maximum();
    void exponentials();
    void divide_and_store();

    Emitter& c;
    const SoftmaxShape& s;
    const int vectors_;
    const Xbyak::Reg64 row = Xbyak::util::rax, count = Xbyak::util::rcx;
    const Zmm highest{24}, sum{25}, t0{26}, t1{27}, one{28};
};

void SoftmaxEmitter::load() {
    for (int v = 0; v < vectors_; ++v) {
        if (partial(v)) {
            c.vbroadcastss(value(v), c.one_lane(std::bit_cast<std::uint32_t>(-std::numeric_limits<float>::infinity())));
            c.vmovups(value(v) | c.k1, c.at(row, v * 64));
        } else {
            c.vmovups(value(v), c.at(row, v * 64));
        }
    }
}

void SoftmaxEmitter::maximum() {
    c.vmovaps(highest, value(0));
    c.vmovaps(t0, value(vectors_ - 1));
    for (int v = 1; v + 1 < vectors_; ++v) {
        const Zmm& best = v % 2 != 0 ? highest : t0;
        c.vmaxps(best, best, value(v));
    }
    c.vmaxps(highest, highest, t0);
    over_lanes(c, highest, t0, [this](const Zmm& t, const Zmm& other) { c.vmaxps(t, t, other); });
}

// exp(x) = 2^n 2^r with x log2(e) = n + r, r within [0, 1]. The polynomials are the nearest of their degree: off by 1.5e-7 of 2^r, rounding
// included, and where shares have 8 bits by 7.5e-5. What lies far below the highest becomes 0.
void SoftmaxEmitter::exponentials() {
    static constexpr std::array kFine{0.00187757669F, 0.00898933969F, 0.0558263175F,
                                      0.240153611F,   0.693153083F,   0.99999994F};
    static constexpr std::array kCoarse{0.0780245215F, 0.226067156F, 0.695833564F, 0.999925196F};
    constexpr std::uint8_t kFloor = 1;  // vscalefps takes the floor, too
    const std::span<const float> powers = s.bfloats ? std::span<const float>(kCoarse) : kFine;
    c.vxorps(sum, sum, sum);
    for (int v = 0; v < vectors_; ++v) {
        const Zmm x = value(v);
        c.vsubps(x, x, highest);
        c.vcmpps(c.k3, x, c.all_lanes(-87.F), 13);  // greater or equal
        c.vmulps(t0, x, c.all_lanes(kLog2E));
        if (s.bfloats) {
            c.vreduceps(x, t0, kFloor);  // with the rounding of the product
        } else {
            c.vrndscaleps(t0, t0, kFloor);
            c.vfmsub132ps(x, t0, c.all_lanes(kLog2E));
        }
        c.vbroadcastss(t1, c.one_lane(std::bit_cast<std::uint32_t>(powers[0])));
        for (const float coefficient : powers.subspan(1)) {
            c.vfmadd213ps(t1, x, c.all_lanes(coefficient));
        }
        c.vscalefps(x | c.k3 | Xbyak::util::T_z, t1, t0);
        c.vaddps(sum, sum, x);
    }
    over_lanes(c, sum, t0, [this](const Zmm& t, const Zmm& other) { c.vaddps(t, t, other); });
}

void SoftmaxEmitter::divide_and_store() {
    c.vdivps(sum, one, sum);
    for (int v = 0; v < vectors_; ++v) {
        c.vmulps(value(v), value(v), sum);
        if (s.bfloats) continue;
        if (partial(v)) {
            c.vmovups(c.at(row, v * 64) | c.k1, value(v));
        } else {
            c.vmovups(c.at(row, v * 64), value(v));
        }
    }
    for (int v = 0; v < vectors_ && s.bfloats; v += 2) {
        if (v + 1 < vectors_) {
            c.vcvtne2ps2bf16(value(v), value(v + 1), value(v));
            c.vmovups(c.at(row, v * 32), value(v));
        } else {
            c.vcvtneps2bf16(Xbyak::Ymm(v), value(v));
            c.vmovups(c.at(row, v * 32), Xbyak::Ymm(v));
        }
    }
}

void SoftmaxEmitter::emit() {
    c.mov(row, c.ptr[c.rdi + offsetof(SoftmaxArgs, rows)]);
    c.mov(count, c.ptr[c.rdi + offsetof(SoftmaxArgs, count)]);
    c.set_mask(c.k1, low_bits(static_cast<int>(s.columns - (vectors_ - 1) * 16)), c.r8);
    c.vbroadcastss(one, c.one_lane(std::bit_cast<std::uint32_t>(1.F)));
    Xbyak::Label next;
    c.L(next);
    load();
    maximum();
    exponentials();
    divide_and_store();
    c.advance(row, s.stride * 4);
    c.dec(count);
    c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

std::size_t add_softmax(CodeBlock& block, const SoftmaxShape& shape) {
    return block.add(fmt::format("softmax {} {} {}", shape.columns, shape.stride, shape.bfloats),
                     [=](Emitter& code) { SoftmaxEmitter(code, shape).emit(); });
}

}  // namespace octet::cpu::x64
