#include <cmath>
#include <numeric>

#include "ir/eval/copy.hpp"
#include "ir/eval/detection.hpp"
#include "ir/eval/movement.hpp"
#include "ir/eval/resample.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

void weigh_rows(const float* from, float* to, std::size_t inner, const Taps& taps, std::size_t at) {
    const float first = taps.weights[at];
    const float* row = from + taps.places[at] * inner;
    for (std::size_t i = 0; i < inner; ++i) to[i] = first * row[i];
    for (std::size_t k = at + 1; k < at + taps.count; ++k) {
        const float weight = taps.weights[k];
        const float* next = from + taps.places[k] * inner;
        if (weight == 0) continue;
        for (std::size_t i = 0; i < inner; ++i) to[i] += weight * next[i];
    }
}

void weigh_line(const float* from, float* to, std::size_t places, const Taps& taps) {
    const std::size_t* p = taps.places.data();
    const float* w = taps.weights.data();
    if (taps.count == 2) {
        for (std::size_t o = 0; o < places; ++o) to[o] = w[2 * o] * from[p[2 * o]] + w[2 * o + 1] * from[p[2 * o + 1]];
        return;
    }
    for (std::size_t o = 0; o < places; ++o) {
        float sum = 0;
        for (std::size_t k = o * taps.count; k < (o + 1) * taps.count; ++k) sum += w[k] * from[p[k]];
        to[o] = sum;
    }
}

Tensor resampled(const Tensor& data, std::size_t axis, std::int64_t result, const Taps& taps) {
    Dims dims = data.dims();
    const std::size_t size = extent_of(dims, axis), places = static_cast<std::size_t>(result);
    std::size_t outer = 1, inner = 1;
    for (std::size_t i = 0; i < dims.size(); ++i)
        if (i != axis) (i < axis ? outer : inner) *= extent_of(dims, i);
    dims[axis] = result;
    Tensor out(Element::f32, std::move(dims));
    const float* from = data.as<float>().data();
    float* to = out.write<float>().data();
    for (std::size_t o = 0; o < outer; ++o, from += size * inner, to += places * inner) {
        if (inner == 1) weigh_line(from, to, places, taps);
        else
            for (std::size_t p = 0; p < places; ++p) weigh_rows(from, to + p * inner, inner, taps, p * taps.count);
    }
    return out;
}

Tensor rounded(const Tensor& floats, Element element) {
    if (!is_integer(element)) return floats.converted(element);
    return map<float, float>(floats, [](float x) { return std::nearbyint(x); }).converted(element);
}

Tensor with_pads(const Interpolate& op, const Tensor& data) {
    const auto is_zero = [](std::int64_t n) { return n == 0; };
    if (std::ranges::all_of(op.pads_begin, is_zero) && std::ranges::all_of(op.pads_end, is_zero)) return data;
    Dims begin = op.pads_begin, end = op.pads_end;
    begin.resize(data.dims().size());
    end.resize(data.dims().size());
    return padded(data, begin, end, Tensor(data.element(), {1}));
}

}  // namespace

Tensors interpolate(const Interpolate& op, std::span<const Tensor> in) {
    const Dims dims = result_dims(op, in);
    Tensor data = with_pads(op, in[0]);
    const std::size_t rank = dims.size();
    const std::vector<float> scales = axis_scales(op, data.dims(), dims, in[1], in.size() > 2 ? &in[2] : nullptr);
    const auto taps_of = [&](std::size_t i) { return axis_taps(op, data.dims()[i], dims[i], scales[i]); };
    if (product(dims) == 0) return {Tensor(data.element(), dims)};
    require(data.size() != 0, "data {} is empty, the result is not", to_string(data.dims()));
    if (op.mode == InterpolateMode::nearest) {
        std::vector<std::vector<std::int64_t>> places;
        for (std::size_t i = 0; i < rank; ++i) {
            const Taps taps = taps_of(i);
            places.emplace_back(taps.places.begin(), taps.places.end());
        }
        return {taken(data, places)};
    }
    // What shrinks goes first, and of the rest the innermost: fewest elements meet the slow gathering of the innermost axis.
    std::vector<std::size_t> order;
    for (std::size_t i = rank; i-- > 0;)
        if (dims[i] != data.dims()[i]) order.push_back(i);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return std::min(scales[i], 1.0f); });
    const Element element = data.element();
    data = data.converted(Element::f32);
    for (const std::size_t i : order) data = resampled(data, i, dims[i], taps_of(i));
    return {rounded(data, element)};
}

}  // namespace octet::ir::eval
