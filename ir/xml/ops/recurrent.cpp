#include "ir/ops/recurrent.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// R of a larger one would have more elements than any file.
constexpr std::int64_t kLargestState = 1 << 20;

// Cells may come without B.
template <class T>
bool read_cell(LayerIn& layer, T& op) {
    const std::size_t bias = T::kind == RecurrentKind::lstm ? 5 : 4;
    if (layer.inputs.size() != bias) return true;
    const Recurrence form = recurrence_of(op);
    if (op.hidden_size < 0 || op.hidden_size > kLargestState) return false;
    const std::int64_t parts = gates_of(form.kind) + (form.linear_before_reset ? 1 : 0);
    layer.inputs.push_back(layer.edit.constant(Tensor::filled(layer.type(0).element, {parts * op.hidden_size}, 0)));
    return true;
}

bool is_zero(const Tensor* t) {
    if (!t) return false;
    for (std::size_t i = 0; i < t->size(); ++i)
        if (t->at(i) != 0) return false;
    return true;
}

// Operator set 1 had an order of the gates, peepholes and a coupled forget gate; what uses them stays Opaque.
bool read_lstm_cell_1(LayerIn& layer, LstmCell& op) {
    if (layer.text("weights_format", "fico") != "fico") return false;
    if (const auto coupled = layer.text("input_forget", "false"); coupled != "false" && coupled != "0") return false;
    if (layer.inputs.size() == 7) {
        if (!is_zero(layer.edit.graph().constant(layer.inputs[6]))) return false;
        layer.inputs.pop_back();
    }
    return read_cell(layer, op);
}

constexpr Names kHidden = {needed("hidden_size")};

constexpr Row kRows[] = {
    row<LstmSequence>("LSTMSequence", 5, kHidden),
    row<GruSequence>("GRUSequence", 5, kHidden),
    row<RnnSequence>("RNNSequence", 5, kHidden),
    older<LstmCell, read_lstm_cell_1>("LSTMCell", 1, kHidden),
    row<LstmCell, read_cell<LstmCell>>("LSTMCell", 4, kHidden),
    row<GruCell, read_cell<GruCell>>("GRUCell", 3, kHidden),
    row<RnnCell, read_cell<RnnCell>>("RNNCell", 1, kHidden),
};

}  // namespace

std::span<const Row> recurrent() { return kRows; }

}  // namespace octet::ir::xml::rows
