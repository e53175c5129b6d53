#include "transformations/low_precision/weighted.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/parts.hpp"
#include "transformations/low_precision/rules.hpp"
#include "transformations/low_precision/weights_zero_point.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

// The operands as `Weighted` refers to them.
struct View {
    Dequantization data;
    Dequantization weights;
    Weighted weighted;

    explicit View(const Match& m)
        : data(dequantization_of(m.get<Dequantize>("data"))),
          weights(dequantization_of(m.get<Dequantize>("weights"))),
          weighted{m.graph(), m.node("op"), data, weights, m.element("x"), m.element("w"), m.shape("x"), m.shape("w")} {
    }
};

// The width of one step of the quantize below a value, if only ops that do not enlarge differences lie between.
double step_below(const Graph& graph, Value v) {
    for (int depth = 0; depth < 8; ++depth) {
        if (graph.uses(v).size() != 1) return 0;
        const NodeId user = graph.uses(v)[0].node;
        const Node& node = graph.node(user);
        if (const auto* q = node.op.as<Quantize>()) {
            double step = INFINITY;
            for (std::size_t i = 0; i < std::max(q->low.size(), q->high.size()); ++i) {
                const double low = q->low.at(q->low.size() == 1 ? 0 : i);
                const double high = q->high.at(q->high.size() == 1 ? 0 : i);
                step = std::min(step, (high - low) / static_cast<double>(q->levels - 1));
            }
            return step;
        }
        const bool passes = node.op.is<Add>() || node.op.is<Subtract>() || node.op.is<Relu>() || node.op.is<Clamp>();
        if (!passes) return 0;
        v = {user, 0};
    }
    return 0;
}

template <class T>
Op with_zero_points(const Op& op, const Tensor& zero_point) {
    T changed = op.get<T>();
    std::vector<std::int64_t> integers;
    for (float z : zero_point.as<float>()) integers.push_back(split_zero_point(z).integer);
    if (std::ranges::adjacent_find(integers, std::not_equal_to{}) == integers.end()) integers.resize(1);
    if (std::ranges::any_of(integers, [](auto z) { return z != 0; })) changed.zp_a = std::move(integers);
    return changed;
}

// What the op gives on these codes, as numbers. `slack`: what rounding at the border, or a zero point that is nearly 0, may cost.
// `masked`: the part whose weights these are, if those of other channels are 0.
template <class T>
Value sums_on_codes(Edit& e, const Weighted& w, Value codes, Value weights, const Slack& slack, const Part* masked) {
    const auto weights_scale = *per_output(w.weights.scale, w.node.op, w.weights_shape.sizes());
    std::vector<float> scale(weights_scale.size());
    for (std::size_t c = 0; c < scale.size(); ++c) scale[c] = weights_scale[c] * at_output(w, w.data.scale, c);

    std::vector<Value> operands = w.node.inputs;
    operands[0] = codes;
    operands[1] = weights;
    const Op on_integers = with_zero_points<T>(w.node.op, w.data.zero_point);
    const auto of_weights = weights_zero_point_correction(e, w, on_integers, codes, scale, slack, masked);
    const Value sums = e.add(on_integers, std::move(operands));
    const Shape result = w.graph.shape(sums);
    Dims dims(result.rank(), 1);
    dims[result_channel_axis(w.node.op, result.rank())] = static_cast<std::int64_t>(scale.size());
    const bool same = std::ranges::all_of(scale, [&](float s) { return s == scale[0]; });
    const Tensor factor = same ? Tensor::filled(Element::f32, Dims(result.rank(), 1), scale[0])
                               : Tensor::of<float>(dims, std::span<const float>(scale));
    Value values = e.add(Dequantize{factor, Tensor::filled(Element::f32, Dims(result.rank(), 1), 0), Element::f32},
                         {sums});
    // The first operand comes first in the graph's order: it is there when a kernel of the op wants it.
    if (of_weights) values = e.add(Add{}, {*of_weights, values});
    const auto correction = zero_point_correction(e, w, *w.graph.constant(weights), scale, result, slack.change);
    return correction ? e.add(Add{}, {values, *correction}) : values;
}

// The zero points are the op's, one number or one for each column the dequantize; scales of rows and batches are factors behind it.
Value on_two_codes(Edit& e, const Match& m) {
    const View view(m);
    const Weighted& w = view.weighted;
    MatMul product = w.node.op.get<MatMul>();
    const std::size_t rank = w.node.outputs[0].type.shape.rank();
    const auto zero_points = [](const Dequantization& d) {
        const auto z = split_zero_point(d.zero_point.as<float>()[0]).integer;
        return z == 0 ? std::vector<std::int64_t>{} : std::vector{z};
    };
    product.zp_a = zero_points(w.data);
    product.zp_w = zero_points(w.weights);
    Tensor columns = Tensor::filled(Element::f32, Dims(rank, 1), 1);
    std::vector<Tensor> others;
    for (const bool second : {false, true}) {
        const Tensor scale = *factor_of_results(product, second ? w.weights.scale : w.data.scale, second, rank);
        if (per_tensor(scale) || (second && axis_of(scale) == rank - 1))
            columns = eval::evaluate(Op(Multiply{}), std::vector{columns, scale})[0];
        else others.push_back(scale);
    }
    const Value sums = e.add(std::move(product), {m.value("x"), m.value("w")});
    Value values = e.add(Dequantize{columns, Tensor::filled(Element::f32, Dims(rank, 1), 0), Element::f32}, {sums});
    for (const Tensor& scale : others) values = e.add(Multiply{}, {values, e.constant(scale)});
    return values;
}

