// Ops that pad, repeat or rearrange blocks.
#include <algorithm>
#include <array>
#include <cstring>

#include "ir/ops/movement.hpp"
#include "plugins/cpu/kernels/portable/pixel_shuffle.hpp"
#include "plugins/cpu/steps/other.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

std::size_t extent(std::int64_t value) { return static_cast<std::size_t>(value); }

bool add_copy(Planner& p, const Group& group, std::string kernel, portable::StridedCopy copy, BufferId source,
              BufferId target, bool bfloat = false) {
    Copies copies;
    copies.add(std::move(copy), source, target);
    add_copies(p, group, std::move(kernel), std::move(copies), bfloat);
    return true;
}

// What lies in the depth of one value and in the space of the other: `deep` [N, block... x C, space...], `wide` [N, C, space x block...].
portable::StridedCopy depth_copy(const Dims& deep, std::span<const std::ptrdiff_t> deep_steps,
                                 std::span<const std::ptrdiff_t> wide_steps, std::int64_t block, DepthMode mode,
                                 std::size_t element_size) {
    const std::size_t spatial = deep.size() - 2;
    std::ptrdiff_t blocks = 1;
    for (std::size_t i = 0; i < spatial; ++i) blocks *= block;
    const std::int64_t channels = deep[1] / blocks;
    const bool blocks_first = mode == DepthMode::blocks_first;
    portable::StridedCopy copy{element_size};
    copy.dims.push_back({extent(deep[0]), deep_steps[0], wide_steps[0]});
    copy.dims.push_back({extent(channels), deep_steps[1] * (blocks_first ? 1 : blocks), wide_steps[1]});
    std::ptrdiff_t inside = deep_steps[1] * (blocks_first ? channels : 1);
    for (std::size_t i = spatial; i-- > 0; inside *= block) {
        copy.dims.push_back({extent(block), inside, wide_steps[i + 2]});
        copy.dims.push_back({extent(deep[i + 2]), deep_steps[i + 2], wide_steps[i + 2] * block});
    }
    return copy;
}

// Channels of a pixel that become neighbours in space: with their depth first they lie apart, one by one.
bool shuffle_pixels(Planner& p, const Group& group, const DepthToSpace& op, const Place& in, const Place& out) {
    const Dims dims = in.dims();
    const bool fits = op.mode == DepthMode::depth_first && dims.size() == 4 && in.layout == Layout::channels_last &&
                      portable::PixelShuffle::takes(extent(op.block_size));
    if (!fits) return false;
    const portable::PixelShuffle kernel{.lines = extent(dims[0] * dims[2]),
                                        .pixels = extent(dims[3]),
                                        .channels = extent(out.dims()[1]),
                                        .block = extent(op.block_size),
                                        .element_size = bits_of(in.type.element) / 8};
    Step step = p.step_for(group, "portable_depth_to_space");
    if (in.type.element == Element::bf16) step.data = step.result = Element::bf16;
    step.reads = {in.buffer};
    step.writes = {out.buffer};
    step.work = work([kernel, from = in.buffer, to = out.buffer](const Frame& f) {
        f.pool->parallel(kernel.units(), [&](std::size_t begin, std::size_t end, int) {
            kernel.run(f.at(from), f.at(to), begin, end);
        });
    });
    p.add(std::move(step));
    return true;
}

}  // namespace

bool plan_pad(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Tensor* begin = p.graph().constant(node.inputs[1]);
    const Tensor* end = p.graph().constant(node.inputs[2]);
    if (!begin || !end || !whole_bytes(p, node.inputs[0])) return false;
    if (node.op.get<Pad>().mode != PadMode::constant) return plan_edge_pad(p, group);
    const std::size_t size = bytes_each(p, node.inputs[0]);
    std::array<std::byte, 8> value{};
    if (node.inputs.size() > 3) {
        const Tensor* given = p.graph().constant(node.inputs[3]);
        if (!given) return false;
        std::memcpy(value.data(), given->data(), size);
    }
    const Place in = p.input(node.inputs[0]);
    const Place out = p.output({group.core, 0}, in.layout);
    const Dims dims = in.dims();
    const auto from = memory_steps(dims, in.layout);
    const auto to = memory_steps(out.dims(), in.layout);
    portable::StridedCopy inside{size};
    for (std::size_t i = 0; i < dims.size(); ++i) {
        const std::int64_t b = begin->integer_at(i), e = end->integer_at(i);
        inside.in_offset += std::max<std::int64_t>(-b, 0) * from[i];
        inside.out_offset += std::max<std::int64_t>(b, 0) * to[i];
        inside.dims.push_back(
            {extent(std::max<std::int64_t>(dims[i] + std::min<std::int64_t>(b, 0) + std::min<std::int64_t>(e, 0), 0)),
             from[i], to[i]});
    }
    Copies copies;
    copies.add(std::move(inside), in.buffer, out.buffer);
    Step step = p.step_for(group, "portable_pad");
    step.reads = {in.buffer};
    step.writes = {out.buffer};
    step.work = work([copies = std::move(copies), value, size, target = out.buffer,
                      count = extent(product(out.dims()))](const Frame& f) {
        f.pool->parallel(count, [&](std::size_t first, std::size_t past, int) {
            portable::fill(f.at(target) + first * size, past - first, value.data(), size);
        });
        copies.run(f);
    });
    p.add(std::move(step));
    return true;
}

