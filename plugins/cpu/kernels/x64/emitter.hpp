#pragma once
// The assembler every kernel is written with: a pool of constants behind the code and the calling convention of kernels.
//
// A kernel is void(const Args*). rdi holds the arguments and stays as it is; rax, rcx, rdx, rsi, r8 to r11 belong to the kernel;
// rbx, rbp, r12 to r15 to its epilogue (emit_epilogue.hpp). k1 masks the 16 lanes of the last vector, k2 the bytes of a packed store,
// k3 is free.
#include <xbyak/xbyak.h>

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <utility>

namespace octet::cpu::x64 {

// Plain memory: the code is copied into an executable block once it is complete.
class PlainMemory : public Xbyak::Allocator {
public:
    bool useProtect() const override { return false; }
};

class Emitter : private PlainMemory, public Xbyak::CodeGenerator {
public:
    Emitter() : CodeGenerator(1 << 14, Xbyak::AutoGrow, static_cast<PlainMemory*>(this)) {}

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

    void set_mask(const Xbyak::Opmask& mask, std::uint64_t bits, const Xbyak::Reg64& scratch);

    // The complete code; valid as long as the emitter.
    std::span<const std::uint8_t> finish();

private:
    const Xbyak::Label& pooled(std::uint32_t bits);

    std::map<std::uint32_t, Xbyak::Label> dwords_;
    std::list<std::pair<std::array<std::uint8_t, 64>, Xbyak::Label>> tables_;
};

// The lowest `count` of 64 bits.
constexpr std::uint64_t low_bits(int count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

}  // namespace octet::cpu::x64
