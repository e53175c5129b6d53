#pragma once
// What a gate of squeeze-excite makes of the pixels of its map, x * factor[c] + summand[c]: the vectors are known when it runs, and lie as
// kernels read the constants of an epilogue, [position / 16][factor, summand][16].
#include <cstddef>
#include <vector>

#include "plugins/cpu/kernels/epilogue.hpp"

namespace octet::cpu::portable {

struct Gate {
    DataType type = DataType::f32;  // of what is stored: u8, s8 or f32
    std::size_t channels = 0;
    std::size_t positions = 0;  // position p is of channel p % channels
    // One entry, or one for each channel:
    //   g          = stored[c] * scale + shift
    //   factor[c]  = g * gain
    //   summand[c] = g * moved + rest
    std::vector<float> scale{1}, shift{0}, gain{1}, moved{0}, rest{0};

    std::size_t groups() const { return (positions + 15) / 16; }
    // Floats that run() writes; of the last group, positions that there are not get zeros.
    std::size_t constants() const { return groups() * 32; }
    void run(const void* stored, float* constants) const;
};

}  // namespace octet::cpu::portable
