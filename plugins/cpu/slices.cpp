#include "plugins/cpu/slices.hpp"

#include <algorithm>

#include "ir/ops/all.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

bool reads_rows(const Graph& graph, const Use& use) {
    const Op& op = graph.node(use.node).op;
    if (op.is<Convolution>() || op.is<GroupConvolution>()) return use.input == 0;
    return op.is<MaxPool>() || op.is<AvgPool>();
}

// Codes are read by pools through what they mean.
bool other_reader_fits(const Graph& graph, const Use& use) {
    if (!graph.node(use.node).op.is<Dequantize>()) return reads_rows(graph, use);
    const auto& uses = graph.uses({use.node, 0});
    return !uses.empty() && std::ranges::all_of(uses, [&](const Use& u) { return reads_rows(graph, u); });
}

bool may_be_part(const Graph& graph, Value v, NodeId concat) {
    if (graph.constant(v) || graph.node(v.node).op.is<Parameter>()) return false;
    std::size_t here = 0;
    for (const Use& use : graph.uses(v)) {
        if (use.node == concat) ++here;
        else if (!other_reader_fits(graph, use)) return false;
    }
    return here == 1;
}

// The value whose memory a chain of reshapes gives on, as long as nobody else reads it.
Value before_reshapes(const Graph& graph, Value v) {
    while (graph.uses(v).size() == 1) {
        const Node& node = graph.node(v.node);
        if (!node.op.is<Reshape>() && !node.op.is<Squeeze>() && !node.op.is<Unsqueeze>()) break;
        if (graph.constant(node.inputs[0]) || graph.uses(node.inputs[0]).size() != 1) break;
        v = node.inputs[0];
    }
    return v;
}

// How parts lie in a concatenation; nothing where they are neither rows nor whole pieces.
std::optional<ConcatPart> form_of(const Dims& dims, std::size_t axis) {
    ConcatPart slice;
    const auto outer = product(Dims(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(axis)));
    if (dims.size() >= 4 && axis == 1) {
        slice.layout = Layout::channels_last;
        slice.pitch = static_cast<std::size_t>(dims[1]);
        return slice;
    }
    if (outer == 1) return slice;
    if (axis + 1 != dims.size()) return std::nullopt;
    slice.pitch = static_cast<std::size_t>(dims.back());
    return slice;
}

// The data of a split of rows, most of which the concatenation puts back where it was: it can lie in the concatenation's memory from the
// start, where only the parts that changed are written again. Parts that do not go straight back must not be views of that memory, and
// nothing else may be written there before the data is: the other parts are copied.
std::optional<Value> put_back(const Graph& graph, NodeId id, std::size_t axis) {
    const Node& concat = graph.node(id);
    const Shape& whole = concat.outputs[0].type.shape;
    const auto width = [&](Value v) { return graph.shape(v).sizes()[axis]; };
    std::map<Value, std::int64_t> places;
    std::int64_t first = 0;
    for (Value v : concat.inputs) {
        places.emplace(v, first);
        first += width(v);
    }
    for (Value v : concat.inputs) {
        const Node& split = graph.node(v.node);
        if (!split.op.is<Split>() && !split.op.is<VariadicSplit>()) continue;
        const Value data = split.inputs[0];
        const Tensor* along = graph.constant(split.inputs[1]);
        if (graph.constant(data) || graph.node(data.node).op.is<Parameter>() || graph.uses(data).size() != 1 ||
            !along || graph.shape(data) != whole || normalise_axis(along->integer_at(0), whole.rank()) != axis)
            continue;
        std::int64_t at = 0, straight = 0;
        bool others_are_copied = true;
        for (std::uint32_t port = 0; port < split.outputs.size(); ++port) {
            const Value part{v.node, port};
            const auto place = places.find(part);
            if (place != places.end() && place->second == at && graph.uses(part).size() == 1) straight += width(part);
            else if (read_in_rows(graph, part)) others_are_copied = false;
            at += width(part);
        }
        if (others_are_copied && 2 * straight >= at) return data;
    }
    return std::nullopt;
}

void add_parts(const Graph& graph, NodeId id, std::map<Value, ConcatPart>& slices) {
    const Node& node = graph.node(id);
    const Type& type = node.outputs[0].type;
    const auto known = [&](Value v) { return graph.shape(v).is_static(); };
    if (!type.shape.is_static() || !std::ranges::all_of(node.inputs, known)) return;
    if (bits_of(type.element) % 8 != 0 || type.shape.elements() == 0) return;
    const Dims dims = type.shape.sizes();
    const std::size_t axis = normalise_axis(node.op.get<Concat>().axis, dims.size());
    const auto form = form_of(dims, axis);
    if (!form) return;
    if (form->layout == Layout::plain && form->pitch != 0)
        if (const auto data = put_back(graph, id, axis)) {
            slices.emplace(*data, ConcatPart{.whole = {id, 0}});
            return;
        }
    std::size_t inner = 1;  // elements between places of the axis
    if (form->pitch == 0)
        for (std::size_t i = axis + 1; i < dims.size(); ++i) inner *= static_cast<std::size_t>(dims[i]);
    std::size_t first = 0;
    for (Value v : node.inputs) {
        ConcatPart slice = *form;
        slice.whole = {id, 0};
        slice.offset = first * inner;
        first += static_cast<std::size_t>(graph.shape(v).sizes()[axis]);
        if (!may_be_part(graph, v, id)) continue;
        slices.emplace(v, slice);
        if (slice.pitch == 0 && before_reshapes(graph, v) != v) slices.emplace(before_reshapes(graph, v), slice);
    }
}

}  // namespace

bool read_in_rows(const Graph& graph, Value v) {
    return std::ranges::all_of(graph.uses(v), [&](const Use& use) {
        return graph.node(use.node).op.is<Concat>() || other_reader_fits(graph, use);
    });
}

std::map<Value, ConcatPart> slices_of(const Graph& graph) {
    std::map<Value, ConcatPart> slices;
    for (NodeId id : graph.order())
        if (graph.node(id).op.is<Concat>()) add_parts(graph, id, slices);
    // A piece of memory cannot lie in rows with gaps.
    std::erase_if(slices, [&](const auto& entry) {
        const auto outer = slices.find(entry.second.whole);
        return entry.second.pitch == 0 && outer != slices.end() && outer->second.pitch != 0;
    });
    return slices;
}

}  // namespace octet::cpu
