#pragma once
#include <cstddef>
#include <cstdint>

namespace octet::cpu::portable {

// Values that a thread takes at once.
inline constexpr std::size_t kBfloatUnit = 4096;

// f32 rounded to bf16, half to even; NaN stays NaN.
void to_bfloat(const float* from, std::size_t count, std::uint16_t* to);
void from_bfloat(const std::uint16_t* from, std::size_t count, float* to);

}  // namespace octet::cpu::portable
