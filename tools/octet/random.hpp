#pragma once
// The same numbers on every machine.
#include <cstdint>

namespace octet::tools {

// splitmix64
struct Random {
    std::uint64_t state;
    std::uint64_t next() {
        std::uint64_t z = state += 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        return z ^ z >> 31;
    }
    // Of -1..1.
    float uniform() { return static_cast<float>(next() >> 40) * 0x1p-23f - 1.0f; }
    // Mean 0 and variance 1, within +-3.5: the sum of four uniform numbers, which needs no library function that may differ.
    float normal() {
        const std::uint64_t r = next();
        const std::uint64_t sum = (r & 0xffffu) + (r >> 16 & 0xffffu) + (r >> 32 & 0xffffu) + (r >> 48);
        constexpr float kMean = 2 * 65535.0f;
        constexpr float kScale = 1.7320508f / 65536.0f;  // each of the four has variance 65536^2 / 12
        return (static_cast<float>(sum) - kMean) * kScale;
    }
};

}  // namespace octet::tools
