#pragma once
// Ops with bodies, state, and recurrent cells.
#include "ir/op.hpp"

namespace octet::ir {

enum class RecurrentDirection : std::uint8_t { forward, reverse, bidirectional };
inline constexpr std::array<std::string_view, 3> kRecurrentDirectionNames{"forward", "reverse", "bidirectional"};
constexpr std::span<const std::string_view> enum_names(RecurrentDirection) { return kRecurrentDirectionNames; }

// Operand 0 is the condition; the others feed the bodies.
struct If {
    static constexpr std::string_view name = "if";
    GraphPtr then_body = {};
    GraphPtr else_body = {};
    std::vector<PortMap> then_inputs = {};
    std::vector<PortMap> else_inputs = {};
    std::vector<PortMap> then_outputs = {};
    std::vector<PortMap> else_outputs = {};
    static constexpr auto fields() {
        return std::array{field<&If::then_body>("then_body"),       field<&If::else_body>("else_body"),
                          field<&If::then_inputs>("then_inputs"),   field<&If::else_inputs>("else_inputs"),
                          field<&If::then_outputs>("then_outputs"), field<&If::else_outputs>("else_outputs")};
    }
};
Types infer(const If& op, Inputs inputs);

// Operands trip count, condition, then what `inputs` maps. Back edges: from result `outer` to parameter `inner` of the body. current_iteration: the body's
// parameter that gets the iteration (-1: none); execution_condition: its result that says whether to go on (-1: always).
struct Loop {
    static constexpr std::string_view name = "loop";
    GraphPtr body = {};
    std::vector<PortMap> inputs = {};
    std::vector<PortMap> outputs = {};
    std::vector<PortMap> back_edges = {};
    std::int64_t current_iteration = -1;
    std::int64_t execution_condition = -1;
    static constexpr auto fields() {
        return std::array{field<&Loop::body>("body"),
                          field<&Loop::inputs>("inputs"),
                          field<&Loop::outputs>("outputs"),
                          field<&Loop::back_edges>("back_edges"),
                          field<&Loop::current_iteration>("current_iteration"),
                          field<&Loop::execution_condition>("execution_condition")};
    }
};
Types infer(const Loop& op, Inputs inputs);

struct TensorIterator {
    static constexpr std::string_view name = "tensor_iterator";
    GraphPtr body = {};
    std::vector<PortMap> inputs = {};
    std::vector<PortMap> outputs = {};
    std::vector<PortMap> back_edges = {};
    static constexpr auto fields() {
        return std::array{field<&TensorIterator::body>("body"), field<&TensorIterator::inputs>("inputs"),
                          field<&TensorIterator::outputs>("outputs"), field<&TensorIterator::back_edges>("back_edges")};
    }
};
Types infer(const TensorIterator& op, Inputs inputs);
// How many slices an operand of this size along the axis of the map is cut into.
std::int64_t slice_count(const PortMap& map, std::int64_t size);

// The value of a variable; its initial value is the optional operand, else zeros.
struct ReadValue {
    static constexpr std::string_view name = "read_value";
    static constexpr Traits traits{.effect = true};
    std::string variable = {};
    Element element = Element::f32;
    Shape shape = {};
    static constexpr auto fields() {
        return std::array{field<&ReadValue::variable>("variable"), field<&ReadValue::element>("element"),
                          field<&ReadValue::shape>("shape")};
    }
};
Types infer(const ReadValue& op, Inputs inputs);

// Sets a variable after the inference; passes its operand on.
struct Assign {
    static constexpr std::string_view name = "assign";
    static constexpr Traits traits{.effect = true};
    std::string variable = {};
    static constexpr auto fields() { return std::array{field<&Assign::variable>("variable")}; }
};
Types infer(const Assign& op, Inputs inputs);

// Operands x [N, T, I], h [N, D, H], c [N, D, H], lengths [N], W [D, 4H, I], R [D, 4H, H], B [D, 4H]; gates f, i, c, o.
// Results y [N, D, T, H], h, c.
struct LstmSequence {
    static constexpr std::string_view name = "lstm_sequence";
    std::int64_t hidden_size = 0;
    RecurrentDirection direction = RecurrentDirection::forward;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return std::array{field<&LstmSequence::hidden_size>("hidden_size"),
                          field<&LstmSequence::direction>("direction"),
                          field<&LstmSequence::activations>("activations"),
                          field<&LstmSequence::activations_alpha>("activations_alpha"),
                          field<&LstmSequence::activations_beta>("activations_beta"),
                          field<&LstmSequence::clip>("clip")};
    }
};
Types infer(const LstmSequence& op, Inputs inputs);

// What is left of an LSTM sequence when the products of its inputs are known. Operands gates [N, T, D * 4H] (x * W + B), h [N, D, H],
// c [N, D, H], lengths [N], R [D, 4H, H]; where R holds i8 codes a sixth, scale [D, 4H], says what they are worth: code * scale. The state
// is real. Results as of LstmSequence.
struct LstmRecurrence {
    static constexpr std::string_view name = "lstm_recurrence";
    std::int64_t hidden_size = 0;
    RecurrentDirection direction = RecurrentDirection::forward;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return std::array{field<&LstmRecurrence::hidden_size>("hidden_size"),
                          field<&LstmRecurrence::direction>("direction"),
                          field<&LstmRecurrence::activations>("activations"),
                          field<&LstmRecurrence::activations_alpha>("activations_alpha"),
                          field<&LstmRecurrence::activations_beta>("activations_beta"),
                          field<&LstmRecurrence::clip>("clip")};
    }
};
Types infer(const LstmRecurrence& op, Inputs inputs);

// Operands x [N, I], h [N, H], W [3H, I], R [3H, H], B; gates z, r, h. linear_before_reset: B is [4H].
struct GruCell {
    static constexpr std::string_view name = "gru_cell";
    std::int64_t hidden_size = 0;
    bool linear_before_reset = false;
    std::vector<std::string> activations = {};
    std::vector<double> activations_alpha = {};
    std::vector<double> activations_beta = {};
    double clip = 0;
    static constexpr auto fields() {
        return std::array{field<&GruCell::hidden_size>("hidden_size"),
                          field<&GruCell::linear_before_reset>("linear_before_reset"),
                          field<&GruCell::activations>("activations"),
                          field<&GruCell::activations_alpha>("activations_alpha"),
                          field<&GruCell::activations_beta>("activations_beta"),
                          field<&GruCell::clip>("clip")};
    }
};
Types infer(const GruCell& op, Inputs inputs);

}  // namespace octet::ir
