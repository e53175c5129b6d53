#include "plugins/cpu/kernels/onednn/saturation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "plugins/cpu/kernels/onednn/kernel.hpp"

namespace octet::cpu::onednn {

Acceptance check_saturation(const std::int8_t* weights, std::int64_t rows, std::int64_t length, std::int64_t row_stride,
                            std::int64_t value_stride) {
    Machine machine;
    machine.isa = effective_isa();
    if (machine.vnni()) {
        return accepted();
    }
    for (std::int64_t row = 0; row < rows; ++row) {
        int largest = 0;
        int second = 0;
        for (std::int64_t i = 0; i < length; ++i) {
            const int value = std::abs(static_cast<int>(weights[row * row_stride + i * value_stride]));
            second = std::max(second, std::min(largest, value));
            largest = std::max(largest, value);
        }
        if (255 * (largest + second) > 32767) {
            return declined(
                fmt::format("weights {} and {} of output channel {} could saturate a 16-bit sum of two products on {}",
                            largest, second, row, name_of(machine.isa)),
                "SATURATION_RISK");
        }
    }
    return accepted();
}

}  // namespace octet::cpu::onednn
