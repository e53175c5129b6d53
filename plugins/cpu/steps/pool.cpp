#include <algorithm>

#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/pool.hpp"
#include "plugins/cpu/kernels/portable/reduce.hpp"
#include "plugins/cpu/steps/run.hpp"
#include "transformations/low_precision/dequantization.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/pool.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

struct Problem {
    const Group& group;
    bool maximum = false;
    bool divides = true;
    bool count_padding = false;
    float padding = 0;  // the code that stands for 0
    ir::Window window = {};
    Dims data = {};
    DataType type = DataType::f32;
    Program program = {};
    StepBuffers buffers = {};
    std::size_t pitch = 0, out_pitch = 0;
};

// stored: of bf16 where the data and the result are stored so.
Problem problem_of(Planner& planner, const Group& group, bool stored_types) {
    const Graph& graph = planner.graph();
    const Node& node = graph.node(group.core);
    Problem p{group};
    const Value data = node.inputs[0];
    const Value read = stored(graph, data);
    const Place place = stored_types ? planner.input_stored(read, Layout::channels_last)
                                     : planner.input_rows(read, Layout::channels_last);
    p.data = place.dims();
    p.type = data_type(place.type.element);
    if (const auto* max = node.op.as<MaxPool>()) {
        p.maximum = true;
        p.window = window_of(*max, p.data);
    } else if (const auto* average = node.op.as<AvgPool>()) {
        p.window = window_of(*average, p.data);
        const auto nonzero = [](const Dims& d) { return std::ranges::any_of(d, [](auto x) { return x > 0; }); };
        p.count_padding = !average->exclude_pad && (nonzero(p.window.pads_begin) || nonzero(p.window.pads_end));
    } else {
        p.divides = !node.op.is<ReduceSum>();
        const std::size_t spatial = p.data.size() - 2;
        const Dims extents(p.data.begin() + 2, p.data.end());
        p.window = {extents,          extents,          Dims(spatial, 1), Dims(spatial, 1),
                    Dims(spatial, 0), Dims(spatial, 0), Dims(spatial, 1)};
    }
    p.program = program_of(graph, group);
    if (stored(graph, data) != data) p.padding = graph.op(data).get<Dequantize>().zero_point.as<float>()[0];
    if (stored_types) planner.use_stored_types(group, p.program);
    p.buffers.in = place.buffer;
    p.pitch = place.pitch;
    p.buffers.operands = planner.operands(p.program, Layout::channels_last, graph.type(group.output));
    return p;
}

// A mean with keep_dims = false has no spatial axes left: its memory is the same.
void make_output(Planner& planner, Problem& p) {
    const bool bfloat = p.program.epilogue.result == DataType::bf16;
    const Place place = bfloat ? planner.output_stored(p.group.output, Layout::channels_last)
                               : planner.output_rows(p.group.output, Layout::channels_last);
    p.buffers.out = place.buffer;
    p.out_pitch = place.pitch;
}

#if defined(__x86_64__)
Acceptance try_generated(Planner& planner, Problem& p) {
    if (p.window.kernel.size() > 2) return declined("it has three spatial axes");
    const auto dim = [](const Dims& v, std::size_t from_last, std::int64_t absent) {
        return from_last < v.size() ? v[v.size() - 1 - from_last] : absent;
    };
    const ir::Window& w = p.window;
    x64::PoolDesc desc{.kind = p.maximum ? x64::PoolDesc::Kind::maximum : x64::PoolDesc::Kind::average,
                       .type = p.type,
                       .window = {p.data[0], dim(w.data, 1, 1), dim(w.data, 0, 1), dim(w.kernel, 1, 1),
                                  dim(w.kernel, 0, 1), dim(w.strides, 1, 1), dim(w.strides, 0, 1),
                                  dim(w.dilations, 1, 1), dim(w.dilations, 0, 1), dim(w.pads_begin, 1, 0),
                                  dim(w.pads_begin, 0, 0), dim(w.pads_end, 1, 0), dim(w.pads_end, 0, 0)},
                       .channels = p.data[1],
                       .in_stride = static_cast<std::int64_t>(p.pitch),
                       .divides = p.divides,
                       .count_padding = p.count_padding,
                       .epilogue = p.program.epilogue};
    // Rounding the result up means more padding at the far sides than the model names.
    desc.window.pad_bottom = (dim(w.output, 1, 1) - 1) * desc.window.stride_height +
                             (desc.window.kernel_height - 1) * desc.window.dilation_height + 1 - desc.window.height -
                             desc.window.pad_top;
    desc.window.pad_right = (dim(w.output, 0, 1) - 1) * desc.window.stride_width +
                            (desc.window.kernel_width - 1) * desc.window.dilation_width + 1 - desc.window.width -
                            desc.window.pad_left;
    if (p.count_padding) return declined("it counts padding");
    if (auto a = x64::Pool::accepts(desc, planner.machine()); !a) return a;
    make_output(planner, p);
    desc.out_stride = static_cast<std::int64_t>(p.out_pitch);
    auto kernel = std::make_shared<const x64::Pool>(desc, planner.code());
    add_step(planner, p.group, p.buffers,
             x64::kernel_name(p.maximum ? "max_pool" : "avg_pool", planner.code().isa(), x64::Dots::none),
             x64_work<x64::Pool>(kernel, p.buffers,
                                 ns_of_values(p.data[0] * p.data[1] * product(w.output) * product(w.kernel) / 4)),
             0, 0, {}, p.type);
    return accepted();
}
#endif

void use_portable(Planner& planner, Problem p, const Acceptance& better) {
    portable::Pool kernel;
    kernel.kind = p.maximum         ? portable::Pool::Kind::max
                  : p.count_padding ? portable::Pool::Kind::average_with_padding
                                    : portable::Pool::Kind::average;
    kernel.divides = p.divides;
    kernel.input = p.type;
    kernel.batch = static_cast<std::size_t>(p.data[0]);
    kernel.channels = static_cast<std::size_t>(p.data[1]);
    const ir::Window& w = p.window;
    kernel.window = portable_window(w);
    kernel.padding = p.padding;
    kernel.epilogue = p.program.epilogue;
    make_output(planner, p);
    kernel.in_stride = p.pitch;
    kernel.out_stride = p.out_pitch;
    add_step(planner, p.group, p.buffers, "portable_pool", portable_work(kernel, p.buffers), 0, 0, better);
}

}  // namespace

void plan_pool(Planner& planner, const Group& group) {
    Acceptance last = declined("no faster kernel is built in");
#if defined(__x86_64__)
    Problem p = problem_of(planner, group, true);
    last = try_generated(planner, p);
    if (last) return;
#endif
    use_portable(planner, problem_of(planner, group, false), last);
}

}  // namespace octet::cpu
