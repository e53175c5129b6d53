#include "ir/eval/recurrent.hpp"

#include <cmath>

#include "ir/eval/copy.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

struct Activation {
    float (*function)(float x, float alpha, float beta);
    float alpha = 0, beta = 0;
    float operator()(float x) const { return function(x, alpha, beta); }
};

struct NamedActivation {
    std::string_view name;
    float (*function)(float x, float alpha, float beta);
    float alpha, beta;  // where the op gives none
};

constexpr NamedActivation kActivations[] = {
    {"sigmoid", [](float x, float, float) { return 1.0f / (1.0f + std::exp(-x)); }, 0, 0},
    {"tanh", [](float x, float, float) { return std::tanh(x); }, 0, 0},
    {"relu", [](float x, float, float) { return std::max(x, 0.0f); }, 0, 0},
    {"hardsigmoid", [](float x, float a, float b) { return std::clamp(a * x + b, 0.0f, 1.0f); }, 0.2f, 0.5f},
    {"affine", [](float x, float a, float b) { return a * x + b; }, 1, 0},
    {"elu", [](float x, float a, float) { return x < 0 ? a * std::expm1(x) : x; }, 1, 0},
    {"leakyrelu", [](float x, float a, float) { return x < 0 ? a * x : x; }, 0.01f, 0},
    {"scaledtanh", [](float x, float a, float b) { return a * std::tanh(b * x); }, 1, 1},
    {"softplus", [](float x, float, float) { return std::log1p(std::exp(x)); }, 0, 0},
    {"softsign", [](float x, float, float) { return x / (1.0f + std::fabs(x)); }, 0, 0},
    {"thresholdedrelu", [](float x, float a, float) { return x > a ? x : 0.0f; }, 1, 0},
};

const NamedActivation& named(std::string_view name) {
    return *std::ranges::find(kActivations, name, &NamedActivation::name);
}

// The op's activation at `place`; its name may be spelled in any case and with spaces around it.
CellActivation cell_activation(const Recurrence& op, std::size_t place, std::string_view otherwise) {
    std::string name;
    for (const char c : place < op.activations.size() ? op.activations[place] : std::string(otherwise))
        if (c != ' ') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (std::ranges::find(kActivations, name, &NamedActivation::name) == std::end(kActivations))
        throw Unsupported(std::string(kRecurrentKindNames[static_cast<std::size_t>(op.kind)]),
                          "there is no activation '" + name + "'");
    const auto given = [&](const std::vector<double>& list, float value) {
        return place < list.size() ? static_cast<float>(list[place]) : value;
    };
    const NamedActivation& found = named(name);
    return {name, given(op.activations_alpha, found.alpha), given(op.activations_beta, found.beta)};
}

using Floats = std::vector<float>;

// [rows, columns] -> [columns, rows], so that products run along the outputs.
Floats turned(const float* from, std::size_t rows, std::size_t columns) {
    Floats to(rows * columns);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
    return to;
}

// to[0..outputs) += x * weights, weights [inputs, stride].
void add_product(const float* x, std::size_t inputs, const float* weights, std::size_t stride, std::size_t outputs,
                 float* to) {
    for (std::size_t k = 0; k < inputs; ++k) {
        const float* row = weights + k * stride;
        for (std::size_t j = 0; j < outputs; ++j) to[j] += x[k] * row[j];
    }
}

// One sequence in one direction: its state and, of an LSTM, its cell change in place.
class Steps {
public:
    // r [G * H, H], bias [H] (linear_before_reset).
    Steps(const Recurrence& op, const float* r, const float* bias)
        : kind_(op.kind),
          linear_(op.linear_before_reset),
          clip_(static_cast<float>(op.clip)),
          hidden_(static_cast<std::size_t>(op.hidden_size)),
          columns_(static_cast<std::size_t>(gates_of(op.kind)) * hidden_),
          r_(turned(r, columns_, hidden_)),
          bias_(bias) {
        for (const CellActivation& a : cell_activations(op))
            activations_.push_back({named(a.name).function, a.alpha, a.beta});
    }

    // `gates` [G * H] hold what the inputs contribute; they are overwritten.
    void step(float* gates, float* state, float* cell) const {
        switch (kind_) {
            case RecurrentKind::lstm: return lstm(gates, state, cell);
            case RecurrentKind::gru: return gru(gates, state);
            case RecurrentKind::rnn: return rnn(gates, state);
        }
    }

private:
    float activated(std::size_t activation, float x) const {
        return activations_[activation](clip_ > 0 ? std::clamp(x, -clip_, clip_) : x);
    }
    // Adds the product of the state with the columns first, first + 1, ... of R.
    void add_state(const float* state, std::size_t first, std::size_t count, float* to) const {
        add_product(state, hidden_, r_.data() + first, columns_, count, to);
    }

