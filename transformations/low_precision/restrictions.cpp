#include "transformations/low_precision/restrictions.hpp"

#include <array>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/normalization.hpp"
#include "transformations/low_precision/parts.hpp"
#include "transformations/low_precision/recurrent.hpp"

namespace octet::low_precision {

using ir::Graph;
using ir::Node;
using rewrite::Code;
using rewrite::Decision;

namespace {

// The layer that gave the codes behind `v` their scales: what quantized them, or joined them.
const std::string& source_of_scales(const Graph& graph, ir::Value v) {
    while (moves_codes(graph.op(v)) && !graph.op(v).is<ir::Concat>()) v = graph.node(v).inputs[0];
    return graph.node(v).name;
}

// As part of a text with placeholders.
std::string literal(const std::string& name) {
    std::string text;
    for (char c : name) text.append(c == '{' || c == '}' ? 2 : 1, c);
    return text;
}

template <class Declines>
Decision answer_of(std::span<const WeightedCheck> checks, const Weighted& w, const Declines& declined) {
    for (const WeightedCheck& check : checks)
        if (check.concerns(w.node.op) && declined(check)) {
            auto text = rewrite::fill(check.text, [](std::string_view name) {
                return name == "op" ? std::string("{layer}") : std::string(name);
            });
            if (check.code == Code::act_scale_per_channel)
                text += ": it comes from '" + literal(source_of_scales(w.graph, w.node.inputs[check.operand])) + "'";
            return Decision::no(check.code, text, {w.node.name, {}});
        }
    return Decision::yes();
}

bool is_8_bit(ir::Element element) { return element == ir::Element::u8 || element == ir::Element::i8; }

// Only the weights are codes; the state stays real.
Decision accepts_recurrent(const Graph&, const Node& node, std::span<const Operand> operands) {
    const Operand& r = operands[ir::RecurrenceOperands::r];
    if (!r.constant || r.element != ir::Element::i8)
        return Decision::no(Code::type_unsupported,
                            "the recurrent weights of '{layer}' are not constant 8-bit integers with a sign",
                            {node.name, {}});
    for (const RecurrentCheck& check : recurrent_checks())
        if (check.declines(*r.codes)) {
            const auto text = rewrite::fill(check.text, [](std::string_view) { return std::string("{layer}"); });
            return Decision::no(check.code, text, {node.name, {}});
        }
    return Decision::yes();
}

}  // namespace

Decision accepts_weighted(const Graph& graph, const Node& node, std::span<const Operand> operands) {
    if (!operands[1].constant && !node.op.is<ir::MatMul>())
        return Decision::no(Code::executor_fallback, "the weights of '{layer}' are computed", {node.name, {}});
    const Weighted w{graph,
                     node,
                     *operands[0].codes,
                     *operands[1].codes,
                     operands[0].element,
                     operands[1].element,
                     graph.shape(node.inputs[0]),
                     graph.shape(node.inputs[1])};
    if (!operands[1].constant) {
        if (!is_8_bit(w.data_element) || !is_8_bit(w.weights_element))
            return Decision::no(Code::type_unsupported, "an operand of '{layer}' does not hold 8-bit integers",
                                {node.name, {}});
        return answer_of(product_checks(), w, [&](const WeightedCheck& check) { return check.declines(w); });
    }
    if (!w.weights_shape.is_static())
        return Decision::no(Code::dynamic_channels, "the shape of the weights of '{layer}' is not known",
                            {node.name, {}});
    if (!is_8_bit(w.data_element))
        return Decision::no(Code::type_unsupported, "the data of '{layer}' are not 8-bit integers", {node.name, {}});
    const auto parts = parts_of(w);
    return answer_of(weighted_checks(), w, [&](const WeightedCheck& check) { return declines(check, w, parts); });
}

Decision accepts_normalization(const Graph& graph, const Node& node, std::span<const Operand> operands) {
    if (!is_normalization(node.op))
        return Decision::no(Code::attribute_unsupported, "'{layer}' keeps the scale of its data", {node.name, {}});
    return normalizes_codes(graph, node, *operands[0].codes);
}

// Kernels that read codes, compute in float and write codes.
Decision accepts_fused(const Graph&, const Node&, std::span<const Operand>) { return Decision::yes(); }

namespace {

template <class T>
constexpr Restriction weighted() {
    return {ir::kOp<T>.id, accepts_weighted};
}
template <class T>
constexpr Restriction fused() {
    return {ir::kOp<T>.id, accepts_fused};
}

constexpr std::array kCpu{
    weighted<ir::Convolution>(),
    weighted<ir::GroupConvolution>(),
    weighted<ir::ConvolutionBackpropData>(),
    weighted<ir::GroupConvolutionBackpropData>(),
    weighted<ir::MatMul>(),
    fused<ir::Add>(),
    fused<ir::Subtract>(),
    fused<ir::Multiply>(),
    fused<ir::Divide>(),
    fused<ir::Maximum>(),
    fused<ir::Minimum>(),
    fused<ir::Relu>(),
    fused<ir::PRelu>(),
    fused<ir::Clamp>(),
    fused<ir::Sigmoid>(),
    fused<ir::Tanh>(),
    fused<ir::Elu>(),
    fused<ir::Swish>(),
    fused<ir::HSwish>(),
    fused<ir::HSigmoid>(),
    fused<ir::Gelu>(),
    fused<ir::Mish>(),
    fused<ir::Exp>(),
    fused<ir::Abs>(),
    fused<ir::MaxPool>(),
    fused<ir::AvgPool>(),
    fused<ir::ReduceMean>(),
    fused<ir::ReduceSum>(),
    Restriction{ir::kOp<ir::Mvn>.id, accepts_normalization},
    Restriction{ir::kOp<ir::NormalizeL2>.id, accepts_normalization},
    Restriction{ir::kOp<ir::Recurrence>.id, accepts_recurrent},
};

// Fitted to 18 layers (1x1 and 3x3, 8 to 384 channels, maps of 8x8 to 135x240) in all their forms on a virtual Zen 5 core with AVX-512
// VNNI, one thread, oneDNN 3.2 and our kernels. One sum on codes took a quarter of the time of the layer in float, and was never slower.
constexpr Costs kCpuCosts{.products_of_codes = 200,
                          .products_of_floats = 50,
                          .bytes = 30,
                          .step = 500,
                          .parts_of_one_sum = 32,
                          .values_of_one_sum = 1600};

}  // namespace

const Restriction* Restrictions::find(const ir::Op& op) const {
    for (const Restriction& row : rows)
        if (row.op == op.id()) return &row;
    return nullptr;
}

Restrictions cpu_restrictions() { return {"CPU", kCpu, kCpuCosts}; }
Restrictions no_restrictions() { return {"none", {}, kCpuCosts}; }

bool needs_codes(const Graph& graph, const Node& node, std::size_t operand) {
    if (is_weighted(node.op)) return operand < 2;
    if (node.op.is<ir::Recurrence>()) return operand == ir::RecurrenceOperands::r;
    if (node.op.is<ir::ReduceMean>() || node.op.is<ir::ReduceSum>() || moves_codes(node.op))
        return operand < code_operands(node);
    return !graph.constant(node.inputs[operand]);
}

}  // namespace octet::low_precision
