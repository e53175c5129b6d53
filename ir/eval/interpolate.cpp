#include <cmath>
#include <numeric>

#include "ir/eval/copy.hpp"
#include "ir/eval/detection.hpp"
#include "ir/eval/movement.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

// How the places of one axis of the result lie over the data.
struct AxisScale {
    std::int64_t size = 0;    // of the data
    std::int64_t result = 0;  // of the result
    float scale = 1;

    float coordinate(std::int64_t place, CoordinateMode mode) const {
        const auto x = static_cast<float>(place);
        if (scale == 1.0f || size == result) return x;
        switch (mode) {
            case CoordinateMode::half_pixel: return (x + 0.5f) / scale - 0.5f;
            case CoordinateMode::pytorch_half_pixel: return result > 1 ? (x + 0.5f) / scale - 0.5f : 0.0f;
            case CoordinateMode::asymmetric: return x / scale;
            case CoordinateMode::tf_half_pixel_for_nn: return (x + 0.5f) / scale;
            default: return result == 1 ? 0.0f : x * static_cast<float>(size - 1) / static_cast<float>(result - 1);
        }
    }
    std::int64_t inside(std::int64_t place) const { return std::clamp<std::int64_t>(place, 0, size - 1); }
};

std::int64_t nearest_place(float x, NearestMode mode, bool shrinks) {
    const float floored = std::floor(x);
    switch (mode) {
        case NearestMode::round_prefer_floor: return static_cast<std::int64_t>(x == floored + 0.5f ? floored : std::round(x));
        case NearestMode::round_prefer_ceil: return static_cast<std::int64_t>(x == floored + 0.5f ? floored + 1 : std::round(x));
        case NearestMode::floor: return static_cast<std::int64_t>(floored);
        case NearestMode::ceil: return static_cast<std::int64_t>(std::ceil(x));
        default: return static_cast<std::int64_t>(shrinks ? std::ceil(x) : x);
    }
}

// Every place of the result is a weighted sum of `count` places of the data.
struct Taps {
    std::size_t count = 0;
    std::vector<std::size_t> places;
    std::vector<float> weights;

    void add(std::int64_t place, float weight) {
        places.push_back(static_cast<std::size_t>(place));
        weights.push_back(weight);
    }
};

// A triangle over the neighbours, as wide as the step between places when shrinking with antialias. What lies outside does not count.
Taps linear_taps(const AxisScale& axis, const Interpolate& op) {
    const float slope = op.antialias ? std::min(axis.scale, 1.0f) : 1.0f;
    const auto reach = static_cast<std::int64_t>(axis.scale > 1.0f ? 2.0f : std::ceil(2.0f / slope));
    Taps taps{static_cast<std::size_t>(2 * reach + 1), {}, {}};
    for (std::int64_t o = 0; o < axis.result; ++o) {
        const float x = axis.coordinate(o, op.coordinates);
        const auto centre = static_cast<std::int64_t>(std::round(x));
        const std::size_t first = taps.weights.size();
        float sum = 0;
        for (std::int64_t i = centre - reach; i <= centre + reach; ++i) {
            const float weight = i < 0 || i >= axis.size ? 0.0f : std::max(0.0f, 1.0f - std::fabs(slope * (x - static_cast<float>(i))));
            taps.add(axis.inside(i), weight);
            sum += weight;
        }
        if (sum != 0)
            for (std::size_t k = first; k < taps.weights.size(); ++k) taps.weights[k] /= sum;
    }
    return taps;
}

Taps linear_onnx_taps(const AxisScale& axis, const Interpolate& op) {
    Taps taps{2, {}, {}};
    for (std::int64_t o = 0; o < axis.result; ++o) {
        const float x = std::clamp(axis.coordinate(o, op.coordinates), 0.0f, static_cast<float>(axis.size - 1));
        const std::int64_t left = axis.inside(static_cast<std::int64_t>(x)), right = axis.inside(left + 1);
        const float weight = x - static_cast<float>(left);
        taps.add(left, left == right ? 0.5f : 1.0f - weight);
        taps.add(right, left == right ? 0.5f : weight);
    }
    return taps;
}

