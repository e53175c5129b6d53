#pragma once
// x < 0 ? alpha * (exp(x) - 1) : x on the floats of registers, for results that become codes: near 0 its error is absolute.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {

// exp(x) = 2^(n / L) exp(r): the power of a fraction of 1/L comes from a table of L entries, one for each lane of a register, and
// |r| <= ln 2 / (2 L) leaves exp(r) a short polynomial. Adding 1.5 * 2^23 / L rounds x / ln 2 to n / L; the low bits are then the entry.
class EluEmitter {
public:
    EluEmitter(Emitter& code, float alpha, const Lookup& lookup, const std::vector<Vec>& held);

    // The constants in the order in which registers for them save most.
    static std::size_t constants() { return kConstants; }
    void load_constant(const Vec& to, std::size_t which) const;
    // Several registers side by side: three temporaries for each, and one more.
    void emit(std::span<const Vec> xs, std::span<const Vec> temps) const;

private:
    enum Constant : std::size_t { round, per_ln2, ln2, second, first, third, table, alpha, end, kConstants };

    template <class Emit>
    void with(std::size_t which, const Emit& emit) const;
    void load(const Vec& to, std::size_t which) const;  // from where it is
    void reduce(const Vec& x, const Vec& rest, const Vec& index, const Vec& power) const;
    void polynomial(const Vec& to, const Vec& rest) const;
    void choose(const Vec& x, const Vec& value) const;

    Emitter& c;
    const std::vector<Vec>& held_;
    std::array<float, kConstants> values_ = {};
    std::array<std::uint32_t, 16> table_ = {};  // alpha * 2^(i / L)
};

}  // namespace octet::cpu::x64
