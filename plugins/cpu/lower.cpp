#include "plugins/cpu/lower.hpp"

#include <algorithm>
#include <cstdlib>
#include <span>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "ir/edit.hpp"
#include "ir/ops/core.hpp"
#include "ir/support/mapped_file.hpp"
#include "transformations/apply.hpp"
#include "transformations/common/constants.hpp"
#include "transformations/low_precision/weight_only.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

bool known(const Output& output) {
    return output.partial && std::ranges::all_of(*output.partial, [](Dim d) { return d.is_static(); });
}

// What the kernels want as numbers.
void fold(Graph& graph) {
    common::fold_constants(graph, common::Fold::everything, [](const Graph& g, NodeId id) {
        return low_precision::keeps_codes_of_known_shapes(g, id) || low_precision::keeps_table(g, id);
    });
}

std::vector<bool> constant_layers(const Graph& graph) {
    std::vector<bool> constant(graph.size());
    std::vector<bool> layers(graph.layers().size());
    for (NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        const bool computed = !node.inputs.empty() && !node.op.traits().effect &&
                              std::ranges::all_of(node.inputs, [&](Value v) { return constant[v.node]; });
        constant[id] = node.op.is<Constant>() || computed || std::ranges::all_of(node.outputs, known);
        if (constant[id])
            for (auto layer : node.origins) layers[layer] = true;
    }
    return layers;
}

}  // namespace

Lowered lower(const Graph& source, const low_precision::Restrictions& restrictions,
              const low_precision::Policy& policy) {
    LowPrecisionOptions options;
    options.restrictions = restrictions;
    options.policy = policy;
    options.weight_only = true;
    options.engine = rewrite::Options::from_environment();
#ifdef NDEBUG
    options.engine.verify = rewrite::Verify::nothing;
#endif
    LowPrecisionResult result = apply_low_precision(source, options);
    std::vector<LoadPhase> load;
    for (const rewrite::StepLog& step : result.log.steps) load.push_back({step.name, step.seconds * 1e3});
    const auto static_shape = [&](NodeId id) { return source.shape({id, 0}).is_static(); };
    if (std::ranges::all_of(source.parameters(), static_shape)) fold(result.graph);
    return {std::make_shared<const Graph>(std::move(result.graph)),
            std::make_shared<const low_precision::PrecisionPlan>(std::move(result.plan)), !restrictions.rows.empty(),
            constant_layers(source), std::move(load)};
}

void release_unused(const Graph& graph) {
    std::span<const std::byte> given;  // the weights of a model are in one file, mostly
    for (const NodeId id : graph.order()) {
        const Tensor* tensor = graph.constant({id, 0});
        const bool again = tensor && !given.empty() && tensor->data() >= given.data() &&
                           tensor->data() < given.data() + given.size();
        if (!tensor || again) continue;
        if (const auto file = give_back_file(tensor->raw()); !file.empty()) given = file;
    }
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
}

std::shared_ptr<const Graph> specialise(const Graph& graph, const std::vector<Dims>& shapes) {
    auto result = std::make_shared<Graph>();
    Edit edit(*result);
    edit.set_source(graph.source());
    edit.set_layers(graph.layers());
    std::vector<NodeId> to(graph.size());
    std::size_t parameter = 0;
    for (NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        Op op = node.op;
        if (const auto* p = op.as<Parameter>()) {
            Parameter known = *p;
            known.shape = Shape(shapes[parameter++]);
            op = std::move(known);
        }
        std::vector<Value> inputs;
        for (Value v : node.inputs) inputs.push_back({to[v.node], v.port});
        to[id] = edit.add(std::move(op), std::move(inputs), node.name).node;
        edit.set_origins(to[id], node.origins);
    }
    fold(*result);
    return result;
}

}  // namespace octet::cpu