bool plan_tile(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    if (!whole_bytes(p, node.inputs[0])) return false;
    const Place in = p.input(node.inputs[0]);
    const Dims dims = in.dims(), result = dims_of(p, {group.core, 0});
    const Place out = p.output({group.core, 0}, dims.size() == result.size() ? in.layout : Layout::plain);
    const auto from = memory_steps(dims, in.layout);
    const auto to = memory_steps(result, out.layout);
    const std::size_t missing = result.size() - dims.size();
    portable::StridedCopy copy{bytes_each(p, node.inputs[0])};
    for (std::size_t i = 0; i < result.size(); ++i) {
        const std::int64_t size = i < missing ? 1 : dims[i - missing];
        copy.dims.push_back({extent(size == 0 ? 0 : result[i] / size), 0, to[i] * size});
        if (i >= missing) copy.dims.push_back({extent(size), from[i - missing], to[i]});
    }
    return add_copy(p, group, "portable_tile", std::move(copy), in.buffer, out.buffer);
}

bool plan_broadcast(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const bool named = node.op.get<Broadcast>().mode == BroadcastMode::explicit_;
    const Tensor* mapping = named ? p.graph().constant(node.inputs[2]) : nullptr;
    if (!whole_bytes(p, node.inputs[0]) || (named && !mapping)) return false;
    const Dims dims = dims_of(p, node.inputs[0]), result = dims_of(p, {group.core, 0});
    const Place in = p.input(node.inputs[0]);
    const Place out = p.output({group.core, 0}, dims.size() == result.size() ? in.layout : Layout::plain);
    const auto from = memory_steps(dims, in.layout);
    const auto to = memory_steps(result, out.layout);
    portable::StridedCopy copy{bytes_each(p, node.inputs[0])};
    for (std::size_t i = 0; i < result.size(); ++i) copy.dims.push_back({extent(result[i]), 0, to[i]});
    for (std::size_t i = 0; i < dims.size(); ++i) {
        const std::size_t axis = named ? normalise_axis(mapping->integer_at(i), result.size())
                                       : i + result.size() - dims.size();
        if (dims[i] != 1) copy.dims[axis].in_step = from[i];
    }
    return add_copy(p, group, "portable_broadcast", std::move(copy), in.buffer, out.buffer);
}

bool plan_depth_to_space(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Value data = node.inputs[0], value{group.core, 0};
    if (!whole_bytes(p, data)) return false;
    const auto& op = node.op.get<DepthToSpace>();
    const Layout layout = p.layout_of(data);
    const bool narrow = p.stores_bfloat(value);
    const Place in = narrow ? p.input_bfloat(data, layout) : p.input(data, layout);
    const Place out = p.output_stored(value, layout, false);
    if (shuffle_pixels(p, group, op, in, out)) return true;
    auto copy = depth_copy(in.dims(), memory_steps(in.dims(), in.layout), memory_steps(out.dims(), in.layout),
                           op.block_size, op.mode, bits_of(in.type.element) / 8);
    return add_copy(p, group, "portable_depth_to_space", std::move(copy), in.buffer, out.buffer, narrow);
}

bool plan_space_to_depth(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    if (!whole_bytes(p, node.inputs[0])) return false;
    const auto& op = node.op.get<SpaceToDepth>();
    const Place in = p.input(node.inputs[0]);
    const Place out = p.output({group.core, 0}, in.layout);
    auto copy = depth_copy(out.dims(), memory_steps(out.dims(), in.layout), memory_steps(in.dims(), in.layout),
                           op.block_size, op.mode, bytes_each(p, node.inputs[0]));
    for (auto& d : copy.dims) std::swap(d.in_step, d.out_step);
    return add_copy(p, group, "portable_space_to_depth", std::move(copy), in.buffer, out.buffer);
}

bool plan_shuffle_channels(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    if (!whole_bytes(p, node.inputs[0])) return false;
    const auto& op = node.op.get<ShuffleChannels>();
    const Place in = p.input(node.inputs[0]);
    const Place out = p.output({group.core, 0}, in.layout);
    const Dims dims = in.dims();
    const std::size_t axis = normalise_axis(op.axis, dims.size());
    const auto steps = memory_steps(dims, in.layout);
    const std::int64_t each = dims[axis] / op.group;
    portable::StridedCopy copy{bytes_each(p, node.inputs[0])};
    for (std::size_t i = 0; i < dims.size(); ++i) {
        if (i != axis) {
            copy.dims.push_back({extent(dims[i]), steps[i], steps[i]});
            continue;
        }
        copy.dims.push_back({extent(op.group), steps[i] * each, steps[i]});
        copy.dims.push_back({extent(each), steps[i], steps[i] * op.group});
    }
    return add_copy(p, group, "portable_shuffle_channels", std::move(copy), in.buffer, out.buffer);
}

}  // namespace octet::cpu
