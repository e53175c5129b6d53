#include "plugins/cpu/kernels/portable/bfloat.hpp"

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {

void to_bfloat(const float* from, std::size_t count, std::uint16_t* to) {
    vectorized([&] {
        for (std::size_t i = 0; i < count; ++i) to[i] = to_bfloat(from[i]);
    });
}

void from_bfloat(const std::uint16_t* from, std::size_t count, float* to) {
    vectorized([&] {
        for (std::size_t i = 0; i < count; ++i) to[i] = from_bfloat(from[i]);
    });
}

}  // namespace octet::cpu::portable
