#pragma once
// The registers and instructions that kernels are generated for.
#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct VectorIsa {
    // How products of u8 and s8 are summed into 32 bits.
    enum class Dot : std::uint8_t {
        evex,  // vpdpbusd as AVX-512 encodes it
        vex,   // vpdpbusd as AVX-VNNI encodes it
        pairs  // codes and weights of 16 bits with vpmaddwd; vpmaddubsw would saturate
    };

    int lanes = 16;  // of 32 bits: 16 (32 registers and masks, AVX-512) or 8 (16 registers without masks, AVX2)
    Dot dot = Dot::evex;
    bool saturates =
        false;  // beside Dot::pairs: tiles of many sums take vpmaddubsw, whose sums of two products end at 16 bits

    constexpr bool wide() const { return lanes == 16; }
    constexpr bool pairs() const { return dot == Dot::pairs; }
    // Whether tiles of many sums take weights of 16 bits.
    constexpr bool widens() const { return pairs() && !saturates; }
    constexpr int bytes() const { return lanes * 4; }
    bool operator==(const VectorIsa&) const = default;
};

// For machines with AVX2 or more. saturates: without VNNI, dense products may.
VectorIsa vector_isa_of(const Machine& machine, bool saturates = false);

// What the speed of a kernel rests on: dot products, those of tiles of many sums, or none.
enum class Dots : std::uint8_t { none, exact, tiles };
// jit_WHAT_ISA: the name of a kernel in reports.
std::string kernel_name(std::string_view what, const VectorIsa& isa, Dots dots = Dots::tiles);

}  // namespace octet::cpu::x64
