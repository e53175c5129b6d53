// Elementwise ops, pools and reductions of a random graph.
#include <cmath>

#include "tests/transformations/random_graph_builder.hpp"

namespace octet {

using namespace ir;

namespace {

bool broadcast_together(const Dims& a, const Dims& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && a[i] != 1 && b[i] != 1) return false;
    return true;
}

}  // namespace

void RandomGraphBuilder::activation(const Known& k) {
    switch (below(6)) {
        case 0:
        case 1: return keep(add(Relu{}, {k.value}, "relu"), k.largest, k.unit);
        case 2: {
            const double high = options_.exact ? k.unit * std::exp2(below(10)) : k.largest / 2;
            const double low = chance(50) ? 0 : -high / 2;
            if (options_.exact && high < 2 * k.unit) return;
            return keep(add(Clamp{low, high}, {k.value}, "clamp"), std::min(k.largest, high), k.unit);
        }
        case 3: {
            const bool per_channel = k.dims.size() > 1 && chance(50);
            std::vector<float> slope(static_cast<std::size_t>(per_channel ? k.dims[1] : 1));
            for (float& s : slope) s = one_of({0.25f, 0.5f, -0.5f, 2.0f});
            const auto count = static_cast<std::int64_t>(slope.size());
            if (!fits(k.largest * 2, k.unit / 4)) return;
            return keep(add(PRelu{}, {k.value, b_.numbers({count}, slope, name("slope"))}, "prelu"), k.largest * 2,
                        k.unit / 4);
        }
        case 4: return keep(add(Abs{}, {k.value}, "abs"), k.largest, k.unit);
        default: return keep(add(Negative{}, {k.value}, "negative"), k.largest, k.unit);
    }
}

void RandomGraphBuilder::with_constant(const Known& k) {
    Dims dims;
    const int shape = below(4);
    if (shape == 1) dims.assign(k.dims.size(), 1);
    if (shape >= 2 && k.dims.size() > 1) {
        dims.assign(k.dims.size(), 1);
        dims[1] = k.dims[1];
    }
    std::vector<float> values(static_cast<std::size_t>(product(dims)));
    const bool left = chance(20);
    const int kind = below(6);
    if (kind < 3) {
        const double step = options_.exact ? k.unit * std::exp2(below(4)) : k.largest / 30;
        for (float& v : values) v = static_cast<float>((below(41) - 20) * step);
        if (!fits(k.largest + 20 * step, k.unit)) return;
        const Value c = b_.numbers(dims, values, name("c"));
        const std::vector<Value> operands = left ? std::vector{c, k.value} : std::vector{k.value, c};
        if (kind == 0) return keep(add(Add{}, operands, "sum"), k.largest + 20 * step, k.unit);
        if (kind == 1) return keep(add(Subtract{}, operands, "difference"), k.largest + 20 * step, k.unit);
        return keep(chance(50) ? add(Maximum{}, operands, "maximum") : add(Minimum{}, operands, "minimum"),
                    std::max(k.largest, 20 * step), k.unit);
    }
    for (float& v : values) v = options_.exact ? one_of({0.5f, 1.0f, 2.0f, -1.0f, 0.25f}) : uniform(0.3f, 2.0f);
    if (!fits(k.largest * 4, k.unit / 4)) return;
    if (chance(10)) values[0] = 0;
    const Value c = b_.numbers(dims, values, name("c"));
    if (kind < 5 || values[0] == 0)
        return keep(add(Multiply{}, left ? std::vector{c, k.value} : std::vector{k.value, c}, "scaled"), k.largest * 2,
                    k.unit / 4);
    keep(add(Divide{}, {k.value, c}, "quotient"), k.largest * 4, k.unit / 2);
}

void RandomGraphBuilder::join(const Known& k) {
    const Known* found = other(broadcast_together, k);
    if (!found && !chance(20)) return;
    const Known o = found ? *found : k;
    const double unit = std::min(k.unit, o.unit);
    switch (below(6)) {
        case 0:
        case 1:
        case 2:
            if (!fits(k.largest + o.largest, unit)) return;
            return keep(add(Add{}, {k.value, o.value}, "residual"), k.largest + o.largest, unit);
        case 3:
            if (!fits(k.largest + o.largest, unit)) return;
            return keep(add(Subtract{}, {k.value, o.value}, "difference"), k.largest + o.largest, unit);
        case 4:
            if (!fits(k.largest * o.largest, k.unit * o.unit)) return;
            return keep(add(Multiply{}, {k.value, o.value}, "gated"), k.largest * o.largest, k.unit * o.unit);
        default:
            if (!fits(std::max(k.largest, o.largest), unit)) return;
            return keep(chance(50) ? add(Maximum{}, {k.value, o.value}, "maximum")
                                   : add(Minimum{}, {k.value, o.value}, "minimum"),
                        std::max(k.largest, o.largest), unit);
    }
}

