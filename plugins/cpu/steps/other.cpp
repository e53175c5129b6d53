// Ops that are a step alone: data movement and operations along an axis.
#include <algorithm>
#include <numeric>

#include "ir/ops/all.hpp"
#include "ir/ops/slicing.hpp"
#include "plugins/cpu/kernels/portable/copy.hpp"
#include "plugins/cpu/kernels/portable/normalize.hpp"
#include "plugins/cpu/kernels/portable/reduce.hpp"
#include "plugins/cpu/kernels/portable/softmax.hpp"
#include "plugins/cpu/steps/run.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

Dims dims_of(const Planner& p, Value v) { return p.graph().shape(v).sizes(); }
std::size_t bytes_each(const Planner& p, Value v) { return bits_of(p.graph().element(v)) / 8; }
bool whole_bytes(const Planner& p, Value v) { return bits_of(p.graph().element(v)) % 8 == 0; }

// Where an axis of the model stands in memory.
std::size_t memory_axis(std::size_t axis, std::size_t rank, Layout layout) {
    if (layout == Layout::plain || rank < 3 || axis == 0) return axis;
    return axis == 1 ? rank - 1 : axis - 1;
}

void add_copies(Planner& p, const Group& group, std::string kernel, std::vector<portable::StridedCopy> copies, std::vector<BufferId> sources, BufferId target) {
    Step step = p.step_for(group, std::move(kernel));
    step.reads = sources;
    step.writes = {target};
    step.work = work([copies = std::move(copies), sources = std::move(sources), target](const Frame& f) {
        for (std::size_t i = 0; i < copies.size(); ++i)
            f.pool->parallel(copies[i].units(), [&](std::size_t begin, std::size_t end, int) { copies[i].run(f.at(sources[i]), f.at(target), begin, end); });
    });
    p.add(std::move(step));
}

// The same bytes under another shape.
bool plan_reshape(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    Place in = p.input(node.inputs[0]);
    // Channels-last memory keeps its meaning only where no axis but 1 and those of extent 1 are concerned.
    if (!same_in_memory(in.dims())) in = p.input(node.inputs[0], Layout::plain);
    in.layout = Layout::plain;
    p.alias({group.core, 0}, in);
    Step step = p.step_for(group, "view");
    step.work = work([](const Frame&) {});
    step.reads = {in.buffer};
    p.add(std::move(step));
    return true;
}

