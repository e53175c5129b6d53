#include "ir/ops/activation.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// The element comes from an operand whose values do not matter.
bool convert_like(LayerIn& layer, Convert& op) {
    op.element = layer.type(1).element;
    layer.inputs.resize(1);
    return true;
}

constexpr Row kRows[] = {
    row<Relu>("ReLU", 1),
    row<Clamp>("Clamp", 1, {needed("low", "min"), needed("high", "max")}),
    row<Sigmoid>("Sigmoid", 1),
    row<Tanh>("Tanh", 1),
    row<Elu>("Elu", 1, {needed("alpha")}),
    row<Swish>("Swish", 4),
    row<HSwish>("HSwish", 4),
    row<HSigmoid>("HSigmoid", 5),
    row<HardSigmoid>("HardSigmoid", 1),
    older<Gelu>("Gelu", 2),
    row<Gelu>("Gelu", 7, {{"mode", "approximation_mode"}}),
    row<Mish>("Mish", 4),
    row<SoftPlus>("SoftPlus", 4),
    row<Exp>("Exp", 1),
    row<Log>("Log", 1),
    row<Abs>("Abs", 1),
    row<Sqrt>("Sqrt", 1),
    row<Negative>("Negative", 1),
    row<Floor>("Floor", 1),
    row<Ceiling>("Ceiling", 1),
    row<Round>("Round", 5),
    row<Erf>("Erf", 1),
    row<Sin>("Sin", 1),
    row<Cos>("Cos", 1),
    row<Sign>("Sign", 1),
    row<LogicalNot>("LogicalNot", 1),
    row<Convert>("Convert", 1, {needed("element", "destination_type")}),
    older<Convert, convert_like>("ConvertLike", 1, {elsewhere("element")}),
};

}  // namespace

std::span<const Row> activation() { return kRows; }

}  // namespace octet::ir::xml::rows
