// Convolutions and products of a random graph.
#include <cmath>

#include "tests/transformations/random_graph_builder.hpp"

namespace octet {

using namespace ir;

Value RandomGraphBuilder::quantized_weights(const Dims& shape, const std::vector<std::size_t>& axes, int largest_code,
                                            const std::vector<float>& scales) {
    std::int64_t inner = 1;
    if (!axes.empty())
        for (std::size_t i = axes.back() + 1; i < shape.size(); ++i) inner *= shape[i];
    const auto count = static_cast<std::int64_t>(scales.size());
    const std::int64_t last = axes.empty() ? 1 : shape[axes.back()];
    std::int64_t group = 1;
    if (axes.size() == 2) group = product({shape.begin() + static_cast<std::ptrdiff_t>(axes[0]) + 1, shape.end()});
    const std::int64_t elements = ir::product(shape);
    std::vector<float> values(static_cast<std::size_t>(elements));
    std::vector<std::int8_t> codes(values.size());
    for (std::int64_t i = 0; i < elements; ++i) {
        const std::int64_t channel = count == 1         ? 0
                                     : axes.size() == 2 ? i / group * last + i / inner % last
                                                        : i / inner % last;
        const int code = below(2 * largest_code + 1) - largest_code;
        codes[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(code);
        values[static_cast<std::size_t>(i)] = static_cast<float>(code) * scales[static_cast<std::size_t>(channel)];
    }
    Dims extents(shape.size(), 1);
    if (count > 1)
        for (const std::size_t axis : axes) extents[axis] = shape[axis];
    if (chance(10)) return b_.numbers(shape, values, name("plain"));
    if (chance(15)) {
        const Value w = b_.edit.constant(Tensor::of<std::int8_t>(shape, std::span<const std::int8_t>(codes)),
                                         name("codes"));
        return add(Multiply{},
                   {add(Convert{Element::f32}, {w}, "convert"), b_.numbers(extents, scales, name("scales"))},
                   "compressed");
    }
    const std::int64_t levels = largest_code > 64 ? one_of<std::int64_t>({255, 256}) : largest_code > 7 ? 129 : 15;
    // A zero point beside the middle makes the plan keep the layer float.
    const std::int64_t zero = levels / 2 + (largest_code < 7 && chance(5) ? 1 : 0);
    std::vector<float> low, high;
    for (const float s : scales) {
        low.push_back(static_cast<float>(-zero) * s);
        high.push_back(static_cast<float>(levels - 1 - zero) * s);
    }
    const Value from = b_.numbers(extents, low, name("low"));
    const Value to = b_.numbers(extents, high, name("high"));
    return b_.edit.add(FakeQuantize{levels}, {b_.numbers(shape, values, name("values")), from, to, from, to},
                       name("weights"));
}

std::optional<RandomGraphBuilder::Weights> RandomGraphBuilder::weights(const Dims& shape,
                                                                       const std::vector<std::size_t>& axes,
                                                                       const Known& data, std::int64_t products) {
    const double room = 0x1p22 / (data.largest / data.unit * static_cast<double>(products));
    int largest = one_of({127, 127, 40, 4, 1});
    if (options_.exact)
        while (largest > 1 && largest * 4 > room) largest /= 3;
    if (options_.exact && largest * 4 > room) return std::nullopt;
    std::int64_t channels = 1;
    for (const std::size_t axis : axes) channels *= shape[axis];
    std::vector<float> scales(chance(60) ? static_cast<std::size_t>(channels) : 1);
    for (float& s : scales)
        s = options_.exact ? one_of({0.0625f, 0.125f, 0.25f}) : uniform(0.5f, 1.5f) / static_cast<float>(largest);
    if (chance(5)) scales[0] = -scales[0];
    return Weights{quantized_weights(shape, axes, largest, scales), largest * 0.25, 0.0625};
}

void RandomGraphBuilder::keep_sum(Value v, const Known& data, const Weights& w, std::int64_t products) {
    const double largest = data.largest * w.largest * static_cast<double>(products);
    double unit = data.unit * w.unit;
    if (chance(50)) {
        const auto shape = b_.graph.shape(v);
        const std::size_t axis = b_.graph.op(v).is<MatMul>() ? shape.rank() - 1 : 1;
        Dims dims(shape.rank(), 1);
        const bool along = shape[axis].is_static();
        if (along) dims[axis] = shape[axis].low;
        std::vector<float> bias(static_cast<std::size_t>(product(dims)));
        const double step = options_.exact ? unit * std::exp2(below(6)) : largest / 100;
        for (float& b : bias) b = static_cast<float>((below(33) - 16) * step);
        v = add(Add{}, {v, b_.numbers(dims, bias, name("bias"))}, "biased");
    }
    keep(v, options_.exact ? largest * 1.01 + unit * 1024 : largest / std::sqrt(static_cast<double>(products)), unit);
}

void RandomGraphBuilder::convolution(const Known& k) {
    if (k.dims.size() < 3 || k.dims.size() > 5 || !small(k.dims)) return;
    const Dims map(k.dims.begin() + 2, k.dims.end());
    Convolution op;
    Dims kernel;
    if (chance(40)) {
        kernel.assign(map.size(), 1);
        op.strides.assign(map.size(), one_of({1, 1, 1, 2}));
        op.dilations.assign(map.size(), 1);
        op.pads_begin.assign(map.size(), 0);
        op.pads_end.assign(map.size(), 0);
    } else {
        place_window(op, map, kernel);
        if (chance(10)) op.auto_pad = one_of({PadType::same_upper, PadType::same_lower});
        if (chance(5)) {
            op.auto_pad = PadType::valid;
            op.dilations.assign(map.size(), 1);
            for (std::size_t i = 0; i < map.size(); ++i) kernel[i] = std::min(kernel[i], map[i]);
        }
    }
    const std::int64_t out = options_.wide ? one_of<std::int64_t>({1, 8, 16, 17, 32, 70}) : 1 + below(6);
    const std::int64_t products = k.dims[1] * product(kernel);
    Dims shape{out, k.dims[1]};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    if (const auto w = weights(shape, {0}, k, products))
        keep_sum(add(op, {k.value, w->value}, "conv"), k, *w, products);
}

void RandomGraphBuilder::group_convolution(const Known& k) {
    if (k.dims.size() < 3 || k.dims.size() > 5 || !small(k.dims)) return;
    const Dims map(k.dims.begin() + 2, k.dims.end());
    GroupConvolution op;
    Dims kernel;
    place_window(op, map, kernel);
    std::int64_t groups = k.dims[1];
    if (chance(35))
        for (const std::int64_t g : {2, 4, 3})
            if (k.dims[1] % g == 0 && chance(60)) groups = g;
    const std::int64_t in = k.dims[1] / groups;
    const std::int64_t out = in == 1 ? one_of<std::int64_t>({1, 1, 1, 2}) : 1 + below(3);
    Dims shape{groups, out, in};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    const std::int64_t products = in * product(kernel);
    if (const auto w = weights(shape, {0, 1}, k, products))
        keep_sum(add(op, {k.value, w->value}, in == 1 ? "depthwise" : "grouped"), k, *w, products);
}

void RandomGraphBuilder::backward_convolution(const Known& k) {
    if (k.dims.size() < 3 || k.dims.size() > 5 || !small(k.dims)) return;
    const Dims map(k.dims.begin() + 2, k.dims.end());
    ConvolutionBackpropData op;
    Dims kernel;
    place_window(op, map, kernel);
    for (std::size_t i = 0; i < map.size(); ++i) {
        const std::int64_t full = (map[i] - 1) * op.strides[i] + (kernel[i] - 1) * op.dilations[i] + 1;
        if (full - op.pads_begin[i] - op.pads_end[i] < 1) op.pads_begin[i] = op.pads_end[i] = 0;
    }
    if (chance(20))
        for (const std::int64_t stride : op.strides) op.output_padding.push_back(stride - 1);
    const std::int64_t out = options_.wide ? one_of<std::int64_t>({1, 8, 17, 32}) : 1 + below(4);
    const bool grouped = k.dims[1] % 2 == 0 && chance(30);
    Dims shape = grouped ? Dims{2, k.dims[1] / 2, out} : Dims{k.dims[1], out};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    const std::int64_t products = k.dims[1] / (grouped ? 2 : 1) * product(kernel);
    const auto w = weights(shape, grouped ? std::vector<std::size_t>{0, 2} : std::vector<std::size_t>{1}, k, products);
    if (!w) return;
    if (!grouped) return keep_sum(add(op, {k.value, w->value}, "backward"), k, *w, products);
    const GroupConvolutionBackpropData g{op.strides,  op.pads_begin,     op.pads_end, op.dilations,
                                         op.auto_pad, op.output_padding, {},          {}};
    keep_sum(add(g, {k.value, w->value}, "grouped_backward"), k, *w, products);
}

void RandomGraphBuilder::matrix_product(const Known& k) {
    const std::size_t rank = k.dims.size();
    if (rank < 2 || !small(k.dims)) return;
    MatMul op;
    op.transpose_a = rank - first_axis() >= 2 && chance(20);
    op.transpose_b = chance(50);
    const std::int64_t in = k.dims[op.transpose_a ? rank - 2 : rank - 1];
    const std::int64_t out = options_.wide ? one_of<std::int64_t>({1, 3, 16, 33, 64}) : 1 + below(5);
    Dims shape;
    if (chance(15)) shape.assign(rank - 2, 1);
    else if (chance(10) && !options_.dynamic_batch) shape.assign(k.dims.begin(), k.dims.end() - 2);
    shape.push_back(op.transpose_b ? out : in);
    shape.push_back(op.transpose_b ? in : out);
    if (chance(5)) shape = {in}, op.transpose_b = false;
    const std::size_t axis = op.transpose_b ? shape.size() - 2 : shape.size() - 1;
    const std::vector<std::size_t> axes = shape.size() > 1 ? std::vector{axis} : std::vector<std::size_t>{};
    if (rank == 2 && shape.size() == 1) return;
    if (const auto w = weights(shape, axes, k, in)) {
        const Value v = add(op, {k.value, w->value}, "product");
        if (shape.size() == 1) return keep(v, k.largest * w->largest * static_cast<double>(in), k.unit * w->unit);
        keep_sum(v, k, *w, in);
    }
}

void RandomGraphBuilder::product_of_two(const Known& k) {
    if (k.dims.size() < 2 || !small(k.dims)) return;
    const Known* found = other([](const Dims& a, const Dims& b) { return a == b; }, k);
    const Known o = found && chance(70) ? *found : k;
    const bool first = chance(50);
    if (options_.dynamic_batch && k.dims.size() == 2) return;
    const std::int64_t in = k.dims[first ? k.dims.size() - 2 : k.dims.size() - 1];
    const double largest = k.largest * o.largest * static_cast<double>(in);
    if (!fits(largest, k.unit * o.unit)) return;
    keep(add(MatMul{first, !first, {}, {}}, {k.value, o.value}, "product"), largest, k.unit * o.unit);
}

Op RandomGraphBuilder::recurrent_op(RecurrentKind kind, bool cell, std::int64_t hidden) {
    const auto direction = chance(50) ? RecurrentDirection::forward : RecurrentDirection::reverse;
    if (kind == RecurrentKind::rnn) {
        const std::vector<std::string> activations{options_.exact ? "relu" : "tanh"};
        if (cell) return RnnCell{.hidden_size = hidden, .activations = activations};
        return RnnSequence{.hidden_size = hidden, .direction = direction, .activations = activations};
    }
    if (kind == RecurrentKind::lstm) {
        if (cell) return LstmCell{.hidden_size = hidden};
        return LstmSequence{.hidden_size = hidden, .direction = direction};
    }
    if (cell) return GruCell{.hidden_size = hidden};
    return GruSequence{.hidden_size = hidden, .direction = direction};
}

// Rows are one step, matrices the steps of a sequence. What is exact is an RNN with ReLU, each of whose units halves another one.
void RandomGraphBuilder::recurrent(const Known& k) {
    const bool cell = k.dims.size() == 2;
    if ((!cell && k.dims.size() != 3) || !small(k.dims) || options_.dynamic_batch) return;
    const std::int64_t batch = k.dims[0], steps = cell ? 1 : k.dims[1], in = k.dims.back();
    const std::int64_t hidden = options_.wide ? one_of<std::int64_t>({1, 8, 17, 33}) : 1 + below(4);
    const RecurrentKind kind = options_.exact ? RecurrentKind::rnn
                                              : one_of({RecurrentKind::lstm, RecurrentKind::gru, RecurrentKind::rnn});
    const std::int64_t rows = gates_of(kind) * hidden;
    const auto stacked = [&](Dims dims) {
        if (!cell) dims.insert(dims.begin(), 1);
        return dims;
    };
    const std::vector<std::size_t> axes{cell ? 0u : 1u};
    const auto w = weights(stacked({rows, in}), axes, k, in);
    if (!w) return;
    const double unit = k.unit * w->unit;
    const double largest = 2 * (k.largest * w->largest * static_cast<double>(in) + 4 * unit);
    const double smallest = unit * std::exp2(1 - steps);
    if (!fits(largest, smallest)) return;
    Value r;
    if (options_.exact) {
        std::vector<float> halves(static_cast<std::size_t>(rows * hidden));
        for (std::int64_t row = 0; row < rows; ++row)
            halves[static_cast<std::size_t>(row * hidden + below(hidden))] = one_of({0.5f, -0.5f});
        r = b_.numbers(stacked({rows, hidden}), halves, name("halves"));
    } else {
        r = weights(stacked({rows, hidden}), axes, k, hidden)->value;
    }
    std::vector<float> bias;
    for (std::int64_t i = 0; i < rows; ++i)
        bias.push_back(static_cast<float>(below(9) - 4) * (options_.exact ? static_cast<float>(unit) : 0.1f));
    const Value state = b_.numbers(cell ? Dims{batch, hidden} : Dims{batch, 1, hidden},
                                   std::vector<float>(static_cast<std::size_t>(batch * hidden)), name("state"));
    std::vector<Value> operands{k.value, state};
    if (kind == RecurrentKind::lstm) operands.push_back(state);
    if (!cell) operands.push_back(b_.integers(std::vector<std::int64_t>(static_cast<std::size_t>(batch), steps)));
    for (const Value v : {w->value, r, b_.numbers(stacked({rows}), bias, name("bias"))}) operands.push_back(v);
    keep(add(recurrent_op(kind, cell, hidden), operands, "recurrent"), options_.exact ? largest : 1, smallest);
}

}  // namespace octet
