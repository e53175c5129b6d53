#pragma once
// softmax of rows of floats, in place; the shares may become bf16.
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/kernels/x64/code.hpp"

namespace octet::cpu::x64 {

struct SoftmaxShape {
    std::int64_t columns = 1;  // 1 to kMostSoftmaxColumns
    std::int64_t stride = 1;   // floats between rows
    // The shares of a row are bf16 from its start on, and zeros up to the next multiple of 16, for which the stride must leave room.
    bool bfloats = false;
};

struct SoftmaxArgs {
    float* rows = nullptr;
    std::int64_t count = 0;
};

// A row stays in registers from its maximum to its division.
inline constexpr std::int64_t kMostSoftmaxColumns = 24 * 16;

// The offset of void(const SoftmaxArgs*) in the block. Relative error below 3e-6, of bf16 below half a unit in the last place and 1e-4; what
// is more than 87 below the maximum is 0.
std::size_t add_softmax(CodeBlock& block, const SoftmaxShape& shape);

}  // namespace octet::cpu::x64
