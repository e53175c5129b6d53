#include "plugins/cpu/kernels/x64/vector_isa.hpp"

#include <fmt/format.h>

namespace octet::cpu::x64 {

VectorIsa vector_isa_of(const Machine& machine) {
    using Dot = VectorIsa::Dot;
    const int lanes = machine.avx512() ? 16 : 8;
    if (!machine.vnni()) return {lanes, Dot::pairs};
    return {lanes, machine.avx512() || machine.evex_dot ? Dot::evex : Dot::vex};
}

std::string kernel_name(std::string_view what, const VectorIsa& isa, bool dots) {
    return fmt::format("jit_{}_{}{}", what, isa.wide() ? "avx512" : "avx2", dots && !isa.pairs() ? "_vnni" : "");
}

}  // namespace octet::cpu::x64
