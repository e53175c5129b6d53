// Activations that are a rectifier but for an even rest which vanishes far from 0: f(x) = max(x, 0) - rest(|x|). The rest is a polynomial
// on each of 16 intervals; coefficients are picked from tables by a permutation, so no exponential and no division is needed.
#include <bit>
#include <cmath>
#include <vector>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr int kIntervals = 16;

struct Rest {
    double (*value)(double);
    double width = 1;  // of an interval; 1 or 0.5. Interval n is centred at n * width
    int degree = 5;
    // Where the last interval ends; the rest stays what it is there.
    double end() const { return (kIntervals - 0.5) * width * (1 - 1e-6); }
};

// x / (1 + e^x): error of the polynomials 5e-7.
double swish_rest(double x) { return x / (1 + std::exp(x)); }
// x / 2 erfc(x / sqrt 2): error of the polynomials 3e-7.
double gelu_rest(double x) { return x / 2 * std::erfc(x * std::sqrt(0.5)); }

// Coefficients, lowest power first, of the polynomial in (x - n * width) that meets f at the Chebyshev points of interval n.
std::vector<double> interpolation(const Rest& rest, int n) {
    const int points = rest.degree + 1;
    const double low = n == 0 ? 0 : (n - 0.5) * rest.width, high = (n + 0.5) * rest.width;
    // Half of what is left at the end is taken off on the way there: the error beyond is half as large.
    const auto f = [&](double x) { return rest.value(x) - rest.value(rest.end()) / 2 * x / rest.end(); };
    std::vector<double> at, differences, result(static_cast<std::size_t>(points), 0.0);
    for (int i = 0; i < points; ++i) {
        const double x = (low + high) / 2 + (high - low) / 2 * std::cos((2 * i + 1) * std::acos(-1.0) / (2 * points));
        at.push_back(x - n * rest.width);
        differences.push_back(f(x));
    }
    for (int order = 1; order < points; ++order)
        for (int i = points - 1; i >= order; --i) {
            const auto k = static_cast<std::size_t>(i), before = static_cast<std::size_t>(i - order);
            differences[k] = (differences[k] - differences[k - 1]) / (at[k] - at[before]);
        }
    for (std::size_t i = differences.size(); i-- > 0;) {  // Horner over Newton's form
        for (std::size_t k = result.size(); k-- > 1;) result[k] = result[k - 1] - result[k] * at[i];
        result[0] = differences[i] - result[0] * at[i];
    }
    return result;
}

void emit(Emitter& c, const Rest& rest, const Zmm& x, int first_temp) {
    const Zmm t(first_temp), place(first_temp + 1), p(first_temp + 2), coefficient(first_temp + 3);
    // Adding this rounds to a multiple of the width, whose number is in the lowest bits of the sum.
    const float magic = rest.width == 1 ? 12582912.F : 6291456.F;
    constexpr std::uint8_t kSmallerMagnitude = 0b1010;
    c.vrangeps(t, x, c.all_lanes(static_cast<float>(rest.end())), kSmallerMagnitude);
    c.vaddps(place, t, c.all_lanes(magic));
    c.vsubps(p, place, c.all_lanes(magic));
    c.vsubps(t, t, p);
    std::vector<std::vector<double>> intervals;
    for (int n = 0; n < kIntervals; ++n) intervals.push_back(interpolation(rest, n));
    for (int power = rest.degree; power >= 0; --power) {
        std::array<std::uint32_t, 16> table{};
        for (std::size_t n = 0; n < kIntervals; ++n)
            table[n] = std::bit_cast<std::uint32_t>(static_cast<float>(intervals[n][static_cast<std::size_t>(power)]));
        if (power == rest.degree) {
            c.vpermps(p, place, c.table(table));
            continue;
        }
        c.vpermps(coefficient, place, c.table(table));
        c.vfmadd213ps(p, t, coefficient);
    }
    c.vpxord(t, t, t);
    c.vmaxps(x, t, x);
    c.vsubps(x, x, p);
}

}  // namespace

bool emit_rectifier(Emitter& code, const EpilogueOp& op, const Zmm& x, int first_temp) {
    if (op.function == Function::swish && op.alpha == 1) {
        emit(code, {swish_rest, 1, 5}, x, first_temp);
        return true;
    }
    if (op.function == Function::gelu_erf) {
        emit(code, {gelu_rest, 0.5, 5}, x, first_temp);
        return true;
    }
    return false;
}

}  // namespace octet::cpu::x64
