#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/fake_quantize.hpp"
#include "transformations/low_precision/rules.hpp"

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

}  // namespace

std::vector<Rule> quantize_weights_rules() { return {quantize_weights()}; }

}  // namespace octet::low_precision
