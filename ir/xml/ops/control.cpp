#include "ir/ops/control.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

bool read_if(LayerIn& layer, If& op) {
    const Body then_body = layer.body("then_body");
    const Body else_body = layer.body("else_body");
    op.then_body = then_body.graph;
    op.else_body = else_body.graph;
    op.then_inputs = layer.inputs_of("then_port_map", then_body, true);
    op.else_inputs = layer.inputs_of("else_port_map", else_body, true);
    op.then_outputs = layer.outputs_of("then_port_map", then_body, true);
    op.else_outputs = layer.outputs_of("else_port_map", else_body, true);
    return true;
}

void write_if(const If& op, LayerOut& layer) {
    layer.inputs_of("then_port_map", *op.then_body, op.then_inputs);
    layer.outputs_of("then_port_map", *op.then_body, op.then_outputs, true);
    layer.inputs_of("else_port_map", *op.else_body, op.else_inputs);
    layer.outputs_of("else_port_map", *op.else_body, op.else_outputs, true);
    layer.body("then_body", *op.then_body);
    layer.body("else_body", *op.else_body);
}

// Two rows of the port map say what the loop itself does with a value of the body.
bool read_loop(LayerIn& layer, Loop& op) {
    const Body body = layer.body("body");
    op.body = body.graph;
    for (PortMap& port : layer.inputs_of("port_map", body, false)) {
        if (port.purpose == "current_iteration") op.current_iteration = port.inner;
        else op.inputs.push_back(std::move(port));
    }
    for (PortMap& port : layer.outputs_of("port_map", body, false)) {
        if (port.purpose == "execution_condition") op.execution_condition = port.inner;
        if (port.outer >= 0) {
            port.purpose.clear();
            op.outputs.push_back(std::move(port));
        }
    }
    op.back_edges = layer.back_edges(body);
    return true;
}

void write_loop(const Loop& op, LayerOut& layer) {
    auto inputs = op.inputs;
    auto outputs = op.outputs;
    if (op.current_iteration >= 0)
        inputs.push_back({.outer = -1, .inner = op.current_iteration, .purpose = "current_iteration"});
    if (op.execution_condition >= 0)
        outputs.push_back({.outer = -1, .inner = op.execution_condition, .purpose = "execution_condition"});
    layer.inputs_of("port_map", *op.body, inputs);
    layer.outputs_of("port_map", *op.body, outputs, false);
    layer.back_edges(*op.body, op.back_edges);
    layer.body("body", *op.body);
}

bool read_iterator(LayerIn& layer, TensorIterator& op) {
    const Body body = layer.body("body");
    op.body = body.graph;
    op.inputs = layer.inputs_of("port_map", body, false);
    op.outputs = layer.outputs_of("port_map", body, false);
    op.back_edges = layer.back_edges(body);
    return true;
}

void write_iterator(const TensorIterator& op, LayerOut& layer) {
    layer.inputs_of("port_map", *op.body, op.inputs);
    layer.outputs_of("port_map", *op.body, op.outputs, false);
    layer.back_edges(*op.body, op.back_edges);
    layer.body("body", *op.body);
}

// Opset 3, and files of opset 6 that say no more, take the type from the initial value.
bool read_value(LayerIn& layer, ReadValue& op) {
    const char* element = layer.attribute("variable_type");
    const char* shape = layer.attribute("variable_shape");
    if (!element || std::string_view(element) == "dynamic") op.element = layer.type(0).element;
    else op.element = parse_element(element);
    op.shape = shape ? parse_shape(shape) : layer.type(0).shape;
    return true;
}

void write_value(const ReadValue& op, LayerOut& layer) {
    layer.attribute("variable_type", name_of(op.element));
    layer.attribute("variable_shape", format_shape(op.shape));
}

constexpr Names kIf = {elsewhere("then_body"),   elsewhere("else_body"),    elsewhere("then_inputs"),
                       elsewhere("else_inputs"), elsewhere("then_outputs"), elsewhere("else_outputs")};
constexpr Names kLoop = {elsewhere("body"),
                         elsewhere("inputs"),
                         elsewhere("outputs"),
                         elsewhere("back_edges"),
                         elsewhere("current_iteration"),
                         elsewhere("execution_condition")};
constexpr Names kReadValue = {needed("variable", "variable_id"), elsewhere("element"), elsewhere("shape")};

constexpr Row kRows[] = {
    row<If, read_if, write_if>("If", 8, kIf),
    row<Loop, read_loop, write_loop>("Loop", 5, kLoop),
    row<TensorIterator, read_iterator, write_iterator>("TensorIterator", 1, kLoop),
    older<ReadValue, read_value>("ReadValue", 3, kReadValue),
    row<ReadValue, read_value, write_value>("ReadValue", 6, kReadValue),
    older<Assign>("Assign", 3, {needed("variable", "variable_id")}),
    row<Assign>("Assign", 6, {needed("variable", "variable_id")}),
};

}  // namespace

std::span<const Row> control() { return kRows; }

}  // namespace octet::ir::xml::rows
