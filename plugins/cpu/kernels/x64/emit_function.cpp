// Activation functions on the floats of a register. exp is 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]; the others are built from exp and
// exp - 1 so that no digits cancel where the function is small.
#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <tuple>

#include "plugins/cpu/kernels/x64/emit_elu.hpp"
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"
#include "plugins/cpu/kernels/x64/segments.hpp"

namespace octet::cpu::x64 {
namespace {

class FunctionEmitter {
public:
    FunctionEmitter(Emitter& emitter, int first_temp, int last_temp)
        : c(emitter),
          t0(emitter.vec(first_temp)),
          t1(emitter.vec(first_temp + 1)),
          t2(emitter.vec(first_temp + 2)),
          t3(emitter.vec(first_temp + 3)),
          t4(emitter.vec(last_temp)) {}

    void emit(const EpilogueOp& op, const Vec& x);

private:
    // x into [low, high]; NaN stays, because min and max return their second operand then.
    void bound(const Vec& to, const Vec& x, float low, float high) {
        c.vbroadcastss(t4, c.one_lane(bits(low)));
        c.vmaxps(to, t4, x);
        c.vbroadcastss(t4, c.one_lane(bits(high)));
        c.vminps(to, t4, to);
    }

    static std::uint32_t bits(float value) {
        std::uint32_t result = 0;
        static_assert(sizeof(result) == sizeof(value));
        __builtin_memcpy(&result, &value, sizeof(result));
        return result;
    }

    // p = polynomial with these coefficients, highest power first, at `at`.
    void polynomial(const Vec& p, const Vec& at, std::initializer_list<float> coefficients) {
        const float* next = coefficients.begin();
        c.vbroadcastss(p, c.one_lane(bits(*next++)));
        for (; next != coefficients.end(); ++next) {
            c.vfmadd213ps(p, at, c.all_lanes(*next));
        }
    }

    // n = round(x / ln 2), x -= n ln 2 (in two parts: the first has 9 bits, so its product with n is exact).
    void reduce(const Vec& n, const Vec& x) {
        c.vmulps(n, x, c.all_lanes(1.44269504F));
        round(n, n);
        c.vfnmadd231ps(x, n, c.all_lanes(0.693359375F));
        c.vfnmadd231ps(x, n, c.all_lanes(-2.12194440e-4F));
    }

    void round(const Vec& to, const Vec& x) {
        if (c.wide()) {
            c.vrndscaleps(to, x, 0);
        } else {
            c.vroundps(to, x, 0);
        }
    }

    // n = 2^n for integers n from -126 to 127.
    void power(const Vec& n) {
        c.vpaddd(n, n, c.all_lanes(127U));
        c.vpslld(n, n, 23);
    }

    // x = p 2^n, n whole within [-252, 254]; changes n. AVX2 multiplies by two halves of the power, unless it is `normal`, within [-126, 127].
    void scale(const Vec& x, const Vec& p, const Vec& n, bool normal) {
        if (c.wide()) {
            c.vscalefps(x, p, n);
            return;
        }
        c.vcvtps2dq(n, n);
        if (normal) {
            power(n);
            c.vmulps(x, p, n);
            return;
        }
        c.vpsrad(x, n, 1);
        c.vpsubd(n, n, x);
        power(x);
        power(n);
        c.vmulps(x, x, p);
        c.vmulps(x, x, n);
    }

    // x = x < 0 ? other : x, by the sign bit; or other times a factor.
    void where_negative(const Vec& x, const Vec& other, float factor) {
        if (c.wide()) {
            c.vpmovd2m(c.k3, x);
            c.vmulps(x | c.k3, other, c.all_lanes(factor));
        } else {
            c.vmulps(t0, other, c.all_lanes(factor));
            c.vblendvps(x, x, t0, x);
        }
    }

