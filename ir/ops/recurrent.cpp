#include "ir/ops/recurrent.hpp"

#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

// Far beyond what fits memory; products of it with the number of gates fit an integer.
constexpr std::int64_t kLargestState = std::int64_t{1} << 32;

// An operand as it has to be. A dimension that may be anything is Dim().
struct Wanted {
    std::string_view name;
    Shape shape;
};

// Dimension `axis` of `shape` must allow `wanted`.
void require_dim(const Shape& shape, std::size_t axis, Dim wanted, std::string_view what) {
    if (shape.ranked())
        require(compatible(shape[axis], wanted), "{} has shape {}, wanted {} in dimension {}", what, to_string(shape),
                to_string(wanted), axis);
}

void require_shapes(Inputs inputs, const std::vector<Wanted>& wanted) {
    require_inputs(inputs, wanted.size(), wanted.size());
    for (std::size_t i = 0; i < inputs.size(); ++i)
        require_rank(inputs[i].shape(), wanted[i].shape.rank(), wanted[i].name);
    for (std::size_t i = 0; i < inputs.size(); ++i)
        for (std::size_t axis = 0; axis < wanted[i].shape.rank(); ++axis)
            require_dim(inputs[i].shape(), axis, wanted[i].shape[axis], wanted[i].name);
}

// The number of sequences, on which the first `count` operands agree.
Dim common_batch(Inputs inputs, const std::vector<Wanted>& wanted, std::size_t count) {
    Dim batch;
    for (std::size_t i = 0; i < count; ++i) {
        require_dim(inputs[i].shape(), 0, batch, wanted[i].name);
        if (inputs[i].shape().ranked()) batch = merged(batch, inputs[i].shape()[0]);
    }
    return batch;
}

void require_fields(const Recurrence& op) {
    require(op.hidden_size >= 0 && op.hidden_size <= kLargestState, "a hidden size of {}, wanted 0 to {}",
            op.hidden_size, kLargestState);
    require(!op.linear_before_reset || op.kind == RecurrentKind::gru, "linear_before_reset of a cell without a reset");
    const std::size_t activations = op.kind == RecurrentKind::lstm ? 3 : op.kind == RecurrentKind::gru ? 2 : 1;
    require(op.activations.empty() || op.activations.size() == activations, "{} activations, wanted {}",
            op.activations.size(), activations);
}

Dim dimension(const Input& input, std::size_t axis) { return input.shape().ranked() ? input.shape()[axis] : Dim(); }

// y, and the states: h, and c of an LSTM.
Types sequence_results(const Recurrence& op, Inputs inputs, Dim batch) {
    const Element element = inputs[0].element();
    const Dim directions(directions_of(op.direction)), hidden(op.hidden_size);
    const Type state{element, Shape{batch, directions, hidden}};
    Types types{{element, Shape{batch, directions, dimension(inputs[0], 1), hidden}}, state};
    if (op.kind == RecurrentKind::lstm) types.push_back(state);
    return types;
}

Dim bias_size(const Recurrence& op) {
    return Dim((gates_of(op.kind) + (op.linear_before_reset ? 1 : 0)) * op.hidden_size);
}

Types infer_sequence(const Recurrence& op, Inputs inputs) {
    require_fields(op);
    const Dim directions(directions_of(op.direction)), hidden(op.hidden_size),
        gates(gates_of(op.kind) * op.hidden_size);
    const Shape state{Dim(), directions, hidden};
    std::vector<Wanted> wanted{{"x", {Dim(), Dim(), Dim()}}, {"h", state}};
    if (op.kind == RecurrentKind::lstm) wanted.push_back({"c", state});
    wanted.push_back({"lengths", {Dim()}});
    const std::size_t with_batch = wanted.size();
    wanted.push_back({"W", {directions, gates, Dim()}});
    wanted.push_back({"R", {directions, gates, hidden}});
    wanted.push_back({"B", {directions, bias_size(op)}});
    require_shapes(inputs, wanted);
    require_dim(inputs[with_batch].shape(), 2, dimension(inputs[0], 2), "W");
    require_integers(inputs[with_batch - 1], "lengths");
    return sequence_results(op, inputs, common_batch(inputs, wanted, with_batch));
}

Types infer_cell(const Recurrence& op, Inputs inputs) {
    require_fields(op);
    const Dim hidden(op.hidden_size), gates(gates_of(op.kind) * op.hidden_size);
    std::vector<Wanted> wanted{{"x", {Dim(), Dim()}}, {"h", {Dim(), hidden}}};
    if (op.kind == RecurrentKind::lstm) wanted.push_back({"c", {Dim(), hidden}});
    const std::size_t with_batch = wanted.size();
    wanted.push_back({"W", {gates, Dim()}});
    wanted.push_back({"R", {gates, hidden}});
    wanted.push_back({"B", {bias_size(op)}});
    require_shapes(inputs, wanted);
    require_dim(inputs[with_batch].shape(), 1, dimension(inputs[0], 1), "W");
    const Type state{inputs[0].element(), Shape{common_batch(inputs, wanted, with_batch), hidden}};
    return op.kind == RecurrentKind::lstm ? Types{state, state} : Types{state};
}

}  // namespace

Types infer(const LstmSequence& op, Inputs inputs) { return infer_sequence(recurrence_of(op), inputs); }
Types infer(const GruSequence& op, Inputs inputs) { return infer_sequence(recurrence_of(op), inputs); }
Types infer(const RnnSequence& op, Inputs inputs) { return infer_sequence(recurrence_of(op), inputs); }
Types infer(const LstmCell& op, Inputs inputs) { return infer_cell(recurrence_of(op), inputs); }
Types infer(const GruCell& op, Inputs inputs) { return infer_cell(recurrence_of(op), inputs); }
Types infer(const RnnCell& op, Inputs inputs) { return infer_cell(recurrence_of(op), inputs); }

Types infer(const Recurrence& op, Inputs inputs) {
    require_fields(op);
    const RecurrenceOperands at = operands_of(op, inputs.size());
    const Dim directions(directions_of(op.direction)), hidden(op.hidden_size),
        gates(gates_of(op.kind) * op.hidden_size);
    const Shape state{Dim(), directions, hidden};
    std::vector<Wanted> wanted{{"gates",
                                {Dim(), Dim(), Dim(directions_of(op.direction) * gates_of(op.kind) * op.hidden_size)}},
                               {"h", state}};
    wanted.push_back({"lengths", {Dim()}});
    wanted.push_back({"R", {directions, gates, hidden}});
    if (at.c != 0) wanted.push_back({"c", state});
    if (at.bias != 0) wanted.push_back({"B", {directions, hidden}});
    if (at.scale != 0) wanted.push_back({"scale", {directions, gates}});
    require_shapes(inputs, wanted);
    require_integers(inputs[at.lengths], "lengths");
    require((inputs[at.r].element() == Element::i8) == (at.scale != 0), "R is of type {} with{} scale",
            name_of(inputs[at.r].element()), at.scale != 0 ? " a" : "out");
    Dim batch = common_batch(inputs, wanted, at.lengths + 1);
    if (at.c != 0) {
        require_dim(inputs[at.c].shape(), 0, batch, "c");
        batch = merged(batch, dimension(inputs[at.c], 0));
    }
    return sequence_results(op, inputs, batch);
}

}  // namespace octet::ir
