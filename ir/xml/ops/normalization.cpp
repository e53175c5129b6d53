#include "ir/ops/normalization.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// Opset 1 has the operands gamma, beta, data, mean, variance.
bool batch_norm_1(LayerIn& layer, BatchNormInference& op) {
    require(layer.inputs.size() == 5, "got {} inputs, wanted 5", layer.inputs.size());
    if (const char* eps = layer.attribute("eps")) op.epsilon = parse_real(eps);
    std::swap(layer.inputs[1], layer.inputs[2]);
    std::swap(layer.inputs[0], layer.inputs[1]);
    return true;
}

// Before opset 6 the axes are an attribute, or all from the first or the second spatial one on.
bool mvn_1(LayerIn& layer, Mvn& op) {
    std::vector<std::int64_t> axes;
    parse_field(&axes, layer.text("reduction_axes"));
    const Shape& shape = layer.type(0).shape;
    require(layer.inputs.size() == 1, "got {} inputs, wanted 1", layer.inputs.size());
    if (axes.empty()) {
        if (!shape.ranked()) return false;
        const auto rank = static_cast<std::int64_t>(shape.rank());
        for (std::int64_t axis = parse_bool(layer.text("across_channels", "true")) ? 1 : 2; axis < rank; ++axis)
            axes.push_back(axis);
    }
    op.eps_mode = EpsMode::outside_sqrt;
    layer.inputs.push_back(layer.integers(axes));
    return true;
}

constexpr Row kRows[] = {
    older<BatchNormInference, batch_norm_1>("BatchNormInference", 1),
    row<BatchNormInference>("BatchNormInference", 5),
    older<Mvn, mvn_1>("MVN", 1, {elsewhere("eps_mode")}),
    row<Mvn>("MVN", 6, {needed("eps"), needed("normalize_variance"), needed("eps_mode")}),
    row<NormalizeL2>("NormalizeL2", 1, {needed("eps"), needed("eps_mode")}),
    row<Lrn>("LRN", 1),
    older<SoftMax>("SoftMax", 1),
    row<SoftMax>("SoftMax", 8),
    row<LogSoftMax>("LogSoftmax", 5),
};

}  // namespace

std::span<const Row> normalization() { return kRows; }

}  // namespace octet::ir::xml::rows