    // x = e^x, x within [-174, 174], or [-87, 87] for a normal number; n, p are scratch.
    void exp(const Vec& x, const Vec& n, const Vec& p, bool normal = false) {
        reduce(n, x);
        polynomial(p, x, {1.F / 720, 1.F / 120, 1.F / 24, 1.F / 6, 0.5F, 1.F, 1.F});
        scale(x, p, n, normal);
    }

    // x = e^x - 1 = (2^n - 1) + 2^n (e^r - 1)
    void exp_minus_one(const Vec& x, const Vec& n, const Vec& p) {
        reduce(n, x);
        polynomial(p, x, {1.F / 5040, 1.F / 720, 1.F / 120, 1.F / 24, 1.F / 6, 0.5F, 1.F});
        c.vmulps(p, p, x);
        c.vbroadcastss(x, c.one_lane(bits(1.F)));
        if (c.wide()) {
            c.vscalefps(n, x, n);
        } else {
            // Powers below 2^-126 are nothing beside 1.
            c.vmaxps(n, n, c.all_lanes(-126.F));
            c.vcvtps2dq(n, n);
            power(n);
        }
        c.vsubps(x, n, x);
        c.vfmadd231ps(x, n, p);
    }

    // y = 1 / x for normal x with a normal reciprocal; changes x. AVX-512: 14 bits and one step of Newton. AVX2 has only 12 bits, and other
    // ones on each processor, so it divides.
    void reciprocal(const Vec& y, const Vec& x) {
        if (!c.wide()) {
            c.vbroadcastss(y, c.one_lane(bits(1.F)));
            c.vdivps(y, y, x);
            return;
        }
        c.vrcp14ps(y, x);
        c.vfnmadd213ps(x, y, c.all_lanes(2.F));
        c.vmulps(y, y, x);
    }

    // y = 1 / (1 + exp(-x))
    void sigmoid(const Vec& y, const Vec& x) {
        c.vxorps(t0, x, c.all_lanes(-0.F));
        bound(t0, t0, -87.F, 87.F);
        exp(t0, t1, t2, true);
        c.vaddps(t0, t0, c.all_lanes(1.F));
        reciprocal(y, t0);
    }

    // y = min(max(x + 3, 0), 6)
    void hard(const Vec& y, const Vec& x) {
        c.vaddps(y, x, c.all_lanes(3.F));
        bound(y, y, 0.F, 6.F);
    }

    void tanh(const Vec& x);
    void gelu_erf(const Vec& x);
    void gelu_tanh(const Vec& x);
    void mish(const Vec& x);
    void softplus(const Vec& x);

