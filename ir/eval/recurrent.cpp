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
template <class T>
CellActivation cell_activation(const T& op, std::size_t place, std::string_view otherwise) {
    std::string name;
    for (const char c : place < op.activations.size() ? op.activations[place] : std::string(otherwise))
        if (c != ' ') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (std::ranges::find(kActivations, name, &NamedActivation::name) == std::end(kActivations))
        throw Unsupported(std::string(T::name), "there is no activation '" + name + "'");
    const auto given = [&](const std::vector<double>& list, float value) {
        return place < list.size() ? static_cast<float>(list[place]) : value;
    };
    const NamedActivation& found = named(name);
    return {name, given(op.activations_alpha, found.alpha), given(op.activations_beta, found.beta)};
}

Activation activation(const CellActivation& cell) { return {named(cell.name).function, cell.alpha, cell.beta}; }

template <class T>
std::array<CellActivation, 3> lstm_activations(const T& op) {
    return {cell_activation(op, 0, "sigmoid"), cell_activation(op, 1, "tanh"), cell_activation(op, 2, "tanh")};
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

float cut(float x, double clip) {
    const auto c = static_cast<float>(clip);
    return clip > 0 ? std::clamp(x, -c, c) : x;
}

// The sequence, forwards and backwards. `start(direction, batch, time, gates)` sets the gates to what the inputs contribute.
template <class T, class Start>
class Lstm {
public:
    Lstm(const T& op, std::span<const Tensor> in, Floats r, Start start)
        : op_(op),
          in_(in),
          r_(std::move(r)),
          start_(std::move(start)),
          hidden_(static_cast<std::size_t>(op.hidden_size)),
          gates_(4 * hidden_),
          state_(in[1].floats()),
          cell_(in[2].floats()) {
        const auto functions = lstm_activations(op);
        f_ = activation(functions[0]), g_ = activation(functions[1]), h_ = activation(functions[2]);
    }

    Tensors run() {
        const Types types = result_types(op_, in_);
        const std::size_t batch = extent_of(in_[0].dims(), 0);
        const std::size_t directions = op_.direction == RecurrentDirection::bidirectional ? 2 : 1;
        Tensor y(Element::f32, types[0].shape.sizes());
        for (std::size_t d = 0; d < directions; ++d) {
            const Floats weights = turned(r_.data() + d * 4 * hidden_ * hidden_, 4 * hidden_, hidden_);
            for (std::size_t n = 0; n < batch; ++n)
                sequence(weights, d, n, n * directions + d, y.write<float>().data());
        }
        const Dims last = types[1].shape.sizes();
        const Element element = in_[0].element();
        return {y.converted(element), Tensor::of<float>(last, state_).converted(element),
                Tensor::of<float>(last, cell_).converted(element)};
    }

private:
    void sequence(const Floats& weights, std::size_t d, std::size_t n, std::size_t at, float* y) {
        const std::int64_t most = in_[0].dims()[1], given = in_[3].integer_at(n);
        require(given >= 0 && given <= most, "a length of {}, wanted 0 to {}", given, most);
        const bool backwards = op_.direction == RecurrentDirection::reverse || d == 1;
        const auto length = static_cast<std::size_t>(given);
        for (std::size_t i = 0; i < length; ++i) {
            const std::size_t t = backwards ? length - 1 - i : i;
            start_(d, n, t, gates_.data());
            step(weights, state_.data() + at * hidden_, cell_.data() + at * hidden_);
            std::copy_n(state_.data() + at * hidden_, hidden_, y + (at * static_cast<std::size_t>(most) + t) * hidden_);
        }
    }

    void step(const Floats& weights, float* state, float* cell) {
        add_product(state, hidden_, weights.data(), 4 * hidden_, 4 * hidden_, gates_.data());
        for (std::size_t i = 0; i < hidden_; ++i) {
            const auto gate = [&](std::size_t k) { return cut(gates_[k * hidden_ + i], op_.clip); };
            cell[i] = f_(gate(0)) * cell[i] + f_(gate(1)) * g_(gate(2));
            state[i] = f_(gate(3)) * h_(cell[i]);
        }
    }

    const T& op_;
    std::span<const Tensor> in_;
    Floats r_;
    Start start_;
    std::size_t hidden_;
    Floats gates_, state_, cell_;
    Activation f_, g_, h_;
};

}  // namespace

