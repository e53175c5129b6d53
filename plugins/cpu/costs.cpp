#include "plugins/cpu/costs.hpp"

namespace octet::cpu {

namespace {

struct Products {
    double codes;  // multiply-adds in a nanosecond on one core
    double floats;
};

// Of ResNet-50 as a whole on one thread: on a virtual Zen 4 core under each cap, with tiles on a virtual Sapphire Rapids core. bert_base,
// mobilenet_v2 and lstm2 have the same order of both at every level. Without AVX2 integers are summed by portable code.
Products products_of(Isa isa) {
    switch (isa) {
        case Isa::sse41: return {7, 12};
        case Isa::avx2: return {80, 51};
        case Isa::avx2_vnni: return {196, 51};
        case Isa::avx512: return {83, 55};
        case Isa::avx512_vnni: return {217, 55};
        case Isa::amx: return {620, 90};
    }
    return {1, 1};
}

}  // namespace

low_precision::Costs costs_of(const Machine& machine, bool bf16) {
    const Products products = products_of(machine.isa);
    const bool sums = machine.isa == Isa::avx512_vnni;  // the only level for which x64/sum_of_products is generated
    return {.products_of_codes = products.codes,
            .products_of_floats = machine.amx() && bf16 ? products.codes / 2 : products.floats * (bf16 ? 2 : 1),
            .bytes = 30,
            .step = 500,
            .parts_of_one_sum = sums ? 32u : 0u,
            .values_of_one_sum = sums ? 1600 : 0};
}

}  // namespace octet::cpu