    Emitter& c;
    const Vec t0, t1, t2, t3, t4;
};

// tanh(x) = e / (e + 2) with e = exp(2x) - 1
void FunctionEmitter::tanh(const Vec& x) {
    c.vaddps(x, x, x);
    bound(x, x, -40.F, 40.F);
    exp_minus_one(x, t0, t1);
    c.vaddps(t0, x, c.all_lanes(2.F));
    reciprocal(t1, t0);
    c.vmulps(x, x, t1);
}

// x >= 0: x - x/2 erfc(z), x < 0: x/2 erfc(z), with z = |x| / sqrt 2 and erfc(z) = exp(-z^2) t p(t), t = 1 / (1 + 0.3 z). p is the
// interpolation of exp(z^2) erfc(z) / t at Chebyshev points for z in [0, 7], relative error 2e-8.
void FunctionEmitter::gelu_erf(const Vec& x) {
    c.vandps(t0, x, c.all_lanes(0x7FFFFFFFU));
    c.vmulps(t1, t0, c.all_lanes(0.70710678F));
    c.vminps(t1, t1, c.all_lanes(13.F));
    c.vbroadcastss(t2, c.one_lane(bits(1.F)));
    c.vfmadd231ps(t2, t1, c.all_lanes(0.3F));
    reciprocal(t3, t2);
    polynomial(t2, t3,
               {-0.12570816640878452F, 0.4654234117847773F, -0.46660153365315044F, 0.4896529255544436F,
                -0.04943764064746119F, 0.1928661891896013F, 0.15492030502436882F, 0.16961836422312654F,
                0.16926616233233024F});
    c.vmulps(t3, t3, t2);
    c.vmulps(t1, t1, t1);
    c.vxorps(t1, t1, c.all_lanes(-0.F));
    exp(t1, t2, t4);
    c.vmulps(t1, t1, t3);  // erfc(z)
    c.vmulps(t0, t0, c.all_lanes(0.5F));
    c.vmulps(t1, t1, t0);  // |x|/2 erfc(z)
    c.vxorps(t2, t2, t2);
    c.vmaxps(t2, t2, x);
    c.vsubps(x, t2, t1);
}

// x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3)
void FunctionEmitter::gelu_tanh(const Vec& x) {
    c.vmulps(t3, x, x);
    c.vmulps(t3, t3, c.all_lanes(0.0713548163F));
    c.vaddps(t3, t3, c.all_lanes(1.59576912F));
    c.vmulps(t3, t3, x);
    sigmoid(t1, t3);
    c.vmulps(x, x, t1);
}

// tanh(log(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2) with e = exp(x)
void FunctionEmitter::mish(const Vec& x) {
    bound(t0, x, -104.F, 40.F);
    exp(t0, t1, t2);
    c.vaddps(t1, t0, c.all_lanes(2.F));
    c.vmulps(t1, t1, t0);
    c.vaddps(t0, t1, c.all_lanes(2.F));
    reciprocal(t2, t0);
    c.vmulps(t1, t1, t2);
    c.vmulps(x, x, t1);
}

// max(x, 0) + log(1 + u), u = exp(-|x|); log(1 + u) = 2 (s + s^3/3 + s^5/5 + ...), s = u / (2 + u) <= 1/3
void FunctionEmitter::softplus(const Vec& x) {
    c.vorps(t0, x, c.all_lanes(-0.F));
    bound(t0, t0, -104.F, 0.F);
    exp(t0, t1, t2);
    c.vaddps(t1, t0, c.all_lanes(2.F));
    reciprocal(t2, t1);
    c.vmulps(t0, t0, t2);
    c.vmulps(t1, t0, t0);
    polynomial(t2, t1, {2.F / 15, 2.F / 13, 2.F / 11, 2.F / 9, 2.F / 7, 2.F / 5, 2.F / 3, 2.F});
    c.vxorps(t1, t1, t1);
    c.vmaxps(x, t1, x);
    c.vfmadd231ps(x, t0, t2);
}

void FunctionEmitter::emit(const EpilogueOp& op, const Vec& x) {
    switch (op.function) {
        case Function::relu:
            c.vxorps(t0, t0, t0);
            c.vmaxps(x, t0, x);
            break;
        case Function::leaky_relu: where_negative(x, x, op.alpha); break;
        case Function::clamp: bound(x, x, op.alpha, op.beta); break;
        case Function::sigmoid:
            sigmoid(t1, x);
            c.vmovaps(x, t1);
            break;
        case Function::tanh: tanh(x); break;
        case Function::elu:
            bound(t0, x, -104.F, 0.F);
            exp_minus_one(t0, t1, t2);
            where_negative(x, t0, op.alpha);
            break;
        case Function::swish:
            c.vmulps(t3, x, c.all_lanes(op.alpha));
            sigmoid(t1, t3);
            c.vmulps(x, x, t1);
            break;
        case Function::hswish:
            // The product brings a NaN back that the bounds lose.
            c.vbroadcastss(t0, c.one_lane(bits(1.F / 6)));
            c.vfmadd213ps(t0, x, c.all_lanes(0.5F));
            c.vmaxps(t0, t0, c.all_lanes(0.F));
            c.vminps(t0, t0, c.all_lanes(1.F));
            c.vmulps(x, x, t0);
            break;
        case Function::hsigmoid:
            hard(x, x);
            c.vmulps(x, x, c.all_lanes(1.F / 6));
            break;
        case Function::gelu_erf: gelu_erf(x); break;
        case Function::gelu_tanh: gelu_tanh(x); break;
        case Function::mish: mish(x); break;
        case Function::softplus: softplus(x); break;
        case Function::exp:
            bound(x, x, -150.F, 150.F);
            exp(x, t0, t1);
            break;
        case Function::abs: c.vandps(x, x, c.all_lanes(0x7FFFFFFFU)); break;
        case Function::sqrt: c.vsqrtps(x, x); break;
        case Function::negate: c.vxorps(x, x, c.all_lanes(-0.F)); break;
        case Function::round_half_even: round(x, x); break;
    }
}

// x = max(x, 0) - f(|x|), where f is looked up. Adding 1.5 * 2^23 rounds to the index of the segment, which then stands in the low bits.
class SegmentEmitter {
public:
    SegmentEmitter(Emitter& code, const Segments& segments, const std::vector<Vec>& held)
        : c(code), s(segments), held_(held) {}

