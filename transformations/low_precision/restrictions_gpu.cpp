#include <array>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/restrictions.hpp"

namespace octet::low_precision {

using ir::Graph;
using ir::Node;
using rewrite::Code;
using rewrite::Decision;

namespace {

bool has_zero_point(const Operand& operand) {
    for (float z : operand.codes->zero_point.as<float>())
        if (z != 0) return true;
    return false;
}

// Backward kernels go over blocks of 4 inputs and 16 outputs and know no zero points.
Decision accepts_backward(const Graph& graph, const Node& node, std::span<const Operand> operands) {
    if (Decision decision = accepts_weighted(graph, node, operands); !decision) return decision;
    const ir::Dims weights = graph.shape(node.inputs[1]).sizes();
    const std::size_t first = node.op.is<ir::GroupConvolutionBackpropData>() ? 1 : 0;
    if (weights[first] % 4 != 0 || weights[first + 1] % 16 != 0)
        return Decision::no(Code::plugin_veto, "'{layer}' has no multiple of 4 input and 16 output channels",
                            {node.name, {}});
    if (has_zero_point(operands[0]))
        return Decision::no(Code::plugin_veto, "the data of '{layer}' have a zero point", {node.name, {}});
    return Decision::yes();
}

template <class T>
constexpr Restriction row(Decision (*accepts)(const Graph&, const Node&, std::span<const Operand>)) {
    return {ir::kOp<T>.id, accepts};
}

constexpr std::array kGpu{
    row<ir::Convolution>(accepts_weighted),
    row<ir::GroupConvolution>(accepts_weighted),
    row<ir::MatMul>(accepts_weighted),
    row<ir::ConvolutionBackpropData>(accepts_backward),
    row<ir::GroupConvolutionBackpropData>(accepts_backward),
    row<ir::Add>(accepts_fused),
    row<ir::Subtract>(accepts_fused),
    row<ir::Multiply>(accepts_fused),
    row<ir::Divide>(accepts_fused),
    row<ir::Relu>(accepts_fused),
    row<ir::PRelu>(accepts_fused),
    row<ir::Clamp>(accepts_fused),
    row<ir::Sigmoid>(accepts_fused),
    row<ir::Tanh>(accepts_fused),
    row<ir::Elu>(accepts_fused),
    row<ir::Swish>(accepts_fused),
    row<ir::HSwish>(accepts_fused),
    row<ir::HSigmoid>(accepts_fused),
    row<ir::Gelu>(accepts_fused),
    row<ir::Mish>(accepts_fused),
    row<ir::MaxPool>(accepts_fused),
    row<ir::AvgPool>(accepts_fused),
    row<ir::ReduceMean>(accepts_fused),
    row<ir::Mvn>(accepts_normalization),
};

// Not measured. No kernel takes several sums together, so a layer that needs them stays float.
constexpr Costs kGpuCosts{.products_of_codes = 4,
                          .products_of_floats = 1,
                          .bytes = 1,
                          .step = 1e12,
                          .parts_of_one_sum = 0,
                          .values_of_one_sum = 0};

}  // namespace

Restrictions gpu_restrictions() { return {"GPU", kGpu, kGpuCosts}; }

}  // namespace octet::low_precision
