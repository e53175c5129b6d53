// Recurrent ops: every kind, direction, lengths, clip and activations, sequences and cells; weights float or in 8 bits.
#include <cmath>

#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

struct Recurrent {
    std::string name;
    std::int64_t batch = 1, steps = 6, inputs = 9, hidden = 21;
    RecurrentDirection direction = RecurrentDirection::forward;
    std::vector<std::int64_t> lengths = {};
    double clip = 0;
    std::vector<std::string> activations = {};  // as many as an LSTM has; others take the first ones
    RecurrentKind kind = RecurrentKind::lstm;
    bool linear_before_reset = false;
    bool cell = false;
};

std::vector<Recurrent> shapes() {
    using enum RecurrentDirection;
    std::vector<Recurrent> all{
        {"plain"},
        {"whole_panels", 1, 5, 8, 64},
        {"one_unit", 1, 4, 1, 1},
        {"batch", 2, 5, 12, 35},
        {"batch_7", 7, 3, 5, 16},
        {"lengths", 4, 6, 7, 18, forward, {6, 0, 3, 1}},
        {"reverse", 3, 6, 7, 20, reverse, {6, 2, 5}},
        {"both", 2, 6, 7, 33, bidirectional, {6, 4}},
        {"clip", 1, 6, 7, 17, forward, {}, 0.3},
        {"parallel", 1, 9, 16, 200},
    };
    const std::vector<std::vector<std::string>> activations{{"sigmoid", "relu", "relu"},
                                                            {"hardsigmoid", "softsign", "scaledtanh"},
                                                            {"sigmoid", "elu", "leakyrelu"},
                                                            {"affine", "softplus", "thresholdedrelu"}};
    for (const auto& names : activations)
        all.push_back({"activations_" + names[1], 2, 5, 7, 19, forward, {}, names[0] == "affine" ? 1.0 : 0.0, names});
    for (Recurrent& r : all)
        if (r.lengths.empty()) r.lengths.assign(static_cast<std::size_t>(r.batch), r.steps);
    return all;
}

// An op of the kind with these fields.
template <class T>
T op_of(const Recurrent& r) {
    T op;
    op.hidden_size = r.hidden;
    op.clip = r.clip;
    if (!r.activations.empty()) {
        const std::size_t count = T::kind == RecurrentKind::lstm ? 3 : T::kind == RecurrentKind::gru ? 2 : 1;
        op.activations.assign(r.activations.begin(), r.activations.begin() + static_cast<std::ptrdiff_t>(count));
        op.activations_alpha = {0.3, 0.8, 0.6};
        op.activations_beta = {0.4, 0.2, 0.9};
    }
    if constexpr (requires { op.direction; }) op.direction = r.direction;
    if constexpr (requires { op.linear_before_reset; }) op.linear_before_reset = r.linear_before_reset;
    return op;
}

Op op_of(const Recurrent& r) {
    switch (r.kind) {
        case RecurrentKind::lstm: return r.cell ? Op(op_of<LstmCell>(r)) : Op(op_of<LstmSequence>(r));
        case RecurrentKind::gru: return r.cell ? Op(op_of<GruCell>(r)) : Op(op_of<GruSequence>(r));
        case RecurrentKind::rnn: return r.cell ? Op(op_of<RnnCell>(r)) : Op(op_of<RnnSequence>(r));
    }
    return {};
}

// Weights through a FakeQuantize with an interval for each row.
Value quantized_rows(Builder& b, Dims dims, float most) {
    Dims rows = dims;
    rows.back() = 1;
    std::vector<float> low, high;
    for (std::int64_t i = 0; i < product(rows); ++i) {
        high.push_back(b.uniform(0.5f, 1) * most);
        low.push_back(-high.back());
    }
    const Value from = b.numbers(rows, low), to = b.numbers(rows, high);
    return b.add(FakeQuantize{255}, {b.random(std::move(dims), -1.2f * most, 1.2f * most), from, to, from, to});
}

