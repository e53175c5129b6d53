#include "transformations/low_precision/policy.hpp"

#include <algorithm>
#include <array>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/alignment.hpp"

namespace octet::low_precision {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using rewrite::Code;
using rewrite::Decision;

namespace {

Decision any_levels(const Graph&, const Node&) { return Decision::yes(); }
Decision any_movement(const Graph&, const Node&, const Dequantization&) { return Decision::yes(); }

Decision any_form(const Weighted&, std::span<const Part>, std::span<const NodeId>) { return Decision::yes(); }

Decision full_levels(const Graph&, const Node& node) {
    const std::int64_t levels = node.op.get<ir::FakeQuantize>().levels;
    constexpr std::array<std::int64_t, 4> kKnown{15, 16, 255, 256};
    if (std::ranges::find(kKnown, levels) != kKnown.end()) return Decision::yes();
    return Decision::no(Code::levels_unsupported, "'{layer}' has {0} levels, not 15, 16, 255 or 256",
                        {node.name, {static_cast<double>(levels)}});
}

Decision first_channels_only(const Graph&, const Node& node, const Dequantization& data) {
    if (per_tensor(data)) return Decision::yes();
    const ir::Op& op = node.op;
    const bool refused = op.is<ir::Slice>() || op.is<ir::DepthToSpace>() || op.is<ir::SpaceToDepth>() ||
                         op.is<ir::BatchToSpace>() || op.is<ir::Tile>();
    if (refused)
        return Decision::no(Code::act_scale_per_channel, "'{layer}' moves data of different scales", {node.name, {}});
    return Decision::yes();
}

Decision one_scale_or_aligned(const Weighted& w, std::span<const Part> parts, std::span<const NodeId> sources) {
    const ir::Op& op = w.node.op;
    const bool shifted = std::ranges::any_of(w.data.zero_point.as<float>(), [](float z) { return z != 0; });
    if (op.is<ir::ConvolutionBackpropData>() && shifted)
        return Decision::no(Code::plugin_veto, "the data of '{layer}' have a zero point", {w.node.name, {}});
    if (parts.size() < 2) return Decision::yes();
    const Decision varies = Decision::no(Code::act_scale_per_channel,
                                         "the scale of the data of '{layer}' varies within its sums",
                                         {w.node.name, {}});
    if (op.is<ir::MatMul>() || sources.empty()) return varies;
    const auto grid = common_grid(w.graph, sources);
    if (!grid) return varies;
    return fewest_levels(*grid) <= kCollapsed ? levels_collapse(w.node.name, *grid) : Decision::yes();
}

}  // namespace

const Policy& cheapest_policy() {
    static constexpr Policy policy{"cheapest", any_levels, any_movement, any_form};
    return policy;
}

const Policy& integers_policy() {
    static constexpr Policy policy{
        .name = "integers", .quantizes = any_levels, .moves = any_movement, .computes = any_form, .cheapest = false};
    return policy;
}

const Policy& lossy_policy() {
    static constexpr Policy policy{
        .name = "lossy", .quantizes = any_levels, .moves = any_movement, .computes = any_form, .align = true};
    return policy;
}

const Policy& upstream_policy() {
    static constexpr Policy policy{.name = "upstream",
                                   .quantizes = full_levels,
                                   .moves = first_channels_only,
                                   .computes = one_scale_or_aligned,
                                   .cheapest = false};
    return policy;
}

}  // namespace octet::low_precision
