#pragma once
// Elementary functions without branches or tables, so that loops over them vectorise. Relative error below 4e-7 where the result is
// normal, unless the function says otherwise.
#include <bit>
#include <cmath>
#include <cstdint>

namespace octet::cpu::portable {

// 1.5 * 2^23: adding it rounds |x| < 2^22 to an integer, half to even, which then stands in the low bits.
inline constexpr float kRoundMagic = 12582912.0F;
inline constexpr std::int32_t kRoundMagicBits = 0x4B400000;

// For |x| < 2^22.
inline std::int32_t round_to_int(float x) { return std::bit_cast<std::int32_t>(x + kRoundMagic) - kRoundMagicBits; }

// x into [low, high]; NaN becomes low, so that a code is always in range.
inline float clamp_code(float x, float low, float high) {
    const float above = x > low ? x : low;
    return above < high ? above : high;
}

namespace detail {

inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kLn2High = 0x1.62e430p-1F;
inline constexpr float kLn2Low = -1.904654299957768e-9F;  // ln 2 - kLn2High

struct Reduced {
    float r;  // x - n * ln 2, |r| <= ln 2 / 2
    std::int32_t n;
};

inline Reduced reduce(float x) {
    const float shifted = std::fma(x, kLog2E, kRoundMagic);
    const float n = shifted - kRoundMagic;
    return {std::fma(n, -kLn2Low, std::fma(n, -kLn2High, x)), std::bit_cast<std::int32_t>(shifted) - kRoundMagicBits};
}

// exp(r) - 1 by its Taylor series; the first term left out is r^8 / 8! < 6e-9.
inline float expm1_reduced(float r) {
    float p = 1.0F / 5040;
    p = std::fma(p, r, 1.0F / 720);
    p = std::fma(p, r, 1.0F / 120);
    p = std::fma(p, r, 1.0F / 24);
    p = std::fma(p, r, 1.0F / 6);
    p = std::fma(p, r, 0.5F);
    return std::fma(p, r * r, r);
}

inline float power_of_two(std::int32_t n) { return std::bit_cast<float>((n + 127) << 23); }

}  // namespace detail

// The power of two is applied in two halves, so that results overflow to infinity as exp does. What would be subnormal is zero:
// computing with subnormals is a hundred times slower.
inline float fast_exp(float x) {
    constexpr float kSmallestNormal = -87.33F;
    const float low = x < kSmallestNormal ? kSmallestNormal : x;
    const auto [r, n] = detail::reduce(low > 89.0F ? 89.0F : low);
    const std::int32_t half = n >> 1;
    const float y = (detail::expm1_reduced(r) + 1.0F) * detail::power_of_two(half) * detail::power_of_two(n - half);
    return x < kSmallestNormal ? 0.0F : y;
}

// exp(x) - 1 for x <= 64; below -30 it is -1.
inline float fast_expm1(float x) {
    const auto [r, n] = detail::reduce(x < -30.0F ? -30.0F : x);
    const float power = detail::power_of_two(n);
    return std::fma(detail::expm1_reduced(r), power, power - 1.0F);
}

inline float fast_sigmoid(float x) { return 1.0F / (1.0F + fast_exp(-x)); }

inline float fast_tanh(float x) {
    const float a = std::fabs(x);
    const float t = fast_expm1(2.0F * (a > 12.0F ? 12.0F : a));
    return std::copysign(t / (t + 2.0F), x);
}

// log(1 + y) for y in [0, 1]: 2 atanh(s), s = y / (2 + y) <= 1/3; the first term left out is s^17 / 17.
inline float fast_log1p(float y) {
    const float s = y / (2.0F + y);
    const float s2 = s * s;
    float p = 2.0F / 15;
    p = std::fma(p, s2, 2.0F / 13);
    p = std::fma(p, s2, 2.0F / 11);
    p = std::fma(p, s2, 2.0F / 9);
    p = std::fma(p, s2, 2.0F / 7);
    p = std::fma(p, s2, 2.0F / 5);
    p = std::fma(p, s2, 2.0F / 3);
    p = std::fma(p, s2, 2.0F);
    return p * s;
}

inline float fast_softplus(float x) { return (x > 0 ? x : 0.0F) + fast_log1p(fast_exp(-std::fabs(x))); }

// x * tanh(softplus(x)) = x * (e^2 + 2e) / (e^2 + 2e + 2) with e = exp(x).
inline float fast_mish(float x) {
    const float e = fast_exp(x > 20.0F ? 20.0F : x);
    const float t = std::fma(e, e, 2.0F * e);
    return x * (t / (t + 2.0F));
}

// x/2 * (1 + erf(x / sqrt 2)) through erfc (Abramowitz and Stegun 7.1.26); absolute error below 2e-7 * max(1, |x|).
inline float fast_gelu_erf(float x) {
    const float z = std::fabs(x) * 0.707106781F;
    const float t = 1.0F / std::fma(0.3275911F, z, 1.0F);
    float p = 1.061405429F;
    p = std::fma(p, t, -1.453152027F);
    p = std::fma(p, t, 1.421413741F);
    p = std::fma(p, t, -0.284496736F);
    p = std::fma(p, t, 0.254829592F);
    const float tail = 0.5F * std::fabs(x) * p * t * fast_exp(-z * z);
    return (x > 0 ? x : 0.0F) - tail;
}

// x/2 * (1 + tanh(u)) = x * sigmoid(2u).
inline float fast_gelu_tanh(float x) {
    const float u = 0.797884561F * std::fma(0.044715F * x * x, x, x);
    return x * fast_sigmoid(2.0F * u);
}

}  // namespace octet::cpu::portable
