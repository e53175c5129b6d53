#include "ir/ops/all.hpp"
#include "transformations/low_precision/rules.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

std::optional<std::size_t> gathered_axis(const Match& m) {
    const Shape& data = m.shape("x");
    const Tensor& axis = m.constant("axis");
    if (!data.ranked() || axis.size() != 1) return std::nullopt;
    return normalise_axis(axis.integers()[0], data.rank());
}

// gather(dequantize(x), i) -> dequantize(gather(x, i)) * gather(scale, i), for tables with a scale for each row.
Rule gather_rows() {
    return Rule("gather-rows-before-dequantize")
        .match(op<Gather>("gather", op<Dequantize>("dq", constant("x")), any("indices"), constant("axis")))
        .decline(Code::shape_unsupported, "the scale of '{dq}' does not vary along the axis of '{gather}' alone",
                 [](const Match& m) {
                     const auto axis = gathered_axis(m);
                     return !axis || axis_of(m.get<Dequantize>("dq").scale) != axis;
                 })
        .decline(Code::shape_unsupported, "the zero point of '{dq}' varies",
                 [](const Match& m) { return !per_tensor(m.get<Dequantize>("dq").zero_point); })
        .decline(Code::attribute_unsupported, "'{gather}' gathers batch by batch",
                 [](const Match& m) { return m.get<Gather>("gather").batch_dims != 0; })
        .rewrite([](Edit& e, const Match& m) {
            const auto& dq = m.get<Dequantize>("dq");
            const auto gather = [&](Value from) {
                return e.add(m.op("gather"), {from, m.value("indices"), m.value("axis")});
            };
            const Value codes = gather(m.value("x"));
            const Dims ones(m.graph().shape(codes).rank(), 1);
            const Value numbers = e.add(Dequantize{Tensor::filled(Element::f32, ones, 1), dq.zero_point.reshaped(ones),
                                                   Element::f32},
                                        {codes});
            return e.add(Multiply{}, {numbers, gather(e.constant(dq.scale))});
        });
}

}  // namespace

std::vector<Rule> gather_rules() { return {gather_rows()}; }

}  // namespace octet::low_precision