std::array<CellActivation, 3> cell_activations(const LstmSequence& op) { return lstm_activations(op); }
std::array<CellActivation, 3> cell_activations(const LstmRecurrence& op) { return lstm_activations(op); }

Tensors lstm_sequence(const LstmSequence& op, std::span<const Tensor> in) {
    const Dims& x = in[0].dims();
    const std::size_t steps = extent_of(x, 1), inputs = extent_of(x, 2),
                      gates = 4 * static_cast<std::size_t>(op.hidden_size);
    const Floats values = in[0].floats(), bias = in[6].floats(), given = in[4].floats();
    std::vector<Floats> weights;
    for (std::size_t d = 0; d * gates < bias.size(); ++d)
        weights.push_back(turned(given.data() + d * gates * inputs, gates, inputs));
    const auto start = [&](std::size_t d, std::size_t n, std::size_t t, float* to) {
        std::copy_n(bias.data() + d * gates, gates, to);
        add_product(values.data() + (n * steps + t) * inputs, inputs, weights[d].data(), gates, gates, to);
    };
    return Lstm(op, in, in[5].floats(), start).run();
}

Tensors lstm_recurrence(const LstmRecurrence& op, std::span<const Tensor> in) {
    const Floats values = in[0].floats();
    const std::size_t steps = extent_of(in[0].dims(), 1), width = extent_of(in[0].dims(), 2),
                      gates = 4 * static_cast<std::size_t>(op.hidden_size);
    Floats r = in[4].floats();
    if (in.size() == 6) {
        const Floats scale = in[5].floats();
        for (std::size_t i = 0; i < r.size(); ++i) r[i] *= scale[i / static_cast<std::size_t>(op.hidden_size)];
    }
    const auto start = [&](std::size_t d, std::size_t n, std::size_t t, float* to) {
        std::copy_n(values.data() + (n * steps + t) * width + d * gates, gates, to);
    };
    return Lstm(op, in, std::move(r), start).run();
}

Tensors gru_cell(const GruCell& op, std::span<const Tensor> in) {
    const Dims dims = result_dims(op, in);
    const std::size_t batch = extent_of(dims, 0), inputs = extent_of(in[0].dims(), 1),
                      hidden = static_cast<std::size_t>(op.hidden_size);
    const Activation f = activation(cell_activation(op, 0, "sigmoid")), g = activation(cell_activation(op, 1, "tanh"));
    const Floats x = in[0].floats(), before = in[1].floats(), w = turned(in[2].floats().data(), 3 * hidden, inputs),
                 r = turned(in[3].floats().data(), 3 * hidden, hidden);
    Floats bias = in.size() > 4 ? in[4].floats() : Floats{};
    bias.resize(4 * hidden);
    Floats after(before.size());
    for (std::size_t n = 0; n < batch; ++n) {
        const float* h = before.data() + n * hidden;
        Floats gates(bias.begin(), bias.begin() + static_cast<std::ptrdiff_t>(3 * hidden));
        add_product(x.data() + n * inputs, inputs, w.data(), 3 * hidden, 3 * hidden, gates.data());
        add_product(h, hidden, r.data(), 3 * hidden, 2 * hidden, gates.data());
        for (std::size_t i = 0; i < 2 * hidden; ++i) gates[i] = f(cut(gates[i], op.clip));
        const float* reset = gates.data() + hidden;
        Floats recurrent(hidden);
        if (op.linear_before_reset) {
            std::copy_n(bias.begin() + static_cast<std::ptrdiff_t>(3 * hidden), hidden, recurrent.begin());
            add_product(h, hidden, r.data() + 2 * hidden, 3 * hidden, hidden, recurrent.data());
            for (std::size_t i = 0; i < hidden; ++i) recurrent[i] *= reset[i];
        } else {
            Floats kept(hidden);
            for (std::size_t i = 0; i < hidden; ++i) kept[i] = reset[i] * h[i];
            add_product(kept.data(), hidden, r.data() + 2 * hidden, 3 * hidden, hidden, recurrent.data());
        }
        for (std::size_t i = 0; i < hidden; ++i) {
            const float fresh = g(cut(gates[2 * hidden + i] + recurrent[i], op.clip));
            after[n * hidden + i] = (1.0f - gates[i]) * fresh + gates[i] * h[i];
        }
    }
    return {Tensor::of<float>(dims, after).converted(in[0].element())};
}

}  // namespace octet::ir::eval