void build(Builder& b, const Recurrent& r, bool codes, Dim batch, Dim steps) {
    const std::int64_t rows = gates_of(r.kind) * r.hidden, directions = directions_of(r.direction);
    const std::int64_t bias = rows + (r.linear_before_reset ? r.hidden : 0);
    const float most = 1 / std::sqrt(static_cast<float>(r.hidden));
    const auto state = [&] { return r.cell ? Shape{batch, r.hidden} : Shape{batch, directions, r.hidden}; };
    const auto stacked = [&](Dims dims) {
        if (!r.cell) dims.insert(dims.begin(), directions);
        return dims;
    };
    const auto weights = [&](std::int64_t columns) {
        const Dims dims = stacked({rows, columns});
        return codes ? quantized_rows(b, dims, most) : b.random(dims, -most, most);
    };
    Value x = b.input(r.cell ? Shape{batch, r.inputs} : Shape{batch, steps, r.inputs}, -1.2f, 1.2f);
    std::vector<Value> operands{codes ? b.quantize(x, -1, 127.0f / 128) : x, b.input(state(), -1, 1)};
    if (r.kind == RecurrentKind::lstm) operands.push_back(b.input(state(), -1, 1));
    if (!r.cell) operands.push_back(b.ints(r.lengths));
    operands.push_back(weights(r.inputs));
    operands.push_back(weights(r.hidden));
    operands.push_back(b.random(stacked({bias})));
    b.all_results(b.add(op_of(r), operands));
}

struct Form {
    std::string name;
    RecurrentKind kind;
    bool linear_before_reset = false;
};

void add_cases(std::vector<Case>& cases, const Recurrent& r, const Form& form) {
    Recurrent made = r;
    made.kind = form.kind;
    made.linear_before_reset = form.linear_before_reset;
    const std::string name = form.name + (r.cell ? "_cell_" : "_") + r.name;
    for (const bool codes : {false, true}) {
        // The state has 16 bits: what that costs is below the tolerance of float results.
        Case c{(codes ? "int8_" : "") + name,
               [made, codes](Builder& b) { build(b, made, codes, made.batch, made.steps); }};
        c.int8 = codes;
        cases.push_back(c);
    }
}

// Any number of steps, or of rows.
void add_open_cases(std::vector<Case>& cases, const Form& form) {
    Recurrent open{"open_length", 1, 0, 9, 40, RecurrentDirection::forward, {3}};
    open.kind = form.kind;
    open.linear_before_reset = form.linear_before_reset;
    for (const bool cell : {false, true})
        for (const bool codes : {false, true}) {
            open.cell = cell;
            Case c{(codes ? "int8_" : "") + form.name + (cell ? "_cell_open_batch" : "_open_length"),
                   [open, codes](Builder& b) { build(b, open, codes, open.cell ? Dim() : Dim(1), Dim()); }};
            for (const std::int64_t n : {3, 5, 3}) {
                const Dims state = cell ? Dims{n, open.hidden} : Dims{1, 1, open.hidden};
                c.shapes.push_back({cell ? Dims{n, open.inputs} : Dims{1, n, open.inputs}, state});
                if (form.kind == RecurrentKind::lstm) c.shapes.back().push_back(state);
            }
            c.int8 = codes;
            cases.push_back(c);
        }
}

}  // namespace

std::vector<Case> recurrent_cases() {
    std::vector<Case> cases;
    for (const Form& form : {Form{"lstm", RecurrentKind::lstm}, Form{"gru", RecurrentKind::gru},
                             Form{"gru_linear", RecurrentKind::gru, true}, Form{"rnn", RecurrentKind::rnn}}) {
        for (const Recurrent& r : shapes()) add_cases(cases, r, form);
        for (Recurrent cell : {Recurrent{"plain"}, Recurrent{"batch", 5, 1, 12, 35}, Recurrent{"clip", 2, 1, 7, 17}}) {
            cell.cell = true;
            cell.clip = cell.name == "clip" ? 0.3 : 0;
            add_cases(cases, cell, form);
        }
        add_open_cases(cases, form);
    }
    return cases;
}

}  // namespace octet::conformance
