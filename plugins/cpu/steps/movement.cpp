// Ops that give elements of their operand at other places: reshapes, transposes, parts and their joining.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/ops/movement.hpp"
#include "ir/ops/slicing.hpp"
#include "plugins/cpu/steps/other.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// The value lies where its operand lies.
void plan_view(Planner& p, const Group& group, Place place) {
    place.layout = Layout::plain;
    p.alias({group.core, 0}, place);
    Step step = p.step_for(group, "view");
    step.work = work([](const Frame&) {});
    step.reads = {place.buffer};
    p.add(std::move(step));
}

// The layout in which most operands lie already.
Layout common_layout(Planner& p, const Node& node) {
    std::ptrdiff_t votes = 0;
    for (Value v : node.inputs)
        if (!p.graph().constant(v) && !same_in_memory(dims_of(p, v)))
            votes += p.layout_of(v) == Layout::channels_last ? 1 : -1;
    return votes > 0 ? Layout::channels_last : Layout::plain;
}

// A box of the data. Without `same_axes` axes of one place may be missing from the result or new in it.
bool plan_box(Planner& p, const Group& group, std::string kernel, const std::vector<AxisSlice>& slices,
              bool same_axes) {
    const Place in = p.input(p.graph().node(group.core).inputs[0]);
    const Dims dims = in.dims();
    const Place out = p.output({group.core, 0}, same_axes ? in.layout : Layout::plain);
    Dims box;
    for (const AxisSlice& s : slices) box.push_back(s.count);
    const auto from = memory_steps(dims, in.layout);
    const auto to = memory_steps(box, out.layout);
    portable::StridedCopy copy{bits_of(in.type.element) / 8};
    for (std::size_t i = 0; i < dims.size(); ++i) {
        copy.dims.push_back({static_cast<std::size_t>(slices[i].count), from[i] * slices[i].step, to[i]});
        copy.in_offset += slices[i].first * from[i];
    }
    Copies copies;
    copies.add(std::move(copy), in.buffer, out.buffer);
    add_copies(p, group, std::move(kernel), std::move(copies));
    return true;
}

std::vector<AxisSlice> whole(const Dims& dims) {
    std::vector<AxisSlice> slices;
    for (auto d : dims) slices.push_back({0, d, 1});
    return slices;
}

bool constants_from(const Planner& p, const Node& node, std::size_t first) {
    for (std::size_t i = first; i < node.inputs.size(); ++i)
        if (!p.graph().constant(node.inputs[i])) return false;
    return true;
}

// Indices a, a + s, a + 2 s, ... within the axis.
std::optional<AxisSlice> as_slice(const Tensor& indices, std::int64_t size) {
    auto places = indices.integers();
    if (places.empty()) return std::nullopt;
    for (auto& at : places) {
        if (at < 0) at += size;
        if (at < 0 || at >= size) return std::nullopt;
    }
    AxisSlice s{places[0], static_cast<std::int64_t>(places.size()), places.size() > 1 ? places[1] - places[0] : 1};
    for (std::size_t i = 1; i < places.size(); ++i)
        if (places[i] - places[i - 1] != s.step) return std::nullopt;
    return s;
}

// The image behind a reshape that only cuts the channels, [N, C, space...] to [N, c1, c2, ..., space...], for a transpose to move: in
// channels last these are one copy. Nothing where that is not so.
std::optional<Place> split_channels(Planner& p, Value v) {
    const Graph& graph = p.graph();
    const Node& node = graph.node(v.node);
    if (!node.op.is<Reshape>() || graph.constant(node.inputs[0]) || graph.uses(v).size() != 1) return std::nullopt;
    const Node& user = graph.node(graph.uses(v)[0].node);
    if (!user.op.is<Transpose>() || !graph.constant(user.inputs[1]) || graph.uses(node.inputs[0]).size() != 1 ||
        !whole_bytes(p, v) || !p.has_place(node.inputs[0]))
        return std::nullopt;
    const Dims from = dims_of(p, node.inputs[0]), to = dims_of(p, v);
    if (from.size() < 3 || to.size() <= from.size() || same_in_memory(from) || from[0] != to[0]) return std::nullopt;
    if (!std::equal(from.begin() + 2, from.end(), to.end() - static_cast<std::ptrdiff_t>(from.size() - 2)))
        return std::nullopt;
    const Place place = p.input(node.inputs[0]);
    return place.layout == Layout::channels_last ? std::optional(place) : std::nullopt;
}

