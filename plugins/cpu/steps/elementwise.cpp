#include <algorithm>

#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/elementwise.hpp"
#include "plugins/cpu/kernels/portable/quantize.hpp"
#include "plugins/cpu/steps/other.hpp"
#include "plugins/cpu/steps/run.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/elementwise.hpp"
#include "plugins/cpu/kernels/x64/image_quantize.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

// How the group's values lie: channels are the last dimension in memory.
struct Grid {
    std::int64_t rows = 1, channels = 1, rows_per_batch = 1;
};

Grid grid_of(const Dims& dims, Layout layout) {
    Grid g;
    if (dims.empty()) return g;
    g.channels = layout == Layout::channels_last && dims.size() > 2 ? dims[1] : dims.back();
    g.rows = product(dims) / std::max<std::int64_t>(g.channels, 1);
    g.rows_per_batch = g.rows / std::max<std::int64_t>(dims[0], 1);
    return g;
}

bool read_by_windows(const Graph& graph, Value v) {
    return std::ranges::any_of(graph.uses(v), [&](const Use& use) {
        const Op& op = graph.node(use.node).op;
        return op.is<Convolution>() || op.is<GroupConvolution>() || op.is<ConvolutionBackpropData>() ||
               op.is<MaxPool>() || op.is<AvgPool>() || op.is<Dequantize>();
    });
}

// A planar float image that is quantized for a convolution: one pass does both.
bool quantize_image(Planner& planner, const Group& group, const Program& program) {
    const Graph& graph = planner.graph();
    const Type& type = graph.type(group.output);
    if (type.shape.rank() < 3 || type.element == Element::f32 || group.inputs.size() != 1 ||
        graph.element(group.inputs[0]) != Element::f32)
        return false;
    if (!read_by_windows(graph, group.output) || same_in_memory(type.shape.sizes())) return false;
    const Epilogue& e = program.epilogue;
    const bool factor = e.ops.size() == 1 && e.ops[0].kind == EpilogueOp::Kind::scale_shift;
    if (!factor && !e.ops.empty()) return false;
    if (planner.input(group.inputs[0]).layout != Layout::plain) return false;
    const Dims dims = type.shape.sizes();
    const std::vector<float> scale = factor ? e.ops[0].scale : std::vector<float>{1};
    const std::vector<float> shift = factor ? e.ops[0].shift : std::vector<float>{0};
    const BufferId in = planner.input(group.inputs[0]).buffer;
    const BufferId out = planner.output(group.output, Layout::channels_last).buffer;
    Step step = planner.step_for(group, "portable_quantize");
    step.reads = {in};
    step.writes = {out};
    const std::int64_t pixels = product(dims) / std::max<std::int64_t>(dims[0] * dims[1], 1);
#if defined(__x86_64__)
    const std::int64_t width = dims.back();
    const x64::ImageQuantizeDesc desc{dims[0], pixels / std::max<std::int64_t>(width, 1),
                                      width,   dims[1],
                                      scale,   shift,
                                      e.low,   e.high};
    if (e.result == DataType::u8 && x64::ImageQuantize::accepts(desc, planner.machine())) {
        auto kernel = std::make_shared<const x64::ImageQuantize>(desc, planner.code());
        step.kernel = x64::kernel_name("quantize", planner.code().isa(), x64::Dots::none);
        step.work = work([kernel, in, out](const Frame& f) {
            const x64::ImageQuantize::Args args{reinterpret_cast<const float*>(f.at(in)),
                                                reinterpret_cast<std::uint8_t*>(f.at(out))};
            f.pool->parallel(static_cast<std::size_t>(kernel->units()), [&](std::size_t begin, std::size_t end, int) {
                kernel->run(args, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
            });
        });
        planner.add(std::move(step));
        return true;
    }
#endif
    portable::QuantizeToChannelsLast kernel;
    kernel.batch = static_cast<std::size_t>(dims[0]);
    kernel.channels = static_cast<std::size_t>(dims[1]);
    kernel.pixels = static_cast<std::size_t>(pixels);
    kernel.result = e.result;
    kernel.scale = scale;
    kernel.shift = shift;
    kernel.low = e.low;
    kernel.high = e.high;
    step.work = work([kernel, in, out](const Frame& f) {
        f.pool->parallel(kernel.units(), [&](std::size_t begin, std::size_t end, int) {
            kernel.run(reinterpret_cast<const float*>(f.at(in)), f.at(out), begin, end);
        });
    });
    planner.add(std::move(step));
    return true;
}

}  // namespace

void plan_elementwise(Planner& planner, const Group& group) {
    const Graph& graph = planner.graph();
    Program program = program_of(graph, group);
    if (group.channels != Channels::last && quantize_image(planner, group, program)) return;
    const Type& type = graph.type(group.output);
    Layout layout = group.channels == Channels::last || type.shape.rank() < 3 ? Layout::plain : Layout::channels_last;
    if (group.channels == Channels::any) layout = planner.layout_of(group.inputs[0]);
    if (plan_gate(planner, group, program)) return;
    const Grid grid = grid_of(type.shape.sizes(), layout);
    Step step = planner.step_for(group, "portable_elementwise");
    StepBuffers b;
#if defined(__x86_64__)
    planner.use_stored_types(group, program);
    const Element element = planner.stored_element(group.inputs[0]);
    x64::ElementwiseDesc desc{.type = data_type(element),
                              .rows = grid.rows,
                              .channels = grid.channels,
                              .epilogue = program.epilogue,
                              .rows_per_batch = grid.rows_per_batch,
                              .threads = planner.threads()};
    if (const auto accepted = x64::Elementwise::accepts(desc, planner.machine())) {
        b.in = planner.input_stored(group.inputs[0], layout, false).buffer;
        b.operands = planner.operands(program, layout, type);
        // Rows of a few values are written faster as one and copied.
        constexpr std::int64_t kLongRow = 16;
        const Place out = planner.output_stored(group.output, layout, grid.channels >= kLongRow);
        b.out = out.buffer;
        b.note(step);
        step.data = element;
        step.result = out.type.element;
        desc.out_stride = static_cast<std::int64_t>(out.pitch);
        step.kernel = x64::kernel_name("elementwise", planner.code().isa(), x64::Dots::none);
        step.work = x64_work<x64::Elementwise>(std::make_shared<const x64::Elementwise>(desc, planner.code()), b,
                                               ns_of_values(grid.rows * grid.channels));
        return planner.add(std::move(step));
    } else {
        step.note = accepted.reason;
    }
    program = program_of(graph, group);
#endif
    const Place in = planner.input(group.inputs[0], layout);
    b.in = in.buffer;
    b.operands = planner.operands(program, layout, type);
    b.out = planner.output(group.output, layout).buffer;
    b.note(step);
    portable::Elementwise kernel;
    kernel.rows = static_cast<std::size_t>(grid.rows);
    kernel.channels = static_cast<std::size_t>(grid.channels);
    kernel.rows_per_batch = static_cast<std::size_t>(grid.rows_per_batch);
    kernel.input = data_type(in.type.element);
    kernel.epilogue = program.epilogue;
    step.work = portable_work(kernel, b);
    planner.add(std::move(step));
}

}  // namespace octet::cpu
