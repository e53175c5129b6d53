#include "transformations/low_precision/cost.hpp"

#include <algorithm>

#include "ir/ops/convolution.hpp"
#include "ir/ops/recurrent.hpp"

namespace octet::low_precision {

namespace {

double elements(const ir::Shape& shape) {
    double count = 1;
    for (const ir::Dim d : shape.dims()) count *= d.is_static() ? static_cast<double>(d.low) : 32;
    return count;
}

double channels(const Weighted& w) {
    return static_cast<double>(w.weights_shape[weights_channel_axis(w.node.op, w.weights_shape.rank())].low);
}

double products(const Weighted& w) {
    const bool backward = w.node.op.is<ir::ConvolutionBackpropData>();
    if (w.node.op.is<ir::MatMul>()) {
        const ir::Dim depth = w.data_shape[input_channel_axis(w.node.op, w.data_shape.rank())];
        return elements(w.node.outputs[0].type.shape) * elements(ir::Shape({depth}));
    }
    const double weights = elements(w.weights_shape);
    if (backward) return elements(w.data_shape) * weights / channels(w);
    return elements(w.node.outputs[0].type.shape) *
           static_cast<double>(products_per_sum(w.node.op, w.weights_shape.sizes()));
}

bool is_pointwise(const Weighted& w) {
    const auto* conv = w.node.op.as<ir::Convolution>();
    if (!conv || pads(w.node.op)) return false;
    for (std::size_t i = 2; i < w.weights_shape.rank(); ++i)
        if (w.weights_shape[i] != ir::Dim(1)) return false;
    return std::ranges::all_of(conv->strides, [](auto s) { return s == 1; });
}

// The values of a pixel that a part reads: its own, or those of each group of four with one of them.
std::int64_t values_read(const Part& part, bool all) {
    if (!all) return (static_cast<std::int64_t>(part.channels.size()) + 3) / 4 * 4;
    std::int64_t groups = 0;
    for (std::size_t i = 0; i < part.channels.size(); ++i)
        groups += i == 0 || part.channels[i] / 4 != part.channels[i - 1] / 4;
    return groups * 4;
}

constexpr double kFloat = 4;
constexpr double kCode = 1;

}  // namespace

double time_in_float(const Costs& costs, const Weighted& w) {
    // Floats are made of the codes by a step of their own.
    return products(w) / costs.products_of_floats + kFloat * elements(w.data_shape) / costs.bytes + 2 * costs.step;
}

double time_of_state(double products, const ir::Graph& graph, const ir::Node& recurrence) {
    const auto& r = graph.shape(recurrence.inputs[ir::RecurrenceOperands::r]);
    const auto& results = recurrence.outputs[0].type.shape;  // a state for each sequence, step and direction
    const double hidden = static_cast<double>(recurrence.op.get<ir::Recurrence>().hidden_size);
    const double directions = elements(ir::Shape({r[0]}));
    return elements(results) / hidden / directions * elements(r) / products;
}

double time_on_codes(const Costs& costs, const Weighted& w, std::span<const Part> parts, ir::Value codes) {
    const std::size_t axis = input_channel_axis(w.node.op, w.data_shape.rank());
    const double result = kFloat * elements(w.node.outputs[0].type.shape);
    if (parts.size() == 1)
        return products(w) / costs.products_of_codes + kCode * elements(w.data_shape) / costs.bytes + costs.step;
    double time = 0;
    std::int64_t values = 0;
    for (const Part& part : parts) {
        const bool all = whole_operands(w.graph, codes, axis, part).empty();
        values += values_read(part, all);
        const double share = all ? 1 : static_cast<double>(part.channels.size()) / channels(w);
        time += share * products(w) / costs.products_of_codes + share * kCode * elements(w.data_shape) / costs.bytes +
                costs.step;
    }
    if (is_pointwise(w) && parts.size() <= costs.parts_of_one_sum && values <= costs.values_of_one_sum)
        return static_cast<double>(values) / channels(w) * products(w) / costs.products_of_codes +
               kCode * elements(w.data_shape) / costs.bytes + costs.step;
    // Each but the last stores floats for the next.
    return time + static_cast<double>(parts.size() - 1) * result / costs.bytes;
}

}  // namespace octet::low_precision