bool transpose_split(Planner& p, const Group& group, const Place& image, const Dims& dims, Dims order) {
    const Dims whole_image = image.dims();
    auto steps = memory_steps(whole_image, Layout::channels_last);
    std::vector<std::ptrdiff_t> cut;
    const auto parts = static_cast<std::ptrdiff_t>(dims.size() - whole_image.size() + 1);
    for (std::ptrdiff_t i = 0; i < parts; ++i)
        cut.push_back(static_cast<std::ptrdiff_t>(product(Dims(dims.begin() + 2 + i, dims.begin() + 1 + parts))));
    steps.erase(steps.begin() + 1);
    steps.insert(steps.begin() + 1, cut.begin(), cut.end());
    if (order.empty())
        for (std::size_t i = dims.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    const auto to = memory_steps(dims_of(p, {group.core, 0}), Layout::plain);
    portable::StridedCopy copy{bits_of(image.type.element) / 8};
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto axis = static_cast<std::size_t>(order[i]);
        copy.dims.push_back({static_cast<std::size_t>(dims[axis]), steps[axis], to[i]});
    }
    Copies copies;
    copies.add(std::move(copy), image.buffer, p.output({group.core, 0}, Layout::plain).buffer);
    add_copies(p, group, "portable_transpose", std::move(copies));
    return true;
}

// [outer, size, block] of the data at indices [count], all plain; one batch.
struct GatherBlocks {
    std::size_t outer = 1, size = 1, block = 1, count = 1;  // block: bytes
    bool wide = false;                                      // indices are i64

    void run(const std::byte* data, const std::byte* indices, std::byte* out, std::size_t begin,
             std::size_t end) const {
        for (std::size_t unit = begin; unit < end; ++unit) {
            std::int64_t at = 0;
            if (wide) {
                std::memcpy(&at, indices + unit % count * 8, 8);
            } else {
                std::int32_t narrow = 0;
                std::memcpy(&narrow, indices + unit % count * 4, 4);
                at = narrow;
            }
            if (at < 0) at += static_cast<std::int64_t>(size);
            if (at >= 0 && at < static_cast<std::int64_t>(size))
                std::memcpy(out + unit * block, data + (unit / count * size + static_cast<std::size_t>(at)) * block,
                            block);
            else std::memset(out + unit * block, 0, block);
        }
    }
};

}  // namespace

bool plan_reshape(Planner& p, const Group& group) {
    const Value data = p.graph().node(group.core).inputs[0];
    if (split_channels(p, {group.core, 0})) {  // the transpose that reads it copies
        Step step = p.step_for(group, "view");
        step.work = work([](const Frame&) {});
        p.add(std::move(step));
        return true;
    }
    Place in = p.input(data);
    if (!same_in_memory(in.dims())) in = p.input(data, Layout::plain);
    plan_view(p, group, in);
    return true;
}

