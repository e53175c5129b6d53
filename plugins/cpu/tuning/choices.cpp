#include "plugins/cpu/tuning/choices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ir/ops/convolution.hpp"
#include "ir/text.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// Kernels care whether there is a zero point; which one makes no difference.
void forget_value(std::vector<std::int64_t>& zero_points) {
    const bool some = std::ranges::any_of(zero_points, [](auto z) { return z != 0; });
    const bool uniform = std::ranges::adjacent_find(zero_points, std::not_equal_to{}) == zero_points.end();
    if (!some) zero_points.clear();
    else if (uniform) zero_points = {1};
    else zero_points = {0, 1};
}

template <class T>
bool fields_of(const Op& op, std::string& text) {
    if (!op.is<T>()) return false;
    T general = op.get<T>();
    forget_value(general.zp_a);
    forget_value(general.zp_w);
    text = print_fields(general);
    return true;
}

std::string fields_text(const Op& op) {
    std::string text;
    if (!fields_of<Convolution>(op, text) && !fields_of<GroupConvolution>(op, text) &&
        !fields_of<ConvolutionBackpropData>(op, text) && !fields_of<GroupConvolutionBackpropData>(op, text))
        fields_of<MatMul>(op, text);
    return text;
}

void add_layers(const Graph& graph, const Group& group, const std::map<Value, ConcatPart>& slices,
                std::vector<std::string>& texts) {
    for (const Group& part : group.parts) add_layers(graph, part, slices, texts);
    if (group.kind != Group::Kind::convolution && group.kind != Group::Kind::matmul) return;
    if (group.sum.parts.empty()) texts.push_back(layer_text(graph, group, slices));
    else
        for (const Group& part : one_by_one(graph, group)) texts.push_back(layer_text(graph, part, slices));
}

}  // namespace

std::string layer_text(const Graph& graph, const Group& group, const std::map<Value, ConcatPart>& slices) {
    const Node& node = graph.node(group.core);
    std::string text(node.op.name());
    const auto add_type = [&](Value v) {
        text += fmt::format(" {}{}{}", name_of(graph.element(v)), to_string(graph.shape(v)),
                            slices.contains(v) ? " part" : "");
    };
    for (Value v : node.inputs) add_type(v);
    if (const std::string fields = fields_text(node.op); !fields.empty()) text += " " + fields;
    for (NodeId id : group.chain)
        if (id != group.core) text += fmt::format(" {}", graph.node(id).op.name());
    text += " with";
    for (std::size_t i = 1; i < group.inputs.size(); ++i) add_type(group.inputs[i]);
    text += " to";
    add_type(group.output);
    return text;
}

std::vector<std::string> layers_with_candidates(const Graph& graph) {
    const auto slices = slices_of(graph);
    std::vector<std::string> texts;
    for (const Group& group : partition(graph)) add_layers(graph, group, slices, texts);
    std::ranges::sort(texts);
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    return texts;
}

Postpone postpone_others(const MeasuredLayers& layers) {
    return [&layers](const std::string& layer, std::string_view candidate, bool) {
        const auto it = layers.find(layer);
        return it != layers.end() && it->second.choice != it->second.usual && candidate != it->second.choice;
    };
}

std::string unusual_choices(const MeasuredLayers& layers, const std::vector<std::string>& among) {
    std::string text;
    for (const std::string& layer : among)
        if (const auto it = layers.find(layer); it != layers.end() && it->second.choice != it->second.usual)
            text += fmt::format("{}\t{}\n", layer, it->second.choice);
    return text;
}

std::string times_text(const MeasuredLayer& layer) {
    if (layer.times.size() < 2) return {};
    std::vector<CandidateTime> times = layer.times;
    std::stable_partition(times.begin(), times.end(),
                          [&](const CandidateTime& t) { return t.candidate == layer.choice; });
    std::string text;
    for (const CandidateTime& t : times)
        text += fmt::format("{}{} {:.3f} ms", text.empty() ? "" : ", ", t.kernel, t.us / 1e3);
    return text;
}

}  // namespace octet::cpu
