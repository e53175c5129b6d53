#include "transformations/low_precision/precision_plan.hpp"

#include <algorithm>
#include <map>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/fake_quantize.hpp"
#include "transformations/low_precision/weighted.hpp"

namespace octet::low_precision {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::Value;
using rewrite::Code;
using rewrite::Decision;

namespace {

// A value that can be had as codes.
struct Codes {
    Dequantization meaning;
    ir::Element element = ir::Element::undefined;
    bool constant = false;
    std::vector<NodeId> sources = {};  // the FakeQuantize that must be decomposed for it
};

class Planner {
public:
    Planner(const Graph& graph, const Restrictions& restrictions) : graph_(graph), restrictions_(restrictions) {}

    PrecisionPlan run() {
        const auto order = graph_.order();
        for (NodeId id : order) find_codes(id);
        PrecisionPlan plan;
        for (NodeId id : order) decide(id, plan);
        for (NodeId id : order)
            if (paid_.contains(id)) plan.integer.push_back(id);
        return plan;
    }

private:
    void find_codes(NodeId id) {
        const Node& node = graph_.node(id);
        if (const auto* dq = node.op.as<ir::Dequantize>()) {
            const Value from = node.inputs[0];
            codes_[{id, 0}] = {dequantization_of(*dq), graph_.element(from), graph_.constant(from) != nullptr, {}};
        } else if (node.op.is<ir::FakeQuantize>()) {
            auto decomposition = decompose(graph_, node);
            if (decomposition.decision)
                codes_[{id, 0}] = {std::move(decomposition.value.dequantize), ir::Element::u8, false, {id}};
            else refused_[{id, 0}] = std::move(decomposition.decision);
        } else if (moves_codes(node.op)) {
            move(id, node);
        }
    }

    void move(NodeId id, const Node& node) {
        std::vector<Dequantization> operands;
        Codes result;
        for (std::size_t i = 0; i < code_operands(node); ++i) {
            const auto it = codes_.find(node.inputs[i]);
            if (it == codes_.end()) return;
            if (i > 0 && it->second.element != result.element) {
                refused_[{id, 0}] = Decision::no(Code::concat_mixed_types, "'{layer}' joins codes of different types",
                                                 {node.name, {}});
                return;
            }
            result.element = it->second.element;
            result.constant = (i == 0 || result.constant) && it->second.constant;
            operands.push_back(it->second.meaning);
            for (NodeId source : it->second.sources)
                if (std::ranges::find(result.sources, source) == result.sources.end()) result.sources.push_back(source);
        }
        Moved moved = below(graph_, node, operands);
        if (!moved.decision) {
            moved.decision.detail.layer = node.name;
            for (std::uint32_t port = 0; port < node.outputs.size(); ++port) refused_[{id, port}] = moved.decision;
            return;
        }
        for (std::uint32_t port = 0; port < moved.outputs.size(); ++port) {
            result.meaning = std::move(moved.outputs[port]);
            codes_[{id, port}] = result;
        }
    }

    void decide(NodeId id, PrecisionPlan& plan) {
        const Node& node = graph_.node(id);
        const Restriction* row = restrictions_.find(node.op);
        if (!row || !is_float(node.outputs[0].type.element)) return;
        Decision decision = answer(node, *row);
        // Ops that are fused gain from every operand that is codes, whatever the others are.
        if (decision || !is_weighted(node.op)) {
            for (std::size_t i = 0; i < node.inputs.size(); ++i)
                if (const auto it = codes_.find(node.inputs[i]); it != codes_.end() && needs_codes(graph_, node, i))
                    for (NodeId source : it->second.sources) paid_[source] = true;
        } else {
            plan.kept_float.emplace(node.name, decision.code);
        }
        plan.layers.push_back({node.name, node.origins, std::move(decision)});
    }

    Decision answer(const Node& node, const Restriction& row) {
        std::vector<Operand> operands;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const auto it = codes_.find(node.inputs[i]);
            if (it != codes_.end()) {
                operands.push_back({it->second.meaning, it->second.element, it->second.constant});
                continue;
            }
            if (needs_codes(graph_, node, i)) return missing(node, i);
            operands.push_back(
                {std::nullopt, graph_.element(node.inputs[i]), graph_.constant(node.inputs[i]) != nullptr});
        }
        return row.accepts(graph_, node, operands);
    }

    // The first value above the operand that has no codes, and why.
    Decision missing(const Node& node, std::size_t operand) const {
        Value v = node.inputs[operand];
        for (;;) {
            if (const auto it = refused_.find(v); it != refused_.end()) return it->second;
            const Node& above = graph_.node(v);
            if (!moves_codes(above.op)) break;
            std::size_t next = 0;
            while (next + 1 < code_operands(above) && codes_.contains(above.inputs[next])) ++next;
            v = above.inputs[next];
        }
        const std::string& cause = graph_.node(v).name;
        if (is_weighted(node.op) && operand == 1)
            return Decision::no(Code::no_weights_fq, "its weights come from '{layer}', which is not quantized",
                                {cause, {}});
        if (graph_.constant(v))
            return Decision::no(Code::no_act_fq, "its operand '{layer}' is a float constant", {cause, {}});
        return Decision::no(Code::no_act_fq, "there is no FakeQuantize between it and '{layer}'", {cause, {}});
    }

    const Graph& graph_;
    const Restrictions& restrictions_;
    std::map<Value, Codes> codes_;
    std::map<Value, Decision> refused_;
    std::unordered_map<NodeId, bool> paid_;
};

}  // namespace

PrecisionPlan make_plan(const Graph& graph, const Restrictions& restrictions) {
    return Planner(graph, restrictions).run();
}

}  // namespace octet::low_precision
