#include "tests/transformations/random_graph.hpp"

#include <cmath>

#include "tests/transformations/random_graph_builder.hpp"

namespace octet {

using namespace ir;

namespace {

constexpr std::int64_t kBatch = 2;

Dims known_dims(const Shape& shape) {
    Dims dims;
    for (const Dim d : shape.dims()) dims.push_back(d.is_static() ? d.low : kBatch);
    return dims;
}

bool is_power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

}  // namespace

void RandomGraphBuilder::keep(Value v, double largest, double unit) {
    Known k{v, known_dims(b_.graph.shape(v)), largest, unit};
    // Half of what is exact is left to the next sum.
    if (options_.exact && largest / unit >= 0x1p20) k = quantized(k);
    values_.push_back(std::move(k));
}

void RandomGraphBuilder::input(int index) {
    const std::int64_t batch = one_of<std::int64_t>({1, 1, 2});
    const std::int64_t channels = options_.wide ? one_of<std::int64_t>({3, 8, 16, 17, 32, 64})
                                                : one_of<std::int64_t>({1, 2, 3, 4, 6, 8});
    const std::int64_t map = options_.wide ? one_of<std::int64_t>({1, 5, 7, 8, 12})
                                           : one_of<std::int64_t>({1, 3, 4, 6});
    std::vector<Dim> dims{options_.dynamic_batch ? Dim() : Dim(batch), Dim(channels)};
    const int spatial = one_of({2, 2, 2, 2, 2, 1, 3, 0});
    for (int i = 0; i < spatial; ++i) dims.emplace_back(i == 0 ? map : one_of<std::int64_t>({map, 4}));
    const Shape shape(std::move(dims));
    const std::string label = fmt::format("x{}", index);
    if (chance(80)) {
        const Value x = b_.input(shape, label);
        values_.push_back({x, known_dims(shape), 8, 0x1p-4});
        return;
    }
    // Codes, and how the file says what they mean.
    const Value codes = b_.input(shape, label, Element::u8);
    const Value zero = b_.numbers({}, {static_cast<float>(one_of({0, 128, 7}))}, name("zero"));
    const Value scale = b_.numbers({}, {options_.exact ? 0.0625f : uniform(0.01f, 0.1f)}, name("scale"));
    Value x = add(Convert{Element::f32}, {codes}, "convert");
    x = add(Subtract{}, {x, zero}, "shift");
    keep(add(Multiply{}, {x, scale}, "input"), 16, 0x1p-4);
}

Value RandomGraphBuilder::interval(const Known& k, const std::vector<float>& ends, std::string_view what) {
    Dims dims;
    if (ends.size() > 1) {
        dims.assign(k.dims.size(), 1);
        dims[1] = static_cast<std::int64_t>(ends.size());
    } else if (chance(30)) {
        dims.assign(k.dims.size(), 1);
    }
    return b_.numbers(dims, ends, name(what));
}

Known RandomGraphBuilder::quantized(const Known& k) {
    if (options_.equal_levels) return quantized(k, 129);
    // 513 levels have no 8-bit codes.
    return quantized(k, one_of<std::int64_t>({129, 129, 129, 256, 256, 256, 255, 65, 17, 16, 15, 2, 513}));
}

// The input interval decides what is rounded where, the output interval what the codes mean: their ranges may differ, also in sign.
Known RandomGraphBuilder::quantized(const Known& k, std::int64_t levels) {
    const double base = std::exp2(std::floor(std::log2(std::max(k.largest, 0x1p-20) / static_cast<double>(levels))));
    // Too fine a unit leaves no room beside the ties.
    if (options_.exact && !is_power_of_two(levels - 1) && k.unit < base * 0x1p-9) return quantized(k, 129);
    const bool per_channel = k.dims.size() > 1 && k.dims[1] > 1 && chance(15);
    const auto count = static_cast<std::size_t>(per_channel ? k.dims[1] : 1);
    const auto steps = static_cast<double>(levels - 1);
    const double middle = one_of({0.0, 0.0, 0.0, 0.5, 0.5, 0.25}) * steps;
    const double zero_point = one_of({0.0, 0.0, 0.0, 128.0, 64.0, 3.0, 3.25, 64.5, -2.0});
    const bool other_range = chance(20);
    const bool negative = chance(5);
    const bool varying_zero = per_channel && chance(30);
    std::array<std::vector<float>, 4> ends;
    Known result{{}, k.dims, 0, HUGE_VAL};
    for (std::size_t c = 0; c < count; ++c) {
        double scale = base * (options_.exact ? one_of({0.0625, 0.125, 0.25, 0.5, 1.0})
                                              : static_cast<double>(uniform(0.05f, 1.2f)));
        double shift = std::floor(middle);
        // No multiple of the unit may lie at a tie, where the formula itself rounds.
        if (options_.exact && !is_power_of_two(levels - 1)) shift += std::min(0.25, k.unit / scale / 2);
        double zero = other_range ? zero_point : shift;
        if (options_.exact && zero != std::floor(zero * 4) / 4) zero = std::floor(shift);
        if (varying_zero) zero += below(3);
        double step = scale * (other_range ? one_of({0.5, 1.0, 2.0}) : 1.0);
        if (negative) step = -step;
        ends[0].push_back(static_cast<float>(-shift * scale));
        ends[1].push_back(static_cast<float>((steps - shift) * scale));
        ends[2].push_back(static_cast<float>(-zero * step));
        ends[3].push_back(static_cast<float>((steps - zero) * step));
        result.largest = std::max(result.largest, std::max(std::abs(zero), std::abs(steps - zero)) * std::abs(step));
        result.unit = std::min(result.unit, std::abs(step) * (zero == std::floor(zero) ? 1 : 0.25));
    }
    std::vector<Value> operands{k.value};
    for (const auto& e : ends) operands.push_back(interval(k, e, "interval"));
    result.value = b_.edit.add(FakeQuantize{levels}, operands, name("fq"));
    // The same once more, as files have it that quantize each edge.
    if (chance(5)) {
        Known twin = result;
        twin.value = b_.edit.add(FakeQuantize{levels}, operands, name("fq"));
        values_.push_back(twin);
    }
    return result;
}

const Known* RandomGraphBuilder::other(bool (*together)(const Dims&, const Dims&), const Known& k) {
    std::vector<const Known*> candidates;
    for (const Known& o : values_)
        if (o.value != k.value && together(k.dims, o.dims)) candidates.push_back(&o);
    if (candidates.empty()) return nullptr;
    return candidates[static_cast<std::size_t>(below(static_cast<std::int64_t>(candidates.size())))];
}

void RandomGraphBuilder::step(bool first) {
    const auto recent = std::min<std::int64_t>(static_cast<std::int64_t>(values_.size()), 4);
    Known k = values_[values_.size() - 1 - static_cast<std::size_t>(below(recent))];
    if (!options_.one_layer && (first || chance(35))) {
        k = quantized(k);
        values_.push_back(k);
    }
    using Family = void (RandomGraphBuilder::*)(const Known&);
    static constexpr std::array<std::pair<Family, int>, 21> kFamilies{{
        {&RandomGraphBuilder::convolution, 20},
        {&RandomGraphBuilder::group_convolution, 8},
        {&RandomGraphBuilder::backward_convolution, 6},
        {&RandomGraphBuilder::matrix_product, 8},
        {&RandomGraphBuilder::product_of_two, 3},
        {&RandomGraphBuilder::recurrent, 4},
        {&RandomGraphBuilder::activation, 8},
        {&RandomGraphBuilder::with_constant, 8},
        {&RandomGraphBuilder::join, 9},
        {&RandomGraphBuilder::pool, 6},
        {&RandomGraphBuilder::reduce, 4},
        {&RandomGraphBuilder::rounding_function, 5},
        {&RandomGraphBuilder::reshape, 4},
        {&RandomGraphBuilder::permute, 4},
        {&RandomGraphBuilder::slice, 4},
        {&RandomGraphBuilder::repeat, 3},
        {&RandomGraphBuilder::blocks, 3},
        {&RandomGraphBuilder::pad, 3},
        {&RandomGraphBuilder::split, 5},
        {&RandomGraphBuilder::concat, 9},
        {&RandomGraphBuilder::state, 3},
    }};
    int total = 0;
    for (const auto& family : kFamilies) total += family.second;
    int pick = below(total);
    for (const auto& [family, weight] : kFamilies) {
        pick -= weight;
        if (pick < 0) return (this->*family)(k);
    }
}

Graph RandomGraphBuilder::run() {
    const int inputs = one_of({1, 1, 2, 3});
    for (int i = 0; i < inputs; ++i) input(i);
    if (options_.one_layer)
        for (int i = 0; i < inputs; ++i) {
            const Known codes = quantized(values_[static_cast<std::size_t>(i)], 256);
            values_[static_cast<std::size_t>(i)] = codes;
        }
    const int steps = options_.one_layer ? 1 + below(4) : 3 + below(14);
    for (int i = 0; i < steps; ++i) {
        step(i < 2);
        if (options_.loops && chance(30)) body(Known(values_.back()));
    }
    for (const Known& k : std::vector<Known>(values_))
        if (b_.graph.uses(k.value).empty()) b_.result(options_.one_layer ? quantized(k, 256).value : k.value);
    if (b_.graph.results().empty()) b_.result(values_.back().value);
    return std::move(b_.graph);
}

Graph random_graph(unsigned seed, const RandomGraphOptions& options) { return RandomGraphBuilder(seed, options).run(); }

Tensors random_inputs(const Graph& graph, unsigned seed, std::int64_t batch) {
    std::mt19937 random(seed);
    Tensors inputs;
    for (const NodeId id : graph.parameters()) {
        Dims dims;
        for (const Dim d : graph.shape({id, 0}).dims()) dims.push_back(d.is_static() ? d.low : batch);
        const Element element = graph.element({id, 0});
        Tensor t(element, dims);
        if (element == Element::f32)
            for (float& x : t.write<float>()) x = static_cast<float>(static_cast<int>(random() % 257) - 128) / 16;
        else
            for (std::byte& b : t.write_raw()) b = static_cast<std::byte>(random() % 256);
        inputs.push_back(std::move(t));
    }
    return inputs;
}

}  // namespace octet
