#pragma once
// Recurrent ops. N sequences, T time steps, D directions (2: bidirectional), I values of an input, H of a state, G gates: 4 of an LSTM (f,
// i, c, o), 3 of a GRU (z, r, h), 1 of an RNN. A sequence begins with the states h, and c of an LSTM; what is beyond its length is 0 in y.
//
//   LSTM   c = f(f) * c + f(i) * g(c), h = f(o) * h(c)             activations f, g, h: sigmoid, tanh, tanh
//   GRU    h = (1 - f(z)) * g(h) + f(z) * h                         f, g: sigmoid, tanh; gate h multiplies f(r) * h by R
//          with linear_before_reset it is x * W + B + f(r) * (h * R + the fourth part of B)
//   RNN    h = f(x)                                                 f: tanh
#include "ir/op.hpp"

namespace octet::ir {

enum class RecurrentDirection : std::uint8_t { forward, reverse, bidirectional };
inline constexpr std::array<std::string_view, 3> kRecurrentDirectionNames{"forward", "reverse", "bidirectional"};
constexpr std::span<const std::string_view> enum_names(RecurrentDirection) { return kRecurrentDirectionNames; }

enum class RecurrentKind : std::uint8_t { lstm, gru, rnn };
inline constexpr std::array<std::string_view, 3> kRecurrentKindNames{"lstm", "gru", "rnn"};
constexpr std::span<const std::string_view> enum_names(RecurrentKind) { return kRecurrentKindNames; }
constexpr std::int64_t gates_of(RecurrentKind kind) {
    return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1;
}
constexpr std::int64_t directions_of(RecurrentDirection d) { return d == RecurrentDirection::bidirectional ? 2 : 1; }

// The fields that all of them have, around those of `more`.
template <class T, class... More>
constexpr auto recurrent_fields(More... more) {
    return std::array{field<&T::hidden_size>("hidden_size"),
                      more...,
                      field<&T::activations>("activations"),
                      field<&T::activations_alpha>("activations_alpha"),
                      field<&T::activations_beta>("activations_beta"),
                      field<&T::clip>("clip")};
}

// Operands x [N, T, I], h [N, D, H], c [N, D, H], lengths [N], W [D, 4H, I], R [D, 4H, H], B [D, 4H]. Results y [N, D, T, H], h, c.
struct LstmSequence {
    static constexpr std::string_view name = "lstm_sequence";
    static constexpr RecurrentKind kind = RecurrentKind::lstm;
    std::int64_t hidden_size = 0;
    RecurrentDirection direction = RecurrentDirection::forward;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return recurrent_fields<LstmSequence>(field<&LstmSequence::direction>("direction"));
    }
};
Types infer(const LstmSequence& op, Inputs inputs);

// Operands x [N, T, I], h [N, D, H], lengths [N], W [D, 3H, I], R [D, 3H, H], B [D, 3H] (linear_before_reset: [D, 4H]). Results y, h.
struct GruSequence {
    static constexpr std::string_view name = "gru_sequence";
    static constexpr RecurrentKind kind = RecurrentKind::gru;
    std::int64_t hidden_size = 0;
    RecurrentDirection direction = RecurrentDirection::forward;
    bool linear_before_reset = false;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return recurrent_fields<GruSequence>(field<&GruSequence::direction>("direction"),
                                             field<&GruSequence::linear_before_reset>("linear_before_reset"));
    }
};
Types infer(const GruSequence& op, Inputs inputs);

// Operands x [N, T, I], h [N, D, H], lengths [N], W [D, H, I], R [D, H, H], B [D, H]. Results y, h.
struct RnnSequence {
    static constexpr std::string_view name = "rnn_sequence";
    static constexpr RecurrentKind kind = RecurrentKind::rnn;
    std::int64_t hidden_size = 0;
    RecurrentDirection direction = RecurrentDirection::forward;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return recurrent_fields<RnnSequence>(field<&RnnSequence::direction>("direction"));
    }
};
Types infer(const RnnSequence& op, Inputs inputs);

// One step. Operands x [N, I], h [N, H], c [N, H], W [4H, I], R [4H, H], B [4H]. Results h, c.
struct LstmCell {
    static constexpr std::string_view name = "lstm_cell";
    static constexpr RecurrentKind kind = RecurrentKind::lstm;
    std::int64_t hidden_size = 0;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() { return recurrent_fields<LstmCell>(); }
};
Types infer(const LstmCell& op, Inputs inputs);

// One step. Operands x [N, I], h [N, H], W [3H, I], R [3H, H], B [3H] (linear_before_reset: [4H]). Result h.
struct GruCell {
    static constexpr std::string_view name = "gru_cell";
    static constexpr RecurrentKind kind = RecurrentKind::gru;
    std::int64_t hidden_size = 0;
    bool linear_before_reset = false;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return recurrent_fields<GruCell>(field<&GruCell::linear_before_reset>("linear_before_reset"));
    }
};
Types infer(const GruCell& op, Inputs inputs);

// One step. Operands x [N, I], h [N, H], W [H, I], R [H, H], B [H]. Result h.
struct RnnCell {
    static constexpr std::string_view name = "rnn_cell";
    static constexpr RecurrentKind kind = RecurrentKind::rnn;
    std::int64_t hidden_size = 0;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() { return recurrent_fields<RnnCell>(); }
};
Types infer(const RnnCell& op, Inputs inputs);

// What is left of any of them when the products of its inputs are known. Operands gates [N, T, D * G * H] (x * W + B), h [N, D, H],
// lengths [N], R [D, G * H, H], of an LSTM c [N, D, H], with linear_before_reset the fourth part of B [D, H]; where R holds i8 codes the last
// one, scale [D, G * H], says what they are worth: code * scale. The state is real. Results y [N, D, T, H], h, of an LSTM c.
struct Recurrence {
    static constexpr std::string_view name = "recurrence";
    RecurrentKind kind = RecurrentKind::lstm;
    std::int64_t hidden_size = 0;
    RecurrentDirection direction = RecurrentDirection::forward;
    bool linear_before_reset = false;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        const std::array first{field<&Recurrence::kind>("kind")};
        const auto rest = recurrent_fields<Recurrence>(field<&Recurrence::direction>("direction"),
                                                       field<&Recurrence::linear_before_reset>("linear_before_reset"));
        return std::array{first[0], rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6]};
    }
};
Types infer(const Recurrence& op, Inputs inputs);

// The places of its operands behind gates and h; 0: there is none. `count`: how many it has.
struct RecurrenceOperands {
    static constexpr std::size_t lengths = 2, r = 3;
    std::size_t c = 0, bias = 0, scale = 0;
};
constexpr RecurrenceOperands operands_of(const Recurrence& op, std::size_t count) {
    RecurrenceOperands at;
    std::size_t next = at.r + 1;
    if (op.kind == RecurrentKind::lstm) at.c = next++;
    if (op.linear_before_reset) at.bias = next++;
    if (count > next) at.scale = next;
    return at;
}

// The recurrence in a sequence, or in a cell.
template <class T>
Recurrence recurrence_of(const T& op) {
    Recurrence result{.kind = T::kind,
                      .hidden_size = op.hidden_size,
                      .activations = op.activations,
                      .activations_alpha = op.activations_alpha,
                      .activations_beta = op.activations_beta,
                      .clip = op.clip};
    if constexpr (requires { op.direction; }) result.direction = op.direction;
    if constexpr (requires { op.linear_before_reset; }) result.linear_before_reset = op.linear_before_reset;
    return result;
}

}  // namespace octet::ir
