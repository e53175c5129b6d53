#include "plugins/cpu/kernels/x64/emitter.hpp"

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

Xbyak::Address Emitter::all_lanes(std::uint32_t bits) { return ptr_b[rip + pooled(bits)]; }
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
    mov(scratch, bits);
    kmovq(mask, scratch);
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
        dd(bits);
    }
    ready();
    return {getCode(), getSize()};
}

}  // namespace octet::cpu::x64
