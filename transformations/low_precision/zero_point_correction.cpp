#include "transformations/low_precision/zero_point_correction.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"

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

std::size_t first_spatial_axis(const ir::Op& op, std::size_t rank) {
    if (op.is<ir::MatMul>()) return rank;
    return op.is<ir::Convolution>() || op.is<ir::ConvolutionBackpropData>() ? 2 : 3;
}

// Adds every `positions`-th of as many weights as fill lanes, which are a multiple, and returns how many those were. The weights of a
// model are many, and a loop of known length is one of vectors.
template <std::size_t kLanes>
std::size_t add_lanes(const std::int8_t* weights, std::size_t count, std::size_t positions, std::int64_t* totals) {
    constexpr std::size_t kTurns = 255;  // sums of so many weights fit 16 bits
    std::size_t at = 0;
    while (count - at >= kLanes) {
        std::array<std::int16_t, kLanes> sums{};
        for (std::size_t turn = 0; turn < kTurns && count - at >= kLanes; ++turn, at += kLanes)
            for (std::size_t i = 0; i < kLanes; ++i) sums[i] = static_cast<std::int16_t>(sums[i] + weights[at + i]);
        for (std::size_t p = 0; p < positions; ++p)
            for (std::size_t i = p; i < kLanes; i += positions) totals[p] += sums[i];
    }
    return at;
}

void add_sums(const std::int8_t* weights, std::size_t count, std::size_t positions, std::int64_t* totals) {
    if (count == 0) return;
    const std::size_t done = 16 % positions == 0    ? add_lanes<16>(weights, count, positions, totals)
                             : 144 % positions == 0 ? add_lanes<144>(weights, count, positions, totals)
                                                    : 0;
    for (std::size_t p = 0; p < positions; ++p) {
        std::int64_t sum = 0;
        for (std::size_t i = done + p; i < count; i += positions) sum += weights[i];
        totals[p] += sum;
    }
}

KernelSums kernel_sums(const ir::Op& op, const Tensor& codes) {
    KernelSums sums;
    const Dims& dims = codes.dims();
    const auto axes = output_axes(op, dims.size());
    const std::size_t first_spatial = first_spatial_axis(op, dims.size());
    sums.kernel.assign(dims.begin() + static_cast<std::ptrdiff_t>(first_spatial), dims.end());
    const auto positions = static_cast<std::size_t>(ir::product(sums.kernel));
    sums.channels = 1;
    for (auto axis : axes) sums.channels *= static_cast<std::size_t>(dims[axis]);
    std::vector<std::int64_t> totals(sums.channels * positions, 0);
    // Neighbours of one output channel are summed in a row.
    std::size_t past_outputs = first_spatial;
    while (past_outputs > 0 && std::ranges::find(axes, past_outputs - 1) == axes.end()) --past_outputs;
    const Dims outer(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(past_outputs));
    const std::size_t inner = codes.size() / std::max<std::size_t>(static_cast<std::size_t>(ir::product(outer)), 1);
    const std::int8_t* weights = codes.as<std::int8_t>().data();
    Dims index(outer.size(), 0);
    for (auto left = ir::product(outer); left > 0; --left, weights += inner) {
        std::size_t channel = 0;
        for (auto axis : axes)
            channel = channel * static_cast<std::size_t>(dims[axis]) + static_cast<std::size_t>(index[axis]);
        std::int64_t* total = totals.data() + channel * positions;
        add_sums(weights, inner, positions, total);
        for (std::size_t a = outer.size(); a-- > 0;) {
            if (++index[a] < outer[a]) break;
            index[a] = 0;
        }
    }
    sums.values.assign(totals.begin(), totals.end());
    return sums;
}

// The kernel positions along one axis that meet the data, for each output position.
struct Taps {
    std::int64_t begin = 0, end = 0;
    auto operator<=>(const Taps&) const = default;
};

// Along one axis: the different taps, and which of them each output position has. Most of an image has all.
struct AxisTaps {
    std::vector<Taps> kinds;
    std::vector<std::int64_t> kind_of;
};

