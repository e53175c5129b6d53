#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {

Isa vector_isa() {
    static const Isa isa = detect_machine().isa;
    return isa;
}

}  // namespace octet::cpu::portable
