#pragma once
// Constant weights of 4 or 8 bits that are multiplied by floats: where the codes lie and what they are worth. Kernels pack the codes and
// widen them in registers.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace octet::cpu {

struct CodedWeights {
    // [depth, columns], or [columns, depth] where transposed. Of 4 bits two lie in a byte, the first in its low half.
    const std::byte* codes = nullptr;
    int bits = 8;
    bool is_signed = false;
    bool transposed = false;
    std::int64_t depth = 0;
    std::int64_t columns = 0;
    std::int64_t group = 0;  // neighbours along the depth that share scale and shift; divides the depth
    // A weight is code * scale + shift, both [depth / group][columns]; without shifts they are 0.
    std::vector<float> scale = {};
    std::vector<float> shift = {};

    std::int64_t groups() const { return depth / group; }
    // The bits of a code, without their sign.
    std::uint32_t at(std::int64_t k, std::int64_t column) const {
        const std::int64_t i = transposed ? column * depth + k : k * columns + column;
        if (bits == 8) {
            return std::to_integer<std::uint32_t>(codes[i]);
        }
        return std::to_integer<std::uint32_t>(codes[i / 2]) >> (i % 2 * 4) & 15;
    }
};

}  // namespace octet::cpu
