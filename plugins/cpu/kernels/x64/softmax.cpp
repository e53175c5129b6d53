#include "plugins/cpu/kernels/x64/softmax.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <limits>

#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/lanes.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr float kLog2E = 1.44269504F;

class SoftmaxEmitter {
public:
    SoftmaxEmitter(Emitter& code, std::int64_t columns)
        : c(code), columns_(columns), vectors_(static_cast<int>((columns + 15) / 16)) {}

    void emit();

private:
    Zmm value(int vector) const { return Zmm(vector); }
    bool partial(int vector) const { return vector == vectors_ - 1 && columns_ % 16 != 0; }

    void load();
    void maximum();
    void exponentials();
    void divide_and_store();

    Emitter& c;
    const std::int64_t columns_;
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

// exp(x) = 2^n 2^r with x log2(e) = n + r, r within [-1/2, 1/2]; the polynomial is off by at most 2.2e-7 of 2^r, rounding included. What
// lies far below the highest becomes 0.
void SoftmaxEmitter::exponentials() {
    c.vxorps(sum, sum, sum);
    for (int v = 0; v < vectors_; ++v) {
        const Zmm x = value(v);
        c.vsubps(x, x, highest);
        c.vcmpps(c.k3, x, c.all_lanes(-87.F), 13);  // greater or equal
        c.vmulps(t0, x, c.all_lanes(kLog2E));
        c.vrndscaleps(t0, t0, 0);
        c.vfmsub132ps(x, t0, c.all_lanes(kLog2E));
        c.vbroadcastss(t1, c.one_lane(std::bit_cast<std::uint32_t>(0.00132764701F)));
        for (const float coefficient : {0.00967554096F, 0.0555071309F, 0.240221202F, 0.693146944F, 1.00000012F}) {
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
        if (partial(v)) {
            c.vmovups(c.at(row, v * 64) | c.k1, value(v));
        } else {
            c.vmovups(c.at(row, v * 64), value(v));
        }
    }
}

void SoftmaxEmitter::emit() {
    c.mov(row, c.ptr[c.rdi + offsetof(SoftmaxArgs, rows)]);
    c.mov(count, c.ptr[c.rdi + offsetof(SoftmaxArgs, count)]);
    c.set_mask(c.k1, low_bits(static_cast<int>(columns_ - (vectors_ - 1) * 16)), c.r8);
    c.vbroadcastss(one, c.one_lane(std::bit_cast<std::uint32_t>(1.F)));
    Xbyak::Label next;
    c.L(next);
    load();
    maximum();
    exponentials();
    divide_and_store();
    c.advance(row, columns_ * 4);
    c.dec(count);
    c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

std::size_t add_softmax(CodeBlock& block, std::int64_t columns) {
    return block.add(fmt::format("softmax {}", columns), [=](Emitter& code) { SoftmaxEmitter(code, columns).emit(); });
}

}  // namespace octet::cpu::x64
