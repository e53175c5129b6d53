#include "transformations/low_precision/alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace octet::low_precision {

using ir::Graph;
using ir::NodeId;

std::optional<CommonGrid> common_grid(const Graph& graph, std::span<const NodeId> fake_quantizes) {
    if (fake_quantizes.empty()) return std::nullopt;
    CommonGrid grid;
    // In float: where an end lies halfway between two levels, this decides between them, as it does in OpenVINO.
    std::vector<std::pair<float, float>> intervals;
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (const NodeId id : fake_quantizes) {
        const ir::Node& node = graph.node(id);
        const auto own = decompose(graph, node);
        const std::int64_t levels = node.op.get<ir::FakeQuantize>().levels;
        if (!own.decision || !per_tensor(own.value.dequantize) || (grid.levels != 0 && levels != grid.levels))
            return std::nullopt;
        grid.levels = levels;
        const auto end = [&](std::size_t operand) {
            return static_cast<float>(graph.constant(node.inputs[operand])->at(0));
        };
        intervals.emplace_back(end(3), end(4));
        if (!(intervals.back().first < intervals.back().second)) return std::nullopt;
        low = std::min(low, intervals.back().first);
        high = std::max(high, intervals.back().second);
    }
    const float most = static_cast<float>(grid.levels - 1), steps = most / (high - low);
    grid.scale = (high - low) / most;
    grid.zero_point = std::round(-low * steps);
    for (std::size_t i = 0; i < intervals.size(); ++i) {
        const std::int64_t first = std::lround((intervals[i].first - low) * steps);
        const std::int64_t last = std::lround((intervals[i].second - low) * steps);
        grid.members.push_back({fake_quantizes[i], first, last - first + 1});
    }
    return grid;
}

std::int64_t fewest_levels(const CommonGrid& grid) {
    return std::ranges::min_element(grid.members, {}, &CommonGrid::Member::levels)->levels;
}

rewrite::Decision levels_collapse(const std::string& layer, const CommonGrid& grid) {
    return rewrite::Decision::no(rewrite::Code::align_levels_collapse,
                                 "on one grid for all data of '{layer}' the smallest interval keeps {0} levels",
                                 {layer, {static_cast<double>(fewest_levels(grid))}});
}

std::optional<Decomposition> decompose_on(const Graph& graph, std::span<const CommonGrid> grids, NodeId id) {
    for (const CommonGrid& grid : grids) {
        const auto member = std::ranges::find(grid.members, id, &CommonGrid::Member::fake_quantize);
        if (member == grid.members.end()) continue;
        Decomposition parts = decompose(graph, graph.node(id)).value;
        parts.quantize.levels = member->levels;
        parts.quantize.qmin = member->first;
        const ir::Dims ones(parts.dequantize.scale.dims().size(), 1);
        parts.dequantize = {ir::Tensor::filled(ir::Element::f32, ones, grid.scale),
                            ir::Tensor::filled(ir::Element::f32, ones, grid.zero_point)};
        return parts;
    }
    return std::nullopt;
}

std::string to_string(const Alignment& a) {
    return fmt::format("{} -> {} levels, on one grid with the other data of '{}'", a.before, a.after, a.reader);
}

}  // namespace octet::low_precision
