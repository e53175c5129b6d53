#include <algorithm>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/recurrent.hpp"
#include "transformations/low_precision/rules.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

bool planned(const PrecisionPlan& plan, const std::string& layer) {
    const auto found = std::ranges::find(plan.layers, layer, &LayerPrecision::layer);
    return found != plan.layers.end() && found->decision.ok;
}

// The scale of R [D, G * H, H] as [D, G * H].
Tensor row_scales(const Tensor& scale, const Dims& weights) {
    Tensor result(Element::f32, {weights[0], weights[1]});
    auto to = result.write<float>();
    const Dims& from = scale.dims();
    const auto values = scale.as<float>();
    for (std::int64_t d = 0; d < weights[0]; ++d)
        for (std::int64_t r = 0; r < weights[1]; ++r)
            to[static_cast<std::size_t>(d * weights[1] + r)] =
                values[static_cast<std::size_t>((from[0] == 1 ? 0 : d) * from[1] + (from[1] == 1 ? 0 : r))];
    return result;
}

// recurrence(gates, h, lengths, dequantize(R), ...) -> recurrence(gates, h, lengths, R, ..., scale)
Rule recurrence(const std::shared_ptr<const PrecisionPlan>& plan) {
    Rule rule("low-precision-recurrence");
    rule.match(op<Recurrence>("op", any("gates"), any("h"), any("lengths"),
                              op<Dequantize>("weights", rewrite::element(Element::i8, constant("R"))),
                              each(any("rest"))));
    if (plan)
        rule.decline(Code::plugin_veto, "the plan keeps '{op}' float",
                     [plan](const Match& m) { return !planned(*plan, m.node("op").name); });
    for (const RecurrentCheck& check : recurrent_checks())
        rule.decline(check.code, std::string(check.text), [&check](const Match& m) {
            return check.declines(dequantization_of(m.get<Dequantize>("weights")));
        });
    rule.rewrite([](Edit& e, const Match& m) {
        const Tensor scale = row_scales(m.get<Dequantize>("weights").scale, m.constant("R").dims());
        std::vector<Value> operands{m.value("gates"), m.value("h"), m.value("lengths"), m.value("R")};
        const auto rest = m.values("rest");
        operands.insert(operands.end(), rest.begin(), rest.end());
        operands.push_back(e.constant(scale));
        return e.outputs(e.add(m.op("op"), operands).node);
    });
    return rule;
}

}  // namespace

std::span<const RecurrentCheck> recurrent_checks() {
    static constexpr RecurrentCheck kChecks[] = {
        {Code::weights_zp, "the recurrent weights of '{op}' have a zero point",
         [](const Dequantization& r) {
             // Below this it is rounding noise of the tool that wrote the file.
             return std::ranges::any_of(r.zero_point.as<float>(), [](float z) { return std::abs(z) > 1e-3F; });
         }},
        {Code::scale_along_k, "the scale of the recurrent weights of '{op}' varies along the sum",
         [](const Dequantization& r) { return r.scale.dims()[2] != 1; }},
    };
    return kChecks;
}

std::vector<Rule> recurrent_rules(std::shared_ptr<const PrecisionPlan> plan) { return {recurrence(plan)}; }

}  // namespace octet::low_precision