std::vector<AxisTaps> taps_inside(const ir::Window& window) {
    std::vector<AxisTaps> axes;
    for (std::size_t a = 0; a < window.kernel.size(); ++a) {
        AxisTaps axis;
        for (std::int64_t o = 0; o < window.output[a]; ++o) {
            Taps t{window.kernel[a], 0};
            for (std::int64_t k = 0; k < window.kernel[a]; ++k) {
                const std::int64_t at = o * window.strides[a] - window.pads_begin[a] + k * window.dilations[a];
                if (at < 0 || at >= window.data[a]) continue;
                t.begin = std::min(t.begin, k);
                t.end = std::max(t.end, k + 1);
            }
            auto kind = std::ranges::find(axis.kinds, t);
            if (kind == axis.kinds.end()) kind = axis.kinds.insert(kind, t);
            axis.kind_of.push_back(kind - axis.kinds.begin());
        }
        axes.push_back(std::move(axis));
    }
    return axes;
}

// The kernel positions in a box, in order.
std::vector<std::size_t> positions_in(const Dims& kernel, const std::vector<Taps>& box) {
    std::vector<std::size_t> inside;
    const auto positions = static_cast<std::size_t>(ir::product(kernel));
    for (std::size_t p = 0; p < positions; ++p) {
        std::size_t rest = p;
        bool in_box = true;
        for (std::size_t a = kernel.size(); a-- > 0;) {
            const auto k = static_cast<std::int64_t>(rest % static_cast<std::size_t>(kernel[a]));
            rest /= static_cast<std::size_t>(kernel[a]);
            in_box = in_box && k >= box[a].begin && k < box[a].end;
        }
        if (in_box) inside.push_back(p);
    }
    return inside;
}

double sum_over(const KernelSums& sums, std::size_t channel, const std::vector<std::size_t>& positions) {
    const double* of_channel = sums.values.data() + channel * static_cast<std::size_t>(ir::product(sums.kernel));
    double total = 0;
    for (const std::size_t p : positions) total += of_channel[p];
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

// [channels][kinds of the first axis]...
std::vector<double> table_of(const KernelSums& sums, const std::vector<AxisTaps>& axes,
                             const std::vector<double>& factors) {
    std::size_t boxes = 1;
    for (const AxisTaps& axis : axes) boxes *= axis.kinds.size();
    std::vector<double> table(sums.channels * boxes);
    std::vector<Taps> box(axes.size());
    for (std::size_t i = 0; i < boxes; ++i) {
        std::size_t left = i;
        for (std::size_t a = axes.size(); a-- > 0;) {
            box[a] = axes[a].kinds[left % axes[a].kinds.size()];
            left /= axes[a].kinds.size();
        }
        const auto inside = positions_in(sums.kernel, box);
        for (std::size_t c = 0; c < sums.channels; ++c) table[c * boxes + i] = factors[c] * sum_over(sums, c, inside);
    }
    return table;
}

// The table where its axes are short, else gathers that spread it.
ir::Value spread(ir::Edit& edit, const std::vector<double>& table, std::size_t channels,
                 const std::vector<AxisTaps>& axes) {
    // Below, a table and its indices are no gain over the numbers themselves.
    constexpr std::int64_t kWorthTable = 4;
    Dims small{1, static_cast<std::int64_t>(channels)}, large = small;
    for (const AxisTaps& axis : axes) {
        small.push_back(static_cast<std::int64_t>(axis.kinds.size()));
        large.push_back(static_cast<std::int64_t>(axis.kind_of.size()));
    }
    Tensor values(ir::Element::f32, small);
    std::ranges::transform(table, values.write<float>().begin(), [](double v) { return static_cast<float>(v); });
    const bool gathers = ir::product(large) >= kWorthTable * ir::product(small);
    ir::Value value = gathers ? edit.constant(values) : ir::Value{};
    for (std::size_t a = 0; a < axes.size(); ++a) {
        if (small[a + 2] == large[a + 2]) continue;
        const Tensor entries = Tensor::of<std::int64_t>(Dims{large[a + 2]}, axes[a].kind_of);
        const Tensor axis = Tensor::filled(ir::Element::i64, {}, static_cast<double>(a + 2));
        if (gathers) value = edit.add(ir::Gather{}, {value, edit.constant(entries), edit.constant(axis)});
        else values = ir::eval::evaluate(ir::Op(ir::Gather{}), std::vector{values, entries, axis})[0];
    }
    return gathers ? value : edit.constant(values);
}

}  // namespace