bool plan_transpose(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Tensor* order_tensor = p.graph().constant(node.inputs[1]);
    if (!order_tensor || !whole_bytes(p, node.inputs[0])) return false;
    const Dims dims = dims_of(p, node.inputs[0]);
    if (const auto image = split_channels(p, node.inputs[0]))
        return transpose_split(p, group, *image, dims, order_tensor->integers());
    Dims order = order_tensor->integers();
    if (order.empty())
        for (std::size_t i = dims.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    const Place in = p.input(node.inputs[0]);
    std::vector<std::size_t> memory_order;
    for (auto axis : order) memory_order.push_back(memory_axis(static_cast<std::size_t>(axis), dims.size(), in.layout));
    // Channels last given out as [N, spatial..., C] is the memory as it lies.
    if (std::ranges::is_sorted(memory_order)) {
        plan_view(p, group, in);
        return true;
    }
    Copies copies;
    copies.add(portable::transpose(memory_dims(dims, in.layout), memory_order, bytes_each(p, node.inputs[0])),
               in.buffer, p.output({group.core, 0}, Layout::plain).buffer);
    add_copies(p, group, "portable_transpose", std::move(copies));
    return true;
}

bool plan_concat(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    if (!whole_bytes(p, node.inputs[0])) return false;
    const Value value{group.core, 0};
    const Element element = p.stored_element(value);
    const bool bfloat = element == Element::bf16;
    const auto begun = p.begun(value, element);
    const Layout layout = begun ? begun->layout : common_layout(p, node);
    const Dims dims = dims_of(p, value);
    const std::size_t axis = normalise_axis(node.op.get<Concat>().axis, dims.size());
    std::vector<Place> sources;
    for (Value v : node.inputs) sources.push_back(bfloat ? p.input_bfloat_rows(v, layout) : p.input_rows(v, layout));
    const Place out = begun ? *begun : p.output_stored(value, layout);
    const auto to = memory_steps(dims, layout, out.pitch);
    Copies copies;
    std::ptrdiff_t first = 0;
    for (std::size_t k = 0; k < sources.size(); ++k) {
        const Dims part = dims_of(p, node.inputs[k]);
        const std::ptrdiff_t offset = first * to[axis];
        first += part[axis];
        if (p.is_part(sources[k], out, static_cast<std::size_t>(offset))) continue;
        const auto from = memory_steps(part, layout, sources[k].pitch);
        portable::StridedCopy copy{bits_of(element) / 8};
        for (std::size_t i = 0; i < part.size(); ++i)
            copy.dims.push_back({static_cast<std::size_t>(part[i]), from[i], to[i]});
        copy.out_offset = offset;
        copies.add(std::move(copy), sources[k].buffer, out.buffer);
    }
    const char* kernel = copies.parts.empty() ? "view" : "portable_concat";
    add_copies(p, group, kernel, std::move(copies));
    return true;
}

bool plan_split(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Tensor* axis_tensor = p.graph().constant(node.inputs[1]);
    if (!axis_tensor || !whole_bytes(p, node.inputs[0])) return false;
    const Place in = p.input(node.inputs[0]);
    const Dims dims = in.dims();
    const std::size_t axis = normalise_axis(axis_tensor->integer_at(0), dims.size());
    const auto from = memory_steps(dims, in.layout);
    // Parts of rows can be read where they lie.
    const bool rows = memory_axis(axis, dims.size(), in.layout) + 1 == dims.size();
    Copies copies;
    std::ptrdiff_t first = 0;
    for (std::uint32_t port = 0; port < node.outputs.size(); ++port) {
        const Value value{group.core, port};
        const Dims part = dims_of(p, value);
        const std::ptrdiff_t offset = first * from[axis];
        first += part[axis];
        if (rows && read_in_rows(p.graph(), value)) {
            p.output_part(value, in, static_cast<std::size_t>(offset), static_cast<std::size_t>(dims[axis]));
            continue;
        }
        const auto to = memory_steps(part, in.layout);
        portable::StridedCopy copy{bytes_each(p, node.inputs[0])};
        for (std::size_t i = 0; i < part.size(); ++i)
            copy.dims.push_back({static_cast<std::size_t>(part[i]), from[i], to[i]});
        copy.in_offset = offset;
        copies.add(std::move(copy), in.buffer, p.output(value, in.layout).buffer);
    }
    const char* kernel = copies.parts.empty() ? "view" : "portable_split";
    add_copies(p, group, kernel, std::move(copies));
    return true;
}

bool plan_slice(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    if (!constants_from(p, node, 1) || !whole_bytes(p, node.inputs[0])) return false;
    const Dims dims = dims_of(p, node.inputs[0]);
    const auto list = [&](std::size_t i) { return p.graph().constant(node.inputs[i])->integers(); };
    const auto begin = list(1), end = list(2), step = list(3);
    auto slices = whole(dims);
    for (std::size_t i = 0; i < begin.size(); ++i) {
        const std::size_t axis = node.inputs.size() > 4 ? normalise_axis(list(4)[i], dims.size()) : i;
        slices[axis] = slice_axis(dims[axis], begin[i], end[i], step[i]);
    }
    return plan_box(p, group, "portable_slice", slices, true);
}

bool plan_strided_slice(Planner& p, const Group& group) {
    using Kind = SliceStep::Kind;
    const Node& node = p.graph().node(group.core);
    if (!constants_from(p, node, 1) || !whole_bytes(p, node.inputs[0])) return false;
    const auto& op = node.op.get<StridedSlice>();
    const Dims dims = dims_of(p, node.inputs[0]);
    const auto entry = [&](std::size_t i, std::size_t at) {
        return p.graph().constant(node.inputs[i])->integer_at(at);
    };
    auto slices = whole(dims);
    bool same_axes = true;
    for (const SliceStep& s : strided_slice_steps(op, p.graph().constant(node.inputs[1])->size(), dims.size())) {
        same_axes = same_axes && (s.kind == Kind::copy || s.kind == Kind::slice);
        if (s.kind == Kind::copy || s.kind == Kind::fresh) continue;
        const auto bound = [&](const std::vector<std::int64_t>& mask, std::size_t i) {
            return mask_at(mask, s.entry) ? std::nullopt : std::optional(entry(i, s.entry));
        };
        const auto begin = bound(op.begin_mask, 1);
        if (s.kind == Kind::index) {
            const std::int64_t at = begin.value_or(0);
            slices[s.axis] = {at < 0 ? at + dims[s.axis] : at, 1, 1};
        } else {
            slices[s.axis] = slice_axis(dims[s.axis], begin, bound(op.end_mask, 2),
                                        node.inputs.size() > 3 ? entry(3, s.entry) : 1);
        }
    }
    return plan_box(p, group, "portable_slice", slices, same_axes);
}

bool plan_gather(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Tensor* axis_tensor = p.graph().constant(node.inputs[2]);
    if (!axis_tensor || !whole_bytes(p, node.inputs[0]) || node.op.get<Gather>().batch_dims != 0) return false;
    const Dims dims = dims_of(p, node.inputs[0]);
    const std::size_t axis = normalise_axis(axis_tensor->integer_at(0), dims.size());
    const Dims indices = dims_of(p, node.inputs[1]);
    if (const Tensor* constant = p.graph().constant(node.inputs[1])) {
        if (const auto slice = as_slice(*constant, dims[axis])) {
            auto slices = whole(dims);
            slices[axis] = *slice;
            return plan_box(p, group, "portable_slice", slices, indices.size() == 1);
        }
    }
    const Element element = p.graph().element(node.inputs[1]);
    if (element != Element::i32 && element != Element::i64) return false;
    GatherBlocks kernel;
    for (std::size_t i = 0; i < dims.size(); ++i)
        (i < axis ? kernel.outer : i == axis ? kernel.size : kernel.block) *= static_cast<std::size_t>(dims[i]);
    kernel.block *= bytes_each(p, node.inputs[0]);
    kernel.count = static_cast<std::size_t>(product(indices));
    kernel.wide = element == Element::i64;
    const BufferId data = p.input(node.inputs[0], Layout::plain).buffer;
    const BufferId at = p.input(node.inputs[1], Layout::plain).buffer;
    const BufferId out = p.output({group.core, 0}, Layout::plain).buffer;
    Step step = p.step_for(group, "portable_gather");
    step.reads = {data, at};
    step.writes = {out};
    step.work = work([kernel, data, at, out](const Frame& f) {
        f.pool->parallel(kernel.outer * kernel.count, [&](std::size_t begin, std::size_t end, int) {
            kernel.run(f.at(data), f.at(at), f.at(out), begin, end);
        });
    });
    p.add(std::move(step));
    return true;
}

}  // namespace octet::cpu
