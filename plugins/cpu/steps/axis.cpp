// Operations along an axis or several that are neighbours in memory.
#include <algorithm>

#include "ir/ops/core.hpp"
#include "ir/ops/normalization.hpp"
#include "ir/ops/quantization.hpp"
#include "ir/ops/reduction.hpp"
#include "plugins/cpu/kernels/portable/normalize.hpp"
#include "plugins/cpu/kernels/portable/pool.hpp"
#include "plugins/cpu/kernels/portable/reduce.hpp"
#include "plugins/cpu/kernels/portable/softmax.hpp"
#include "plugins/cpu/steps/other.hpp"
#include "plugins/cpu/steps/run.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/normalize.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

// [outer, axes..., inner] of axes that are neighbours in memory.
std::optional<portable::AxisShape> axes_in(const Dims& dims, const std::vector<std::size_t>& axes, Layout layout) {
    const auto memory = memory_dims(dims, layout);
    std::vector<std::size_t> positions;
    for (auto a : axes) positions.push_back(memory_axis(a, dims.size(), layout));
    std::ranges::sort(positions);
    if (positions.empty()) return std::nullopt;
    for (std::size_t i = 1; i < positions.size(); ++i)
        if (positions[i] != positions[i - 1] + 1) return std::nullopt;
    portable::AxisShape shape;
    for (std::size_t i = 0; i < memory.size(); ++i)
        (i < positions.front() ? shape.outer : i <= positions.back() ? shape.axis : shape.inner) *= memory[i];
    return shape;
}

// Where the data lies already comes first.
std::array<Layout, 3> layouts_to_try(Planner& p, Value v) {
    return {p.input(v).layout, Layout::plain, Layout::channels_last};
}

template <class Kernel>
bool plan_along(Planner& p, const Group& group, std::string name, const std::vector<std::size_t>& axes, Kernel kernel) {
    if (group.inputs.empty()) return false;
    const Value data = group.inputs[0];
    const Element element = p.graph().element(data);
    if constexpr (requires { kernel.input; }) {
        if (element != Element::f32 && element != Element::u8 && element != Element::i8) return false;
        kernel.input = data_type(element);
    } else if (element != Element::f32) {
        return false;
    }
    for (Layout layout : layouts_to_try(p, data)) {
        // The channels of what follows are the last axis.
        if (!group.chain.empty() && layout != Layout::plain) continue;
        const auto shape = axes_in(dims_of(p, data), axes, layout);
        if (!shape) continue;
        const Program program = program_of(p.graph(), group);
        kernel.shape = *shape;
        kernel.epilogue = program.epilogue;
        StepBuffers b;
        b.in = p.input(data, layout).buffer;
        b.operands = p.operands(program, layout, p.graph().type(group.output));
        b.out = p.output(group.output, layout).buffer;
        Step step = p.step_for(group, std::move(name));
        b.note(step);
        step.work = portable_work(kernel, b);
        p.add(std::move(step));
        return true;
    }
    return false;
}

std::optional<std::vector<std::size_t>> constant_axes(const Planner& p, const Node& node) {
    const Tensor* tensor = p.graph().constant(node.inputs[1]);
    if (!tensor) return std::nullopt;
    std::vector<std::size_t> axes;
    for (auto a : tensor->integers()) axes.push_back(normalise_axis(a, p.graph().shape(node.inputs[0]).rank()));
    if (axes.empty()) return std::nullopt;
    return axes;
}

// The layout of a reduced value whose other axes stay in the order they have in memory; nothing where neither layout is that.
std::optional<Layout> reduced_layout(std::size_t rank, const std::vector<std::size_t>& axes, bool keep_dims,
                                     Layout layout) {
    if (keep_dims) return layout;
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < rank; ++i)
        if (std::ranges::find(axes, i) == axes.end()) left.push_back(memory_axis(i, rank, layout));
    if (std::ranges::is_sorted(left)) return Layout::plain;
    if (left.size() < 3) return std::nullopt;
    std::rotate(left.begin() + 1, left.begin() + 2, left.end());
    return std::ranges::is_sorted(left) ? std::optional(Layout::channels_last) : std::nullopt;
}

portable::ReduceMean mean_kernel(const portable::AxisShape& shape, bool sum) {
    portable::ReduceMean kernel;
    kernel.outer = shape.outer;
    kernel.axis = shape.axis;
    kernel.inner = shape.inner;
    kernel.sum = sum;
    return kernel;
}

