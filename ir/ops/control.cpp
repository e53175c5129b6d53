#include "ir/ops/control.hpp"

#include <algorithm>
#include <unordered_map>

#include "ir/graph.hpp"
#include "ir/ops/core.hpp"
#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

struct Known {
    Type type;
    Partial partial = nullptr;
    const Tensor* value = nullptr;
};

// The results of a body for these parameters. The body itself keeps the types it was read with.
std::vector<Known> infer_body(const Graph& body, const std::vector<Known>& parameters) {
    std::unordered_map<NodeId, std::vector<Known>> known;
    for (std::size_t i = 0; i < parameters.size(); ++i) known[body.parameters()[i]] = {parameters[i]};
    for (const NodeId id : body.order()) {
        const Node& node = body.node(id);
        if (node.op.is<Parameter>()) continue;
        std::vector<Input> inputs;
        for (const Value v : node.inputs) {
            const Known& k = known.at(v.node)[v.port];
            inputs.push_back({&k.type, &k.partial, k.value});
        }
        const OpDef& def = node.op.def();
        Types types;
        try {
            types = def.infer(node.op.data(), inputs);
        } catch (const InternalError&) {
            throw;
        } catch (const Error& e) {
            throw Error(fmt::format("layer '{}': {}: {}", node.name, def.name, e.what()));
        }
        Partials partials;
        if (def.partial) partials = def.partial(node.op.data(), inputs, types);
        auto& outputs = known[id];
        for (std::size_t i = 0; i < types.size(); ++i)
            outputs.push_back({std::move(types[i]), i < partials.size() ? partials[i] : nullptr,
                               body.constant({id, static_cast<std::uint32_t>(i)})});
    }
    std::vector<Known> results;
    for (const NodeId id : body.results())
        results.push_back(known.at(body.node(id).inputs[0].node)[body.node(id).inputs[0].port]);
    return results;
}

Type declared(const Graph& body, std::size_t parameter) { return body.type({body.parameters()[parameter], 0}); }

std::vector<Known> declared_parameters(const Graph& body) {
    std::vector<Known> parameters(body.parameters().size());
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].type = declared(body, i);
    return parameters;
}

std::size_t place(std::int64_t index, std::size_t count, std::string_view what) {
    require(index >= 0 && index < static_cast<std::int64_t>(count), "a port map names {} {} of {}", what, index, count);
    return static_cast<std::size_t>(index);
}

std::size_t output_count(const std::vector<PortMap>& outputs) {
    std::int64_t count = 0;
    for (const PortMap& m : outputs) count = std::max(count, m.outer + 1);
    require(count <= static_cast<std::int64_t>(outputs.size()), "port maps for {} outputs, wanted {}", outputs.size(),
            count);
    return static_cast<std::size_t>(count);
}

// A shape that allows what either allows.
Shape united_shape(const Shape& a, const Shape& b) {
    if (!a.ranked() || !b.ranked() || a.rank() != b.rank()) return Shape::unranked();
    Shape result = a;
    for (std::size_t i = 0; i < a.rank(); ++i)
        result[i] = {std::min(a[i].low, b[i].low), std::max(a[i].high, b[i].high)};
    return result;
}

void require_element(Element got, Element wanted, std::string_view what, std::size_t index) {
    require(got == wanted, "{} {} of the body is of type {}, wanted {}", what, index, name_of(wanted), name_of(got));
}

Known known(const Input& input) { return {*input.type, *input.partial, input.value}; }

Types branch(const GraphPtr& body, const std::vector<PortMap>& in, const std::vector<PortMap>& out, Inputs inputs) {
    require(body != nullptr, "a branch has no body");
    auto parameters = declared_parameters(*body);
    for (const PortMap& m : in) {
        const Input& input = inputs[place(m.outer, inputs.size(), "input")];
        const std::size_t p = place(m.inner, parameters.size(), "parameter");
        require_element(input.element(), parameters[p].type.element, "parameter", p);
        parameters[p] = known(input);
    }
    const auto results = infer_body(*body, parameters);
    Types types(output_count(out));
    for (const PortMap& m : out)
        types[place(m.outer, types.size(), "output")] = results[place(m.inner, results.size(), "result")].type;
    return types;
}

}  // namespace

Types infer(const If& op, Inputs inputs) {
    require(!inputs.empty(), "got no inputs, wanted 1 or more");
    const Input& condition = inputs[0];
    require(condition.element() == Element::boolean || is_integer(condition.element()),
            "the condition is of type {}, wanted boolean", name_of(condition.element()));
    Types then_types = branch(op.then_body, op.then_inputs, op.then_outputs, inputs);
    Types else_types = branch(op.else_body, op.else_inputs, op.else_outputs, inputs);
    require(then_types.size() == else_types.size(), "branches with {} and {} outputs, wanted as many of both",
            then_types.size(), else_types.size());
    for (std::size_t i = 0; i < then_types.size(); ++i)
        require(then_types[i].element == else_types[i].element,
                "output {} is of type {} in one branch and {} in the other", i, name_of(then_types[i].element),
                name_of(else_types[i].element));
    if (condition.value && condition.value->size() == 1) return condition.value->at(0) != 0 ? then_types : else_types;
    for (std::size_t i = 0; i < then_types.size(); ++i)
        then_types[i].shape = united_shape(then_types[i].shape, else_types[i].shape);
    return then_types;
}

std::int64_t slice_count(const PortMap& map, std::int64_t size) {
    require(map.part_size >= 1, "a part size of {}, wanted 1 or more", map.part_size);
    const auto from_front = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
    const std::int64_t first = from_front(map.start), last = from_front(map.end);
    return size == 0 ? 0 : (std::max(first, last) - std::min(first, last) + 1) / map.part_size;
}

