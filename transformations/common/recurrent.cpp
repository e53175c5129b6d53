#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

// A parameter of the weights [D, G * H, I], each of its dimensions as there or 1, as one of the weights [D * G * H, I].
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

// The weights `name`, which may be dequantized by `dq`, as a matrix [rows, columns] for a product: those of a sequence are [D, rows / D, columns].
Value matrix(Edit& e, const Match& m, std::string_view name, std::string_view dq) {
    const Tensor& w = m.constant(name);
    const Dims& dims = w.dims();
    if (dims.size() == 2) return m.has(dq) ? m.value(dq) : m.value(name);
    const Value codes = e.constant(w.reshaped({dims[0] * dims[1], dims[2]}));
    if (!m.has(dq)) return codes;
    const auto& op = m.get<Dequantize>(dq);
    return e.add(Dequantize{stacked(op.scale, dims), stacked(op.zero_point, dims), op.element}, {codes});
}

// B [D, parts * H] or [parts * H]: the columns from `first` on, `count` of each direction, as [D, count].
Tensor bias_columns(const Tensor& bias, std::int64_t first, std::int64_t count) {
    const std::int64_t width = bias.dims().back(), rows = bias.dims().size() == 2 ? bias.dims()[0] : 1;
    Tensor result(Element::f32, {rows, count});
    const auto from = bias.floats();
    auto to = result.write<float>();
    for (std::int64_t d = 0; d < rows; ++d)
        for (std::int64_t i = 0; i < count; ++i)
            to[static_cast<std::size_t>(d * count + i)] = from[static_cast<std::size_t>(d * width + first + i)];
    return result;
}

// x * W + what belongs to the gates of B.
Value gates(Edit& e, const Match& m, const Recurrence& op) {
    const Tensor bias = bias_columns(m.constant("B"), 0, gates_of(op.kind) * op.hidden_size);
    const Value products = e.add(MatMul{.transpose_b = true}, {m.value("x"), matrix(e, m, "W", "dq")});
    return e.add(Add{}, {products, e.constant(bias.reshaped({static_cast<std::int64_t>(bias.size())}))});
}

// The fourth part of the bias of a GRU, where it is an operand of its own.
void add_bias(Edit& e, const Match& m, const Recurrence& op, std::vector<Value>& operands) {
    if (op.linear_before_reset)
        operands.push_back(e.constant(bias_columns(m.constant("B"), 3 * op.hidden_size, op.hidden_size)));
}

// x, the states, W.
template <class T>
Pattern pattern() {
    const Pattern x = rewrite::element(Element::f32, any("x"));
    const Pattern w = maybe<Dequantize>("dq", constant("W"));
    if constexpr (T::kind == RecurrentKind::lstm) return op<T>("op", x, any("h"), any("c"), w);
    else return op<T>("op", x, any("h"), w);
}

// sequence(x, h, c, lengths, W, R, B) -> recurrence(x * W + B, h, lengths, R, c)
template <class T>
Rule split_sequence(std::string name) {
    Pattern p = pattern<T>();
    p.operands.insert(p.operands.end() - 1, any("lengths"));
    p.operands.push_back(any("R"));
    p.operands.push_back(constant("B"));
    return Rule(std::move(name)).match(p).rewrite([](Edit& e, const Match& m) {
        const Recurrence rest = recurrence_of(m.get<T>("op"));
        std::vector<Value> operands{gates(e, m, rest), m.value("h"), m.value("lengths"), m.value("R")};
        if constexpr (T::kind == RecurrentKind::lstm) operands.push_back(m.value("c"));
        add_bias(e, m, rest, operands);
        return e.outputs(e.add(rest, operands).node);
    });
}

// One for each row of x.
Value ones(Edit& e, Value x) {
    const Dim batch = e.type(x).shape[0];
    if (batch.is_static()) return e.constant(Tensor::filled(Element::i64, {batch.low}, 1));
    const Value rows = e.add(Gather{}, {e.add(ShapeOf{}, {x}), e.constant(Tensor::vector<std::int64_t>({0})),
                                        e.constant(Tensor::scalar<std::int64_t>(0))});
    return e.add(Broadcast{}, {e.constant(Tensor::scalar<std::int64_t>(1)), rows});
}

// R [G * H, H], which may be dequantized, as that of a sequence.
Value sequence_weights(Edit& e, const Match& m) {
    const auto with_axis = [](const Tensor& t) {
        Dims dims = t.dims();
        dims.insert(dims.begin(), 1);
        return t.reshaped(dims);
    };
    // A name that tells which weights they are, where the plan gives them as a reason.
    const Value codes = e.constant(with_axis(m.constant("R")), m.node("R").name + ".sequence");
    if (!m.has("rdq")) return codes;
    const auto& dq = m.get<Dequantize>("rdq");
    return e.add(Dequantize{with_axis(dq.scale), with_axis(dq.zero_point), dq.element}, {codes});
}

// cell(x, h, c, W, R, B) -> a recurrence of one step
template <class T>
Rule split_cell(std::string name) {
    Pattern p = pattern<T>();
    p.operands[0] = rewrite::rank(2, p.operands[0]);
    p.operands.push_back(maybe<Dequantize>("rdq", constant("R")));
    p.operands.push_back(constant("B"));
    return Rule(std::move(name)).match(p).rewrite([](Edit& e, const Match& m) {
        const Recurrence rest = recurrence_of(m.get<T>("op"));
        const Value axis = e.constant(Tensor::vector<std::int64_t>({1}));
        const auto with_steps = [&](Value v) { return e.add(Unsqueeze{}, {v, axis}); };
        std::vector<Value> operands{with_steps(gates(e, m, rest)), with_steps(m.value("h")), ones(e, m.value("x")),
                                    sequence_weights(e, m)};
        if constexpr (T::kind == RecurrentKind::lstm) operands.push_back(with_steps(m.value("c")));
        add_bias(e, m, rest, operands);
        // The states; y would be h once more.
        std::vector<Value> states = e.outputs(e.add(rest, operands).node);
        states.erase(states.begin());
        for (Value& state : states) state = e.add(Squeeze{}, {state, axis});
        return states;
    });
}

}  // namespace

std::vector<Rule> recurrent_rules() {
    return {split_sequence<LstmSequence>("split-lstm-sequence"),
            split_sequence<GruSequence>("split-gru-sequence"),
            split_sequence<RnnSequence>("split-rnn-sequence"),
            split_cell<LstmCell>("split-lstm-cell"),
            split_cell<GruCell>("split-gru-cell"),
            split_cell<RnnCell>("split-rnn-cell")};
}

}  // namespace octet::common