bool plan_transpose(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Tensor* order_tensor = p.graph().constant(node.inputs[1]);
    if (!order_tensor || !whole_bytes(p, node.inputs[0])) return false;
    const Dims dims = dims_of(p, node.inputs[0]);
    Dims order = order_tensor->integers();
    if (order.empty())
        for (std::size_t i = dims.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    const Place in = p.input(node.inputs[0]);
    std::vector<std::size_t> memory_order;
    for (auto axis : order) memory_order.push_back(memory_axis(static_cast<std::size_t>(axis), dims.size(), in.layout));
    // Channels last given out as [N, spatial..., C] is the memory as it lies.
    if (std::ranges::is_sorted(memory_order)) {
        Place same = in;
        same.layout = Layout::plain;
        p.alias({group.core, 0}, same);
        Step step = p.step_for(group, "view");
        step.work = work([](const Frame&) {});
        step.reads = {in.buffer};
        p.add(std::move(step));
        return true;
    }
    const auto copy = portable::transpose(memory_dims(dims, in.layout), memory_order, bytes_each(p, node.inputs[0]));
    const Place out = p.output({group.core, 0}, Layout::plain);
    add_copies(p, group, "portable_transpose", {copy}, {in.buffer}, out.buffer);
    return true;
}

// The layout in which most operands lie already.
Layout common_layout(Planner& p, const Node& node) {
    std::ptrdiff_t votes = 0;
    for (Value v : node.inputs)
        if (!p.graph().constant(v) && !same_in_memory(dims_of(p, v))) votes += p.input(v).layout == Layout::channels_last ? 1 : -1;
    return votes > 0 ? Layout::channels_last : Layout::plain;
}

bool plan_concat(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    if (!whole_bytes(p, node.inputs[0])) return false;
    const Layout layout = common_layout(p, node);
    const Dims out_dims = node.outputs[0].type.shape.sizes();
    const std::size_t axis = memory_axis(normalise_axis(node.op.get<Concat>().axis, out_dims.size()), out_dims.size(), layout);
    const auto out_memory = memory_dims(out_dims, layout);
    std::vector<portable::StridedCopy> copies;
    std::vector<BufferId> sources;
    std::vector<std::size_t> to(out_dims.size(), 0);
    const std::vector<std::size_t> from(out_dims.size(), 0);
    const std::vector<std::ptrdiff_t> step(out_dims.size(), 1);
    for (Value v : node.inputs) {
        const auto part = memory_dims(dims_of(p, v), layout);
        if (std::ranges::find(part, std::size_t{0}) == part.end()) {
            copies.push_back(portable::copy_block(part, part, from, step, out_memory, to, bytes_each(p, v)));
            sources.push_back(p.input(v, layout).buffer);
        }
        to[axis] += part[axis];
    }
    const Place out = p.output({group.core, 0}, layout);
    add_copies(p, group, "portable_concat", std::move(copies), std::move(sources), out.buffer);
    return true;
}

bool plan_split(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Tensor* axis_tensor = p.graph().constant(node.inputs[1]);
    if (!axis_tensor || !whole_bytes(p, node.inputs[0])) return false;
    const Place in = p.input(node.inputs[0]);
    const Dims dims = in.dims();
    const std::size_t axis = memory_axis(normalise_axis(axis_tensor->integer_at(0), dims.size()), dims.size(), in.layout);
    const auto memory = memory_dims(dims, in.layout);
    const std::vector<std::size_t> zero(dims.size(), 0);
    const std::vector<std::ptrdiff_t> step(dims.size(), 1);
    std::vector<std::size_t> from = zero;
    std::vector<portable::StridedCopy> copies;
    std::vector<BufferId> targets;
    for (std::uint32_t port = 0; port < node.outputs.size(); ++port) {
        const auto part = memory_dims(node.outputs[port].type.shape.sizes(), in.layout);
        const Place out = p.output({group.core, port}, in.layout);
        if (std::ranges::find(part, std::size_t{0}) == part.end()) {
            copies.push_back(portable::copy_block(part, memory, from, step, part, zero, bytes_each(p, node.inputs[0])));
            targets.push_back(out.buffer);
        }
        from[axis] += part[axis];
    }
    Step s = p.step_for(group, "portable_split");
    s.reads = {in.buffer};
    s.writes = targets;
    s.work = work([copies, source = in.buffer, targets](const Frame& f) {
        for (std::size_t i = 0; i < copies.size(); ++i)
            f.pool->parallel(copies[i].units(), [&](std::size_t begin, std::size_t end, int) { copies[i].run(f.at(source), f.at(targets[i]), begin, end); });
    });
    p.add(std::move(s));
    return true;
}

// [outer, axes..., inner] of axes that are neighbours in memory, in the layout where they are.
struct AxesInMemory {
    Layout layout = Layout::plain;
    portable::AxisShape shape = {};
};

std::optional<AxesInMemory> axes_in_memory(Planner& p, Value v, std::vector<std::size_t> axes) {
    const Dims dims = dims_of(p, v);
    const Place lies = p.input(v);
    std::ranges::sort(axes);
    for (Layout layout : {lies.layout, Layout::plain, Layout::channels_last}) {
        const auto memory = memory_dims(dims, layout);
        std::vector<std::size_t> positions;
        for (auto a : axes) positions.push_back(memory_axis(a, dims.size(), layout));
        std::ranges::sort(positions);
        bool neighbours = !positions.empty();
        for (std::size_t i = 1; i < positions.size(); ++i) neighbours = neighbours && positions[i] == positions[i - 1] + 1;
        if (!neighbours) continue;
        AxesInMemory found;
        found.layout = layout;
        for (std::size_t i = 0; i < memory.size(); ++i) {
            if (i < positions.front()) found.shape.outer *= memory[i];
            else if (i <= positions.back()) found.shape.axis *= memory[i];
            else found.shape.inner *= memory[i];
        }
        return found;
    }
    return std::nullopt;
}

template <class Kernel>
bool plan_along(Planner& p, const Group& group, std::string name, const std::vector<std::size_t>& axes, Kernel kernel) {
    const Node& node = p.graph().node(group.core);
    if (p.graph().element(node.inputs[0]) != Element::f32) return false;
    const auto found = axes_in_memory(p, node.inputs[0], axes);
    if (!found) return false;
    kernel.shape = found->shape;
    StepBuffers b;
    b.in = p.input(node.inputs[0], found->layout).buffer;
    b.out = p.output({group.core, 0}, found->layout).buffer;
    Step step = p.step_for(group, std::move(name));
    b.note(step);
    step.work = portable_work(kernel, b);
    p.add(std::move(step));
    return true;
}

std::optional<std::vector<std::size_t>> constant_axes(const Planner& p, const Node& node) {
    const Tensor* tensor = p.graph().constant(node.inputs[1]);
    if (!tensor) return std::nullopt;
    std::vector<std::size_t> axes;
    for (auto a : tensor->integers()) axes.push_back(normalise_axis(a, p.graph().shape(node.inputs[0]).rank()));
    if (axes.empty()) return std::nullopt;
    return axes;
}

bool plan_softmax(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const std::size_t axis = normalise_axis(node.op.get<SoftMax>().axis, p.graph().shape(node.inputs[0]).rank());
    return plan_along(p, group, "portable_softmax", {axis}, portable::SoftMax{});
}

bool plan_mvn(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<Mvn>();
    const auto axes = constant_axes(p, node);
    if (!axes) return false;
    using Kind = portable::Normalize::Kind;
    portable::Normalize kernel;
    kernel.kind = !op.normalize_variance ? Kind::mean : op.eps_mode == EpsMode::inside_sqrt ? Kind::mean_variance_inside : Kind::mean_variance_outside;
    kernel.epsilon = static_cast<float>(op.eps);
    return plan_along(p, group, "portable_mvn", *axes, kernel);
}

bool plan_normalize_l2(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<NormalizeL2>();
    const auto axes = constant_axes(p, node);
    if (!axes) return false;
    portable::Normalize kernel;
    kernel.kind = op.eps_mode == L2EpsMode::add ? portable::Normalize::Kind::l2_add : portable::Normalize::Kind::l2_max;
    kernel.epsilon = static_cast<float>(op.eps);
    return plan_along(p, group, "portable_normalize_l2", *axes, kernel);
}

bool plan_lrn(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<Lrn>();
    const auto axes = constant_axes(p, node);
    if (!axes || axes->size() != 1) return false;
    portable::LocalResponse kernel;
    kernel.size = static_cast<std::size_t>(op.size);
    kernel.alpha = static_cast<float>(op.alpha / static_cast<double>(op.size));
    kernel.beta = static_cast<float>(op.beta);
    kernel.bias = static_cast<float>(op.bias);
    return plan_along(p, group, "portable_lrn", *axes, kernel);
}

struct Row {
    std::uint64_t op;
    bool (*plan)(Planner& p, const Group& group);  // false: not this one
};
template <class T>
constexpr Row row(bool (*plan)(Planner&, const Group&)) {
    return {kOp<T>.id, plan};
}

constexpr std::array kRows{
    row<Reshape>(plan_reshape), row<Squeeze>(plan_reshape), row<Unsqueeze>(plan_reshape), row<Transpose>(plan_transpose),
    row<Concat>(plan_concat), row<Split>(plan_split), row<VariadicSplit>(plan_split), row<SoftMax>(plan_softmax),
    row<Mvn>(plan_mvn), row<NormalizeL2>(plan_normalize_l2), row<Lrn>(plan_lrn),
};

}  // namespace

void plan_other(Planner& p, const Group& group) {
    for (const Row& row : kRows)
        if (row.op == p.graph().node(group.core).op.id() && row.plan(p, group)) return;
    plan_fallback(p, group, "");
}

}  // namespace octet::cpu
