#include "transformations/low_precision/decompose.hpp"

#include "ir/edit.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::low_precision {

bool decompose_planned(ir::Graph& graph, const PrecisionPlan& plan, rewrite::Notes& notes) {
    keep_codes_in_state(graph, plan.variables);
    for (const ir::NodeId id : plan.integer) {
        const ir::Node& node = graph.node(id);
        const auto aligned = decompose_on(graph, plan.grids, id);
        Decomposition parts = aligned ? *aligned : decompose(graph, node, kLevels16).value;
        ir::Edit edit(graph, node.name, node.origins);
        const ir::Value codes = edit.add(std::move(parts.quantize), {node.inputs[0]});
        edit.replace({id, 0}, edit.add(op_of(parts.dequantize), {codes}));
        for (const Alignment& alignment : plan.alignments)
            if (alignment.layer == node.name) notes.applied(id, to_string(alignment));
    }
    return !plan.integer.empty();
}

}  // namespace octet::low_precision
