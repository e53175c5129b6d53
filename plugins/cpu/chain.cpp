#include "plugins/cpu/chain.hpp"

#include <algorithm>
#include <limits>

#include "ir/ops/all.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::cpu {

using namespace ir;

DataType data_type(Element element) {
    switch (element) {
        case Element::u8: return DataType::u8;
        case Element::i8: return DataType::s8;
        case Element::i32: return DataType::s32;
        case Element::f32: return DataType::f32;
        case Element::f16: return DataType::f16;
        case Element::bf16: return DataType::bf16;
        case Element::i64: return DataType::i64;
        default:
            throw InternalError("internal error: no kernel stores elements of type " + std::string(name_of(element)));
    }
}

bool has_data_type(Element element) {
    return element == Element::u8 || element == Element::i8 || element == Element::i32 || element == Element::f32 ||
           element == Element::i64;
}

namespace {

bool is_unary(const Op& op) {
    return op.is<Relu>() || op.is<Clamp>() || op.is<Sigmoid>() || op.is<Tanh>() || op.is<Elu>() || op.is<HSwish>() ||
           op.is<HSigmoid>() || op.is<Gelu>() || op.is<Mish>() || op.is<SoftPlus>() || op.is<Exp>() || op.is<Abs>() ||
           op.is<Sqrt>() || op.is<Negative>() || op.is<Quantize>() || op.is<Dequantize>() ||
           (op.as<Round>() && op.as<Round>()->mode == RoundMode::half_to_even);
}

bool is_binary(const Op& op) {
    return op.is<Add>() || op.is<Subtract>() || op.is<Multiply>() || op.is<Divide>() || op.is<Maximum>() ||
           op.is<Minimum>();
}

// Operands after the first are numbers known now.
bool has_constant_parameters(const Graph& graph, const Node& node) {
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (!graph.constant(node.inputs[i])) return false;
    if (node.op.is<Swish>() || node.op.is<HardSigmoid>()) return true;
    if (node.op.is<PRelu>()) return true;
    return node.op.is<FakeQuantize>() && node.outputs[0].type.shape.ranked() &&
           low_precision::decompose(graph, node).decision;
}

// Where an operand of this shape lies beside a result; nothing when nowhere.
std::optional<Spread> spread_of(const Dims& operand, const Dims& result, Channels& channels, bool constant) {
    if (product(operand) == 1) return Spread::scalar;
    // A constant as long as the only dimension that is not 1 is one value per channel, which merges with other factors.
    const auto varying = std::ranges::count_if(operand, [](std::int64_t d) { return d != 1; });
    if (operand == result && !(constant && varying == 1 && result[0] == 1)) return Spread::full;
    if (operand.size() > result.size()) return std::nullopt;
    const std::size_t missing = result.size() - operand.size();
    std::vector<std::size_t> varies;
    for (std::size_t i = 0; i < operand.size(); ++i)
        if (operand[i] != 1) varies.push_back(i + missing);
    const std::size_t last = result.size() - 1;
    const auto want = [&](Channels c) {
        if (channels == Channels::any) channels = c;
        return channels == c;
    };
    if (varies.size() == 1 && varies[0] == 1 && result.size() == 2) return Spread::per_channel;
    // An image of one pixel's height and width may be read either way; the one that is already fixed wins.
    if (varies.size() == 1 && varies[0] == 1 && channels != Channels::last)
        return want(Channels::axis1) ? std::optional(Spread::per_channel) : std::nullopt;
    if (varies.size() == 1 && varies[0] == last)
        return want(Channels::last) ? std::optional(Spread::per_channel) : std::nullopt;
    if (varies.size() == 2 && varies[0] == 0 && varies[1] == 1 && result.size() > 2)
        return want(Channels::axis1) ? std::optional(Spread::per_batch_channel) : std::nullopt;
    // The result's shape but for the channels.
    const auto without = [&](std::size_t axis) {
        Dims rows = result;
        rows[axis] = 1;
        return missing == 0 && operand == rows;
    };
    if (result.size() > 2 && channels != Channels::last && without(1) && want(Channels::axis1)) return Spread::per_row;
    if (without(last) && want(Channels::last)) return Spread::per_row;
    return std::nullopt;
}

Dims operand_dims(const Graph& graph, const Node& node, std::size_t i) {
    Dims dims = graph.shape(node.inputs[i]).sizes();
    const Dims result = node.outputs[0].type.shape.sizes();
    // The slope of a PReLU runs along axis 1 when it is as long.
    if (node.op.is<PRelu>() && dims.size() == 1 && result.size() > 1 && dims[0] == result[1]) {
        dims.assign(result.size(), 1);
        dims[1] = result[1];
    }
    return dims;
}

}  // namespace

