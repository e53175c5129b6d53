#include "transformations/low_precision/precision_plan.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/draft.hpp"
#include "transformations/low_precision/fake_quantize.hpp"
#include "transformations/low_precision/normalization.hpp"
#include "transformations/low_precision/parts.hpp"

namespace octet::low_precision {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::Value;
using rewrite::Code;
using rewrite::Decision;

namespace {

// One entry for each value of a graph.
template <class T>
class ByValue {
public:
    explicit ByValue(const Graph& graph) {
        first_.reserve(graph.size());
        std::size_t count = 0;
        for (NodeId id = 0; id < graph.size(); ++id) {
            first_.push_back(count);
            count += graph.node(id).outputs.size();
        }
        entries_.resize(count);
    }
    const T* find(Value v) const {
        const auto& entry = entries_[first_[v.node] + v.port];
        return entry ? &*entry : nullptr;
    }
    void set(Value v, T entry) { entries_[first_[v.node] + v.port] = std::move(entry); }

private:
    std::vector<std::size_t> first_;  // entry of each node's first output
    std::vector<std::optional<T>> entries_;
};

// A value that can be had as codes.
struct Codes {
    Dequantization meaning;
    ir::Element element = ir::Element::undefined;
    bool constant = false;
    std::vector<NodeId> sources = {};  // the FakeQuantize that must be decomposed for it
};

class Planner {
public:
    Planner(const Graph& graph, const Restrictions& restrictions, const Policy& policy,
            std::span<const CommonGrid> grids)
        : graph_(graph),
          restrictions_(restrictions),
          policy_(policy),
          grids_(grids),
          codes_(graph),
          refused_(graph),
          paid_(graph.size()) {}

    Draft run() {
        const auto order = graph_.order();
        variables_ = variables_of_codes(graph_, restrictions_.levels, policy_);
        do {
            codes_ = ByValue<Codes>(graph_);
            refused_ = ByValue<Decision>(graph_);
            plan_.choices.clear();
            for (NodeId id : order) find_codes(id);
        } while (drop_variables());
        for (NodeId id : order) decide(id);
        for (NodeId id : order)
            if (paid_[id]) plan_.integer.push_back(id);
        for (Variable& variable : variables_) {
            draft_.fixed.insert(draft_.fixed.end(), variable.sources.begin(), variable.sources.end());
            if (std::ranges::all_of(variable.sources, [&](NodeId id) { return paid_[id]; }))
                plan_.variables.push_back(std::move(variable));
        }
        return std::move(draft_);
    }

private:
    // Leaves out the variables that turn out to hold something else than the codes they were given; says whether there were any.
    bool drop_variables() {
        const auto wrong = [&](const Variable& variable) {
            const auto holds = [&](Value v) {
                const Codes* codes = codes_.find(v);
                return codes && codes->meaning == variable.meaning && codes->element == variable.element;
            };
            const bool assigned = std::ranges::all_of(variable.assigns,
                                                      [&](NodeId id) { return holds(graph_.node(id).inputs[0]); });
            const bool begins = std::ranges::all_of(variable.reads, [&](NodeId id) {
                const Node& read = graph_.node(id);
                if (!read.inputs.empty() && graph_.shape(read.inputs[0]) != read.outputs[0].type.shape) return false;
                return begins_on_grid(graph_, read, variable) || (!read.inputs.empty() && holds(read.inputs[0]));
            });
            return !assigned || !begins;
        };
        std::vector<bool> drop;
        for (const Variable& variable : variables_) drop.push_back(wrong(variable));
        for (std::size_t i = 0; i < drop.size(); ++i)
            if (drop[i]) dropped_.insert(variables_[i].reads.begin(), variables_[i].reads.end());
        const auto left = std::erase_if(variables_, [&](const Variable& v) { return dropped_.contains(v.reads[0]); });
        return left > 0;
    }