void RandomGraphBuilder::pool(const Known& k) {
    if (k.dims.size() < 3 || k.dims.size() > 5) return;
    const Dims map(k.dims.begin() + 2, k.dims.end());
    if (chance(60)) {
        MaxPool op;
        place_window(op, map, op.kernel);
        if (chance(20)) op.rounding = RoundingType::ceil;
        if (chance(50)) op.dilations.clear();
        // A window of nothing gives minus infinity, with which no arithmetic is exact.
        const Window w = window_of(op, k.dims);
        for (std::size_t i = 0; i < map.size(); ++i) {
            const std::int64_t last = (w.output[i] - 1) * w.strides[i] - w.pads_begin[i];
            if (op.kernel[i] > map[i] || last >= map[i]) return;
        }
        const Value v = add(op, {k.value}, "max_pool");
        return keep({v.node, 0}, k.largest, k.unit);
    }
    AvgPool op;
    std::int64_t area = 1;
    for (const std::int64_t extent : map) {
        op.kernel.push_back(std::min<std::int64_t>(extent >= 2 ? 2 : 1, extent));
        area *= op.kernel.back();
        op.strides.push_back(one_of({1, 2}));
        op.pads_begin.push_back(0);
        op.pads_end.push_back(0);
    }
    op.exclude_pad = chance(50);
    // Pads in the divisor keep it a power of two.
    if (!op.exclude_pad && chance(50)) op.pads_begin.back() = op.kernel.back() - 1;
    const double unit = k.unit / static_cast<double>(area);
    if (!fits(k.largest * static_cast<double>(area), k.unit)) return;
    keep(add(op, {k.value}, "avg_pool"), k.largest, unit);
}

void RandomGraphBuilder::reduce(const Known& k) {
    if (!has_axes(k)) return;
    std::vector<std::int64_t> axes;
    std::int64_t count = 1;
    const bool spatial = k.dims.size() > 2 && chance(60);
    if (spatial)
        for (std::size_t i = 2; i < k.dims.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    else axes.push_back(static_cast<std::int64_t>(axis_of(k)));
    for (const std::int64_t axis : axes) count *= k.dims[static_cast<std::size_t>(axis)];
    const bool keeps = chance(70) || k.dims.size() - axes.size() < 2;
    const bool power = (count & (count - 1)) == 0;
    const std::vector<Value> operands{k.value, b_.integers(axes)};
    switch (below(4)) {
        case 0:
            if (!fits(k.largest * static_cast<double>(count), k.unit)) return;
            return keep(add(ReduceSum{keeps}, operands, "reduce_sum"), k.largest * static_cast<double>(count), k.unit);
        case 1: return keep(add(ReduceMax{keeps}, operands, "reduce_max"), k.largest, k.unit);
        case 2: return keep(add(ReduceMin{keeps}, operands, "reduce_min"), k.largest, k.unit);
        default:
            if ((options_.exact && !power) || !fits(k.largest * static_cast<double>(count), k.unit)) return;
            return keep(add(ReduceMean{keeps}, operands, "mean"), k.largest, k.unit / static_cast<double>(count));
    }
}

// Functions whose results are rounded: of graphs with arbitrary scales only.
void RandomGraphBuilder::rounding_function(const Known& k) {
    if (options_.exact) return activation(k);
    const auto last = static_cast<std::int64_t>(k.dims.size()) - 1;
    switch (below(10)) {
        case 0: return keep(add(Sigmoid{}, {k.value}, "sigmoid"), 1, 0);
        case 1: return keep(add(Tanh{}, {k.value}, "tanh"), 1, 0);
        case 2: return keep(add(Swish{}, {k.value}, "swish"), k.largest, 0);
        case 3: return keep(add(HSwish{}, {k.value}, "hswish"), k.largest, 0);
        case 4: return keep(add(Gelu{}, {k.value}, "gelu"), k.largest, 0);
        case 5: return keep(add(HSigmoid{}, {k.value}, "hsigmoid"), 1, 0);
        case 6: return keep(add(Elu{1}, {k.value}, "elu"), k.largest, 0);
        case 7:
            if (last < 1) return;
            return keep(add(SoftMax{last}, {k.value}, "softmax"), 1, 0);
        case 8:
            if (k.dims.size() < 3) return;
            return keep(add(Mvn{1e-3, true, EpsMode::inside_sqrt}, {k.value, b_.integers({last})}, "mvn"), 3, 0);
        default:
            if (k.dims.size() < 2) return;
            return keep(add(NormalizeL2{1e-3, L2EpsMode::add}, {k.value, b_.integers({1})}, "normalize"), 1, 0);
    }
}

}  // namespace octet
