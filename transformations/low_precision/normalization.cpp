#include "transformations/low_precision/normalization.hpp"

#include <algorithm>
#include <cmath>

#include "ir/ops/normalization.hpp"

namespace octet::low_precision {

using ir::Mvn;
using ir::NormalizeL2;
using rewrite::Code;
using rewrite::Decision;

namespace {

// The zero point is the same in everything that is averaged together.
bool one_zero_point(const ir::Graph& graph, const ir::Node& node, const ir::Tensor& zero_point) {
    const ir::Tensor* axes = graph.constant(node.inputs[1]);
    if (!axes) return false;
    const std::size_t rank = zero_point.dims().size();
    const auto given = axes->integers();
    return std::ranges::all_of(given, [&](std::int64_t axis) {
        return zero_point.dims()[ir::normalise_axis(axis, rank)] == 1;
    });
}

}  // namespace

bool is_normalization(const ir::Op& op) {
    const auto* mvn = op.as<Mvn>();
    return op.is<NormalizeL2>() || (mvn && mvn->normalize_variance);
}

Decision normalizes_codes(const ir::Graph& graph, const ir::Node& node, const Dequantization& d) {
    if (!per_tensor(d.scale))
        return Decision::no(Code::act_scale_per_channel, "the scale of the data of '{layer}' varies", {node.name, {}});
    if (!per_tensor(d.zero_point) && (node.op.is<NormalizeL2>() || !one_zero_point(graph, node, d.zero_point)))
        return Decision::no(Code::zp_with_mvn, "the zero point of the data of '{layer}' varies within its sums",
                            {node.name, {}});
    return Decision::yes();
}

ir::Op on_codes(const ir::Op& op, const Dequantization& d) {
    const double scale = d.scale.at(0);
    if (const auto* l2 = op.as<NormalizeL2>()) {
        NormalizeL2 changed = *l2;
        changed.eps /= scale * scale;
        return changed;
    }
    Mvn changed = op.get<Mvn>();
    changed.eps /= changed.eps_mode == ir::EpsMode::inside_sqrt ? scale * scale : std::abs(scale);
    return changed;
}

Dequantization left_by(const ir::Op& op, const Dequantization& d) {
    const ir::Dims ones(d.scale.dims().size(), 1);
    const ir::Tensor one = ir::Tensor::filled(ir::Element::f32, ones, 1);
    return {one, op.is<NormalizeL2>() ? d.zero_point : ir::Tensor::filled(ir::Element::f32, ones, 0)};
}

}  // namespace octet::low_precision
