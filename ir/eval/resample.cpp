#include "ir/eval/resample.hpp"

#include <algorithm>
#include <cmath>

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
        case NearestMode::round_prefer_floor:
            return static_cast<std::int64_t>(x == floored + 0.5f ? floored : std::round(x));
        case NearestMode::round_prefer_ceil:
            return static_cast<std::int64_t>(x == floored + 0.5f ? floored + 1 : std::round(x));
        case NearestMode::floor: return static_cast<std::int64_t>(floored);
        case NearestMode::ceil: return static_cast<std::int64_t>(std::ceil(x));
        default: return static_cast<std::int64_t>(shrinks ? std::ceil(x) : x);
    }
}

Taps nearest_taps(const AxisScale& axis, const Interpolate& op) {
    Taps taps{1};
    for (std::int64_t o = 0; o < axis.result; ++o)
        taps.add(axis.inside(nearest_place(axis.coordinate(o, op.coordinates), op.nearest, axis.scale < 1.0f)), 1.0f);
    return taps;
}

// A triangle over the neighbours, as wide as the step between places when shrinking with antialias. What lies outside does not count.
Taps linear_taps(const AxisScale& axis, const Interpolate& op) {
    const float slope = op.antialias ? std::min(axis.scale, 1.0f) : 1.0f;
    const auto reach = static_cast<std::int64_t>(axis.scale > 1.0f ? 2.0f : std::ceil(2.0f / slope));
    Taps taps{static_cast<std::size_t>(2 * reach + 1)};
    for (std::int64_t o = 0; o < axis.result; ++o) {
        const float x = axis.coordinate(o, op.coordinates);
        const auto centre = static_cast<std::int64_t>(std::round(x));
        const std::size_t first = taps.weights.size();
        float sum = 0;
        for (std::int64_t i = centre - reach; i <= centre + reach; ++i) {
            const float weight = i < 0 || i >= axis.size
                                     ? 0.0f
                                     : std::max(0.0f, 1.0f - std::fabs(slope * (x - static_cast<float>(i))));
            taps.add(axis.inside(i), weight);
            sum += weight;
        }
        if (sum != 0)
            for (std::size_t k = first; k < taps.weights.size(); ++k) taps.weights[k] /= sum;
    }
    return taps;
}

Taps linear_onnx_taps(const AxisScale& axis, const Interpolate& op) {
    Taps taps{2};
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
    Taps taps{4};
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
        most = std::max(most,
                        static_cast<std::size_t>(
                            std::count_if(taps.weights.begin() + static_cast<std::ptrdiff_t>(o * taps.count),
                                          taps.weights.begin() + static_cast<std::ptrdiff_t>((o + 1) * taps.count),
                                          [](float w) { return w != 0; })));
    Taps result{most};
    for (std::size_t o = 0; o < places; ++o) {
        for (std::size_t k = o * taps.count; k < (o + 1) * taps.count; ++k)
            if (taps.weights[k] != 0) result.add(static_cast<std::int64_t>(taps.places[k]), taps.weights[k]);
        while (result.places.size() < (o + 1) * most) result.add(0, 0.0f);
    }
    return result;
}

}  // namespace

std::vector<float> axis_scales(const Interpolate& op, const Dims& data, const Dims& result, const Tensor& given,
                               const Tensor* axes) {
    std::vector<float> scales;
    for (std::size_t i = 0; i < data.size(); ++i)
        scales.push_back(static_cast<float>(result[i]) / static_cast<float>(std::max<std::int64_t>(data[i], 1)));
    if (op.calculation == InterpolateFrom::scales)
        for (std::size_t i = 0; i < given.size(); ++i)
            scales[axes ? normalise_axis(axes->integer_at(i), data.size()) : i] = static_cast<float>(given.at(i));
    return scales;
}

Taps axis_taps(const Interpolate& op, std::int64_t size, std::int64_t result, float scale) {
    const AxisScale axis{size, result, scale};
    if (op.mode == InterpolateMode::nearest) return nearest_taps(axis, op);
    if (op.mode == InterpolateMode::cubic) return compacted(cubic_taps(axis, op));
    return compacted(op.mode == InterpolateMode::linear ? linear_taps(axis, op) : linear_onnx_taps(axis, op));
}

}  // namespace octet::ir::eval