    // The constants in the order in which registers for them save most.
    std::size_t constants() const { return 3 + s.coefficients.size(); }
    void load_constant(const Vec& to, std::size_t which) const {
        which < kTables || which == constants() - 1 ? c.vbroadcastss(to, c.one_lane(number(which)))
                                                    : c.vmovups(to, table(which - kTables));
    }

    // Several registers side by side, since each alone waits for itself most of the time: three temporaries for each, and one more.
    void emit(std::span<const Vec> xs, std::span<const Vec> temps) const;

private:
    static constexpr float kRounds = 12582912.F;
    static constexpr std::size_t kRound = 0, kPerUnit = 1, kTables = 2;

    std::uint32_t number(std::size_t which) const {
        return std::bit_cast<std::uint32_t>(which == kRound ? kRounds : which == kPerUnit ? s.per_unit : s.end);
    }
    Xbyak::Address table(std::size_t i) const { return c.table(s.coefficients[s.coefficients.size() - 1 - i]); }
    // A constant for all lanes where it is: held, or in memory.
    template <class Emit>
    void with(std::size_t which, const Emit& emit) const {
        if (which < held_.size()) emit(static_cast<const Xbyak::Operand&>(held_[which]));
        else emit(static_cast<const Xbyak::Operand&>(c.all_lanes(number(which))));
    }
    template <class Emit>
    void with_table(std::size_t i, const Emit& emit) const {
        if (kTables + i < held_.size()) emit(static_cast<const Xbyak::Operand&>(held_[kTables + i]));
        else emit(static_cast<const Xbyak::Operand&>(table(i)));
    }

