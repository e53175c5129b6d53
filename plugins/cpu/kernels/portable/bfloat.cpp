#include "plugins/cpu/kernels/portable/bfloat.hpp"

#include <bit>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {

void to_bfloat(const float* from, std::size_t count, std::uint16_t* to) {
    vectorized([&] {
        for (std::size_t i = 0; i < count; ++i) {
            const auto bits = std::bit_cast<std::uint32_t>(from[i]);
            const std::uint32_t rounded = (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
            const std::uint32_t quiet = bits >> 16 | 0x40U;
            to[i] = static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded);
        }
    });
}

void from_bfloat(const std::uint16_t* from, std::size_t count, float* to) {
    vectorized([&] {
        for (std::size_t i = 0; i < count; ++i) to[i] = std::bit_cast<float>(static_cast<std::uint32_t>(from[i]) << 16);
    });
}

}  // namespace octet::cpu::portable
