#include "ir/ops/activation.hpp"

#include "ir/ops/checks.hpp"

namespace octet::ir {
namespace {

Types same_float(Inputs inputs) {
    require_inputs(inputs, 1, 1);
    want_float(inputs[0], "the operand");
    return {*inputs[0].type};
}

Types same_number(Inputs inputs) {
    require_inputs(inputs, 1, 1);
    want_number(inputs[0], "the operand");
    return {*inputs[0].type};
}

}  // namespace

Types infer(const Relu&, Inputs inputs) { return same_number(inputs); }
Types infer(const Sigmoid&, Inputs inputs) { return same_float(inputs); }
Types infer(const Tanh&, Inputs inputs) { return same_float(inputs); }
Types infer(const Elu&, Inputs inputs) { return same_float(inputs); }
Types infer(const HSwish&, Inputs inputs) { return same_float(inputs); }
Types infer(const HSigmoid&, Inputs inputs) { return same_float(inputs); }
Types infer(const Gelu&, Inputs inputs) { return same_float(inputs); }
Types infer(const Mish&, Inputs inputs) { return same_float(inputs); }
Types infer(const SoftPlus&, Inputs inputs) { return same_float(inputs); }
Types infer(const Exp&, Inputs inputs) { return same_float(inputs); }
Types infer(const Log&, Inputs inputs) { return same_float(inputs); }
Types infer(const Abs&, Inputs inputs) { return same_number(inputs); }
Types infer(const Sqrt&, Inputs inputs) { return same_float(inputs); }
Types infer(const Negative&, Inputs inputs) { return same_number(inputs); }
Types infer(const Floor&, Inputs inputs) { return same_number(inputs); }
Types infer(const Ceiling&, Inputs inputs) { return same_number(inputs); }
Types infer(const Round&, Inputs inputs) { return same_number(inputs); }
Types infer(const Erf&, Inputs inputs) { return same_float(inputs); }
Types infer(const Sin&, Inputs inputs) { return same_float(inputs); }
Types infer(const Cos&, Inputs inputs) { return same_float(inputs); }
Types infer(const Sign&, Inputs inputs) { return same_number(inputs); }

Types infer(const Clamp& op, Inputs inputs) {
    require(op.low <= op.high, "low {} is above high {}", op.low, op.high);
    return same_number(inputs);
}

Types infer(const Swish&, Inputs inputs) {
    require_inputs(inputs, 1, 2);
    want_float(inputs[0], "the operand");
    if (inputs.size() == 2) {
        want_same_element(inputs[0], "the operand", inputs[1], "beta");
        want_one_element(inputs[1], "beta");
    }
    return {*inputs[0].type};
}

Types infer(const HardSigmoid&, Inputs inputs) {
    require_inputs(inputs, 3, 3);
    want_float(inputs[0], "the operand");
    want_same_element(inputs[0], "the operand", inputs[1], "alpha");
    want_same_element(inputs[0], "the operand", inputs[2], "beta");
    want_one_element(inputs[1], "alpha");
    want_one_element(inputs[2], "beta");
    return {*inputs[0].type};
}

Types infer(const LogicalNot&, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    want_boolean(inputs[0], "the operand");
    return {*inputs[0].type};
}

Types infer(const Convert& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    require(bits_of(op.element) >= 8, "the element type {} is not one that values convert to", name_of(op.element));
    return {{op.element, inputs[0].shape()}};
}

// Numbers stay what they are only where the type surely holds them.
Partials partial(const Convert& op, Inputs inputs, const Types&) {
    if (op.element != Element::i64 && op.element != Element::i32) return {};
    return {*inputs[0].partial};
}

}  // namespace octet::ir
