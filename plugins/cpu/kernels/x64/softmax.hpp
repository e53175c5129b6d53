#pragma once
// softmax of rows of floats, in place.
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/kernels/x64/code.hpp"

namespace octet::cpu::x64 {

struct SoftmaxArgs {
    float* rows = nullptr;  // [count][columns]
    std::int64_t count = 0;
};

// A row stays in registers from its maximum to its division.
inline constexpr std::int64_t kMostSoftmaxColumns = 24 * 16;

// The offset of void(const SoftmaxArgs*) in the block, for 1 to kMostSoftmaxColumns columns. Relative error below 3e-6; what is more
// than 87 below the maximum is 0.
std::size_t add_softmax(CodeBlock& block, std::int64_t columns);

}  // namespace octet::cpu::x64
