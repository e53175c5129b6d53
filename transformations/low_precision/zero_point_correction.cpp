#include "transformations/low_precision/zero_point_correction.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "ir/ops/convolution.hpp"

namespace octet::low_precision {

using ir::Dims;
using ir::Tensor;

namespace {

// Sums of the weights over input channels: [output channel][kernel position].
struct KernelSums {
    std::size_t channels = 0;
    Dims kernel;
    std::vector<double> values;
};

KernelSums kernel_sums(const ir::Op& op, const Tensor& codes) {
    KernelSums sums;
    const Dims& dims = codes.dims();
    const auto axes = output_axes(op, dims.size());
    const std::size_t first_spatial = op.is<ir::MatMul>()                                                ? dims.size()
                                      : op.is<ir::Convolution>() || op.is<ir::ConvolutionBackpropData>() ? 2
                                                                                                         : 3;
    sums.kernel.assign(dims.begin() + static_cast<std::ptrdiff_t>(first_spatial), dims.end());
    const auto positions = static_cast<std::size_t>(ir::product(sums.kernel));
    sums.channels = 1;
    for (auto axis : axes) sums.channels *= static_cast<std::size_t>(dims[axis]);
    sums.values.assign(sums.channels * positions, 0);
    const auto weights = codes.as<std::int8_t>();
    Dims index(dims.size(), 0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        std::size_t channel = 0;
        for (auto axis : axes)
            channel = channel * static_cast<std::size_t>(dims[axis]) + static_cast<std::size_t>(index[axis]);
        std::size_t position = 0;
        for (std::size_t a = first_spatial; a < dims.size(); ++a)
            position = position * static_cast<std::size_t>(dims[a]) + static_cast<std::size_t>(index[a]);
        sums.values[channel * positions + position] += weights[i];
        for (std::size_t a = dims.size(); a-- > 0;) {
            if (++index[a] < dims[a]) break;
            index[a] = 0;
        }
    }
    return sums;
}

// The kernel positions along one axis that meet the data, for each output position.
struct Taps {
    std::int64_t begin = 0, end = 0;
    auto operator<=>(const Taps&) const = default;
};

std::vector<std::vector<Taps>> taps_inside(const ir::Window& window) {
    std::vector<std::vector<Taps>> axes;
    for (std::size_t a = 0; a < window.kernel.size(); ++a) {
        std::vector<Taps> taps;
        for (std::int64_t o = 0; o < window.output[a]; ++o) {
            Taps t{window.kernel[a], 0};
            for (std::int64_t k = 0; k < window.kernel[a]; ++k) {
                const std::int64_t at = o * window.strides[a] - window.pads_begin[a] + k * window.dilations[a];
                if (at < 0 || at >= window.data[a]) continue;
                t.begin = std::min(t.begin, k);
                t.end = std::max(t.end, k + 1);
            }
            taps.push_back(t);
        }
        axes.push_back(std::move(taps));
    }
    return axes;
}

double sum_over(const KernelSums& sums, std::size_t channel, const std::vector<Taps>& box) {
    const auto positions = static_cast<std::size_t>(ir::product(sums.kernel));
    double total = 0;
    for (std::size_t p = 0; p < positions; ++p) {
        std::size_t rest = p;
        bool inside = true;
        for (std::size_t a = sums.kernel.size(); a-- > 0;) {
            const auto k = static_cast<std::int64_t>(rest % static_cast<std::size_t>(sums.kernel[a]));
            rest /= static_cast<std::size_t>(sums.kernel[a]);
            inside = inside && k >= box[a].begin && k < box[a].end;
        }
        if (inside) total += sums.values[channel * positions + p];
    }
    return total;
}

ir::Window window_of(const Weighted& w) {
    Dims data;  // batch and channels do not matter to windows
    for (const ir::Dim d : w.data_shape.dims()) data.push_back(d.is_static() ? d.low : 1);
    const Dims weights = w.weights_shape.sizes();
    if (const auto* grouped = w.node.op.as<ir::GroupConvolution>()) return ir::window_of(*grouped, data, weights);
    return ir::window_of(w.node.op.get<ir::Convolution>(), data, weights);
}

std::vector<Taps> whole(const Dims& kernel) {
    std::vector<Taps> box;
    for (auto k : kernel) box.push_back({0, k});
    return box;
}

}  // namespace

std::optional<Tensor> zero_point_correction(const Weighted& w, const Tensor& codes, const std::vector<float>& scale,
                                            const ir::Shape& result, double tolerance) {
    if (std::ranges::all_of(w.data.zero_point.as<float>(), [](float z) { return split_zero_point(z).rest == 0; }))
        return std::nullopt;
    const KernelSums sums = kernel_sums(w.node.op, codes);
    const auto factor = [&](std::size_t c) {
        return -static_cast<double>(split_zero_point(at_output(w, w.data.zero_point, c)).rest) * scale[c];
    };

    Dims vector_dims(result.rank(), 1);
    vector_dims[result_channel_axis(w.node.op, result.rank())] = static_cast<std::int64_t>(sums.channels);
    Tensor vector(ir::Element::f32, vector_dims);
    for (std::size_t c = 0; c < sums.channels; ++c)
        vector.write<float>()[c] = static_cast<float>(factor(c) * sum_over(sums, c, whole(sums.kernel)));
    if (!pads(w.node.op)) return vector;

    const ir::Window window = window_of(w);
    const Dims& spatial = window.output;
    const auto taps = taps_inside(window);
    // Positions with the same taps share a sum: most of an image is one class.
    std::map<std::vector<Taps>, std::size_t> classes;
    const auto positions = static_cast<std::size_t>(ir::product(spatial));
    std::vector<std::size_t> class_of(positions);
    std::vector<Taps> box(spatial.size());
    for (std::size_t p = 0; p < positions; ++p) {
        std::size_t left = p;
        for (std::size_t a = spatial.size(); a-- > 0;) {
            box[a] = taps[a][left % static_cast<std::size_t>(spatial[a])];
            left /= static_cast<std::size_t>(spatial[a]);
        }
        // Neighbours along the last axis mostly have the same taps.
        const bool as_before = p > 0 && box.back() == taps.back()[(p - 1) % static_cast<std::size_t>(spatial.back())] &&
                               p % static_cast<std::size_t>(spatial.back()) != 0;
        class_of[p] = as_before ? class_of[p - 1] : classes.try_emplace(box, classes.size()).first->second;
    }
    std::vector<float> sums_of(sums.channels * classes.size());
    double largest_difference = 0;
    for (const auto& [taps_of_class, index] : classes)
        for (std::size_t c = 0; c < sums.channels; ++c) {
            const double value = factor(c) * sum_over(sums, c, taps_of_class);
            sums_of[c * classes.size() + index] = static_cast<float>(value);
            largest_difference = std::max(largest_difference,
                                          std::abs(value - static_cast<double>(vector.as<float>()[c])));
        }
    if (largest_difference < tolerance) return vector;
    Dims out{1, static_cast<std::int64_t>(sums.channels)};
    out.insert(out.end(), spatial.begin(), spatial.end());
    Tensor map(ir::Element::f32, out);
    auto values = map.write<float>();
    for (std::size_t c = 0; c < sums.channels; ++c)
        for (std::size_t begin = 0, end = 0; begin < positions; begin = end) {
            while (end < positions && class_of[end] == class_of[begin]) ++end;
            std::fill(values.begin() + static_cast<std::ptrdiff_t>(c * positions + begin),
                      values.begin() + static_cast<std::ptrdiff_t>(c * positions + end),
                      sums_of[c * classes.size() + class_of[begin]]);
        }
    return map;
}

}  // namespace octet::low_precision
