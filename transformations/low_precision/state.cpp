#include "transformations/low_precision/state.hpp"

#include <algorithm>

#include "ir/edit.hpp"
#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::low_precision {

using namespace ir;

namespace {

bool has_positive_scale(const Dequantization& d) {
    return std::ranges::all_of(d.scale.as<float>(), [](float s) { return s > 0; });
}

// The grid of the first source, for values of this rank.
bool take_grid(const Graph& graph, Variable& variable, std::int64_t most_levels, const Policy& policy) {
    const Node& source = graph.node(variable.sources[0]);
    const Shape& shape = graph.shape({variable.reads[0], 0});
    if (graph.element({variable.reads[0], 0}) != Element::f32) return false;
    auto parts = decompose(graph, source, std::min(most_levels, kLevels8));
    if (!parts.decision || !policy.quantizes(graph, source) || !shape.ranked()) return false;
    variable.meaning = std::move(parts.value.dequantize);
    variable.element = parts.value.quantize.element;
    if (per_tensor(variable.meaning)) {
        const Dims ones(shape.rank(), 1);
        variable.meaning = {variable.meaning.scale.reshaped(ones), variable.meaning.zero_point.reshaped(ones)};
    }
    return variable.meaning.scale.dims().size() == shape.rank() && has_positive_scale(variable.meaning);
}

Tensor codes_of(const Tensor& values, const Variable& variable) {
    return eval::evaluate(Op(quantize_of(variable.meaning, variable.element)), std::vector{values})[0];
}

}  // namespace

std::vector<Variable> variables_of_codes(const Graph& graph, std::int64_t most_levels, const Policy& policy) {
    std::vector<Variable> all;
    const auto named = [&](const std::string& name) -> Variable& {
        const auto it = std::ranges::find(all, name, &Variable::name);
        if (it != all.end()) return *it;
        Variable fresh;
        fresh.name = name;
        all.push_back(std::move(fresh));
        return all.back();
    };
    for (const NodeId id : graph.order()) {
        if (const auto* read = graph.node(id).op.as<ReadValue>()) named(read->variable).reads.push_back(id);
        if (const auto* assign = graph.node(id).op.as<Assign>()) named(assign->variable).assigns.push_back(id);
    }
    std::vector<Variable> kept;
    for (Variable& variable : all) {
        if (variable.reads.empty()) continue;
        for (const NodeId id : variable.assigns) add_sources(graph, graph.node(id).inputs[0], variable.sources);
        if (variable.sources.empty()) continue;
        for (const NodeId id : variable.reads)
            for (const Value initial : graph.node(id).inputs) add_sources(graph, initial, variable.sources);
        if (take_grid(graph, variable, most_levels, policy)) kept.push_back(std::move(variable));
    }
    return kept;
}

bool begins_on_grid(const Graph& graph, const Node& read, const Variable& variable) {
    // Codes of 0 are what a variable without an initial value begins with.
    if (read.inputs.empty())
        return std::ranges::all_of(variable.meaning.zero_point.as<float>(), [](float z) { return z == 0; });
    const Tensor* values = graph.constant(read.inputs[0]);
    if (!values || values->element() != Element::f32) return false;
    const Tensor again = eval::evaluate(Op(op_of(variable.meaning)), std::vector{codes_of(*values, variable)})[0];
    return std::ranges::equal(again.as<float>(), values->aligned().as<float>());
}

Quantize quantize_of(const Dequantization& meaning, Element element) {
    const double lowest = element == Element::i8 ? -128 : 0;
    const auto value_of = [&](double code) {
        const Tensor codes = Tensor::filled(Element::f32, Dims(meaning.scale.dims().size(), 1), code);
        const Tensor difference = eval::evaluate(Op(Subtract{}), std::vector{codes, meaning.zero_point})[0];
        return eval::evaluate(Op(Multiply{}), std::vector{difference, meaning.scale})[0];
    };
    return {value_of(lowest), value_of(lowest + 255), 256, static_cast<std::int64_t>(lowest), element};
}

namespace {

void read_codes(Graph& graph, NodeId id, const Variable& variable) {
    Edit edit(graph, graph.node(id).name, graph.node(id).origins);
    ReadValue read = graph.node(id).op.get<ReadValue>();
    // Stands between, so that readers see floats throughout.
    const Value floats = edit.add(Convert{Element::f32}, {Value{id, 0}});
    edit.replace(Value{id, 0}, floats);
    if (!graph.node(id).inputs.empty()) {
        read.element = Element::undefined;  // whatever the initial value is of
        edit.set_op(id, read);
        const Value initial = graph.node(id).inputs[0];
        const Tensor* values = graph.constant(initial);
        edit.replace_input(id, 0,
                           values ? edit.constant(codes_of(*values, variable))
                                  : edit.add(quantize_of(variable.meaning, variable.element), {initial}));
    }
    read.element = variable.element;
    edit.set_op(id, read);
    edit.replace(floats, edit.add(op_of(variable.meaning), {Value{id, 0}}));
}

void assign_codes(Graph& graph, NodeId id, const Variable& variable) {
    const Value values = graph.node(id).inputs[0];
    // The codes are those of the FakeQuantize where there is one.
    const Node& source = graph.node(values.node).op.is<FakeQuantize>() ? graph.node(values.node) : graph.node(id);
    Edit edit(graph, source.name, source.origins);
    if (!graph.uses({id, 0}).empty()) edit.replace(Value{id, 0}, values);
    edit.replace_input(id, 0, edit.add(quantize_of(variable.meaning, variable.element), {values}));
}

}  // namespace

bool keep_codes_in_state(Graph& graph, std::span<const Variable> variables) {
    for (const Variable& variable : variables) {
        for (const NodeId id : variable.reads) read_codes(graph, id, variable);
        for (const NodeId id : variable.assigns) assign_codes(graph, id, variable);
    }
    return !variables.empty();
}

}  // namespace octet::low_precision
