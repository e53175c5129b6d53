#pragma once
// Inside this folder only: whether u8 x s8 products are exact on machines that add them in pairs at 16 bits.
#include <cstdint>

#include "plugins/cpu/kernels/acceptance.hpp"

namespace octet::cpu::onednn {

// `weights` holds `rows` sets of `length` values that one sum runs over. Exact everywhere with 8-bit dot products; elsewhere when no two
// weights of one sum can pass 32767 with sources of 255, whichever two the kernel pairs.
Acceptance check_saturation(const std::int8_t* weights, std::int64_t rows, std::int64_t length, std::int64_t row_stride,
                            std::int64_t value_stride);

}  // namespace octet::cpu::onednn