    void read_variable(NodeId id, const Node& node) {
        const std::string& name = node.op.get<ir::ReadValue>().variable;
        const auto found = std::ranges::find(variables_, name, &Variable::name);
        if (found != variables_.end()) codes_.set({id, 0}, {found->meaning, found->element, false, found->sources});
        else if (dropped_.contains(id))
            refused_.set({id, 0}, Decision::no(Code::precision_conflict,
                                               "the variable of '{layer}' does not hold values of one grid, its "
                                               "initial value among them",
                                               {node.name, {}}));
    }

    void find_codes(NodeId id) {
        const Node& node = graph_.node(id);
        if (const auto* dq = node.op.as<ir::Dequantize>()) {
            const Value from = node.inputs[0];
            codes_.set({id, 0}, {dequantization_of(*dq), graph_.element(from), graph_.constant(from) != nullptr, {}});
        } else if (node.op.is<ir::FakeQuantize>()) {
            auto decomposition = decompose(graph_, node, restrictions_.levels);
            const ir::Element element = decomposition.value.quantize.element;
            if (decomposition.decision) decomposition.decision = policy_.quantizes(graph_, node);
            if (auto aligned = decompose_on(graph_, grids_, id)) decomposition.value = std::move(*aligned);
            if (decomposition.decision)
                codes_.set({id, 0}, {std::move(decomposition.value.dequantize), element, false, {id}});
            else refused_.set({id, 0}, std::move(decomposition.decision));
        } else if (node.op.is<ir::ReadValue>()) {
            read_variable(id, node);
        } else if (moves_codes(node.op)) {
            move(id, node);
        }
    }

    void move(NodeId id, const Node& node) {
        std::vector<Dequantization> operands;
        Codes result;
        for (std::size_t i = 0; i < code_operands(node); ++i) {
            const Codes* codes = codes_.find(node.inputs[i]);
            if (!codes) return;
            if (i > 0 && codes->element != result.element) {
                refused_.set({id, 0}, Decision::no(Code::concat_mixed_types, "'{layer}' joins codes of different types",
                                                   {node.name, {}}));
                return;
            }
            result.element = codes->element;
            result.constant = (i == 0 || result.constant) && codes->constant;
            operands.push_back(codes->meaning);
            for (NodeId source : codes->sources)
                if (std::ranges::find(result.sources, source) == result.sources.end()) result.sources.push_back(source);
        }
        Moved moved = below(graph_, node, operands, result.element);
        if (moved.decision) moved.decision = policy_.moves(graph_, node, operands[0]);
        if (!moved.decision) {
            moved.decision.detail.layer = node.name;
            for (std::uint32_t port = 0; port < node.outputs.size(); ++port) refused_.set({id, port}, moved.decision);
            return;
        }
        for (std::uint32_t port = 0; port < moved.outputs.size(); ++port) {
            result.meaning = std::move(moved.outputs[port]);
            codes_.set({id, port}, result);
        }
        if (node.op.is<ir::Concat>() && !per_tensor(result.meaning))
            plan_.choices.push_back({node.name, node.origins, Choice::Form::scale_per_channel, node.inputs.size()});
    }

    void decide(NodeId id) {
        const Node& node = graph_.node(id);
        const Restriction* row = restrictions_.find(node.op);
        if (!row || !is_float(node.outputs[0].type.element)) return;
        Decision decision = answer(node, *row);
        if (decision && is_weighted(node.op)) decision = weigh(node);
        else if (decision && node.op.is<ir::Recurrence>()) decision = weigh_state(node);
        else if (decision && floats_win()) decision = takes_longer(node.name);
        // Ops that are fused gain from every operand that is codes, whatever the others are.
        const bool fused = !is_weighted(node.op) && !node.op.is<ir::Recurrence>() && !is_normalization(node.op);
        if (decision || (fused && !floats_win())) {
            for (std::size_t i = 0; i < node.inputs.size(); ++i)
                if (const Codes* codes = codes_.find(node.inputs[i]); codes && needs_codes(graph_, node, i))
                    for (NodeId source : codes->sources) paid_[source] = true;
        } else {
            plan_.kept_float.emplace(node.name, decision.code);
        }
        if (policy_.align && is_weighted(node.op)) sketch(id, node, decision.ok);
        plan_.layers.push_back({node.name, node.origins, std::move(decision)});
    }

