#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"
#include "transformations/low_precision/rules.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

Tensor number(const Match& m, std::int64_t value) {
    return Tensor::filled(Element::f32, Dims(m.shape("x").rank(), 1), static_cast<double>(value));
}

// quantize(x) -> convert(fake_quantize(x))
Rule spell_out_quantize() {
    const auto ranked = [](const Type& type) { return type.shape.ranked(); };
    return Rule("spell-out-quantize")
        .match(op<Quantize>("quantize", typed(ranked, rewrite::element(Element::f32, any("x")))))
        .decline(Code::levels_unsupported, "'{quantize}' has {0} levels, f32 holds codes of at most 2^24",
                 [](const Match& m) -> std::optional<Detail> {
                     const auto levels = m.get<Quantize>("quantize").levels;
                     if (levels <= std::int64_t{1} << 24) return std::nullopt;
                     return Detail{{}, {static_cast<double>(levels)}};
                 })
        .rewrite([](Edit& e, const Match& m) {
            const auto& q = m.get<Quantize>("quantize");
            const Value low = e.constant(q.low), high = e.constant(q.high);
            const Value first = e.constant(number(m, q.qmin)), last = e.constant(number(m, q.qmin + q.levels - 1));
            Value codes = e.add(FakeQuantize{q.levels}, {m.value("x"), low, high, first, last});
            // A Convert cuts.
            if (!common::gives_whole_numbers(q.levels, q.qmin)) codes = e.add(Round{}, {codes});
            return e.add(Convert{q.element}, {codes});
        });
}

// dequantize(q) -> multiply(subtract(convert(q), zero_point), scale)
Rule spell_out_dequantize() {
    return Rule("spell-out-dequantize")
        .match(op<Dequantize>("dequantize", any("codes")))
        .rewrite([](Edit& e, const Match& m) {
            const auto& dq = m.get<Dequantize>("dequantize");
            Value value = e.add(Convert{Element::f32}, {m.value("codes")});
            const bool symmetric = std::ranges::all_of(dq.zero_point.as<float>(), [](float z) { return z == 0; });
            if (!symmetric) value = e.add(Subtract{}, {value, e.constant(dq.zero_point)});
            value = e.add(Multiply{}, {value, e.constant(dq.scale)});
            return dq.element == Element::f32 ? value : e.add(Convert{dq.element}, {value});
        });
}

}  // namespace

std::vector<Rule> spell_out_rules() { return {spell_out_quantize(), spell_out_dequantize()}; }

}  // namespace octet::low_precision