namespace {

struct Body {
    const Graph& graph;
    const std::vector<PortMap>& inputs;
    const std::vector<PortMap>& outputs;
    const std::vector<PortMap>& back_edges;
};

// How often a body runs as the sliced operands say; unbounded when nothing is sliced.
Dim sliced_iterations(const Body& body, Inputs inputs) {
    Dim count;
    for (const PortMap& m : body.inputs) {
        if (m.axis < 0) continue;
        const Shape& shape = inputs[place(m.outer, inputs.size(), "input")].shape();
        if (!shape.ranked()) continue;
        const Dim size = shape[normalise_axis(m.axis, shape.rank())];
        const Dim here{slice_count(m, size.low), size.high == Dim::kUnbounded ? size.high : slice_count(m, size.high)};
        require(compatible(count, here), "operands are cut into {} and {} slices", to_string(count), to_string(here));
        count = merged(count, here);
    }
    return count;
}

std::vector<Known> first_parameters(const Body& body, Inputs inputs) {
    auto parameters = declared_parameters(body.graph);
    for (const PortMap& m : body.inputs) {
        const Input& input = inputs[place(m.outer, inputs.size(), "input")];
        const std::size_t p = place(m.inner, parameters.size(), "parameter");
        require_element(input.element(), parameters[p].type.element, "parameter", p);
        parameters[p] = known(input);
        if (m.axis < 0) continue;
        parameters[p] = {*input.type};
        if (input.shape().ranked())
            parameters[p].type.shape[normalise_axis(m.axis, input.shape().rank())] = m.part_size;
    }
    return parameters;
}

// Types of the results once nothing changes from iteration to iteration: a dimension that grows becomes unknown.
std::vector<Known> settled_results(const Body& body, std::vector<Known> parameters) {
    for (const PortMap& edge : body.back_edges) {
        Known& p = parameters[place(edge.inner, parameters.size(), "parameter")];
        p = {p.type};
    }
    for (;;) {
        auto results = infer_body(body.graph, parameters);
        bool changed = false;
        for (const PortMap& edge : body.back_edges) {
            const Type& back = results[place(edge.outer, results.size(), "result")].type;
            Type& type = parameters[static_cast<std::size_t>(edge.inner)].type;
            require_element(back.element, type.element, "parameter", static_cast<std::size_t>(edge.inner));
            Shape shape = united_shape(type.shape, back.shape);
            if (shape == type.shape) continue;
            for (std::size_t i = 0; i < shape.rank(); ++i)
                if (shape[i] != type.shape[i]) shape[i] = Dim();
            type.shape = std::move(shape);
            changed = true;
        }
        if (!changed) return results;
    }
}

Types loop_outputs(const Body& body, const std::vector<Known>& results, Dim iterations) {
    Types types(output_count(body.outputs));
    for (const PortMap& m : body.outputs) {
        Type type = results[place(m.inner, results.size(), "result")].type;
        if (m.axis >= 0 && type.shape.ranked()) {
            Dim& d = type.shape[normalise_axis(m.axis, type.shape.rank())];
            d = d * iterations;
        }
        types[place(m.outer, types.size(), "output")] = std::move(type);
    }
    return types;
}

bool known_true(const Tensor* value) { return value && value->size() == 1 && value->at(0) != 0; }

}  // namespace

Types infer(const Loop& op, Inputs inputs) {
    require(inputs.size() >= 2, "got {} inputs, wanted 2 or more", inputs.size());
    require(op.body != nullptr, "it has no body");
    require_integers(inputs[0], "the trip count");
    const Body body{*op.body, op.inputs, op.outputs, op.back_edges};
    auto parameters = first_parameters(body, inputs);
    if (op.current_iteration >= 0) {
        Known& p = parameters[place(op.current_iteration, parameters.size(), "parameter")];
        p = {p.type};
    }
    const auto results = settled_results(body, std::move(parameters));
    Dim iterations = sliced_iterations(body, inputs);
    const bool goes_on = op.execution_condition < 0 ||
                         known_true(results[place(op.execution_condition, results.size(), "result")].value);
    const bool surely = goes_on && known_true(inputs[1].value);
    if (const auto trips = known_number(inputs[0], "the trip count"); trips && *trips >= 0) {
        require(!surely || *trips <= iterations.high, "a trip count of {} for {} slices", *trips,
                to_string(iterations));
        iterations = {std::min(*trips, iterations.low), std::min(*trips, iterations.high)};
        if (surely) iterations.low = iterations.high;
    }
    if (!surely) iterations.low = 0;
    return loop_outputs(body, results, iterations);
}

Types infer(const TensorIterator& op, Inputs inputs) {
    require(op.body != nullptr, "it has no body");
    const Body body{*op.body, op.inputs, op.outputs, op.back_edges};
    const Dim iterations = sliced_iterations(body, inputs);
    return loop_outputs(body, settled_results(body, first_parameters(body, inputs)), iterations);
}

Types infer(const ReadValue& op, Inputs inputs) {
    require_inputs(inputs, 0, 1);
    if (inputs.empty()) return {{op.element, op.shape}};
    require(op.element == Element::undefined || inputs[0].element() == op.element,
            "variable '{}' is of type {}, its initial value of type {}", op.variable, name_of(op.element),
            name_of(inputs[0].element()));
    return {{inputs[0].element(), compatible(op.shape, inputs[0].shape()) && op.element != Element::undefined
                                      ? op.shape
                                      : inputs[0].shape()}};
}

Types infer(const Assign&, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    return {*inputs[0].type};
}

}  // namespace octet::ir
