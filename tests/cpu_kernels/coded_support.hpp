#pragma once
// Random coded weights between guards, and what they are worth.
#include <cmath>

#include "plugins/cpu/kernels/coded_weights.hpp"
#include "tests/cpu_kernels/guarded.hpp"

namespace octet::cpu::testing {

struct CodedShape {
    std::int64_t rows, depth, columns;
    std::int64_t group = 0;  // 0: the whole depth
    int bits = 8;
    bool is_signed = false, transposed = true, shifted = false;
};

struct TestWeights {
    Guarded<std::uint8_t> bytes;
    CodedWeights weights;

    TestWeights(const CodedShape& s, Guard guard)
        : bytes(
              random_guarded<std::uint8_t>(static_cast<std::size_t>((s.depth * s.columns * s.bits + 7) / 8), guard, 7)),
          weights{reinterpret_cast<const std::byte*>(bytes.data()),
                  s.bits,
                  s.is_signed,
                  s.transposed,
                  s.depth,
                  s.columns,
                  s.group == 0 ? s.depth : s.group} {
        Random random(8);
        const float unit = s.bits == 8 ? 0x1p-7F : 0x1p-3F;
        for (std::int64_t i = 0; i < weights.groups() * s.columns; ++i) {
            weights.scale.push_back(random.uniform(-2, 2) * unit);
            if (s.shifted) {
                weights.shift.push_back(random.uniform(-2, 2));
            }
        }
    }

    double at(std::int64_t k, std::int64_t column) const {
        const std::int64_t i = weights.transposed ? column * weights.depth + k : k * weights.columns + column;
        int code = bytes[static_cast<std::size_t>(i * weights.bits / 8)];
        if (weights.bits == 4) {
            code = i % 2 == 0 ? code % 16 : code / 16;
        }
        if (weights.is_signed && code >= 1 << (weights.bits - 1)) {
            code -= 1 << weights.bits;
        }
        const auto entry = static_cast<std::size_t>(k / weights.group * weights.columns + column);
        return code * static_cast<double>(weights.scale[entry]) +
               (weights.shift.empty() ? 0.0 : static_cast<double>(weights.shift[entry]));
    }
};

// The exact product of a row with a column, and what rounding may make of it.
struct ExactSum {
    double value = 0, size = 0;

    ExactSum(const float* row, const TestWeights& w, std::int64_t column) {
        for (std::int64_t k = 0; k < w.weights.depth; ++k) {
            const double product = static_cast<double>(row[k]) * w.at(k, column);
            value += product;
            size += std::abs(product);
        }
    }
    // Sums of floats, and weights that a shift moved away from larger ones.
    double allowed() const { return 2e-6 * (size + 1); }
};

}  // namespace octet::cpu::testing
