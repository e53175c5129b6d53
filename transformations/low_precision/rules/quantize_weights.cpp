#include <algorithm>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/fake_quantize.hpp"
#include "transformations/low_precision/rules.hpp"
#include "transformations/low_precision/weight_only.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

// fake_quantize(constant) -> dequantize(i8 constant)
Rule quantize_weights() {
    const auto refused = [](Code code) {
        return [code](const Match& m) { return decompose_weights(m.graph(), m.node("fq")).decision.code == code; };
    };
    return Rule("quantize-weights")
        .match(op<FakeQuantize>("fq", rewrite::element(Element::f32, constant("weights")), constant(), constant(),
                                constant(), constant()))
        .decline(Code::levels_unsupported, "'{fq}' has a number of levels that 8 bits do not hold",
                 refused(Code::levels_unsupported))
        .decline(Code::zero_scale, "an interval of '{fq}' is empty or not finite", refused(Code::zero_scale))
        .decline(Code::shape_unsupported, "the intervals of '{fq}' vary along several axes",
                 refused(Code::shape_unsupported))
        .rewrite([](Edit& e, const Match& m) {
            auto parts = decompose_weights(m.graph(), m.node("fq")).value;
            const Tensor codes = eval::evaluate(Op(std::move(parts.quantize)), std::vector{m.constant("weights")})[0];
            return e.add(op_of(parts.dequantize), {e.constant(codes)});
        });
}

// f of each element, in another element type.
template <class F>
Tensor mapped(const Tensor& t, F f) {
    Tensor result(Element::f32, t.dims());
    auto values = result.write<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = f(static_cast<float>(t.at(i)));
    return result;
}

// Products of floats read codes as the file has them.
constexpr std::string_view kWeightOnly = "products with '{dq}' are float and read its codes as they are";
bool is_weight_only(const Match& m) { return keeps_codes(m.graph(), m.root()); }

// Kernels multiply by signed bytes: codes and zero point move by 128 together, 4-bit codes are bytes.
Rule sign_weights() {
    return Rule("sign-weights")
        .match(op<Dequantize>("dq", rewrite::element({Element::u8, Element::u4, Element::i4}, constant("codes"))))
        .decline(Code::not_profitable, std::string(kWeightOnly), is_weight_only)
        .rewrite([](Edit& e, const Match& m) {
            const float shift = m.element("codes") == Element::u8 ? 128 : 0;
            const auto less = [&](float x) { return x - shift; };
            Dequantization d = dequantization_of(m.get<Dequantize>("dq"));
            d.zero_point = mapped(d.zero_point, less);
            const Tensor codes = mapped(m.constant("codes"), less).converted(Element::i8);
            return e.add(op_of(d), {e.constant(codes)});
        });
}

std::vector<std::int64_t> integers_of(const Tensor& zero_point) {
    std::vector<std::int64_t> integers;
    for (float z : zero_point.as<float>()) integers.push_back(split_zero_point(z).integer);
    return integers;
}

// The codes less the integers nearest to their zero points.
Tensor centred(const Match& m) {
    const auto& dq = m.get<Dequantize>("dq");
    const Tensor zero_point = Tensor::of<std::int64_t>(dq.zero_point.dims(), integers_of(dq.zero_point));
    return eval::evaluate(Op(Subtract{}), std::vector{m.constant("codes").converted(Element::i64), zero_point})[0];
}

bool leaves_bytes(const Match& m) {
    const auto codes = centred(m).integers();
    return std::ranges::any_of(codes, [](std::int64_t c) { return c < -128 || c > 127; });
}

// Codes that do not need the whole range take their zero point in: products of such weights need no compensation.
Rule centre_weights() {
    return Rule("centre-weights")
        .match(op<Dequantize>("dq", rewrite::element(Element::i8, constant("codes"))))
        .decline(Code::not_profitable, std::string(kWeightOnly), is_weight_only)
        .decline(Code::not_profitable, "the zero point of '{dq}' is 0",
                 [](const Match& m) {
                     const auto integers = integers_of(m.get<Dequantize>("dq").zero_point);
                     return std::ranges::all_of(integers, [](auto z) { return z == 0; });
                 })
        .decline(Code::weights_zp, "the codes of '{dq}' less their zero point do not fit into 8 bits", leaves_bytes)
        .rewrite([](Edit& e, const Match& m) {
            Dequantization d = dequantization_of(m.get<Dequantize>("dq"));
            d.zero_point = mapped(d.zero_point,
                                  [](float z) { return z - static_cast<float>(split_zero_point(z).integer); });
            return e.add(op_of(d), {e.constant(centred(m).converted(Element::i8))});
        });
}

}  // namespace

std::vector<Rule> quantize_weights_rules() { return {quantize_weights(), sign_weights(), centre_weights()}; }

}  // namespace octet::low_precision