    bool floats_win() const { return policy_.cheapest && !restrictions_.costs.integers_pay(); }

    // What a common grid for the layer's data would be weighed against.
    void sketch(NodeId id, const Node& node, bool on_codes) {
        const ir::Shape& data = graph_.shape(node.inputs[0]);
        const ir::Shape& weights = graph_.shape(node.inputs[1]);
        if (!data.ranked() || data.rank() < 2 || !weights.ranked() || weights.rank() < 2) return;
        Draft::Layer layer{id, plan_.layers.size(), {}, on_codes, 1, 0};
        for (std::size_t i = 0; i < 2; ++i)
            if (!graph_.constant(node.inputs[i])) {
                layer.sources.emplace_back();
                add_sources(graph_, node.inputs[i], layer.sources.back());
            }
        static const Dequantization kNone;
        const Codes* codes[] = {codes_.find(node.inputs[0]), codes_.find(node.inputs[1])};
        const Weighted w{graph_,
                         node,
                         codes[0] ? codes[0]->meaning : kNone,
                         codes[1] ? codes[1]->meaning : kNone,
                         codes[0] ? codes[0]->element : ir::Element::f32,
                         codes[1] ? codes[1]->element : ir::Element::f32,
                         data,
                         weights};
        if (on_codes) {
            const std::vector<Part> parts = *parts_of(w);
            layer.sums = parts.size();
            layer.time = time_on_codes(restrictions_.costs, w, parts, node.inputs[0]);
        } else {
            layer.time = time_in_float(restrictions_.costs, w);
        }
        draft_.layers.push_back(std::move(layer));
    }

    Decision answer(const Node& node, const Restriction& row) {
        std::vector<Operand> operands;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (const Codes* codes = codes_.find(node.inputs[i])) {
                operands.push_back({codes->meaning, codes->element, codes->constant});
                continue;
            }
            if (needs_codes(graph_, node, i)) return missing(node, i);
            operands.push_back(
                {std::nullopt, graph_.element(node.inputs[i]), graph_.constant(node.inputs[i]) != nullptr});
        }
        return row.accepts(graph_, node, operands);
    }

    // What the policy makes of a convolution or product that can be computed on codes.
    Decision weigh(const Node& node) {
        const Codes& data = *codes_.find(node.inputs[0]);
        const Codes& weights = *codes_.find(node.inputs[1]);
        const Weighted w{graph_,
                         node,
                         data.meaning,
                         weights.meaning,
                         data.element,
                         weights.element,
                         graph_.shape(node.inputs[0]),
                         graph_.shape(node.inputs[1])};
        if (!w.data_shape.ranked() || !w.weights_shape.ranked()) return Decision::yes();
        const auto parts = weights.constant ? parts_of(w) : std::vector{Part{}};
        if (!parts) return Decision::yes();
        if (Decision computes = policy_.computes(w, *parts, data.sources); !computes) return computes;
        return cheapest({node.name, node.origins, Choice::Form::sums, parts->size(),
                         time_on_codes(restrictions_.costs, w, *parts, node.inputs[0]),
                         time_in_float(restrictions_.costs, w)});
    }

    Decision weigh_state(const Node& node) {
        return cheapest({node.name, node.origins, Choice::Form::sums, 1,
                         time_of_state(restrictions_.costs.products_of_codes, graph_, node),
                         time_of_state(restrictions_.costs.products_of_floats, graph_, node)});
    }

    Decision cheapest(Choice choice) {
        const bool pays = !policy_.cheapest || choice.on_codes < choice.in_float;
        if (!pays) choice.form = Choice::Form::in_float;
        Decision decision = pays                ? Decision::yes()
                            : choice.scales > 1 ? sums_cost_more(choice)
                                                : takes_longer(choice.layer);
        if (!pays || choice.scales > 1) plan_.choices.push_back(std::move(choice));
        return decision;
    }

