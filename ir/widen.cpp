#include "ir/widen.hpp"

#include <algorithm>

#include "ir/edit.hpp"
#include "ir/ops/activation.hpp"
#include "ir/ops/core.hpp"

namespace octet::ir {
namespace {

bool narrow(Element e) { return e == Element::f16 || e == Element::bf16 || e == Element::f64; }
Element wide(Element e) { return narrow(e) ? Element::f32 : e; }

struct WidenField {
    void operator()(Element* e) const { *e = wide(*e); }
    void operator()(Tensor* t) const {
        if (narrow(t->element())) *t = t->converted(Element::f32);
    }
    void operator()(GraphPtr* g) const {
        if (*g) *g = std::make_shared<const Graph>(widened(**g, true));
    }
    void operator()(Types* types) const {
        for (Type& t : *types) t.element = wide(t.element);
    }
    template <class T>
    void operator()(T) const {}
};

Op widened(const Op& op) {
    auto copy = op.def().clone(op.data());
    for (const FieldDef& f : op.def().fields) std::visit(WidenField{}, f.at(copy.get()));
    return Op(&op.def(), std::move(copy));
}

}  // namespace

bool needs_widening(const Graph& graph) {
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph.node(id);
        if (!node.alive || node.op.is<Parameter>() || node.op.is<Result>()) continue;
        const bool behind_parameter = node.op.is<Convert>() && graph.node(node.inputs[0]).op.is<Parameter>();
        const bool before_result = node.op.is<Convert>() && std::ranges::all_of(node.outputs[0].uses, [&](Use u) {
                                       return graph.node(u.node).op.is<Result>();
                                   });
        if (!before_result && std::ranges::any_of(node.outputs, [](const Output& o) { return narrow(o.type.element); }))
            return true;
        if (!behind_parameter && std::ranges::any_of(node.inputs, [&](Value v) {
                return graph.node(v).op.is<Parameter>() && narrow(graph.element(v));
            }))
            return true;
    }
    return false;
}

Graph widened(const Graph& graph, bool interface) {
    Graph result;
    Edit edit(result);
    edit.set_layers(graph.layers());
    edit.set_source(graph.source());
    std::vector<std::vector<Value>> to(graph.size());
    for (NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        std::vector<Value> inputs;
        for (Value v : node.inputs) inputs.push_back(to[v.node][v.port]);
        const bool keeps = node.op.is<Parameter>() && !interface;
        Value made;
        if (node.op.is<Result>() && !interface && narrow(node.outputs[0].type.element)) {
            const Value back = edit.add(Convert{node.outputs[0].type.element}, inputs, node.name + ".convert");
            edit.set_origins(back.node, node.origins);
            made = edit.add(node.op, {back}, node.name);
        } else {
            made = edit.add(keeps ? node.op : widened(node.op), std::move(inputs), node.name);
        }
        edit.set_origins(made.node, node.origins);
        to[id] = edit.outputs(made.node);
        if (keeps && narrow(graph.element({id, 0}))) {
            to[id] = {edit.add(Convert{Element::f32}, {made}, node.name + ".convert")};
            edit.set_origins(to[id][0].node, node.origins);
        }
    }
    return result;
}

}  // namespace octet::ir