    void lstm(float* gates, float* state, float* cell) const {
        add_state(state, 0, columns_, gates);
        for (std::size_t i = 0; i < hidden_; ++i) {
            const auto gate = [&](std::size_t activation, std::size_t k) {
                return activated(activation, gates[k * hidden_ + i]);
            };
            cell[i] = gate(0, 0) * cell[i] + gate(0, 1) * gate(1, 2);
            state[i] = gate(0, 3) * activations_[2](cell[i]);
        }
    }

    void gru(float* gates, float* state) const {
        add_state(state, 0, 2 * hidden_, gates);
        for (std::size_t i = 0; i < 2 * hidden_; ++i) gates[i] = activated(0, gates[i]);
        const float *update = gates, *reset = gates + hidden_;
        Floats recurrent(hidden_);
        if (linear_) {
            std::copy_n(bias_, hidden_, recurrent.begin());
            add_state(state, 2 * hidden_, hidden_, recurrent.data());
            for (std::size_t i = 0; i < hidden_; ++i) recurrent[i] *= reset[i];
        } else {
            Floats kept(hidden_);
            for (std::size_t i = 0; i < hidden_; ++i) kept[i] = reset[i] * state[i];
            add_state(kept.data(), 2 * hidden_, hidden_, recurrent.data());
        }
        for (std::size_t i = 0; i < hidden_; ++i)
            state[i] = (1.0f - update[i]) * activated(1, gates[2 * hidden_ + i] + recurrent[i]) + update[i] * state[i];
    }

    void rnn(float* gates, float* state) const {
        add_state(state, 0, hidden_, gates);
        for (std::size_t i = 0; i < hidden_; ++i) state[i] = activated(0, gates[i]);
    }

    RecurrentKind kind_;
    bool linear_;
    float clip_;
    std::size_t hidden_, columns_;
    Floats r_;
    const float* bias_;
    std::vector<Activation> activations_;
};

// What all sequences begin with and share.
struct Sequences {
    std::size_t batch = 0, steps = 0, directions = 0;
    Element element = Element::f32;  // of the results
    Tensor lengths = {};
    Floats h = {}, c = {};  // [batch, directions, H]
    Floats r = {};          // [directions, G * H, H]
    Floats bias = {};       // [directions, H] with linear_before_reset
};

// y [N, D, T, H], h, and c of an LSTM. `start(direction, sequence, time, gates)` sets the gates to what the inputs contribute.
template <class Start>
Tensors run_sequences(const Recurrence& op, Sequences s, const Start& start) {
    const auto hidden = static_cast<std::size_t>(op.hidden_size);
    const std::size_t columns = static_cast<std::size_t>(gates_of(op.kind)) * hidden;
    const Dims state{static_cast<std::int64_t>(s.batch), static_cast<std::int64_t>(s.directions), op.hidden_size};
    Tensor y(Element::f32, {state[0], state[1], static_cast<std::int64_t>(s.steps), state[2]});
    float* const out = y.write<float>().data();
    Floats gates(columns);
    for (std::size_t d = 0; d < s.directions; ++d) {
        const Steps steps(op, s.r.data() + d * columns * hidden,
                          op.linear_before_reset ? s.bias.data() + d * hidden : nullptr);
        const bool backwards = op.direction == RecurrentDirection::reverse || d == 1;
        for (std::size_t n = 0; n < s.batch; ++n) {
            const std::int64_t given = s.lengths.integer_at(n);
            require(given >= 0 && given <= static_cast<std::int64_t>(s.steps), "a length of {}, wanted 0 to {}", given,
                    s.steps);
            const auto length = static_cast<std::size_t>(given);
            const std::size_t at = n * s.directions + d;
            for (std::size_t i = 0; i < length; ++i) {
                const std::size_t t = backwards ? length - 1 - i : i;
                start(d, n, t, gates.data());
                float* const h = s.h.data() + at * hidden;
                steps.step(gates.data(), h, s.c.empty() ? nullptr : s.c.data() + at * hidden);
                std::copy_n(h, hidden, out + (at * s.steps + t) * hidden);
            }
        }
    }
    Tensors results{y.converted(s.element), Tensor::of<float>(state, s.h).converted(s.element)};
    if (op.kind == RecurrentKind::lstm) results.push_back(Tensor::of<float>(state, s.c).converted(s.element));
    return results;
}

