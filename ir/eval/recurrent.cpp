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

// The op's activation at `place`; its name may be spelled in any case and with spaces around it.
template <class T>
Activation activation(const T& op, std::size_t place, std::string_view otherwise) {
    std::string name;
    for (const char c : place < op.activations.size() ? op.activations[place] : std::string(otherwise))
        if (c != ' ') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto found = std::ranges::find(kActivations, name, &NamedActivation::name);
    if (found == std::end(kActivations))
        throw Unsupported(std::string(T::name), "there is no activation '" + name + "'");
    const auto given = [&](const std::vector<double>& list, float value) {
        return place < list.size() ? static_cast<float>(list[place]) : value;
    };
    return {found->function, given(op.activations_alpha, found->alpha), given(op.activations_beta, found->beta)};
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

struct LstmWeights {
    Floats x, h;  // [I, 4H], [H, 4H]
    const float* bias = nullptr;
};

struct Lstm {
    const LstmSequence& op;
    std::size_t inputs, hidden;
    Activation f, g, h;

    void step(const LstmWeights& w, const float* x, float* state, float* cell, Floats& gates) const {
        std::copy_n(w.bias, 4 * hidden, gates.begin());
        add_product(x, inputs, w.x.data(), 4 * hidden, 4 * hidden, gates.data());
        add_product(state, hidden, w.h.data(), 4 * hidden, 4 * hidden, gates.data());
        for (std::size_t i = 0; i < hidden; ++i) {
            const auto gate = [&](std::size_t k) { return cut(gates[k * hidden + i], op.clip); };
            cell[i] = f(gate(0)) * cell[i] + f(gate(1)) * g(gate(2));
            state[i] = f(gate(3)) * h(cell[i]);
        }
    }
};

}  // namespace

Tensors lstm_sequence(const LstmSequence& op, std::span<const Tensor> in) {
    const Types types = result_types(op, in);
    const Dims& x = in[0].dims();
    const std::size_t batch = extent_of(x, 0), steps = extent_of(x, 1), inputs = extent_of(x, 2),
                      hidden = static_cast<std::size_t>(op.hidden_size);
    const std::size_t directions = op.direction == RecurrentDirection::bidirectional ? 2 : 1;
    const Lstm lstm{
        op, inputs, hidden, activation(op, 0, "sigmoid"), activation(op, 1, "tanh"), activation(op, 2, "tanh")};
    const Floats values = in[0].floats(), w = in[4].floats(), r = in[5].floats(), bias = in[6].floats();
    Floats state = in[1].floats(), cell = in[2].floats(), gates(4 * hidden);
    Tensor y(Element::f32, types[0].shape.sizes());
    for (std::size_t d = 0; d < directions; ++d) {
        const LstmWeights weights{turned(w.data() + d * 4 * hidden * inputs, 4 * hidden, inputs),
                                  turned(r.data() + d * 4 * hidden * hidden, 4 * hidden, hidden),
                                  bias.data() + d * 4 * hidden};
        const bool backwards = op.direction == RecurrentDirection::reverse || d == 1;
        for (std::size_t n = 0; n < batch; ++n) {
            const std::int64_t given = in[3].integer_at(n);
            require(given >= 0 && given <= x[1], "a length of {}, wanted 0 to {}", given, x[1]);
            const auto length = static_cast<std::size_t>(given);
            const std::size_t at = n * directions + d;
            for (std::size_t i = 0; i < length; ++i) {
                const std::size_t t = backwards ? length - 1 - i : i;
                lstm.step(weights, values.data() + (n * steps + t) * inputs, state.data() + at * hidden,
                          cell.data() + at * hidden, gates);
                std::copy_n(state.data() + at * hidden, hidden, y.write<float>().data() + (at * steps + t) * hidden);
            }
        }
    }
    const Dims last = types[1].shape.sizes();
    const Element element = in[0].element();
    return {y.converted(element), Tensor::of<float>(last, state).converted(element),
            Tensor::of<float>(last, cell).converted(element)};
}

Tensors gru_cell(const GruCell& op, std::span<const Tensor> in) {
    const Dims dims = result_dims(op, in);
    const std::size_t batch = extent_of(dims, 0), inputs = extent_of(in[0].dims(), 1),
                      hidden = static_cast<std::size_t>(op.hidden_size);
    const Activation f = activation(op, 0, "sigmoid"), g = activation(op, 1, "tanh");
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
