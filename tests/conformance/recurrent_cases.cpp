// Recurrent ops: every direction, lengths, clip and activations; weights float or in 8 bits.
#include <cmath>

#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

struct Lstm {
    std::string name;
    std::int64_t batch = 1, steps = 6, inputs = 9, hidden = 21;
    LstmSequence op = {};
    std::vector<std::int64_t> lengths = {};
};

std::vector<Lstm> lstms() {
    std::vector<Lstm> all{
        {"plain"},
        {"whole_panels", 1, 5, 8, 64},
        {"one_unit", 1, 4, 1, 1},
        {"batch", 2, 5, 12, 35},
        {"batch_7", 7, 3, 5, 16},
        {"lengths", 4, 6, 7, 18, {}, {6, 0, 3, 1}},
        {"reverse", 3, 6, 7, 20, {.direction = RecurrentDirection::reverse}, {6, 2, 5}},
        {"both", 2, 6, 7, 33, {.direction = RecurrentDirection::bidirectional}, {6, 4}},
        {"clip", 1, 6, 7, 17, {.clip = 0.3}},
        {"parallel", 1, 9, 16, 200},
    };
    const std::vector<std::vector<std::string>> activations{{"sigmoid", "relu", "relu"},
                                                            {"hardsigmoid", "softsign", "scaledtanh"},
                                                            {"sigmoid", "elu", "leakyrelu"},
                                                            {"affine", "softplus", "thresholdedrelu"}};
    for (const auto& names : activations) {
        Lstm lstm{"activations_" + names[1], 2, 5, 7, 19};
        lstm.op.activations = names;
        lstm.op.activations_alpha = {0.3, 0.8, 0.6};
        lstm.op.activations_beta = {0.4, 0.2, 0.9};
        lstm.op.clip = names[0] == "affine" ? 1 : 0;
        all.push_back(lstm);
    }
    for (Lstm& lstm : all) {
        lstm.op.hidden_size = lstm.hidden;
        if (lstm.lengths.empty()) lstm.lengths.assign(static_cast<std::size_t>(lstm.batch), lstm.steps);
    }
    return all;
}

void build(Builder& b, const Lstm& c, bool codes, Dim steps) {
    const std::int64_t directions = c.op.direction == RecurrentDirection::bidirectional ? 2 : 1;
    const Dims w{directions, 4 * c.hidden, c.inputs}, r{directions, 4 * c.hidden, c.hidden};
    const float most = 1 / std::sqrt(static_cast<float>(c.hidden));
    Value x = b.input(Shape{c.batch, steps, c.inputs}, -1.2f, 1.2f);
    if (codes) x = b.quantize(x, -1, 127.0f / 128);
    const Value state = b.input({c.batch, directions, c.hidden}, -1, 1);
    const auto weights = [&](const Dims& dims) {
        if (!codes) return b.random(dims, -most, most);
        return b.quantize(b.random(dims, -1.2f * most, 1.2f * most), -most, most, 255);
    };
    const Value y = b.add(c.op, {x, state, b.random({c.batch, directions, c.hidden}), b.ints(c.lengths), weights(w),
                                 weights(r), b.random({directions, 4 * c.hidden})});
    b.all_results(y);
}

}  // namespace

std::vector<Case> recurrent_cases() {
    std::vector<Case> cases;
    for (const Lstm& lstm : lstms()) {
        cases.push_back({"lstm_" + lstm.name, [lstm](Builder& b) { build(b, lstm, false, lstm.steps); }});
        // The state has 16 bits: what that costs is below the tolerance of float results.
        cases.push_back(
            {"int8_lstm_" + lstm.name, [lstm](Builder& b) { build(b, lstm, true, lstm.steps); }, 0, {}, true});
    }
    Lstm open{"open_length", 1, 0, 9, 40, {.hidden_size = 40}, {3}};
    for (const bool codes : {false, true}) {
        Case c{(codes ? "int8_lstm_" : "lstm_") + open.name,
               [open, codes](Builder& b) { build(b, open, codes, Dim()); }};
        for (const std::int64_t steps : {3, 5, 3}) c.shapes.push_back({{1, steps, open.inputs}, {1, 1, open.hidden}});
        c.int8 = codes;
        cases.push_back(c);
    }
    return cases;
}

}  // namespace octet::conformance
