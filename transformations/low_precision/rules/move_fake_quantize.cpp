#include "transformations/low_precision/rules/move_fake_quantize.hpp"

#include <algorithm>
#include <array>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/low_precision/rules/intervals.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

bool varies(const Match& m) {
    return std::ranges::any_of(kEnds, [&](const char* end) { return m.constant(end).size() != 1; });
}

bool unknown_rank(const Match& m) { return !m.shape("x").ranked(); }

// The FakeQuantize on another value; its ends as numbers without axes.
Value quantized(Edit& e, const Match& m, Value x) {
    std::vector<Value> operands{x};
    for (const char* end : kEnds) operands.push_back(e.constant(m.constant(end).aligned().reshaped({})));
    return e.add(m.op("fq"), std::move(operands));
}

// The operands of the op that moves, its data being x quantized.
std::vector<Value> moved_operands(Edit& e, const Match& m, Value x) {
    std::vector<Value> operands = m.node("move").inputs;
    operands[0] = quantized(e, m, x);
    return operands;
}

// fake_quantize(move(x)) -> move(fake_quantize(x)), with a Relu between taken along
template <OpStruct T>
Rule above(std::string_view op_name) {
    return Rule("move-fake-quantize-above-" + std::string(op_name))
        .match(fake_quantize_of(one_use(maybe<Relu>("relu", one_use(op<T>("move", any("x"), each(any())))))))
        .decline(Code::act_scale_per_channel, "the intervals of '{fq}' vary along an axis", varies)
        .decline(Code::dynamic_rank, "the rank of the data of '{move}' is not known", unknown_rank)
        .rewrite([](Edit& e, const Match& m) {
            const Value x = m.value("x");
            return e.add(m.op("move"), moved_operands(e, m, m.has("relu") ? e.add(Relu{}, {x}) : x));
        });
}

// A maximum of rounded values is the rounded maximum.
Rule above_max_pool() {
    return Rule("move-fake-quantize-above-max-pool")
        .match(fake_quantize_of(one_use(port(0, op<MaxPool>("move", any("x"))))))
        .decline(Code::act_scale_per_channel, "the intervals of '{fq}' vary along an axis", varies)
        .decline(Code::negative_scale, "'{fq}' does not keep the order of its data",
                 [](const Match& m) { return !all_intervals(m, keeps_order); })
        .decline(Code::not_profitable, "the indices of '{move}' are read",
                 [](const Match& m) { return !m.node("move").outputs[1].uses.empty(); })
        .decline(Code::dynamic_rank, "the rank of the data of '{move}' is not known", unknown_rank)
        .decline(Code::value_unsupported, "a window of '{move}' may lie beyond its data",
                 [](const Match& m) { return may_pool_nothing(m.get<MaxPool>("move"), m.shape("x")); })
        .rewrite([](Edit& e, const Match& m) { return e.add(m.op("move"), moved_operands(e, m, m.value("x"))); });
}

std::size_t concat_axis(const Match& m) {
    return normalise_axis(m.get<Concat>("concat").axis, m.shape("concat").rank());
}

// The axis of the concat in a tensor that broadcasts to its result; nothing when the tensor does not vary along it.
std::optional<std::size_t> axis_in(const Match& m, const Tensor& t) {
    const std::size_t missing = m.shape("concat").rank() - t.dims().size();
    const std::size_t axis = concat_axis(m);
    if (axis < missing || t.dims()[axis - missing] == 1) return std::nullopt;
    return axis - missing;
}

bool parts_unknown(const Match& m) {
    if (std::ranges::none_of(kEnds, [&](const char* end) { return axis_in(m, m.constant(end)).has_value(); }))
        return false;
    return std::ranges::any_of(m.values("part"), [&](Value v) {
        const Shape& shape = m.graph().shape(v);
        return !shape.ranked() || !shape[concat_axis(m)].is_static();
    });
}

bool from_one_op(const Match& m) {
    return std::ranges::all_of(m.values("part"), [&](Value v) { return v.node == m.values("part")[0].node; });
}

// Each of its readers would have the part rounded in its own way.
bool shared_part(const Match& m) {
    return std::ranges::any_of(m.values("part"), [&](Value v) { return m.graph().uses(v).size() > 1; });
}

// What each part gets of an end of the interval.
std::vector<Value> shares(Edit& e, const Match& m, const char* end) {
    const Tensor& t = m.constant(end);
    const auto axis = axis_in(m, t);
    if (!axis) return std::vector<Value>(m.values("part").size(), m.value(end));
    std::vector<std::int64_t> lengths;
    for (Value v : m.values("part")) lengths.push_back(m.graph().shape(v)[concat_axis(m)].low);
    std::vector<Value> result;
    for (const Tensor& part :
         eval::evaluate(Op(VariadicSplit{}),
                        std::array{t, Tensor::scalar(static_cast<std::int64_t>(*axis)), Tensor::vector(lengths)}))
        result.push_back(e.constant(part));
    return result;
}

// fake_quantize(concat(a, b)) -> concat(fake_quantize(a), fake_quantize(b)), with a Relu between taken along
Rule above_concat() {
    return Rule("move-fake-quantize-above-concat")
        .match(fake_quantize_of(one_use(maybe<Relu>("relu", one_use(op<Concat>("concat", each(any("part"))))))))
        .decline(Code::dynamic_rank, "the rank of '{concat}' is not known",
                 [](const Match& m) { return !m.shape("concat").ranked(); })
        .decline(Code::dynamic_channels, "the parts of '{concat}' are not known", parts_unknown)
        .decline(Code::not_profitable, "all parts of '{concat}' come from one op", from_one_op)
        .decline(Code::used_elsewhere, "a part of '{concat}' is read elsewhere too", shared_part)
        .rewrite([](Edit& e, const Match& m) {
            std::array<std::vector<Value>, 4> ends;
            for (std::size_t i = 0; i < 4; ++i) ends[i] = shares(e, m, kEnds[i]);
            std::vector<Value> parts;
            for (std::size_t p = 0; p < m.values("part").size(); ++p) {
                Value part = m.values("part")[p];
                if (m.has("relu")) part = e.add(Relu{}, {part});
                parts.push_back(e.add(m.op("fq"), {part, ends[0][p], ends[1][p], ends[2][p], ends[3][p]}));
            }
            return e.add(m.op("concat"), std::move(parts));
        });
}

}  // namespace

std::vector<Rule> move_fake_quantize_rules() {
    return {above_concat(),
            above_max_pool(),
            above<Reshape>("reshape"),
            above<Squeeze>("squeeze"),
            above<Unsqueeze>("unsqueeze"),
            above<Transpose>("transpose"),
            above<DepthToSpace>("depth-to-space"),
            above<SpaceToDepth>("space-to-depth"),
            above<ShuffleChannels>("shuffle-channels")};
}

}  // namespace octet::low_precision
