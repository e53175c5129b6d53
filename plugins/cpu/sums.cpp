#include "plugins/cpu/sums.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

bool is_pointwise(const Graph& graph, const Node& node) {
    const auto* conv = node.op.as<Convolution>();
    if (!conv || graph.element(node.inputs[0]) != Element::u8 || !graph.shape(node.inputs[0]).is_static()) return false;
    const Tensor* weights = graph.constant(node.inputs[1]);
    if (!weights || weights->element() != Element::i8 || conv->zp_a.size() > 1 || !conv->zp_w.empty()) return false;
    if (!conv->zp_a.empty() && (conv->zp_a[0] < 0 || conv->zp_a[0] > 255)) return false;
    const Window w = window_of(*conv, graph.shape(node.inputs[0]).sizes(), weights->dims());
    const auto all = [](const Dims& values, std::int64_t wanted) {
        return std::ranges::all_of(values, [&](auto v) { return v == wanted; });
    };
    return all(w.kernel, 1) && all(w.strides, 1) && all(w.pads_begin, 0) && all(w.pads_end, 0);
}

bool per_channel(const Tensor& t) {
    for (std::size_t i = 0; i < t.dims().size(); ++i)
        if (t.dims()[i] != 1 && i != 1) return false;
    return true;
}

std::optional<SumPart> part_at(const Graph& graph, Value v) {
    SumPart part;
    for (;;) {
        if (v.port != 0 || graph.uses(v).size() != 1) return std::nullopt;
        const Node& node = graph.node(v);
        if (is_pointwise(graph, node)) break;
        const bool first = part.chain.empty();
        const bool constant = node.op.is<Add>() && first && graph.constant(node.inputs[1]) &&
                              graph.shape(node.inputs[1]).rank() == graph.shape(v).rank() &&
                              per_channel(*graph.constant(node.inputs[1]));
        if (!constant && !node.op.is<Dequantize>()) return std::nullopt;
        part.chain.insert(part.chain.begin(), v.node);
        v = node.inputs[0];
    }
    if (part.chain.empty() || !graph.op({part.chain[0], 0}).is<Dequantize>()) return std::nullopt;
    part.core = v.node;
    return part;
}

// The sum that ends in this value, whether or not more than one op reads it.
std::optional<Sum> sum_at(const Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    if (!node.op.is<Add>()) return std::nullopt;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto last = part_at(graph, node.inputs[1 - i]);
        if (!last) continue;
        Sum sum;
        if (const auto first = part_at(graph, node.inputs[i])) {
            sum.parts = {*first};
        } else {
            if (graph.uses(node.inputs[i]).size() != 1) continue;
            auto above = sum_at(graph, node.inputs[i].node);
            if (!above) continue;
            sum = std::move(*above);
        }
        if (graph.shape({sum.parts[0].core, 0}) != graph.shape({last->core, 0})) continue;
        sum.parts.push_back(*last);
        sum.adds.push_back(id);
        return sum;
    }
    return std::nullopt;
}

}  // namespace

std::vector<Sum> sums_of(const Graph& graph) {
    std::vector<Sum> sums;
    std::unordered_set<NodeId> inside;
    const auto order = graph.order();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        if (inside.contains(*it)) continue;
        auto sum = sum_at(graph, *it);
        if (!sum) continue;
        inside.insert(sum->adds.begin(), sum->adds.end());
        sums.push_back(std::move(*sum));
    }
    return sums;
}

}  // namespace octet::cpu
