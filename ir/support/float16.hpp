#pragma once
// 16-bit floats as storage: converted to float to compute.
#include <bit>
#include <cstdint>

namespace octet {

// IEEE 754 binary16; conversion from float rounds to nearest even.
struct float16 {
    std::uint16_t bits = 0;
    float16() = default;
    explicit float16(float value) : bits(from_float(value)) {}
    operator float() const {
        const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
        std::uint32_t exponent = (bits >> 10) & 0x1fu;
        std::uint32_t mantissa = bits & 0x3ffu;
        if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
        if (exponent == 0) {
            const float small = static_cast<float>(mantissa) * 0x1p-24f;
            return sign ? -small : small;
        }
        return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
    }

private:
    static std::uint16_t from_float(float value) {
        const auto x = std::bit_cast<std::uint32_t>(value);
        const std::uint32_t sign = (x >> 16) & 0x8000u;
        const std::uint32_t magnitude = x & 0x7fffffffu;
        if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
        if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to infinity
        if (magnitude < 0x38800000u) {  // subnormal: adding 0.5 aligns the mantissa at 2^-24 and rounds
            const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
            return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
        }
        const std::uint32_t odd = (magnitude >> 13) & 1u;
        return static_cast<std::uint16_t>(sign | ((magnitude + 0xfffu + odd - 0x38000000u) >> 13));
    }
};

// The upper half of a float; conversion from float rounds to nearest even.
struct bfloat16 {
    std::uint16_t bits = 0;
    bfloat16() = default;
    explicit bfloat16(float value) {
        const auto x = std::bit_cast<std::uint32_t>(value);
        const bool nan = (x & 0x7fffffffu) > 0x7f800000u;
        bits = static_cast<std::uint16_t>(nan ? (x >> 16) | 0x40u : (x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
    }
    operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

}  // namespace octet