std::optional<ir::Value> zero_point_correction(ir::Edit& edit, const Weighted& w, const Tensor& codes,
                                               const std::vector<float>& scale, const ir::Shape& result,
                                               double tolerance) {
    if (std::ranges::all_of(w.data.zero_point.as<float>(), [](float z) { return split_zero_point(z).rest == 0; }))
        return std::nullopt;
    const KernelSums sums = kernel_sums(w.node.op, codes);
    std::vector<double> factors(sums.channels);
    for (std::size_t c = 0; c < sums.channels; ++c)
        factors[c] = -static_cast<double>(split_zero_point(at_output(w, w.data.zero_point, c)).rest) * scale[c];

    Dims vector_dims(result.rank(), 1);
    vector_dims[result_channel_axis(w.node.op, result.rank())] = static_cast<std::int64_t>(sums.channels);
    Tensor vector(ir::Element::f32, vector_dims);
    const auto all = positions_in(sums.kernel, whole(sums.kernel));
    for (std::size_t c = 0; c < sums.channels; ++c)
        vector.write<float>()[c] = static_cast<float>(factors[c] * sum_over(sums, c, all));
    if (!pads(w.node.op)) return edit.constant(vector);

    const std::vector<AxisTaps> axes = taps_inside(window_of(w));
    const std::vector<double> table = table_of(sums, axes, factors);
    double largest_difference = 0;
    for (std::size_t i = 0; i < table.size(); ++i) {
        const float same = vector.as<float>()[i / (table.size() / sums.channels)];
        largest_difference = std::max(largest_difference, std::abs(table[i] - static_cast<double>(same)));
    }
    if (largest_difference < tolerance) return edit.constant(vector);
    return spread(edit, table, sums.channels, axes);
}

std::optional<SpreadTable> spread_table(const ir::Graph& graph, ir::Value value) {
    SpreadTable result;
    const std::size_t rank = graph.shape(value).ranked() ? graph.shape(value).rank() : 0;
    result.entries.resize(rank);
    for (; graph.op(value).is<ir::Gather>(); value = graph.node(value).inputs[0]) {
        const ir::Node& node = graph.node(value);
        const Tensor* entries = graph.constant(node.inputs[1]);
        const Tensor* axis = graph.constant(node.inputs[2]);
        const bool plain = entries && entries->dims().size() == 1 && axis && axis->size() == 1 &&
                           graph.shape(node.inputs[0]).ranked() && graph.shape(node.inputs[0]).rank() == rank &&
                           graph.shape(node.inputs[0]).is_static();
        if (!plain) return std::nullopt;
        const std::size_t at = ir::normalise_axis(axis->integers()[0], rank);
        const std::int64_t extent = graph.shape(node.inputs[0]).sizes()[at];
        const Dims places = entries->integers();
        const bool inside = std::ranges::all_of(places, [&](std::int64_t i) { return i >= 0 && i < extent; });
        if (!inside || !result.entries[at].empty()) return std::nullopt;
        result.entries[at] = places;
    }
    result.table = graph.constant(value);
    const bool spreads = std::ranges::any_of(result.entries, [](const auto& entries) { return !entries.empty(); });
    return result.table && spreads ? std::optional(std::move(result)) : std::nullopt;
}

bool keeps_table(const ir::Graph& graph, ir::NodeId node) {
    if (!graph.node(node).op.is<ir::Gather>() || graph.element({node, 0}) != ir::Element::f32) return false;
    const auto spread = spread_table(graph, {node, 0});
    if (!spread || spread->entries.size() < 3 || !spread->entries[0].empty() || !spread->entries[1].empty())
        return false;
    return std::ranges::all_of(graph.uses({node, 0}), [&](const ir::Use& use) {
        return graph.node(use.node).op.is<ir::Add>() || keeps_table(graph, use.node);
    });
}

}  // namespace octet::low_precision
