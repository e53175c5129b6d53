#include "plugins/cpu/kernels/x64/emit_elu.hpp"

#include <bit>
#include <cmath>
#include <numbers>

namespace octet::cpu::x64 {

EluEmitter::EluEmitter(Emitter& code, float alpha_of_op, const Lookup& lookup, const std::vector<Vec>& held)
    : c(code), held_(held) {
    const int entries = c.lanes();
    // Half of what r ranges over. A cubic term that is left out leaves h^3 / 24 when the first one grows by h^2 / 8.
    const double h = std::numbers::ln2 / (2 * entries);
    values_[round] = 12582912.F / static_cast<float>(entries);
    values_[per_ln2] = static_cast<float>(1 / std::numbers::ln2);
    values_[ln2] = static_cast<float>(std::numbers::ln2);
    values_[first] = static_cast<float>(c.wide() ? 1 + h * h / 8 : 1);
    values_[second] = 0.5F;
    values_[third] = 1.F / 6;
    values_[alpha] = alpha_of_op;
    values_[end] = static_cast<float>(lookup.end);
    for (int i = 0; i < entries; ++i) {
        table_[static_cast<std::size_t>(i)] = std::bit_cast<std::uint32_t>(
            static_cast<float>(std::exp2(static_cast<double>(i) / entries) * static_cast<double>(alpha_of_op)));
    }
}

void EluEmitter::load_constant(const Vec& to, std::size_t which) const {
    if (which == table) c.vmovups(to, c.table(table_));
    else c.vbroadcastss(to, c.one_lane(std::bit_cast<std::uint32_t>(values_[which])));
}

template <class Emit>
void EluEmitter::with(std::size_t which, const Emit& emit) const {
    if (which < held_.size()) emit(static_cast<const Xbyak::Operand&>(held_[which]));
    else if (which == table) emit(static_cast<const Xbyak::Operand&>(c.table(table_)));
    else emit(static_cast<const Xbyak::Operand&>(c.all_lanes(values_[which])));
}

void EluEmitter::load(const Vec& to, std::size_t which) const {
    if (which < held_.size()) c.vmovaps(to, held_[which]);
    else load_constant(to, which);
}

// x, at least -end, in 1 / ln 2: `index` has the entry in its low bits, `power` is n / L; of x `rest` is left. Positive ones do not matter.
void EluEmitter::reduce(const Vec& x, const Vec& rest, const Vec& index, const Vec& power) const {
    if (c.wide()) {
        constexpr std::uint8_t kSmallerMagnitudeOfSameSign = 0b0010;
        with(end, [&](auto& m) { c.vrangeps(rest, x, m, kSmallerMagnitudeOfSameSign); });
    } else {
        c.vmaxps(rest, x, c.all_lanes(-values_[end]));
        c.vminps(rest, rest, c.all_lanes(0.F));
    }
    load(index, round);
    with(per_ln2, [&](auto& m) { c.vfmadd231ps(index, rest, m); });
    with(round, [&](auto& m) { c.vsubps(power, index, m); });
    with(ln2, [&](auto& m) { c.vfnmadd231ps(rest, power, m); });
}

// exp(rest) - 1
void EluEmitter::polynomial(const Vec& to, const Vec& rest) const {
    load(to, c.wide() ? second : third);
    if (!c.wide()) with(second, [&](auto& m) { c.vfmadd213ps(to, rest, m); });
    with(first, [&](auto& m) { c.vfmadd213ps(to, rest, m); });
    c.vmulps(to, to, rest);
}

// x = x < 0 ? value - alpha : x, by the sign bit.
void EluEmitter::choose(const Vec& x, const Vec& value) const {
    if (c.wide()) {
        c.vpmovd2m(c.k3, x);
        with(alpha, [&](auto& m) { c.vsubps(x | c.k3, value, m); });
    } else {
        with(alpha, [&](auto& m) { c.vsubps(value, value, m); });
        c.vblendvps(x, x, value, x);
    }
}

void EluEmitter::emit(std::span<const Vec> xs, std::span<const Vec> temps) const {
    const Vec value = temps[3 * xs.size()];
    const auto each = [&](const auto& emit) {
        for (std::size_t i = 0; i < xs.size(); ++i) emit(xs[i], temps[3 * i], temps[3 * i + 1], temps[3 * i + 2]);
    };
    each([&](auto& x, auto& rest, auto& index, auto& power) { reduce(x, rest, index, power); });
    each([&](auto& x, auto& rest, auto& index, auto& power) {
        polynomial(value, rest);
        const Vec entry = rest;
        with(table, [&](auto& m) { c.vpermps(entry, index, m); });
        c.vfmadd213ps(value, entry, entry);
        if (c.wide()) {
            c.vscalefps(value, value, power);
        } else {
            // The whole part of n / L is an exponent.
            c.vpand(index, index, c.all_lanes(~7U));
            c.vpslld(index, index, 20);
            c.vpaddd(value, value, index);
        }
        choose(x, value);
    });
}

}  // namespace octet::cpu::x64
