#include "transformations/low_precision/fake_quantize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace octet::low_precision {

using ir::Dims;
using ir::Tensor;
using rewrite::Code;
using rewrite::Decision;

namespace {

DecompositionOrReason refused(Code code, std::string text, std::string layer, std::vector<double> values = {}) {
    return {{}, Decision::no(code, std::move(text), {std::move(layer), std::move(values)})};
}

DecompositionOrReason too_many(const std::string& layer, std::int64_t levels, std::int64_t most) {
    return refused(Code::levels_unsupported, "'{layer}' has {0} levels, {1} bits hold 2 to {2}", layer,
                   {static_cast<double>(levels), most > kLevels8 ? 16.0 : 8.0, static_cast<double>(most)});
}

Tensor of_full_rank(const Tensor& tensor, std::size_t rank) {
    Dims dims(rank - tensor.dims().size(), 1);
    dims.insert(dims.end(), tensor.dims().begin(), tensor.dims().end());
    Tensor full = tensor.converted(ir::Element::f32).aligned().reshaped(std::move(dims));
    const auto values = full.as<float>();
    // A vector of equal numbers says the same as one number, and lets more consumers take it.
    if (values.size() > 1 && std::ranges::all_of(values, [&](float v) { return v == values[0]; }))
        return Tensor::of<float>(Dims(rank, 1), values.subspan(0, 1));
    return full;
}

// f(a, b) element by element, where each is one number or both vary alike.
template <class F>
Tensor combine(const Tensor& a, const Tensor& b, F f) {
    const Tensor& larger = a.size() >= b.size() ? a : b;
    Tensor result(ir::Element::f32, larger.dims());
    const auto x = a.as<float>();
    const auto y = b.as<float>();
    auto out = result.write<float>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = f(x[x.size() == 1 ? 0 : i], y[y.size() == 1 ? 0 : i]);
    return result;
}

DecompositionOrReason decompose_into(const ir::Graph& graph, const ir::Node& node, ir::Element element,
                                     std::int64_t qmin, bool weights) {
    const std::int64_t levels = node.op.get<ir::FakeQuantize>().levels;
    const ir::Shape& shape = node.outputs[0].type.shape;
    if (!shape.ranked()) return refused(Code::dynamic_rank, "the rank of '{layer}' is not known", node.name);
    std::array<Tensor, 4> ends;
    const Tensor* varying = nullptr;
    for (std::size_t i = 0; i < 4; ++i) {
        const Tensor* tensor = graph.constant(node.inputs[i + 1]);
        if (!tensor)
            return refused(Code::intervals_not_const, "the intervals of '{layer}' are not constant", node.name);
        ends[i] = of_full_rank(*tensor, shape.rank());
        if (per_tensor(ends[i])) continue;
        // Weights of grouped ops have two axes of output channels; data has one axis of channels.
        const bool alike = !varying || varying->dims() == ends[i].dims();
        varying = &ends[i];
        if (!alike || (!weights && !axis_of(ends[i])))
            return refused(Code::shape_unsupported, "the intervals of '{layer}' vary along several axes", node.name);
    }
    const auto& [input_low, input_high, output_low, output_high] = ends;
    const auto steps = static_cast<double>(levels - 1);
    Tensor scale = combine(output_low, output_high, [&](float low, float high) {
        return static_cast<float>((static_cast<double>(high) - low) / steps);
    });
    if (std::ranges::any_of(scale.as<float>(), [](float s) { return !(std::abs(s) > 0) || !std::isfinite(s); }))
        return refused(Code::zero_scale, "an output interval of '{layer}' is empty or not finite", node.name);
    if (std::ranges::any_of(
            combine(input_low, input_high, [](float low, float high) { return high - low; }).as<float>(),
            [](float width) { return !(width > 0) || !std::isfinite(width); }))
        return refused(Code::zero_scale, "an input interval of '{layer}' is empty or not finite", node.name);
    // In double: the quotient of two rounded ends must not be rounded once more before it is compared with an integer.
    Tensor zero_point = combine(output_low, output_high, [&](float low, float high) {
        return static_cast<float>(static_cast<double>(qmin) -
                                  static_cast<double>(low) * steps / (static_cast<double>(high) - low));
    });
    return {{ir::Quantize{input_low, input_high, levels, qmin, element},
             {of_full_rank(scale, shape.rank()), of_full_rank(zero_point, shape.rank())}},
            Decision::yes()};
}

}  // namespace

void add_sources(const ir::Graph& graph, ir::Value v, std::vector<ir::NodeId>& sources) {
    std::set<ir::NodeId> seen;
    std::vector<ir::Value> left{v};
    while (!left.empty()) {
        const ir::NodeId id = left.back().node;
        left.pop_back();
        if (!seen.insert(id).second) continue;
        const ir::Node& node = graph.node(id);
        if (node.op.is<ir::FakeQuantize>() && std::ranges::find(sources, id) == sources.end()) sources.push_back(id);
        if (!moves_codes(node.op)) continue;
        for (std::size_t i = code_operands(node); i-- > 0;) left.push_back(node.inputs[i]);
    }
}

DecompositionOrReason decompose(const ir::Graph& graph, const ir::Node& node, std::int64_t most_levels) {
    const std::int64_t levels = node.op.get<ir::FakeQuantize>().levels;
    if (levels > most_levels) return too_many(node.name, levels, most_levels);
    return decompose_into(graph, node, levels > 256 ? ir::Element::u16 : ir::Element::u8, 0, false);
}

DecompositionOrReason decompose_weights(const ir::Graph& graph, const ir::Node& node, std::int64_t most_levels) {
    const std::int64_t levels = node.op.get<ir::FakeQuantize>().levels;
    if (levels > most_levels) return too_many(node.name, levels, most_levels);
    return decompose_into(graph, node, levels > 256 ? ir::Element::i16 : ir::Element::i8, -(levels / 2), true);
}

}  // namespace octet::low_precision