Tensors recurrence(const Recurrence& op, std::span<const Tensor> in) {
    const RecurrenceOperands at = operands_of(op, in.size());
    const Floats values = in[0].floats();
    const std::size_t steps = extent_of(in[0].dims(), 1), width = extent_of(in[0].dims(), 2),
                      gates = static_cast<std::size_t>(gates_of(op.kind) * op.hidden_size);
    Sequences s{extent_of(in[0].dims(), 0), steps, extent_of(in[1].dims(), 1), in[0].element(), in[at.lengths]};
    s.h = in[1].floats();
    if (at.c != 0) s.c = in[at.c].floats();
    s.r = in[at.r].floats();
    if (at.bias != 0) s.bias = in[at.bias].floats();
    if (at.scale != 0) {
        const Floats scale = in[at.scale].floats();
        for (std::size_t i = 0; i < s.r.size(); ++i) s.r[i] *= scale[i / static_cast<std::size_t>(op.hidden_size)];
    }
    return run_sequences(op, std::move(s), [&](std::size_t d, std::size_t n, std::size_t t, float* to) {
        std::copy_n(values.data() + (n * steps + t) * width + d * gates, gates, to);
    });
}

// Operands as of LstmSequence, c where the kind has one.
Tensors sequence(const Recurrence& op, std::span<const Tensor> in) {
    const std::size_t first = op.kind == RecurrentKind::lstm ? 3 : 2;  // lengths
    const Floats x = in[0].floats(), given = in[first + 1].floats(), bias = in[first + 3].floats();
    const std::size_t steps = extent_of(in[0].dims(), 1), inputs = extent_of(in[0].dims(), 2),
                      hidden = static_cast<std::size_t>(op.hidden_size), width = extent_of(in[first + 3].dims(), 1),
                      gates = static_cast<std::size_t>(gates_of(op.kind)) * hidden;
    Sequences s{extent_of(in[0].dims(), 0), steps, extent_of(in[1].dims(), 1), in[0].element(), in[first]};
    s.h = in[1].floats();
    if (op.kind == RecurrentKind::lstm) s.c = in[2].floats();
    s.r = in[first + 2].floats();
    std::vector<Floats> weights;
    for (std::size_t d = 0; d < s.directions; ++d) {
        weights.push_back(turned(given.data() + d * gates * inputs, gates, inputs));
        for (std::size_t i = gates; i < width; ++i) s.bias.push_back(bias[d * width + i]);
    }
    return run_sequences(op, std::move(s), [&](std::size_t d, std::size_t n, std::size_t t, float* to) {
        std::copy_n(bias.data() + d * width, gates, to);
        add_product(x.data() + (n * steps + t) * inputs, inputs, weights[d].data(), gates, gates, to);
    });
}

Tensor with_axis(const Tensor& t, std::size_t axis) {
    Dims dims = t.dims();
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    return t.reshaped(dims);
}

// A sequence of one step.
Tensors cell(const Recurrence& op, std::span<const Tensor> in) {
    const std::size_t states = op.kind == RecurrentKind::lstm ? 2 : 1;
    Tensors operands;
    for (std::size_t i = 0; i <= states; ++i) operands.push_back(with_axis(in[i], 1));
    operands.push_back(Tensor::filled(Element::i64, {in[0].dims()[0]}, 1));
    for (std::size_t i = states + 1; i < in.size(); ++i) operands.push_back(with_axis(in[i], 0));
    const Tensors results = sequence(op, operands);
    Tensors out;
    for (std::size_t i = 0; i < states; ++i) out.push_back(results[i + 1].reshaped(in[i + 1].dims()));
    return out;
}

template <class T>
Tensors run_sequence(const T& op, std::span<const Tensor> in) {
    return sequence(recurrence_of(op), in);
}
template <class T>
Tensors run_cell(const T& op, std::span<const Tensor> in) {
    return cell(recurrence_of(op), in);
}

constexpr Kernel kTable[] = {
    kernel<LstmSequence, run_sequence<LstmSequence>>(),
    kernel<GruSequence, run_sequence<GruSequence>>(),
    kernel<RnnSequence, run_sequence<RnnSequence>>(),
    kernel<LstmCell, run_cell<LstmCell>>(),
    kernel<GruCell, run_cell<GruCell>>(),
    kernel<RnnCell, run_cell<RnnCell>>(),
    kernel<Recurrence, recurrence>(),
};

}  // namespace

const std::span<const Kernel> kRecurrentKernels{kTable};

std::vector<CellActivation> cell_activations(const Recurrence& op) {
    static constexpr std::string_view kDefaults[][3] = {{"sigmoid", "tanh", "tanh"}, {"sigmoid", "tanh"}, {"tanh"}};
    std::vector<CellActivation> result;
    for (const std::string_view otherwise : kDefaults[static_cast<std::size_t>(op.kind)])
        if (!otherwise.empty()) result.push_back(cell_activation(op, result.size(), otherwise));
    return result;
}

}  // namespace octet::ir::eval
