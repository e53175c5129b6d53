#pragma once
// The assembler every kernel is written with: a pool of constants behind the code and the calling convention of kernels.
//
// A kernel is void(const Args*). rdi holds the arguments and stays as it is; rax, rcx, rdx, rsi, r8 to r11 belong to the kernel;
// rbx, rbp, r12 to r15 to its epilogue (emit_epilogue.hpp). With AVX-512, k1 masks the 16 lanes of the last vector, k2 the bytes of a
// packed store, k3 is free; with AVX2, what is narrower than a register is read and written in pieces.
#include <xbyak/xbyak.h>

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <utility>

#include "plugins/cpu/kernels/x64/vector_isa.hpp"

namespace octet::cpu::x64 {

// Plain memory: the code is copied into an executable block once it is complete.
class PlainMemory : public Xbyak::Allocator {
public:
    bool useProtect() const override { return false; }
};

// A register of the width that the kernel is written for.
using Vec = Xbyak::Ymm;

class Emitter : private PlainMemory, public Xbyak::CodeGenerator {
public:
    explicit Emitter(const VectorIsa& isa = {})
        : CodeGenerator(1 << 14, Xbyak::AutoGrow, static_cast<PlainMemory*>(this)), isa_(isa) {}

    const VectorIsa& isa() const { return isa_; }
    bool wide() const { return isa_.wide(); }
    int lanes() const { return isa_.lanes; }
    Vec vec(int i) const { return wide() ? Vec(Xbyak::Zmm(i)) : Vec(i); }

    void enter();  // saves the registers the caller expects back
    void leave();  // restores them and returns

    // One dword of the constant pool, broadcast to all lanes of a vector operand, or alone.
    Xbyak::Address all_lanes(float value);
    Xbyak::Address all_lanes(std::uint32_t bits);
    Xbyak::Address one_lane(std::uint32_t bits);
    // 64 bytes of the constant pool.
    Xbyak::Address table(const std::array<std::uint8_t, 64>& bytes);
    Xbyak::Address table(const std::array<std::uint32_t, 16>& dwords);

    // Memory at `base` + offset bytes.
    Xbyak::Address at(const Xbyak::Reg64& base, std::int64_t offset) const {
        return ptr[base + static_cast<std::size_t>(offset)];
    }
    void advance(const Xbyak::Reg64& pointer, std::int64_t bytes) {
        if (bytes != 0) {
            add(pointer, static_cast<std::uint32_t>(bytes));
        }
    }

    void zero(const Vec& to);
    void move(const Vec& to, const Xbyak::Operand& from);
    // Registers of 32 bytes: `count` bytes, the rest zeros.
    void load_bytes(const Vec& to, const Xbyak::RegExp& from, int count);
    // The first `count` bytes; changes the register.
    void store_bytes(const Xbyak::RegExp& to, const Vec& from, int count);
    // 32 bytes of which the first `lanes` dwords are ones, for vmaskmovps.
    Xbyak::Address lane_mask(int lanes);

    // Nothing where there are no masks.
    void set_mask(const Xbyak::Opmask& mask, std::uint64_t bits, const Xbyak::Reg64& scratch);

    // The complete code; valid as long as the emitter.
    std::span<const std::uint8_t> finish();

private:
    const Xbyak::Label& pooled(std::uint32_t bits);
    void load_few_bytes(const Xbyak::Xmm& to, const Xbyak::RegExp& from, int count);

    VectorIsa isa_;
    std::map<std::uint32_t, Xbyak::Label> dwords_;
    std::list<std::pair<std::array<std::uint8_t, 64>, Xbyak::Label>> tables_;
};

// The lowest `count` of 64 bits.
constexpr std::uint64_t low_bits(int count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

}  // namespace octet::cpu::x64
