#pragma once
// Sums of the codes of many pixels: in words, which hold those of 256 pixels, and then in dwords.
#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {

// u8 codes of `channels` channels, more than half a register of them. The sums are the registers 0 to 3; 8 to 15 are scratch.
class WordSums {
public:
    static constexpr int kVectors = 4;

    WordSums(Emitter& code, int channels) : c(code), channels_(channels) {}

    static bool accepts(const VectorIsa& isa, int channels) {
        return isa.wide() ? channels > 2 * isa.lanes : channels == isa.bytes();
    }

    // Adds `pixels`, at least one, from `at` on, `step` bytes apart; k2 masks the channels. Changes the three registers.
    void add(const Xbyak::Reg64& at, const Xbyak::Reg64& pixels, const Xbyak::Reg64& scratch, std::int64_t step);
    // Puts the sums into the order of the channels, once all are added.
    void order();

private:
    void widen();

    Emitter& c;
    const int channels_;
};

}  // namespace octet::cpu::x64