bool chainable(const Graph& graph, const Node& node) {
    const Element out = node.outputs[0].type.element;
    if (node.outputs.size() != 1 || (out != Element::f32 && !node.op.is<Quantize>())) return false;
    if (is_unary(node.op))
        return node.op.is<Dequantize>() ? has_data_type(graph.element(node.inputs[0]))
                                        : graph.element(node.inputs[0]) == Element::f32;
    if (is_binary(node.op)) return graph.element(node.inputs[0]) == Element::f32;
    return graph.element(node.inputs[0]) == Element::f32 && has_constant_parameters(graph, node);
}

std::optional<std::size_t> main_operand(const Graph& graph, const Node& node, const std::function<bool(Value)>& ready) {
    const std::size_t candidates = is_binary(node.op) ? 2 : 1;
    for (std::size_t i = 0; i < candidates; ++i)
        if (!graph.constant(node.inputs[i]) &&
            graph.shape(stored(graph, node.inputs[i])) == node.outputs[0].type.shape && ready(node.inputs[i]))
            return i;
    return std::nullopt;
}

std::optional<Spread> operand_spread(const Graph& graph, const Node& node, std::size_t i, Channels& channels) {
    const Node& operand = graph.node(node.inputs[i]);
    if (operand.op.is<Multiply>() && stored(graph, node.inputs[i]) != node.inputs[i]) {
        // Rows times a constant: its axis is that of the channels.
        const std::size_t axis = *low_precision::axis_of(*graph.constant(operand.inputs[1]));
        const Channels wanted = axis == 1 && graph.shape(node.inputs[i]).rank() > 2 ? Channels::axis1 : Channels::last;
        if (channels == Channels::any) channels = wanted;
        return channels == wanted ? std::optional(Spread::per_row) : std::nullopt;
    }
    return spread_of(operand_dims(graph, node, i), node.outputs[0].type.shape.sizes(), channels,
                     graph.constant(node.inputs[i]) != nullptr);
}

bool operand_fits(const Graph& graph, const Node& node, std::size_t i, Channels& channels) {
    if (node.op.is<FakeQuantize>()) return true;  // see parameters_fit
    const auto spread = operand_spread(graph, node, i, channels);
    if (!spread) return false;
    if (node.op.is<Swish>() || node.op.is<HardSigmoid>()) return *spread == Spread::scalar;
    if (node.op.is<PRelu>()) return *spread == Spread::scalar || *spread == Spread::per_channel;
    if (!graph.constant(node.inputs[i])) return true;
    // Constants per batch would need their own operand; those of full shape are one.
    return *spread != Spread::per_batch_channel;
}

bool parameters_fit(const Graph& graph, const Node& node, Channels& channels) {
    std::vector<Tensor> parameters;
    if (const auto* q = node.op.as<Quantize>()) parameters = {q->low, q->high};
    if (const auto* dq = node.op.as<Dequantize>()) parameters = {dq->scale, dq->zero_point};
    if (node.op.is<FakeQuantize>()) {
        const auto parts = low_precision::decompose(graph, node).value;
        parameters = {parts.quantize.low, parts.quantize.high, parts.dequantize.scale, parts.dequantize.zero_point};
    }
    const Dims result = node.outputs[0].type.shape.sizes();
    return std::ranges::all_of(parameters, [&](const Tensor& t) {
        if (t.size() == 1) return true;
        return spread_of(t.dims(), result, channels, true) == Spread::per_channel;
    });
}

}  // namespace octet::cpu