// Cubic convolution with free coefficient a; beyond the edge the last element goes on.
Taps cubic_taps(const AxisScale& axis, const Interpolate& op) {
    const auto a = static_cast<float>(op.cube_coeff);
    Taps taps{4, {}, {}};
    for (std::int64_t o = 0; o < axis.result; ++o) {
        const float x = axis.coordinate(o, op.coordinates);
        const auto left = static_cast<std::int64_t>(std::floor(x));
        const float t = x - static_cast<float>(left), u = 1.0f - t;
        taps.add(axis.inside(left - 1), ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a);
        taps.add(axis.inside(left), ((a + 2) * t - (a + 3)) * t * t + 1);
        taps.add(axis.inside(left + 1), ((a + 2) * u - (a + 3)) * u * u + 1);
        taps.add(axis.inside(left + 2), ((a * (u + 1) - 5 * a) * (u + 1) + 8 * a) * (u + 1) - 4 * a);
    }
    return taps;
}

// Taps that weigh nothing at every place are dropped: a linear resize then reads two.
Taps compacted(Taps taps) {
    const std::size_t places = taps.count == 0 ? 0 : taps.places.size() / taps.count;
    std::size_t most = 1;
    for (std::size_t o = 0; o < places; ++o)
        most = std::max(most, static_cast<std::size_t>(std::count_if(taps.weights.begin() + static_cast<std::ptrdiff_t>(o * taps.count),
                                                                     taps.weights.begin() + static_cast<std::ptrdiff_t>((o + 1) * taps.count),
                                                                     [](float w) { return w != 0; })));
    Taps result{most, {}, {}};
    for (std::size_t o = 0; o < places; ++o) {
        for (std::size_t k = o * taps.count; k < (o + 1) * taps.count; ++k)
            if (taps.weights[k] != 0) result.add(static_cast<std::int64_t>(taps.places[k]), taps.weights[k]);
        while (result.places.size() < (o + 1) * most) result.add(0, 0.0f);
    }
    return result;
}

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

Taps taps_of(const AxisScale& axis, const Interpolate& op) {
    if (op.mode == InterpolateMode::cubic) return compacted(cubic_taps(axis, op));
    return compacted(op.mode == InterpolateMode::linear ? linear_taps(axis, op) : linear_onnx_taps(axis, op));
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
    std::vector<AxisScale> scales(rank);
    for (std::size_t i = 0; i < rank; ++i)
        scales[i] = {data.dims()[i], dims[i], static_cast<float>(dims[i]) / static_cast<float>(std::max<std::int64_t>(data.dims()[i], 1))};
    if (op.calculation == InterpolateFrom::scales)
        for (std::size_t i = 0; i < in[1].size(); ++i)
            scales[in.size() > 2 ? normalise_axis(in[2].integer_at(i), rank) : i].scale = static_cast<float>(in[1].at(i));
    if (product(dims) == 0) return {Tensor(data.element(), dims)};
    require(data.size() != 0, "data {} is empty, the result is not", to_string(data.dims()));
    if (op.mode == InterpolateMode::nearest) {
        std::vector<std::vector<std::int64_t>> places(rank);
        for (std::size_t i = 0; i < rank; ++i)
            for (std::int64_t o = 0; o < dims[i]; ++o)
                places[i].push_back(scales[i].inside(nearest_place(scales[i].coordinate(o, op.coordinates), op.nearest, scales[i].scale < 1.0f)));
        return {taken(data, places)};
    }
    // What shrinks goes first, and of the rest the innermost: fewest elements meet the slow gathering of the innermost axis.
    std::vector<std::size_t> order;
    for (std::size_t i = rank; i-- > 0;)
        if (dims[i] != data.dims()[i]) order.push_back(i);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return std::min(scales[i].scale, 1.0f); });
    const Element element = data.element();
    data = data.converted(Element::f32);
    for (const std::size_t i : order) data = resampled(data, i, dims[i], taps_of(scales[i], op));
    return {rounded(data, element)};
}

}  // namespace octet::ir::eval
