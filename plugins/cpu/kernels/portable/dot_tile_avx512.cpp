#include "plugins/cpu/kernels/portable/dot_tile_body.hpp"

namespace octet::cpu::portable {

template void dot_tile<Isa::avx512, float>(const float*, std::size_t, const float*, std::size_t, float*);
template void dot_tile<Isa::avx512, std::int16_t>(const float*, std::size_t, const std::int16_t*, std::size_t, float*);

}  // namespace octet::cpu::portable
