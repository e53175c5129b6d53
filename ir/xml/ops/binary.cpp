#include "ir/ops/binary.hpp"

#include "ir/ops/activation.hpp"
#include "ir/ops/quantization.hpp"
#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// "none" promises equal shapes, which numpy's rules leave alone; other rules ("pdpd") are not known.
template <class T>
bool numpy(LayerIn& layer, T&) {
    const std::string_view rule = layer.text("auto_broadcast", "numpy");
    return rule == "numpy" || rule == "NUMPY" || rule == "none" || rule == "NONE";
}
// Files of version 10 have f32 slopes on f16 data.
bool prelu(LayerIn& layer, PRelu&) {
    const Element element = layer.type(0).element;
    if (layer.type(1).element != element) layer.inputs[1] = layer.edit.add(Convert{element}, {layer.inputs[1]});
    return true;
}

template <class T>
constexpr Row pointwise(std::string_view type, const Names& names = {}) {
    return row<T, numpy<T>>(type, 1, names);
}

constexpr Row kRows[] = {
    pointwise<Add>("Add"),
    pointwise<Subtract>("Subtract"),
    pointwise<Multiply>("Multiply"),
    pointwise<Divide>("Divide", {{"python", "m_pythondiv"}}),
    pointwise<Maximum>("Maximum"),
    pointwise<Minimum>("Minimum"),
    pointwise<Power>("Power"),
    pointwise<SquaredDifference>("SquaredDifference"),
    pointwise<Mod>("Mod"),
    pointwise<FloorMod>("FloorMod"),
    row<PRelu, prelu>("PReLU", 1),
    pointwise<Equal>("Equal"),
    pointwise<NotEqual>("NotEqual"),
    pointwise<Less>("Less"),
    pointwise<LessEqual>("LessEqual"),
    pointwise<Greater>("Greater"),
    pointwise<GreaterEqual>("GreaterEqual"),
    pointwise<LogicalAnd>("LogicalAnd"),
    pointwise<LogicalOr>("LogicalOr"),
    pointwise<LogicalXor>("LogicalXor"),
    pointwise<Select>("Select"),
    pointwise<FakeQuantize>("FakeQuantize", {needed("levels")}),
};

}  // namespace

std::span<const Row> binary() { return kRows; }

}  // namespace octet::ir::xml::rows
