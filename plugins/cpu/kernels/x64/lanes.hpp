#pragma once
// What the 16 lanes of a register have in common.
#include <xbyak/xbyak.h>

namespace octet::cpu::x64 {

// Every lane of t becomes what `apply`, an associative operation of t with another register, makes of all 16. `other` is scratch.
template <class Apply>
void over_lanes(Xbyak::CodeGenerator& c, const Xbyak::Zmm& t, const Xbyak::Zmm& other, const Apply& apply) {
    c.vshuff32x4(other, t, t, 0x4E);
    apply(t, other);
    c.vshuff32x4(other, t, t, 0xB1);
    apply(t, other);
    c.vpermilps(other, t, 0x4E);
    apply(t, other);
    c.vpermilps(other, t, 0xB1);
    apply(t, other);
}

}  // namespace octet::cpu::x64
