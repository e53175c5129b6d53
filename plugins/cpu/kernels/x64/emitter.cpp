#include "plugins/cpu/kernels/x64/emitter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace octet::cpu::x64 {

void Emitter::enter() {
    for (const Xbyak::Reg64& saved : {rbx, rbp, r12, r13, r14, r15}) {
        push(saved);
    }
}

void Emitter::leave() {
    vzeroupper();
    for (const Xbyak::Reg64& saved : {r15, r14, r13, r12, rbp, rbx}) {
        pop(saved);
    }
    ret();
}

const Xbyak::Label& Emitter::pooled(std::uint32_t bits) { return dwords_[bits]; }

Xbyak::Address Emitter::all_lanes(std::uint32_t bits) {
    return wide() ? ptr_b[rip + pooled(bits)] : ptr[rip + pooled(bits)];
}
Xbyak::Address Emitter::all_lanes(float value) { return all_lanes(std::bit_cast<std::uint32_t>(value)); }
Xbyak::Address Emitter::one_lane(std::uint32_t bits) { return dword[rip + pooled(bits)]; }

Xbyak::Address Emitter::table(const std::array<std::uint8_t, 64>& bytes) {
    for (auto& [known, label] : tables_) {
        if (known == bytes) {
            return ptr[rip + label];
        }
    }
    tables_.emplace_back(bytes, Xbyak::Label{});
    return ptr[rip + tables_.back().second];
}

Xbyak::Address Emitter::table(const std::array<std::uint32_t, 16>& dwords) {
    std::array<std::uint8_t, 64> bytes{};
    std::memcpy(bytes.data(), dwords.data(), bytes.size());
    return table(bytes);
}

void Emitter::set_mask(const Xbyak::Opmask& mask, std::uint64_t bits, const Xbyak::Reg64& scratch) {
    if (wide()) {
        mov(scratch, bits);
        kmovq(mask, scratch);
    }
}

void Emitter::zero(const Vec& to) {
    if (wide()) {
        vpxord(to, to, to);
    } else {
        vpxor(to, to, to);
    }
}

void Emitter::move(const Vec& to, const Xbyak::Operand& from) {
    if (from.isMEM()) {
        wide() ? vmovdqu32(to, static_cast<const Xbyak::Address&>(from))
               : vmovdqu(to, static_cast<const Xbyak::Address&>(from));
    } else {
        wide() ? vmovdqa32(to, from) : vmovdqa(to, from);
    }
}

void Emitter::load_bytes(const Vec& to, const Xbyak::RegExp& from, int count) {
    const Xbyak::Xmm low(to.getIdx());
    if (count == 32) {
        vmovdqu(to, ptr[from]);
    } else if (count == 16) {
        vmovdqu(low, ptr[from]);
    } else if (count < 16) {
        load_few_bytes(low, from, count);
    } else {
        load_few_bytes(low, from + 16, count - 16);
        vinserti128(to, to, low, 1);
        vinserti128(to, to, ptr[from], 0);
    }
}

void Emitter::load_few_bytes(const Xbyak::Xmm& to, const Xbyak::RegExp& from, int count) {
    int at = 0;
    const auto next = [&] { return ptr[from + static_cast<std::size_t>(at)]; };
    if (count >= 8) {
        vmovq(to, next());
        at = 8;
    } else if (count >= 4) {
        vmovd(to, next());
        at = 4;
    } else {
        vpxor(to, to, to);
    }
    if (count - at >= 4) {
        vpinsrd(to, to, next(), static_cast<std::uint8_t>(at / 4));
        at += 4;
    }
    if (count - at >= 2) {
        vpinsrw(to, to, next(), static_cast<std::uint8_t>(at / 2));
        at += 2;
    }
    if (count > at) {
        vpinsrb(to, to, next(), static_cast<std::uint8_t>(at));
    }
}

void Emitter::store_bytes(const Xbyak::RegExp& to, const Vec& from, int count) {
    if (count == 32) {
        vmovdqu(ptr[to], from);
        return;
    }
    const Xbyak::Xmm part(from.getIdx());
    int base = 0;
    if (count >= 16) {
        vmovdqu(ptr[to], part);
        if (count > 16) {
            vextracti128(part, Xbyak::Ymm(from.getIdx()), 1);
        }
        base = 16;
    }
    int at = 0;
    const auto next = [&] { return ptr[to + static_cast<std::size_t>(base + at)]; };
    const int rest = count - base;
    if (rest >= 8) {
        vmovq(next(), part);
        at = 8;
    }
    if (rest - at >= 4) {
        vpextrd(next(), part, static_cast<std::uint8_t>(at / 4));
        at += 4;
    }
    if (rest - at >= 2) {
        vpextrw(next(), part, static_cast<std::uint8_t>(at / 2));
        at += 2;
    }
    if (rest > at) {
        vpextrb(next(), part, static_cast<std::uint8_t>(at));
    }
}

Xbyak::Address Emitter::lane_mask(int lanes) {
    std::array<std::uint32_t, 16> dwords{};
    std::fill_n(dwords.begin(), lanes, ~std::uint32_t{0});
    return table(dwords);
}

std::span<const std::uint8_t> Emitter::finish() {
    align(64);
    for (auto& [bytes, label] : tables_) {
        L(label);
        for (const std::uint8_t value : bytes) {
            db(value);
        }
    }
    for (auto& [bits, label] : dwords_) {
        L(label);
        for (int i = 0; i < (wide() ? 1 : 8); ++i) {
            dd(bits);
        }
    }
    ready();
    return {getCode(), getSize()};
}

}  // namespace octet::cpu::x64
