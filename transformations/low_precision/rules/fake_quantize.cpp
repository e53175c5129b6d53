// Ops beside a FakeQuantize that its intervals can say.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/rules.hpp"
#include "transformations/low_precision/rules/intervals.hpp"
#include "transformations/low_precision/rules/move_fake_quantize.hpp"
#include "transformations/low_precision/weighted.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

template <class T>
Tensor computed(const Tensor& a, const Tensor& b) {
    return eval::evaluate(Op(T{}), std::array{a, b})[0];
}

bool any_element(const Tensor& t, bool (*test)(float)) {
    const auto values = t.floats();
    return std::ranges::any_of(values, test);
}

// Kernels of products apply factors and biases before they round, in the accumulator's precision; and codes are read with them.
bool belongs_to_data(const Match& m) { return is_weighted(m.op("x")) || m.op("x").is<FakeQuantize>(); }

// The constant enlarges the data, or varies along another axis than the intervals.
bool other_axis(const Match& m) {
    if (m.graph().shape(m.value("x")) != m.graph().shape(m.value("op"))) return true;
    const Tensor& c = m.constant("c");
    return std::ranges::any_of(kEnds, [&](const char* end) {
        const Tensor& t = m.constant(end);
        return computed<Add>(c, t).size() > std::max(c.size(), t.size());
    });
}

// The input interval of the FakeQuantize on what stands above its operand.
struct Ends {
    Tensor low, high;
};

Ends input_without_factor(const Match& m) {
    const auto undo = m.op("op").is<Multiply>() ? computed<Divide> : computed<Multiply>;
    return {undo(m.constant("il"), m.constant("c")), undo(m.constant("ih"), m.constant("c"))};
}

Ends input_without_summand(const Match& m) {
    const auto undo = m.op("op").is<Add>() ? computed<Subtract> : computed<Add>;
    return {undo(m.constant("il"), m.constant("c")), undo(m.constant("ih"), m.constant("c"))};
}

Value with_input(Edit& e, const Match& m, const Ends& ends) {
    return e.add(m.op("fq"), {m.value("x"), e.constant(ends.low), e.constant(ends.high), m.value("ol"), m.value("oh")});
}

bool not_finite(const Ends& ends) {
    const auto test = [](float x) { return !std::isfinite(x); };
    return any_element(ends.low, test) || any_element(ends.high, test);
}

// fake_quantize(x * c, low, high, ...) -> fake_quantize(x, low / c, high / c, ...)
Rule fuse_factor() {
    return Rule("fuse-factor-into-fake-quantize")
        .match(fake_quantize_of(one_of<Multiply, Divide>("op", any("x"), constant("c"))))
        .decline(Code::not_profitable, "'{op}' is computed where '{x}' is, or on its codes", belongs_to_data)
        .decline(Code::shape_unsupported, "'{op}' enlarges its data, or varies along another axis than '{fq}'",
                 other_axis)
        .decline(Code::not_profitable, "a factor of '{op}' is not positive: '{fq}' would be turned around",
                 [](const Match& m) { return any_element(m.constant("c"), [](float c) { return !(c > 0); }); })
        .decline(Code::value_unsupported, "an interval of '{fq}' would not be finite",
                 [](const Match& m) { return not_finite(input_without_factor(m)); })
        .rewrite([](Edit& e, const Match& m) { return with_input(e, m, input_without_factor(m)); });
}

// Rounding of the moved ends may cost 1/256 of a step.
bool rounding_shows(const Match& m) {
    const Ends moved = input_without_summand(m);
    const Tensor width = computed<Subtract>(m.constant("ih"), m.constant("il"));
    const Tensor moved_width = computed<Subtract>(moved.high, moved.low);
    const double steps = static_cast<double>(m.get<FakeQuantize>("fq").levels - 1) * 256;
    const Tensor tolerance = computed<Divide>(width, Tensor::scalar(static_cast<float>(steps)));
    const Tensor ulp = computed<Multiply>(computed<Maximum>(eval::evaluate(Op(Abs{}), std::array{moved.low})[0],
                                                            eval::evaluate(Op(Abs{}), std::array{moved.high})[0]),
                                          Tensor::scalar(0x1p-24F));
    return any_element(computed<Subtract>(tolerance, ulp), [](float x) { return !(x > 0); }) ||
           any_element(moved_width, [](float x) { return !(x > 0); });
}

