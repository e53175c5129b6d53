#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

namespace octet::cpu::portable {

// Values that a thread takes at once.
inline constexpr std::size_t kBfloatUnit = 4096;

// f32 rounded to bf16, half to even; NaN stays NaN.
inline std::uint16_t to_bfloat(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t rounded = (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
    const std::uint32_t quiet = bits >> 16 | 0x40U;
    return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded);
}
inline float from_bfloat(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

void to_bfloat(const float* from, std::size_t count, std::uint16_t* to);
void from_bfloat(const std::uint16_t* from, std::size_t count, float* to);

}  // namespace octet::cpu::portable