// One window as long as the axis.
portable::Pool extremum_kernel(const portable::AxisShape& shape, DataType type, bool minimum) {
    portable::Pool kernel;
    kernel.kind = minimum ? portable::Pool::Kind::min : portable::Pool::Kind::max;
    kernel.input = kernel.epilogue.result = type;
    if (type == DataType::s8) kernel.epilogue.low = -128;
    if (type == DataType::s8) kernel.epilogue.high = 127;
    kernel.batch = shape.outer;
    kernel.channels = shape.inner;
    kernel.window.input[2] = kernel.window.kernel[2] = shape.axis;
    return kernel;
}

bool keeps_dims(const Op& op) {
    if (const auto* mean = op.as<ReduceMean>()) return mean->keep_dims;
    if (const auto* sum = op.as<ReduceSum>()) return sum->keep_dims;
    if (const auto* minimum = op.as<ReduceMin>()) return minimum->keep_dims;
    return op.get<ReduceMax>().keep_dims;
}

}  // namespace

namespace {

// The few channels of an image whose planes are a result of the model.
bool plan_result_planes(Planner& p, const Group& group, std::size_t axis) {
    const Value data = group.inputs.empty() ? Value{} : group.inputs[0];
    if (group.inputs.empty() || p.graph().element(data) != Element::f32 || !group.chain.empty()) return false;
    const auto is_result = [&](const Use& use) { return p.graph().node(use.node).op.is<Result>(); };
    const Dims dims = dims_of(p, data);
    if (axis != 1 || p.layout_of(data) != Layout::channels_last || same_in_memory(dims) ||
        !std::ranges::all_of(p.graph().uses(group.output), is_result))
        return false;
    portable::SoftMax kernel;
    kernel.shape = *axes_in(dims, {axis}, Layout::channels_last);
    kernel.plane = kernel.shape.outer / static_cast<std::size_t>(dims[0]);
    if (!portable::SoftMax::takes_planes(kernel.shape)) return false;
    StepBuffers b;
    b.in = p.input(data, Layout::channels_last).buffer;
    b.out = p.output(group.output, Layout::plain).buffer;
    Step step = p.step_for(group, "portable_softmax");
    b.note(step);
    step.work = portable_work(std::move(kernel), b);
    p.add(std::move(step));
    return true;
}

}  // namespace

bool plan_softmax(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const std::size_t axis = normalise_axis(node.op.get<SoftMax>().axis, p.graph().shape(node.inputs[0]).rank());
    if (plan_result_planes(p, group, axis)) return true;
    return plan_along(p, group, "portable_softmax", {axis}, portable::SoftMax{});
}

bool plan_mvn(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<Mvn>();
    const auto axes = constant_axes(p, node);
    if (!axes) return false;
    using Kind = portable::Normalize::Kind;
    portable::Normalize kernel;
    kernel.kind = !op.normalize_variance                ? Kind::mean
                  : op.eps_mode == EpsMode::inside_sqrt ? Kind::mean_variance_inside
                                                        : Kind::mean_variance_outside;
    kernel.epsilon = static_cast<float>(op.eps);
    return plan_along(p, group, "portable_mvn", *axes, kernel);
}

