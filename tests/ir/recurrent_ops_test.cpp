#include "ir/ops/recurrent.hpp"

#include <cmath>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

const Dim kAny;

std::string run_error(const Op& op, const std::vector<Tensor>& inputs) {
    return error_of([&] { eval::evaluate(op, inputs); });
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One hidden unit, one input; weights so small that the sums can be written down.
std::vector<Tensor> lstm_inputs(std::int64_t directions, std::int64_t length) {
    const std::vector<float> w{0.1f, 0.2f, 0.3f, 0.4f}, r{0.5f, 0.6f, 0.7f, 0.8f}, b{0.01f, 0.02f, 0.03f, 0.04f};
    std::vector<float> ws, rs, bs;
    for (std::int64_t d = 0; d < directions; ++d) {
        ws.insert(ws.end(), w.begin(), w.end());
        rs.insert(rs.end(), r.begin(), r.end());
        bs.insert(bs.end(), b.begin(), b.end());
    }
    return {tensor({1, 3, 1}, {1.0f, 2.0f, 3.0f}),
            Tensor(Element::f32, {1, directions, 1}),
            Tensor(Element::f32, {1, directions, 1}),
            axes({length}),
            tensor({directions, 4, 1}, ws),
            tensor({directions, 4, 1}, rs),
            tensor({directions, 4}, bs)};
}

// The hidden states for inputs in this order, from the equations.
std::vector<double> lstm_states(const std::vector<double>& xs, double limit = 1e9) {
    std::vector<double> states;
    double h = 0, c = 0;
    const auto gate = [&](double x, double w, double r, double b) {
        return std::clamp(w * x + r * h + b, -limit, limit);
    };
    for (const double x : xs) {
        const double f = sigmoid(gate(x, .1, .5, .01)), i = sigmoid(gate(x, .2, .6, .02)),
                     g = std::tanh(gate(x, .3, .7, .03)), o = sigmoid(gate(x, .4, .8, .04));
        c = f * c + i * g;
        h = o * std::tanh(c);
        states.push_back(h);
    }
    return states;
}

TEST(RecurrentOps, LstmOfEveryDirection) {
    const auto forward = lstm_states({1, 2, 3}), backward = lstm_states({3, 2, 1});
    const LstmSequence op{.hidden_size = 1};
    expect_near(run(op, lstm_inputs(1, 3)), {1, 1, 3, 1}, forward);
    expect_near(run(op, lstm_inputs(1, 3), 1), {1, 1, 1}, {forward[2]});
    const LstmSequence reverse{.hidden_size = 1, .direction = RecurrentDirection::reverse};
    expect_near(run(reverse, lstm_inputs(1, 3)), {1, 1, 3, 1}, {backward[2], backward[1], backward[0]});
    const LstmSequence both{.hidden_size = 1, .direction = RecurrentDirection::bidirectional};
    expect_near(run(both, lstm_inputs(2, 3)), {1, 2, 3, 1},
                {forward[0], forward[1], forward[2], backward[2], backward[1], backward[0]});
    expect_near(run(both, lstm_inputs(2, 3), 1), {1, 2, 1}, {forward[2], backward[2]});
}

TEST(RecurrentOps, LstmLengthsClipAndActivations) {
    const auto forward = lstm_states({1, 2}), backward = lstm_states({2, 1});
    expect_near(run(LstmSequence{.hidden_size = 1}, lstm_inputs(1, 2)), {1, 1, 3, 1}, {forward[0], forward[1], 0});
    const LstmSequence reverse{.hidden_size = 1, .direction = RecurrentDirection::reverse};
    expect_near(run(reverse, lstm_inputs(1, 2)), {1, 1, 3, 1}, {backward[1], backward[0], 0});
    const auto clipped = lstm_states({1, 2, 3}, 0.5);
    expect_near(run(LstmSequence{.hidden_size = 1, .clip = 0.5}, lstm_inputs(1, 3)), {1, 1, 3, 1}, clipped);
    // With plain lines as activations: f = a * gate + b.
    const LstmSequence lines{.hidden_size = 1,
                             .activations = {"Affine", " relu", "affine"},
                             .activations_alpha = {0.5, 0, 2},
                             .activations_beta = {0.25}};
    const double i0 = .5 * .22 + .25, o0 = .5 * .44 + .25, c0 = i0 * .33;
    expect_near(run(lines, lstm_inputs(1, 1)), {1, 1, 3, 1}, {o0 * 2 * c0, 0, 0});
    EXPECT_EQ(run_error(LstmSequence{.hidden_size = 1, .activations = {"sine", "tanh", "tanh"}}, lstm_inputs(1, 1)),
              "lstm: there is no activation 'sine'");
    EXPECT_EQ(run_error(LstmSequence{.hidden_size = 1}, lstm_inputs(1, 4)), "a length of 4, wanted 0 to 3");
}

TEST(RecurrentOps, LstmShapes) {
    const LstmSequence op{.hidden_size = 8};
    const std::vector<Operand> operands{f32({kAny, 5, 4}), f32({2, 1, 8}),  f32({2, 1, 8}), i64({2}),
                                        f32({1, 32, 4}),   f32({1, 32, 8}), f32({1, 32})};
    const Types types = infer_all(op, operands);
    ASSERT_EQ(types.size(), 3u);
    EXPECT_EQ(to_string(types[0]), "f32[2,1,5,8]");
    EXPECT_EQ(to_string(types[2]), "f32[2,1,8]");
    auto wrong = operands;
    wrong[4] = f32({1, 24, 4});
    EXPECT_EQ(infer_error(op, wrong), "W has shape [1,24,4], wanted 32 in dimension 1");
    wrong = operands;
    wrong[1] = f32({2, 8});
    EXPECT_EQ(infer_error(op, wrong), "h has shape [2,8], wanted a rank of 3");
    EXPECT_EQ(infer_error(LstmSequence{.hidden_size = 8, .activations = {"tanh"}}, operands),
              "1 activations, wanted 3");
}

double renewed(double update, double candidate, double h) { return (1 - update) * candidate + update * h; }

// z, r, h with these weights of x and of the state, of one hidden unit.
struct Gru {
    double w[3] = {.1, .2, .3}, r[3] = {.4, .5, .6}, b[4] = {.01, .02, .03, .04};
    double operator()(double x, double h, bool linear_before_reset) const {
        const double z = sigmoid(w[0] * x + r[0] * h + b[0]), reset = sigmoid(w[1] * x + r[1] * h + b[1]);
        const double recurrent = linear_before_reset ? reset * (r[2] * h + b[3]) : r[2] * (reset * h);
        return renewed(z, std::tanh(w[2] * x + b[2] + recurrent), h);
    }
    std::vector<double> states(const std::vector<double>& xs, bool linear_before_reset) const {
        std::vector<double> states;
        for (const double x : xs) states.push_back((*this)(x, states.empty() ? 0 : states.back(), linear_before_reset));
        return states;
    }
};

TEST(RecurrentOps, GruCells) {
    const double x = 2, h = 0.5;
    const std::vector<float> bias{.01f, .02f, .03f, .04f};
    const auto inputs = [&](std::int64_t parts) {
        return std::vector<Tensor>{tensor({1, 1}, {2.0f}), tensor({1, 1}, {0.5f}), tensor({3, 1}, {.1f, .2f, .3f}),
                                   tensor({3, 1}, {.4f, .5f, .6f}),
                                   tensor({parts}, {bias.begin(), bias.begin() + static_cast<std::ptrdiff_t>(parts)})};
    };
    expect_near(run(GruCell{.hidden_size = 1}, inputs(3)), {1, 1}, {Gru{}(x, h, false)});
    expect_near(run(GruCell{.hidden_size = 1, .linear_before_reset = true}, inputs(4)), {1, 1}, {Gru{}(x, h, true)});
    // Every gate is cut: those of z and h at 0.3.
    expect_near(run(GruCell{.hidden_size = 1, .clip = 0.3}, inputs(3)), {1, 1},
                {renewed(sigmoid(.3), std::tanh(.3), h)});
    EXPECT_EQ(infer_error(GruCell{.hidden_size = 1}, {f32({1, 1}), f32({1, 1}), f32({3, 1}), f32({3, 1}), f32({4})}),
              "B has shape [4], wanted 3 in dimension 0");
    EXPECT_EQ(inferred(GruCell{.hidden_size = 7}, {f32({kAny, 2}), f32({3, 7}), f32({21, 2}), f32({21, 7}), f32({21})}),
              "f32[3,7]");
}

TEST(RecurrentOps, GruSequences) {
    for (const bool linear : {false, true}) {
        const auto forward = Gru{}.states({1, 2}, linear), backward = Gru{}.states({2, 1}, linear);
        std::vector<float> w, r, b;
        for (int d = 0; d < 2; ++d) {
            w.insert(w.end(), {.1f, .2f, .3f});
            r.insert(r.end(), {.4f, .5f, .6f});
            b.insert(b.end(), {.01f, .02f, .03f});
            if (linear) b.push_back(.04f);
        }
        const std::vector<Tensor> inputs{tensor({1, 3, 1}, {1.0f, 2.0f, 3.0f}),
                                         Tensor(Element::f32, {1, 2, 1}),
                                         axes({2}),
                                         tensor({2, 3, 1}, w),
                                         tensor({2, 3, 1}, r),
                                         tensor({2, linear ? 4 : 3}, b)};
        const GruSequence op{.hidden_size = 1,
                             .direction = RecurrentDirection::bidirectional,
                             .linear_before_reset = linear};
        expect_near(run(op, inputs), {1, 2, 3, 1}, {forward[0], forward[1], 0, backward[1], backward[0], 0});
        expect_near(run(op, inputs, 1), {1, 2, 1}, {forward[1], backward[1]});
    }
}

TEST(RecurrentOps, Rnn) {
    const double first = std::tanh(.5 * 1 + .125), second = std::tanh(.5 * 2 + .25 * first + .125);
    const std::vector<Tensor> sequence{
        tensor({1, 2, 1}, {1.0f, 2.0f}), Tensor(Element::f32, {1, 1, 1}), axes({2}),
        tensor({1, 1, 1}, {.5f}),        tensor({1, 1, 1}, {.25f}),       tensor({1, 1}, {.125f})};
    expect_near(run(RnnSequence{.hidden_size = 1}, sequence), {1, 1, 2, 1}, {first, second});
    const std::vector<Tensor> cell{tensor({1, 1}, {2.0f}), tensor({1, 1}, {1.0f}), tensor({1, 1}, {.5f}),
                                   tensor({1, 1}, {.25f}), tensor({1}, {.125f})};
    expect_near(run(RnnCell{.hidden_size = 1}, cell), {1, 1}, {std::tanh(1.375)});
    expect_near(run(RnnCell{.hidden_size = 1, .activations = {"relu"}}, cell), {1, 1}, {1.375});
    expect_near(run(RnnCell{.hidden_size = 1, .clip = 0.5}, cell), {1, 1}, {std::tanh(.5)});
    EXPECT_EQ(inferred(RnnCell{.hidden_size = 7}, {f32({kAny, 2}), f32({3, 7}), f32({7, 2}), f32({7, 7}), f32({7})}),
              "f32[3,7]");
}

TEST(RecurrentOps, LstmCellIsOneStep) {
    const auto sequence = lstm_inputs(1, 1);
    const std::vector<Tensor> cell{tensor({1, 1}, {1.0f}),       Tensor(Element::f32, {1, 1}),
                                   Tensor(Element::f32, {1, 1}), sequence[4].reshaped({4, 1}),
                                   sequence[5].reshaped({4, 1}), sequence[6].reshaped({4})};
    for (const std::size_t output : {0u, 1u})
        EXPECT_EQ(run(LstmCell{.hidden_size = 1}, cell, output),
                  run(LstmSequence{.hidden_size = 1}, sequence, output + 1).reshaped({1, 1}));
}

TEST(RecurrentOps, Errors) {
    const std::vector<Operand> operands{f32({2, 5, 4}),  f32({2, 1, 8}),  i64({2}),
                                        f32({1, 24, 4}), f32({1, 24, 8}), f32({1, 24})};
    EXPECT_EQ(to_string(infer_all(GruSequence{.hidden_size = 8}, operands)[0]), "f32[2,1,5,8]");
    EXPECT_EQ(infer_error(GruSequence{.hidden_size = 8, .linear_before_reset = true}, operands),
              "B has shape [1,24], wanted 32 in dimension 1");
    EXPECT_EQ(infer_error(GruSequence{.hidden_size = -8}, operands), "a hidden size of -8, wanted 0 to 4294967296");
    EXPECT_EQ(infer_error(GruSequence{.hidden_size = 8, .activations = {"tanh", "tanh", "tanh"}}, operands),
              "3 activations, wanted 2");
    EXPECT_EQ(infer_error(RnnSequence{.hidden_size = 8}, operands), "W has shape [1,24,4], wanted 8 in dimension 1");
    auto wrong = operands;
    wrong[2] = f32({2});
    EXPECT_EQ(infer_error(GruSequence{.hidden_size = 8}, wrong), "lengths is of type f32, wanted integers");
    wrong = operands;
    wrong[2] = i64({3});
    EXPECT_EQ(infer_error(GruSequence{.hidden_size = 8}, wrong), "lengths has shape [3], wanted 2 in dimension 0");
    wrong.pop_back();
    EXPECT_EQ(infer_error(GruSequence{.hidden_size = 8}, wrong), "got 5 inputs, wanted 6");
}

TEST(RecurrentOps, RecurrencesTakeWhatTheirKindHas) {
    const std::vector<Operand> gru{f32({2, 5, 24}), f32({2, 1, 8}), i64({2}), f32({1, 24, 8}), f32({1, 8})};
    EXPECT_EQ(to_string(infer_all(Recurrence{.kind = RecurrentKind::gru, .hidden_size = 8, .linear_before_reset = true},
                                  gru)[0]),
              "f32[2,1,5,8]");
    EXPECT_EQ(infer_error(Recurrence{.kind = RecurrentKind::gru, .hidden_size = 8}, gru),
              "scale has shape [1,8], wanted 24 in dimension 1");
    EXPECT_EQ(infer_error(Recurrence{.kind = RecurrentKind::rnn, .hidden_size = 24, .linear_before_reset = true}, gru),
              "linear_before_reset of a cell without a reset");
    auto scaled = gru;
    scaled[4] = f32({1, 24});
    EXPECT_EQ(infer_error(Recurrence{.kind = RecurrentKind::gru, .hidden_size = 8}, scaled),
              "R is of type f32 with a scale");
    auto states = gru;
    states[0] = f32({2, 5, 32}), states[3] = f32({1, 32, 8}), states[4] = f32({3, 1, 8});
    EXPECT_EQ(infer_error(Recurrence{.kind = RecurrentKind::lstm, .hidden_size = 8}, states),
              "c has shape [3,1,8], wanted 2 in dimension 0");
}

}  // namespace
}  // namespace octet::ir