// fake_quantize(x + c, low, high, ...) -> fake_quantize(x, low - c, high - c, ...)
Rule fuse_summand() {
    return Rule("fuse-summand-into-fake-quantize")
        .match(fake_quantize_of(one_of<Add, Subtract>("op", any("x"), constant("c"))))
        .decline(Code::not_profitable, "'{op}' is computed where '{x}' is, or on its codes", belongs_to_data)
        .decline(Code::shape_unsupported, "'{op}' enlarges its data, or varies along another axis than '{fq}'",
                 other_axis)
        .decline(Code::inexact, "the interval of '{fq}' is small beside a summand of '{op}'", rounding_shows)
        .rewrite([](Edit& e, const Match& m) { return with_input(e, m, input_without_summand(m)); });
}

// The codes that values are clamped to, the same in all channels.
struct CodeRange {
    std::int64_t low = 0, high = 0;
    Code refusal = Code::none;
};

struct Bounds {
    double low, high;
};
Bounds bounds_of(const Match& m) {
    if (const auto* clamp = m.op("clamp").as<Clamp>()) return {clamp->low, clamp->high};
    return {0, std::numeric_limits<double>::infinity()};
}

// The code of a bound, 0..steps; nothing where it lies between two.
std::optional<std::int64_t> code_of(double bound, const Interval& i, double steps) {
    if (bound <= i.ol) return 0;
    if (bound >= i.oh) return static_cast<std::int64_t>(steps);
    const double code = (bound - i.ol) / (i.oh - i.ol) * steps;
    if (!(std::abs(code - std::nearbyint(code)) < 0x1p-14)) return std::nullopt;
    return static_cast<std::int64_t>(std::nearbyint(code));
}

CodeRange clamped_codes(const Match& m) {
    const Bounds bounds = bounds_of(m);
    const auto steps = static_cast<double>(m.get<FakeQuantize>("fq").levels - 1);
    CodeRange range;
    bool first = true;
    const bool fits = all_intervals(m, [&](const Interval& i) {
        if (!keeps_order(i) || i.ol == i.oh) {
            range.refusal = Code::negative_scale;
            return true;
        }
        const auto low = code_of(bounds.low, i, steps);
        const auto high = code_of(bounds.high, i, steps);
        if (!low || !high) range.refusal = Code::inexact;
        else if (!first && (*low != range.low || *high != range.high)) range.refusal = Code::act_scale_per_channel;
        else range = {*low, *high, range.refusal};
        first = false;
        return true;
    });
    if (!fits) range.refusal = Code::shape_unsupported;
    if (range.refusal != Code::none) return range;
    // Half to even looks at the code itself: a count of codes that begins at an odd one rounds ties the other way.
    if (range.low % 2 != 0) range.refusal = Code::inexact;
    if (range.high <= range.low) range.refusal = Code::value_unsupported;
    return range;
}

bool is_power_of_2(std::int64_t x) { return x > 0 && (x & (x - 1)) == 0; }

// Whether floats hold every value of an output interval as it is.
bool exact_values(double low, double high, std::int64_t steps) {
    const auto from = static_cast<float>(low);
    const float width = static_cast<float>(high) - from;
    for (std::int64_t code = 0; code <= steps; ++code) {
        const float value = static_cast<float>(code) / static_cast<float>(steps) * width + from;
        if (value != low + (high - low) * static_cast<double>(code) / static_cast<double>(steps)) return false;
    }
    return true;
}

// Where float arithmetic is exact it stays so: the division by the number of steps, and the values of the codes.
bool loses_exactness(const Match& m) {
    const CodeRange range = clamped_codes(m);
    const std::int64_t steps = m.get<FakeQuantize>("fq").levels - 1;
    const std::int64_t left = range.high - range.low;
    if (range.refusal != Code::none || left == steps) return false;
    if (is_power_of_2(steps) && !is_power_of_2(left)) return true;
    return !all_intervals(m, [&](const Interval& i) {
        const double step = (i.oh - i.ol) / static_cast<double>(steps);
        const double low = i.ol + step * static_cast<double>(range.low);
        return !exact_values(i.ol, i.oh, steps) || exact_values(low, low + step * static_cast<double>(left), left);
    });
}

// low + (high - low) * part, computed in double.
Tensor between(const Tensor& low, const Tensor& high, double part) {
    const Tensor a = low.converted(Element::f64);
    const Tensor width = computed<Subtract>(high.converted(Element::f64), a);
    return computed<Add>(a, computed<Multiply>(width, Tensor::scalar(part))).converted(Element::f32);
}

