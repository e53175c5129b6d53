#pragma once
// Ops with bodies, and state.
#include "ir/op.hpp"

namespace octet::ir {

// Operand 0 is the condition; the others feed the bodies.
struct If {
    static constexpr std::string_view name = "if";
    GraphPtr then_body = {};
    GraphPtr else_body = {};
    std::vector<PortMap> then_inputs = {};
    std::vector<PortMap> else_inputs = {};
    std::vector<PortMap> then_outputs = {};
    std::vector<PortMap> else_outputs = {};
    static constexpr auto fields() {
        return std::array{field<&If::then_body>("then_body"),       field<&If::else_body>("else_body"),
                          field<&If::then_inputs>("then_inputs"),   field<&If::else_inputs>("else_inputs"),
                          field<&If::then_outputs>("then_outputs"), field<&If::else_outputs>("else_outputs")};
    }
};
Types infer(const If& op, Inputs inputs);

// Operands trip count, condition, then what `inputs` maps. Back edges: from result `outer` to parameter `inner` of the body. current_iteration: the body's
// parameter that gets the iteration (-1: none); execution_condition: its result that says whether to go on (-1: always).
struct Loop {
    static constexpr std::string_view name = "loop";
    GraphPtr body = {};
    std::vector<PortMap> inputs = {};
    std::vector<PortMap> outputs = {};
    std::vector<PortMap> back_edges = {};
    std::int64_t current_iteration = -1;
    std::int64_t execution_condition = -1;
    static constexpr auto fields() {
        return std::array{field<&Loop::body>("body"),
                          field<&Loop::inputs>("inputs"),
                          field<&Loop::outputs>("outputs"),
                          field<&Loop::back_edges>("back_edges"),
                          field<&Loop::current_iteration>("current_iteration"),
                          field<&Loop::execution_condition>("execution_condition")};
    }
};
Types infer(const Loop& op, Inputs inputs);

struct TensorIterator {
    static constexpr std::string_view name = "tensor_iterator";
    GraphPtr body = {};
    std::vector<PortMap> inputs = {};
    std::vector<PortMap> outputs = {};
    std::vector<PortMap> back_edges = {};
    static constexpr auto fields() {
        return std::array{field<&TensorIterator::body>("body"), field<&TensorIterator::inputs>("inputs"),
                          field<&TensorIterator::outputs>("outputs"), field<&TensorIterator::back_edges>("back_edges")};
    }
};
Types infer(const TensorIterator& op, Inputs inputs);
// How many slices an operand of this size along the axis of the map is cut into.
std::int64_t slice_count(const PortMap& map, std::int64_t size);

// The value of a variable; its initial value is the optional operand, else zeros.
struct ReadValue {
    static constexpr std::string_view name = "read_value";
    static constexpr Traits traits{.effect = true};
    std::string variable = {};
    Element element = Element::f32;
    Shape shape = {};
    static constexpr auto fields() {
        return std::array{field<&ReadValue::variable>("variable"), field<&ReadValue::element>("element"),
                          field<&ReadValue::shape>("shape")};
    }
};
Types infer(const ReadValue& op, Inputs inputs);

// Sets a variable after the inference; passes its operand on.
struct Assign {
    static constexpr std::string_view name = "assign";
    static constexpr Traits traits{.effect = true};
    std::string variable = {};
    static constexpr auto fields() { return std::array{field<&Assign::variable>("variable")}; }
};
Types infer(const Assign& op, Inputs inputs);

}  // namespace octet::ir