void add_veto(Rule& rule, const std::shared_ptr<const PrecisionPlan>& plan) {
    if (plan)
        rule.decline(Code::plugin_veto, "the plan keeps '{op}' float",
                     [plan](const Match& m) { return plan->kept_float.contains(m.node("op").name); });
}

template <class Declines>
void add_checks(Rule& rule, const Op& op, std::span<const WeightedCheck> checks, const Declines& declined) {
    for (const WeightedCheck& check : checks)
        if (check.concerns(op))
            rule.decline(check.code, std::string(check.text),
                         [&check, declined](const Match& m) { return declined(check, View(m).weighted); });
}

// matmul(dequantize(x), dequantize(w)) -> dequantize(matmul(x, w)) where neither is constant.
Rule product(const std::shared_ptr<const PrecisionPlan>& plan) {
    Rule rule("low-precision-matmul-of-activations");
    const auto codes = [](const char* name) { return rewrite::element({Element::u8, Element::i8}, any(name)); };
    rule.match(op<MatMul>("op", op<Dequantize>("data", codes("x")), op<Dequantize>("weights", codes("w"))));
    add_veto(rule, plan);
    rule.decline(Code::value_unsupported, "the second operand of '{op}' is constant",
                 [](const Match& m) { return m.graph().constant(m.value("w")) != nullptr; });
    add_checks(rule, MatMul{}, product_checks(),
               [](const WeightedCheck& check, const Weighted& w) { return check.declines(w); });
    rule.rewrite([](Edit& e, const Match& m) { return on_two_codes(e, m); });
    return rule;
}

// Zero points of weights below this come from rounding the ends of the interval in the file.
constexpr double kNearlyZero = 0x1p-14;

// Rows with scales of their own: those of the sums come behind them.
Value scaled_rows(Edit& e, const Match& m, const Weighted& w, const Tensor& rows, Slack slack) {
    double largest = 0;
    for (const float s : rows.as<float>()) largest = std::max(largest, static_cast<double>(std::abs(s)));
    if (largest > 0) slack.change /= largest;
    const Dequantization unscaled{Tensor::filled(Element::f32, Dims(w.data_shape.rank(), 1), 1), w.data.zero_point};
    const Weighted sums{w.graph,           w.node,       unscaled,       w.weights, w.data_element,
                        w.weights_element, w.data_shape, w.weights_shape};
    const Value values = sums_on_codes<MatMul>(e, sums, m.value("x"), m.value("w"), slack, nullptr);
    return e.add(Multiply{}, {values, e.constant(rows)});
}

template <class T>
Value on_codes(Edit& e, const Match& m, double step_share) {
    const View view(m);
    const Weighted& w = view.weighted;
    const auto parts = *parts_of(w);
    const Slack slack{step_below(m.graph(), {m.root(), 0}) * step_share / static_cast<double>(parts.size()),
                      step_share > 0 ? kNearlyZero : 0};
    if (const auto rows = scales_of_rows(w)) return scaled_rows(e, m, w, *rows, slack);
    if (parts.size() == 1) return sums_on_codes<T>(e, w, m.value("x"), m.value("w"), slack, nullptr);
    const std::size_t axis = input_channel_axis(w.node.op, w.data_shape.rank());
    const Tensor weights = m.constant("w");
    std::optional<Value> total;
    for (const Part& part : parts) {
        const auto operands = whole_operands(m.graph(), m.value("x"), axis, part);
        Value codes = m.value("x");
        if (operands.size() == 1) codes = operands[0];
        else if (!operands.empty()) codes = e.add(Concat{static_cast<std::int64_t>(axis)}, operands);
        const Value own = e.constant(operands.empty() ? masked_weights(w, weights, part)
                                                      : picked_weights(w, weights, part));
        const Weighted one{w.graph,           w.node,       part.data,         w.weights, w.data_element,
                           w.weights_element, w.data_shape, w.graph.shape(own)};
        const Value sum = sums_on_codes<T>(e, one, codes, own, slack, operands.empty() ? &part : nullptr);
        total = total ? e.add(Add{}, {*total, sum}) : sum;
    }
    return *total;
}

template <class T>
Rule weighted(std::string_view op_name, const std::shared_ptr<const PrecisionPlan>& plan, double step_share) {
    Rule rule("low-precision-" + std::string(op_name));
    rule.match(op<T>("op", op<Dequantize>("data", rewrite::element({Element::u8, Element::i8}, any("x"))),
                     op<Dequantize>("weights", constant("w")), each(any())));
    add_veto(rule, plan);
    add_checks(rule, T{}, weighted_checks(),
               [](const WeightedCheck& check, const Weighted& w) { return declines(check, w, parts_of(w)); });
    rule.rewrite([step_share](Edit& e, const Match& m) { return on_codes<T>(e, m, step_share); });
    return rule;
}

}  // namespace

std::vector<Rule> weighted_rules(std::shared_ptr<const PrecisionPlan> plan, double step_share) {
    return {weighted<Convolution>("convolution", plan, step_share),
            weighted<GroupConvolution>("group-convolution", plan, step_share),
            weighted<ConvolutionBackpropData>("convolution-backprop-data", plan, step_share),
            weighted<GroupConvolutionBackpropData>("group-convolution-backprop-data", plan, step_share),
            weighted<MatMul>("matmul", plan, step_share),
            product(plan)};
}

}  // namespace octet::low_precision
