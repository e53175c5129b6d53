#include "plugins/cpu/kernels/x64/word_sums.hpp"

namespace octet::cpu::x64 {
namespace {

constexpr std::uint32_t kPixels = 256;  // 256 * 255 < 2^16

}  // namespace

void WordSums::add(const Xbyak::Reg64& at, const Xbyak::Reg64& pixels, const Xbyak::Reg64& scratch, std::int64_t step) {
    const Vec codes = c.vec(8), odd_codes = c.vec(9), even = c.vec(12), odd = c.vec(13), mask = c.vec(14);
    Xbyak::Label some, pixel;
    c.vpbroadcastd(mask, c.one_lane(0x00FF00FFU));
    c.zero(c.vec(15));
    c.L(some);
    c.mov(scratch.cvt32(), kPixels);
    c.cmp(pixels, scratch);
    c.cmovl(scratch, pixels);
    c.sub(pixels, scratch);
    c.zero(even);
    c.zero(odd);
    c.L(pixel);
    if (c.wide() && channels_ < c.isa().bytes()) {
        c.vmovdqu8(codes | c.k2 | Xbyak::util::T_z, c.ptr[at]);
    } else {
        c.move(codes, c.ptr[at]);
    }
    c.vpsrlw(odd_codes, codes, 8);
    if (c.wide()) {
        c.vpandd(codes, codes, mask);
    } else {
        c.vpand(codes, codes, mask);
    }
    c.vpaddw(even, even, codes);
    c.vpaddw(odd, odd, odd_codes);
    c.advance(at, step);
    c.dec(scratch);
    c.jnz(pixel, Xbyak::CodeGenerator::T_NEAR);
    widen();
    c.test(pixels, pixels);
    c.jnz(some, Xbyak::CodeGenerator::T_NEAR);
}

// Within each 128 bits, that is sixteen channels, sum i gets four of them from 4 * i on.
void WordSums::widen() {
    const Vec low = c.vec(8), high = c.vec(9), part = c.vec(10), even = c.vec(12), odd = c.vec(13), zero = c.vec(15);
    c.vpunpcklwd(low, even, odd);
    c.vpunpckhwd(high, even, odd);
    for (int i = 0; i < kVectors; ++i) {
        const Vec words = i < 2 ? low : high;
        if (i % 2 == 0) {
            c.vpunpcklwd(part, words, zero);
        } else {
            c.vpunpckhwd(part, words, zero);
        }
        c.vpaddd(c.vec(i), c.vec(i), part);
    }
}

void WordSums::order() {
    const Vec a = c.vec(0), b = c.vec(1), d = c.vec(2), e = c.vec(3);
    const Vec t0 = c.vec(8), t1 = c.vec(9), t2 = c.vec(10), t3 = c.vec(11);
    if (!c.wide()) {
        c.vperm2i128(t0, a, b, 0x20);
        c.vperm2i128(t1, d, e, 0x20);
        c.vperm2i128(t2, a, b, 0x31);
        c.vperm2i128(t3, d, e, 0x31);
        for (int i = 0; i < kVectors; ++i) c.move(c.vec(i), c.vec(8 + i));
        return;
    }
    // The 128 bits of four registers as a matrix, turned.
    c.vshufi32x4(t0, a, b, 0x44);
    c.vshufi32x4(t1, d, e, 0x44);
    c.vshufi32x4(t2, a, b, 0xEE);
    c.vshufi32x4(t3, d, e, 0xEE);
    c.vshufi32x4(a, t0, t1, 0x88);
    c.vshufi32x4(b, t0, t1, 0xDD);
    c.vshufi32x4(d, t2, t3, 0x88);
    c.vshufi32x4(e, t2, t3, 0xDD);
}

}  // namespace octet::cpu::x64