    static Decision sums_cost_more(const Choice& choice) {
        return Decision::no(Code::not_profitable,
                            "the data of '{layer}' have {0} scales, and a sum for each of them costs more than float",
                            {choice.layer, {static_cast<double>(choice.scales)}});
    }

    static Decision takes_longer(const std::string& layer) {
        return Decision::no(Code::not_profitable, "integers take '{layer}' longer than float on this machine",
                            {layer, {}});
    }

    // The first value above the operand that has no codes, and why.
    Decision missing(const Node& node, std::size_t operand) const {
        Value v = node.inputs[operand];
        for (;;) {
            if (const Decision* refusal = refused_.find(v)) return *refusal;
            const Node& above = graph_.node(v);
            if (!moves_codes(above.op)) break;
            std::size_t next = 0;
            while (next + 1 < code_operands(above) && codes_.find(above.inputs[next])) ++next;
            v = above.inputs[next];
        }
        const std::string& cause = graph_.node(v).name;
        if ((is_weighted(node.op) && operand == 1) || node.op.is<ir::Recurrence>())
            return Decision::no(Code::no_weights_fq, "its weights come from '{layer}', which is not quantized",
                                {cause, {}});
        if (graph_.op(v).is<ir::Parameter>())
            return Decision::no(Code::no_act_fq, "it reads the model's input '{layer}', which is not quantized",
                                {cause, {}});
        if (graph_.constant(v))
            return Decision::no(Code::no_act_fq, "it reads numbers of the constant '{layer}', which are not quantized",
                                {cause, {}});
        return Decision::no(Code::no_act_fq, "there is no FakeQuantize between it and '{layer}'", {cause, {}});
    }

    const Graph& graph_;
    const Restrictions& restrictions_;
    const Policy& policy_;
    std::span<const CommonGrid> grids_;
    ByValue<Codes> codes_;
    ByValue<Decision> refused_;
    std::vector<bool> paid_;
    std::vector<Variable> variables_;
    std::set<NodeId> dropped_;  // ReadValue of variables that hold no codes after all
    Draft draft_;
    PrecisionPlan& plan_ = draft_.plan;
};

}  // namespace

std::string to_string(const Choice& choice) {
    switch (choice.form) {
        case Choice::Form::scale_per_channel:
            return fmt::format("codes of {} operands on grids of their own", choice.scales);
        case Choice::Form::sums:
            return fmt::format("{0} sums for the {0} scales of its data: about {1:.1f} us, in float {2:.1f}",
                               choice.scales, choice.on_codes / 1000, choice.in_float / 1000);
        case Choice::Form::in_float:
            if (choice.scales < 2)
                return fmt::format("float: about {1:.1f} us, on integers {0:.1f}", choice.on_codes / 1000,
                                   choice.in_float / 1000);
            return fmt::format("float: about {2:.1f} us, {0} sums for the {0} scales of its data {1:.1f}",
                               choice.scales, choice.on_codes / 1000, choice.in_float / 1000);
        case Choice::Form::one_grid:
            return fmt::format("one sum on a common grid for {} FakeQuantize: about {:.1f} us, exact {:.1f}",
                               choice.scales, choice.on_codes / 1000, choice.in_float / 1000);
    }
    return {};
}

Draft draft_plan(const Graph& graph, const Restrictions& restrictions, const Policy& policy,
                 std::span<const CommonGrid> grids) {
    return Planner(graph, restrictions, policy, grids).run();
}

void add_body(PrecisionPlan& plan, PrecisionPlan body) {
    // Origins are places in the list of layers of the body.
    for (LayerPrecision& layer : body.layers)
        plan.layers.push_back({std::move(layer.layer), {}, std::move(layer.decision)});
    for (Choice& choice : body.choices) {
        choice.origins.clear();
        plan.choices.push_back(std::move(choice));
    }
    for (Alignment& alignment : body.alignments) {
        alignment.origins.clear();
        plan.alignments.push_back(std::move(alignment));
    }
    plan.kept_float.merge(body.kept_float);
}

}  // namespace octet::low_precision
