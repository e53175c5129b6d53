#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

// A parameter [1 or D, 1 or 4H, 1 or I] of the weights [D, 4H, I] as one of the weights [D * 4H, I].
Tensor stacked(const Tensor& parameter, const Dims& weights) {
    const Dims& from = parameter.dims();
    const auto values = parameter.as<float>();
    Tensor result(Element::f32, {weights[0] * weights[1], from[2]});
    auto to = result.write<float>();
    for (std::int64_t row = 0; row < weights[0] * weights[1]; ++row) {
        const std::int64_t d = from[0] == 1 ? 0 : row / weights[1], r = from[1] == 1 ? 0 : row % weights[1];
        for (std::int64_t i = 0; i < from[2]; ++i)
            to[static_cast<std::size_t>(row * from[2] + i)] =
                values[static_cast<std::size_t>((d * from[1] + r) * from[2] + i)];
    }
    return result;
}

// W [D, 4H, I], which may be dequantized, as the weights [D * 4H, I] of a product.
Value product_weights(Edit& e, const Match& m) {
    const Tensor& w = m.constant("W");
    const Dims& dims = w.dims();
    const Value matrix = e.constant(w.reshaped({dims[0] * dims[1], dims[2]}));
    if (!m.has("dq")) return matrix;
    const auto& dq = m.get<Dequantize>("dq");
    return e.add(Dequantize{stacked(dq.scale, dims), stacked(dq.zero_point, dims), dq.element}, {matrix});
}

// lstm_sequence(x, h, c, lengths, W, R, B) -> lstm_recurrence(x * W + B, h, c, lengths, R)
Rule split_lstm_sequence() {
    return Rule("split-lstm-sequence")
        .match(op<LstmSequence>("lstm", rewrite::element(Element::f32, any("x")), any("h"), any("c"), any("lengths"),
                                maybe<Dequantize>("dq", constant("W")), any("R"), constant("B")))
        .rewrite([](Edit& e, const Match& m) {
            const auto& op = m.get<LstmSequence>("lstm");
            const Tensor& bias = m.constant("B");
            const Value products = e.add(MatMul{.transpose_b = true}, {m.value("x"), product_weights(e, m)});
            const Value gates = e.add(Add{},
                                      {products, e.constant(bias.reshaped({static_cast<std::int64_t>(bias.size())}))});
            const LstmRecurrence rest{op.hidden_size,       op.direction,        op.activations,
                                      op.activations_alpha, op.activations_beta, op.clip};
            const Value y = e.add(rest, {gates, m.value("h"), m.value("c"), m.value("lengths"), m.value("R")});
            return e.outputs(y.node);
        });
}

}  // namespace

std::vector<Rule> recurrent_rules() { return {split_lstm_sequence()}; }

}  // namespace octet::common