// clamp(fake_quantize(x)) -> fake_quantize(x) with fewer levels
template <OpStruct T>
Rule fuse_clamp(const char* name) {
    const auto refused = [](Code code) { return [code](const Match& m) { return clamped_codes(m).refusal == code; }; };
    return Rule(name)
        .match(op<T>("clamp", one_use(fake_quantize_of(any("x")))))
        .decline(Code::shape_unsupported, "the ends of '{fq}' vary along several axes",
                 refused(Code::shape_unsupported))
        .decline(Code::negative_scale, "an interval of '{fq}' is empty or turned around", refused(Code::negative_scale))
        .decline(Code::inexact, "no even code of '{fq}' stands for a bound of '{clamp}'", refused(Code::inexact))
        .decline(Code::act_scale_per_channel, "the bounds of '{clamp}' are different codes in the channels of '{fq}'",
                 refused(Code::act_scale_per_channel))
        .decline(Code::value_unsupported, "'{clamp}' leaves one code of '{fq}'", refused(Code::value_unsupported))
        .decline(Code::inexact, "'{clamp}' leaves a number of codes that divides less exactly", loses_exactness)
        .rewrite([](Edit& e, const Match& m) {
            const CodeRange codes = clamped_codes(m);
            const auto steps = static_cast<double>(m.get<FakeQuantize>("fq").levels - 1);
            if (codes.low == 0 && codes.high == static_cast<std::int64_t>(steps)) return m.value("fq");
            const auto end = [&](const char* low, const char* high, std::int64_t code) {
                if (code == 0) return m.value(low);
                if (code == static_cast<std::int64_t>(steps)) return m.value(high);
                return e.constant(between(m.constant(low), m.constant(high), static_cast<double>(code) / steps));
            };
            return e.add(FakeQuantize{codes.high - codes.low + 1},
                         {m.value("x"), end("il", "ih", codes.low), end("il", "ih", codes.high),
                          end("ol", "oh", codes.low), end("ol", "oh", codes.high)});
        });
}

// dequantize(quantize(x)) -> fake_quantize(x): quantization that a file spells out; the plan finds the codes again, as u8
Rule compose() {
    return Rule("compose-fake-quantize")
        .match(op<Dequantize>("dq", op<Quantize>("quantize", rewrite::element(Element::f32, any("x")))))
        .rewrite([](Edit& e, const Match& m) {
            const auto& q = m.get<Quantize>("quantize");
            const auto& dq = m.get<Dequantize>("dq");
            const auto value = [&](std::int64_t code) {
                const Tensor difference = computed<Subtract>(Tensor::scalar(static_cast<double>(code)),
                                                             dq.zero_point.converted(Element::f64));
                return e.constant(
                    computed<Multiply>(difference, dq.scale.converted(Element::f64)).converted(Element::f32));
            };
            return e.add(FakeQuantize{q.levels},
                         {m.value("x"), e.constant(q.low.converted(Element::f32)),
                          e.constant(q.high.converted(Element::f32)), value(q.qmin), value(q.qmin + q.levels - 1)});
        });
}

// fake_quantize(fake_quantize(x)) -> fake_quantize(x) of one and the same grid
Rule remove_repeated() {
    const auto differs = [](const Match& m) {
        const auto same = [&](const char* a, const char* b) { return m.constant(a) == m.constant(b); };
        return m.get<FakeQuantize>("fq").levels != m.get<FakeQuantize>("again").levels || !same("il", "ol") ||
               !same("ih", "oh") || !same("il", "il2") || !same("ih", "ih2") || !same("ol", "ol2") ||
               !same("oh", "oh2") || !all_intervals(m, [](const Interval& i) { return i.il < i.ih; });
    };
    return Rule("remove-repeated-fake-quantize")
        .match(op<FakeQuantize>("again", fake_quantize_of(any("x")), constant("il2"), constant("ih2"), constant("ol2"),
                                constant("oh2")))
        .decline(Code::value_unsupported, "'{again}' and '{fq}' have different grids", differs)
        .rewrite([](Edit&, const Match& m) { return m.value("fq"); });
}

}  // namespace

std::vector<Rule> compose_rules() { return {compose()}; }

std::vector<Rule> fake_quantize_rules() {
    std::vector<Rule> rules{fuse_factor(), fuse_summand(), fuse_clamp<Relu>("fuse-relu-into-fake-quantize"),
                            fuse_clamp<Clamp>("fuse-clamp-into-fake-quantize"), remove_repeated()};
    for (Rule& rule : move_fake_quantize_rules()) rules.push_back(std::move(rule));
    return rules;
}

}  // namespace octet::low_precision