    Emitter& c;
    const Segments& s;
    const std::vector<Vec>& held_;
};

void SegmentEmitter::emit(std::span<const Vec> xs, std::span<const Vec> temps) const {
    const Vec shared = temps[3 * xs.size()];
    const auto distance = [&](std::size_t i) { return temps[3 * i]; };
    const auto index = [&](std::size_t i) { return temps[3 * i + 1]; };
    const auto sum = [&](std::size_t i) { return temps[3 * i + 2]; };
    const auto each = [&](const auto& emit) {
        for (std::size_t i = 0; i < xs.size(); ++i) emit(i);
    };
    const std::size_t end = constants() - 1;
    if (c.wide()) {
        constexpr std::uint8_t kSmallerMagnitude = 0b1010;
        each([&](auto i) { with(end, [&](auto& m) { c.vrangeps(distance(i), xs[i], m, kSmallerMagnitude); }); });
    } else {
        each([&](auto i) { c.vandps(distance(i), xs[i], c.all_lanes(0x7FFFFFFFU)); });
        each([&](auto i) { c.vminps(distance(i), distance(i), c.all_lanes(s.end)); });
    }
    each([&](auto i) {
        if (kRound < held_.size()) c.vmovaps(index(i), held_[kRound]);
        else c.vbroadcastss(index(i), c.one_lane(number(kRound)));
    });
    each([&](auto i) { with(kPerUnit, [&](auto& m) { c.vfmadd231ps(index(i), distance(i), m); }); });
    each([&](auto i) { with(kRound, [&](auto& m) { c.vsubps(sum(i), index(i), m); }); });
    each([&](auto i) { with(kPerUnit, [&](auto& m) { c.vfmsub132ps(distance(i), sum(i), m); }); });
    each([&](auto i) { with_table(0, [&](auto& m) { c.vpermps(sum(i), index(i), m); }); });
    for (std::size_t power = 1; power < s.coefficients.size(); ++power) {
        each([&](auto i) {
            with_table(power, [&](auto& m) { c.vpermps(shared, index(i), m); });
            c.vfmadd213ps(sum(i), distance(i), shared);
        });
    }
    const Xbyak::Xmm zero(shared.getIdx());
    c.vxorps(zero, zero, zero);
    each([&](auto i) { c.vmaxps(index(i), shared, xs[i]); });
    each([&](auto i) { c.vsubps(xs[i], index(i), sum(i)); });
}

// gelu(x) = max(x, 0) - |x|/2 erfc(|x| / sqrt 2), swish(x) = max(x, 0) - |x| / (1 + exp(alpha |x|)); at the ends what is left of the
// second terms is below the error that is allowed.
// 8 segments with three powers more are as near as 16.
const Segments& segments_for(const Emitter& c, const EpilogueOp& op, const Lookup& lookup) {
    const bool gelu = op.function == Function::gelu_erf;
    const double alpha = gelu ? 1 : static_cast<double>(op.alpha);
    const auto rest = [&](double a) {
        return gelu ? a / 2 * std::erfc(a * std::sqrt(0.5)) : a / (1 + std::exp(alpha * a));
    };
    const int degree = lookup.degree + (c.wide() ? 0 : 3);
    // Code repeats a function for every vector of a tile.
    thread_local std::map<std::tuple<bool, double, int, bool>, Segments> made;
    auto [segments, fresh] = made.try_emplace({gelu, alpha, degree, c.wide()});
    if (fresh) segments->second = segments_of(rest, lookup.end / alpha, degree, c.wide() ? 16 : 8);
    return segments->second;
}

}  // namespace

bool needs_two_temps(Function function) {
    switch (function) {
        case Function::relu:
        case Function::leaky_relu:
        case Function::clamp:
        case Function::hswish:
        case Function::hsigmoid:
        case Function::abs:
        case Function::sqrt:
        case Function::negate:
        case Function::round_half_even: return true;
        default: return false;
    }
}

void emit_function(Emitter& code, const EpilogueOp& op, const Vec& x, int first_temp) {
    const int last_temp = first_temp + (code.wide() || !needs_two_temps(op.function) ? 4 : 1);
    FunctionEmitter(code, first_temp, last_temp).emit(op, x);
}

namespace {

// Registers beyond the first eight come to hold the constants of `function`; then all xs, as many side by side as there are temporaries for.
template <class LookedUp>
void emit_side_by_side(const LookedUp& function, std::span<const Vec> xs, LookupRegisters& registers) {
    std::vector<Vec>& temps = registers.temps;
    while (temps.size() > LookupRegisters::kAlwaysTemps && registers.held.size() < function.constants()) {
        function.load_constant(temps.back(), registers.held.size());
        registers.held.push_back(temps.back());
        temps.pop_back();
    }
    const std::size_t together = (temps.size() - 1) / 3;
    for (std::size_t first = 0; first < xs.size(); first += together) {
        function.emit(xs.subspan(first, std::min(together, xs.size() - first)), temps);
    }
}

}  // namespace

void emit_looked_up(Emitter& code, const EpilogueOp& op, const Lookup& lookup, std::span<const Vec> xs,
                    LookupRegisters& registers) {
    if (op.function == Function::elu) {
        const EluEmitter elu(code, op.alpha, lookup, registers.held);
        emit_side_by_side(elu, xs, registers);
        return;
    }
    const SegmentEmitter segments(code, segments_for(code, op, lookup), registers.held);
    emit_side_by_side(segments, xs, registers);
}

}  // namespace octet::cpu::x64
