#pragma once
// For kernels whose lanes hold neighbouring pixels: one register for each of up to four channels, where others hold channels of a pixel.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {

// The positions of EpilogueData for such registers.
std::vector<std::int64_t> channel_of_lane(std::int64_t channels, int lanes);

// In each 128 bits: lane j of rows[i] becomes lane i of rows[j]. Changes the temporaries.
void emit_transpose(Emitter& code, const std::array<Vec, 4>& rows, const std::array<Vec, 4>& temps);

// Stores what EpilogueEmitter::apply left in such registers, pixel by pixel. Uses four temporaries and k2.
class PixelStore {
public:
    PixelStore(Emitter& code, EpilogueEmitter& epilogue, DataType result, int channels)
        : c(code), epilogue_(epilogue), result_(result), channels_(channels) {}

    std::int64_t bytes() const { return c.lanes() * channels_ * static_cast<std::int64_t>(size_of(result_)); }
    // Once a kernel.
    void prepare(const Xbyak::Reg64& scratch);
    // channels: in their order; changed.
    void store(std::span<const Vec> channels, const Xbyak::RegExp& to);

private:
    void join(std::span<const Vec> channels);
    void store_codes(std::span<const Vec> channels, const Xbyak::RegExp& to);
    void store_part(const Vec& part, std::int64_t index, const Xbyak::RegExp& to);

    Emitter& c;
    EpilogueEmitter& epilogue_;
    DataType result_;
    int channels_;
};

}  // namespace octet::cpu::x64