#if defined(__x86_64__)
namespace {

// A normalisation of rows that lie one after the other, with one result or several.
Acceptance try_rows(Planner& p, const Group& group) {
    const Graph& graph = p.graph();
    const auto* op = graph.node(group.core).op.as<Mvn>();
    if (!op || !op->normalize_variance) return declined("it does not normalise the variance");
    const Value data = group.inputs[0];
    if (graph.element(data) != Element::f32) return declined("its data are not floats");
    const Dims dims = dims_of(p, data);
    if (p.layout_of(data) != Layout::plain && !same_in_memory(dims)) return declined("its rows lie apart in memory");
    const auto results = group.parts.empty() ? std::span(&group, 1) : std::span(group.parts).subspan(1);
    x64::NormalizeDesc desc{.rows = product(dims) / dims.back(),
                            .columns = dims.back(),
                            .epsilon = static_cast<float>(op->eps),
                            .epsilon_inside = op->eps_mode == EpsMode::inside_sqrt};
    for (const Group& result : results) {
        const Program program = program_of(graph, result);
        if (!program.operands.empty()) return declined("its result is combined with an operand");
        desc.results.push_back(program.epilogue);
    }
    if (auto answer = x64::Normalize::accepts(desc, p.machine()); !answer) return answer;
    const BufferId in = p.input(data, Layout::plain).buffer;
    std::array<BufferId, x64::Normalize::kMostResults> out{};
    Step step = p.step_for(group, "jit_mvn_avx512");
    step.reads = {in};
    for (std::size_t i = 0; i < results.size(); ++i) {
        out[i] = p.output(results[i].output, Layout::plain).buffer;
        step.writes.push_back(out[i]);
    }
    auto kernel = std::make_shared<const x64::Normalize>(desc, p.code());
    const bool alone = 2 * ns_of_values(desc.rows * desc.columns) < kWorthThreads;
    step.work = work([kernel, in, out, count = results.size(), alone](const Frame& f) {
        x64::Normalize::Args args;
        args.in = reinterpret_cast<const float*>(f.at(in));
        for (std::size_t i = 0; i < count; ++i) args.out[i] = f.at(out[i]);
        const auto run = [&](std::size_t begin, std::size_t end, int) {
            kernel->run(args, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
        };
        const auto units = static_cast<std::size_t>(kernel->units());
        if (alone) run(0, units, 0);
        else f.pool->parallel(units, run);
    });
    p.add(std::move(step));
    return accepted();
}

}  // namespace
#endif

void plan_row(Planner& p, const Group& group) {
#if defined(__x86_64__)
    if (try_rows(p, group)) return;
#endif
    if (!group.parts.empty()) return p.plan_parts(group.parts);
    const bool planned = p.graph().node(group.core).op.is<SoftMax>() ? plan_softmax(p, group) : plan_mvn(p, group);
    check(planned, "'{}' has no kernel along its last axis", p.graph().node(group.core).name);
}

bool plan_normalize_l2(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<NormalizeL2>();
    const auto axes = constant_axes(p, node);
    if (!axes) return false;
    portable::Normalize kernel;
    kernel.kind = op.eps_mode == L2EpsMode::add ? portable::Normalize::Kind::l2_add : portable::Normalize::Kind::l2_max;
    kernel.epsilon = static_cast<float>(op.eps);
    if (!group.inputs.empty() && group.inputs[0] != node.inputs[0])
        kernel.zero_point = static_cast<float>(p.graph().op(node.inputs[0]).get<Dequantize>().zero_point.at(0));
    return plan_along(p, group, "portable_normalize_l2", *axes, kernel);
}

bool plan_lrn(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<Lrn>();
    const auto axes = constant_axes(p, node);
    if (!axes || axes->size() != 1) return false;
    portable::LocalResponse kernel;
    // No window is longer than what lies to both sides of an element.
    const std::int64_t extent = dims_of(p, node.inputs[0])[axes->front()];
    kernel.size = static_cast<std::size_t>(std::min(op.size, 2 * extent + 1));
    kernel.alpha = static_cast<float>(op.alpha / static_cast<double>(op.size));
    kernel.beta = static_cast<float>(op.beta);
    kernel.bias = static_cast<float>(op.bias);
    return plan_along(p, group, "portable_lrn", *axes, kernel);
}

bool plan_reduce(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Value data = node.inputs[0];
    const auto axes = constant_axes(p, node);
    const bool extremum = node.op.is<ReduceMax>() || node.op.is<ReduceMin>();
    const Element element = p.graph().element(data);
    const bool codes = element == Element::u8 || element == Element::i8;
    const Dims dims = dims_of(p, data);
    if (!axes || product(dims) == 0 || (element != Element::f32 && !(extremum && codes))) return false;
    for (Layout layout : layouts_to_try(p, data)) {
        const auto shape = axes_in(dims, *axes, layout);
        const auto result = reduced_layout(dims.size(), *axes, keeps_dims(node.op), layout);
        if (!shape || !result) continue;
        StepBuffers b;
        b.in = p.input(data, layout).buffer;
        b.out = p.output({group.core, 0}, *result).buffer;
        Step step = p.step_for(group, "portable_reduce");
        b.note(step);
        step.work = extremum ? portable_work(extremum_kernel(*shape, data_type(element), node.op.is<ReduceMin>()), b)
                             : portable_work(mean_kernel(*shape, node.op.is<ReduceSum>()), b);
        p.add(std::move(step));
        return true;
    }
    return false;
}

}  // namespace octet::cpu
