#include "plugins/cpu/kernels/x64/vector_isa.hpp"

#include <fmt/format.h>

namespace octet::cpu::x64 {

VectorIsa vector_isa_of(const Machine& machine, bool saturates) {
    using Dot = VectorIsa::Dot;
    const int lanes = machine.avx512() ? 16 : 8;
    if (!machine.vnni()) return {lanes, Dot::pairs, saturates};
    return {lanes, machine.avx512() || machine.evex_dot ? Dot::evex : Dot::vex};
}

std::string kernel_name(std::string_view what, const VectorIsa& isa, Dots dots) {
    std::string_view how;
    if (dots != Dots::none && !isa.pairs()) how = "_vnni";
    if (dots == Dots::tiles && isa.saturates) how = "_saturating";
    return fmt::format("jit_{}_{}{}", what, isa.wide() ? "avx512" : "avx2", how);
}

}  // namespace octet::cpu::x64
