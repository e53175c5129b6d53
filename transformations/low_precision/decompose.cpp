#include "transformations/low_precision/decompose.hpp"

#include "ir/edit.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::low_precision {

bool decompose_planned(ir::Graph& graph, const PrecisionPlan& plan) {
    keep_codes_in_state(graph, plan.variables);
    for (const ir::NodeId id : plan.integer) {
        const ir::Node& node = graph.node(id);
        Decomposition parts = decompose(graph, node, kLevels16).value;
        ir::Edit edit(graph, node.name, node.origins);
        const ir::Value codes = edit.add(std::move(parts.quantize), {node.inputs[0]});
        edit.replace({id, 0}, edit.add(op_of(parts.dequantize), {codes}));
    }
    return !plan.integer.empty();
}

}  // namespace octet::low_precision
