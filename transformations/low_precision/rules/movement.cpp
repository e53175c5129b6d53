#include "ir/ops/all.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/low_precision/rules.hpp"
#include "transformations/low_precision/state.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

Pattern ranked(Pattern p) {
    return typed([](const Type& type) { return type.shape.ranked(); }, std::move(p));
}

Pattern dequantized_codes() {
    return ranked(
        op<Dequantize>("dq", rewrite::element({Element::u8, Element::i8, Element::u16, Element::i16}, any("x"))));
}

Moved moved(const Match& m) {
    const Node& node = m.node("move");
    std::vector<Dequantization> operands;
    for (std::size_t i = 0; i < code_operands(node); ++i)
        operands.push_back(dequantization_of(m.graph().op(node.inputs[i]).get<Dequantize>()));
    return below(m.graph(), node, operands, m.graph().element(m.graph().node(node.inputs[0]).inputs[0]));
}

// The operands on codes.
std::vector<Value> operands_of(Edit& e, const Match& m, const Moved& result) {
    const Node& node = m.node("move");
    std::vector<Value> operands = node.inputs;
    for (std::size_t i = 0; i < code_operands(node); ++i) operands[i] = m.graph().node(operands[i]).inputs[0];
    if (result.pad) {
        operands.resize(3);
        operands.push_back(
            e.constant(Tensor::filled(m.graph().element(operands[0]), {}, static_cast<double>(*result.pad))));
    }
    return operands;
}

struct Refusal {
    Code code;
    const char* text;
};

Rule moving(std::string_view op_name, const Pattern& pattern, std::initializer_list<Refusal> refusals) {
    Rule rule("move-dequantize-below-" + std::string(op_name));
    rule.match(pattern);
    for (const Refusal& refusal : refusals)
        rule.decline(refusal.code, refusal.text,
                     [code = refusal.code](const Match& m) { return moved(m).decision.code == code; });
    rule.rewrite([](Edit& e, const Match& m) {
        const Moved result = moved(m);
        const Value codes = e.add(m.op("move"), operands_of(e, m, result));
        std::vector<Value> with;
        for (std::uint32_t port = 0; port < result.outputs.size(); ++port)
            with.push_back(e.add(op_of(result.outputs[port]), {Value{codes.node, port}}));
        // Ports beyond (indices of a pool) are not codes; nothing reads them, or the rule has declined.
        for (auto port = static_cast<std::uint32_t>(with.size()); port < m.graph().node(codes).outputs.size(); ++port)
            with.push_back({codes.node, port});
        return with;
    });
    return rule;
}

template <class T>
Rule moving(std::string_view op_name, std::initializer_list<Refusal> refusals) {
    return moving(op_name, ranked(op<T>("move", dequantized_codes(), each(any()))), refusals);
}

constexpr Refusal kMixes{Code::reshape_mixes_channels, "'{move}' mixes channels of different scales"};
constexpr Refusal kPerChannel{Code::act_scale_per_channel, "'{move}' moves elements of different scales"};
constexpr Refusal kParts{Code::dynamic_channels, "the parts of '{move}' are not known"};
constexpr Refusal kAxesUnknown{Code::not_constant, "the axes of '{move}' are not constant"};
constexpr Refusal kReduced{Code::act_scale_per_channel, "the scale varies along a reduced axis of '{move}'"};
constexpr Refusal kTurned{Code::negative_scale, "a negative scale would turn '{move}' around"};
constexpr Refusal kAxisUnknown{Code::not_constant, "the axis of '{move}' is not constant"};

// quantize(dequantize(x)) -> x of one grid
Rule remove_quantize() {
    return Rule("remove-quantize-of-codes")
        .match(op<Quantize>("quantize", op<Dequantize>("dq", rewrite::element({Element::u8, Element::i8}, any("x")))))
        .decline(Code::value_unsupported, "'{dq}' and '{quantize}' have different grids",
                 [](const Match& m) {
                     const Dequantization d = dequantization_of(m.get<Dequantize>("dq"));
                     return m.op("quantize") != Op(quantize_of(d, m.element("x")));
                 })
        .rewrite([](Edit&, const Match& m) { return m.value("x"); });
}

}  // namespace

std::vector<Rule> movement_rules() {
    return {
        remove_quantize(),
        moving<MaxPool>("max-pool",
                        {{Code::attribute_unsupported, "the indices of '{move}' are read"},
                         {Code::act_scale_per_channel, "the scale varies along a pooled axis of '{move}'"},
                         {Code::negative_scale, "a negative scale would turn the maximum of '{move}' into a minimum"},
                         {Code::value_unsupported,
                          "a window of '{move}' lies beyond the data, where no code stands for its maximum"}}),
        moving("concat", ranked(op<Concat>("move", each(dequantized_codes()))),
               {{Code::concat_axis, "'{move}' joins parts with scales along another axis"}, kParts}),
        moving<Reshape>("reshape", {kMixes}),
        moving<Squeeze>("squeeze", {kAxesUnknown}),
        moving<Unsqueeze>("unsqueeze", {kAxesUnknown}),
        moving<Transpose>("transpose", {{Code::not_constant, "the order of '{move}' is not constant"}}),
        moving<Split>("split", {kAxisUnknown, kParts}),
        moving<VariadicSplit>("variadic-split", {kAxisUnknown, kParts}),
        moving<StridedSlice>("strided-slice", {kPerChannel}),
        moving<Slice>("slice", {kPerChannel}),
        moving<Gather>("gather", {{Code::value_unsupported, "'{move}' may read beyond its data, where it gives 0"},
                                  kAxisUnknown,
                                  kPerChannel}),
        moving<Tile>("tile", {kPerChannel}),
        moving<Broadcast>("broadcast", {kPerChannel}),
        moving<DepthToSpace>("depth-to-space", {kPerChannel}),
        moving<SpaceToDepth>("space-to-depth", {kPerChannel}),
        moving<ShuffleChannels>("shuffle-channels", {kPerChannel}),
        moving<BatchToSpace>("batch-to-space", {kPerChannel}),
        moving<Interpolate>("interpolate",
                            {{Code::attribute_unsupported, "'{move}' computes new values"}, kPerChannel}),
        moving<Pad>("pad", {{Code::not_constant, "the value of '{move}' is not constant"},
                            {Code::value_unsupported, "'{move}' adds a value that no code stands for"},
                            {Code::dynamic_channels, "the channels that '{move}' adds are not known"},
                            kPerChannel}),
        moving<SpaceToBatch>("space-to-batch",
                             {{Code::value_unsupported, "'{move}' pads with 0, which is no code 0"}, kPerChannel}),
        moving<ReduceMax>("reduce-max", {kAxesUnknown, kReduced, kTurned}),
        moving<ReduceMin>("reduce-min", {kAxesUnknown, kReduced, kTurned}),
        moving<ReverseSequence>("reverse-sequence", {kPerChannel}),
        moving<GatherElements>("gather-elements", {kPerChannel}),
        moving<GatherNd>("gather-nd", {kPerChannel}),
    };
}

}  // namespace octet::low_precision
