#include <algorithm>

#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/convolution.hpp"
#include "plugins/cpu/kernels/portable/window_sum.hpp"
#include "plugins/cpu/steps/run.hpp"
#if OCTET_ONEDNN
#include "plugins/cpu/kernels/onednn/convolution.hpp"
#include "plugins/cpu/kernels/onednn/deconvolution.hpp"
#endif
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/dense_convolution.hpp"
#include "plugins/cpu/kernels/x64/depthwise.hpp"
#include "plugins/cpu/kernels/x64/image_convolution.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

// A convolution with everything its kernels ask about.
struct Problem {
    const Group& group;
    const Node& node;
    ir::Window window = {};  // spatial extents, up to three
    bool backward = false;
    std::int64_t batch = 1;
    std::int64_t groups = 1;
    std::int64_t ic = 1;  // of one group
    std::int64_t oc = 1;
    DataType source = DataType::f32;
    std::vector<std::int64_t> zero_points = {};  // none, one, or one per channel
    Tensor weights = {};
    Program program = {};
    Place data = {};

    std::size_t rank() const { return window.kernel.size(); }
    std::int64_t at(const Dims& values, std::size_t axis_from_last) const {
        return axis_from_last < values.size() ? values[values.size() - 1 - axis_from_last] : -1;
    }
    std::int64_t dim(const Dims& values, std::size_t axis_from_last, std::int64_t absent) const {
        return axis_from_last < values.size() ? at(values, axis_from_last) : absent;
    }
    bool uniform_zero_point() const {
        return zero_points.size() < 2 ||
               std::ranges::adjacent_find(zero_points, std::not_equal_to{}) == zero_points.end();
    }
    std::int64_t zero_point() const { return zero_points.empty() ? 0 : zero_points[0]; }
    bool integer() const { return source != DataType::f32; }
};

template <class T>
void read_fields(Problem& p, const T& op) {
    const Dims data = p.data.dims();
    const Dims weights = p.weights.dims();
    p.window = window_of(op, data, weights);
    p.zero_points = op.zp_a;
    constexpr bool grouped = std::is_same_v<T, GroupConvolution> || std::is_same_v<T, GroupConvolutionBackpropData>;
    p.backward = std::is_same_v<T, ConvolutionBackpropData> || std::is_same_v<T, GroupConvolutionBackpropData>;
    p.groups = grouped ? weights[0] : 1;
    const std::size_t first = grouped ? 1 : 0;
    p.oc = weights[p.backward ? first + 1 : first];
    p.ic = weights[p.backward ? first : first + 1];
}

Problem problem_of(Planner& planner, const Group& group) {
    const Graph& graph = planner.graph();
    const Node& node = graph.node(group.core);
    Problem p{group, node};
    p.data = planner.input(node.inputs[0], Layout::channels_last);
    p.batch = p.data.dims()[0];
    p.source = data_type(p.data.type.element);
    p.weights = graph.constant(node.inputs[1])->aligned();
    p.program = program_of(graph, group);
    if (const auto* a = node.op.as<Convolution>()) read_fields(p, *a);
    else if (const auto* b = node.op.as<GroupConvolution>()) read_fields(p, *b);
    else if (const auto* c = node.op.as<ConvolutionBackpropData>()) read_fields(p, *c);
    else read_fields(p, node.op.get<GroupConvolutionBackpropData>());
    if (p.backward) {  // the spatial shape of the result may come from the third operand
        const Dims out = node.outputs[0].type.shape.sizes();
        p.window.output.assign(out.begin() + 2, out.end());
    }
    return p;
}

#if defined(__x86_64__)
x64::Window x64_window(const Problem& p) {
    const ir::Window& w = p.window;
    return {p.batch,
            p.dim(w.data, 1, 1),
            p.at(w.data, 0),
            p.dim(w.kernel, 1, 1),
            p.at(w.kernel, 0),
            p.dim(w.strides, 1, 1),
            p.at(w.strides, 0),
            p.dim(w.dilations, 1, 1),
            p.at(w.dilations, 0),
            p.dim(w.pads_begin, 1, 0),
            p.at(w.pads_begin, 0),
            p.dim(w.pads_end, 1, 0),
            p.at(w.pads_end, 0)};
}

bool codes_hold_zero(const Problem& p) {
    return std::ranges::all_of(p.zero_points, [](auto z) { return z >= 0 && z <= 255; });
}
#endif

StepBuffers buffers_of(Planner& planner, const Problem& p) {
    StepBuffers b;
    b.in = p.data.buffer;
    b.operands = planner.operands(p.program, Layout::channels_last, planner.graph().type(p.group.output));
    return b;
}

#if defined(__x86_64__)
Acceptance try_depthwise(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.ic != 1 || p.oc != 1 || p.groups == 1)
        return declined("it is not depthwise on codes");
    if (p.source != DataType::u8) return declined("its codes have a sign");
    if (!codes_hold_zero(p)) return declined("its zero point is no code");
    const x64::DepthwiseDesc desc{.window = x64_window(p),
                                  .channels = p.groups,
                                  .zero_points = {p.zero_points.begin(), p.zero_points.end()},
                                  .epilogue = p.program.epilogue,
                                  .threads = planner.threads()};
    if (auto a = x64::DepthwiseConvolution::accepts(desc, planner.machine()); !a) return a;
    auto kernel = std::make_shared<const x64::DepthwiseConvolution>(desc, p.weights.as<std::int8_t>(), planner.code());
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    add_step(planner, p.group, b, "jit_depthwise_avx512_vnni", x64_work<x64::DepthwiseConvolution>(kernel, b), 0,
             x64::DepthwiseConvolution::packed_size(desc), {});
    return accepted();
}

Acceptance try_image(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.groups != 1 || p.ic > 4)
        return declined("it is not the convolution of an image");
    if (p.source != DataType::u8) return declined("its codes have a sign");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    x64::ImageConvolutionDesc desc{.source = x64::ImageConvolutionDesc::Source::interleaved_u8,
                                   .window = x64_window(p),
                                   .in_channels = p.ic,
                                   .out_channels = p.oc,
                                   .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                                   .epilogue = p.program.epilogue};
    if (auto a = x64::ImageConvolution::accepts(desc, planner.machine()); !a) return a;
    auto kernel = std::make_shared<const x64::ImageConvolution>(desc, p.weights.as<std::int8_t>(), planner.code());
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    const std::size_t each = (kernel->scratch_size() + 63) / 64 * 64;
    auto run = work([kernel, b, each](const Frame& f) {
        const auto args = x64_args<x64::ImageConvolution::Args>(f, b);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()),
                         [&](std::size_t begin, std::size_t end, int thread) {
                             auto mine = args;
                             mine.scratch = f.scratch + each * static_cast<std::size_t>(thread);
                             kernel->run(mine, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                         });
    });
    add_step(planner, p.group, b, "jit_image_avx512_vnni", std::move(run),
             each * static_cast<std::size_t>(planner.threads()), x64::ImageConvolution::packed_size(desc), {});
    return accepted();
}

Acceptance try_pointwise(Planner& planner, const Problem& p) {
    const auto all = [](const Dims& values, std::int64_t wanted) {
        return std::ranges::all_of(values, [&](auto v) { return v == wanted; });
    };
    const bool pointwise = all(p.window.kernel, 1) && all(p.window.strides, 1) && all(p.window.pads_begin, 0) &&
                           all(p.window.pads_end, 0);
    if (!p.integer() || p.backward || p.groups != 1 || !pointwise || p.source != DataType::u8)
        return declined("it is not a product of codes");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    x64::MatMulDesc desc{.rows = p.batch * product(p.window.output),
                         .k = p.ic,
                         .columns = p.oc,
                         .transposed = true,
                         .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                         .epilogue = p.program.epilogue,
                         .rows_per_batch = product(p.window.output),
                         .threads = planner.threads()};
    if (auto a = x64::MatMul::accepts(desc, planner.machine()); !a) return a;
    auto kernel = std::make_shared<const x64::MatMul>(desc, p.weights.as<std::int8_t>(), planner.code());
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    add_step(planner, p.group, b, "jit_matmul_avx512_vnni", matmul_work(planner, kernel, b), 0,
             x64::MatMul::packed_size(desc), {});
    return accepted();
}
#endif

#if defined(__x86_64__)
Acceptance try_dense(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.source != DataType::u8)
        return declined("it is not a convolution of codes");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    const x64::DenseConvolutionDesc desc{.window = x64_window(p),
                                         .groups = p.groups,
                                         .ic = p.ic,
                                         .oc = p.oc,
                                         .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                                         .epilogue = p.program.epilogue,
                                         .threads = planner.threads()};
    if (auto a = x64::DenseConvolution::accepts(desc, planner.machine()); !a) return a;
    auto kernel = std::make_shared<const x64::DenseConvolution>(desc, p.weights.as<std::int8_t>(), planner.code());
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    add_step(planner, p.group, b, "jit_convolution_avx512_vnni", x64_work<x64::DenseConvolution>(kernel, b), 0,
             x64::DenseConvolution::packed_size(desc), {});
    return accepted();
}
#endif

#if OCTET_ONEDNN
// The operand of a sum whose memory can become the result's.
int operand_in_place(const Planner& planner, const Problem& p, const std::vector<BufferId>& buffers) {
    const Type& result = planner.graph().type(p.group.output);
    for (const EpilogueOp& op : p.program.epilogue.ops) {
        if (op.kind != EpilogueOp::Kind::combine || op.combine != Combine::add || op.spread != Spread::full) continue;
        const ProgramOperand& operand = p.program.operands[op.operand];
        if (operand.constant || planner.graph().type(operand.value) != result) continue;
        if (operand.value == p.node.inputs[0]) continue;
        if (planner.last_read(operand.value, {buffers[op.operand], Layout::channels_last, result}))
            return static_cast<int>(op.operand);
    }
    return -1;
}

void use_onednn(Planner& planner, const Problem& p, onednn::Creation& made, StepBuffers b, int in_place) {
    if (in_place >= 0)
        b.out = planner
                    .output_in_place(p.group.output, {b.operands[static_cast<std::size_t>(in_place)],
                                                      Layout::channels_last, planner.graph().type(p.group.output)})
                    .buffer;
    else b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    const std::string name = "onednn_" + made.kernel->implementation();
    const std::size_t scratch = made.kernel->scratch_bytes();
    const std::size_t packed = made.kernel->packed_bytes();
    add_step(planner, p.group, b, name, std::make_shared<OneDnnWork>(std::move(made.kernel), b), scratch, packed, {});
}

onednn::Creation create_backward(const Problem& p, int place, int threads) {
    const ir::Window& w = p.window;
    return create(onednn::Deconvolution{.source = p.source,
                                        .batch = p.batch,
                                        .height = p.dim(w.data, 1, 1),
                                        .width = p.at(w.data, 0),
                                        .out_height = p.dim(w.output, 1, 1),
                                        .out_width = p.at(w.output, 0),
                                        .groups = p.groups,
                                        .ic = p.ic,
                                        .oc = p.oc,
                                        .kernel_h = p.dim(w.kernel, 1, 1),
                                        .kernel_w = p.at(w.kernel, 0),
                                        .stride_h = p.dim(w.strides, 1, 1),
                                        .stride_w = p.at(w.strides, 0),
                                        .dilation_h = p.dim(w.dilations, 1, 1),
                                        .dilation_w = p.at(w.dilations, 0),
                                        .pad_top = p.dim(w.pads_begin, 1, 0),
                                        .pad_left = p.at(w.pads_begin, 0),
                                        .weights = p.weights.data(),
                                        .source_zero = static_cast<std::int32_t>(p.zero_point()),
                                        .epilogue = p.program.epilogue,
                                        .in_place = place,
                                        .threads = threads});
}

onednn::Creation create_forward(const Problem& p, int place, int threads) {
    const ir::Window& w = p.window;
    return create(onednn::Convolution{.source = p.source,
                                      .batch = p.batch,
                                      .height = p.dim(w.data, 1, 1),
                                      .width = p.at(w.data, 0),
                                      .groups = p.groups,
                                      .ic = p.ic,
                                      .oc = p.oc,
                                      .kernel_h = p.dim(w.kernel, 1, 1),
                                      .kernel_w = p.at(w.kernel, 0),
                                      .stride_h = p.dim(w.strides, 1, 1),
                                      .stride_w = p.at(w.strides, 0),
                                      .dilation_h = p.dim(w.dilations, 1, 1),
                                      .dilation_w = p.at(w.dilations, 0),
                                      .pad_top = p.dim(w.pads_begin, 1, 0),
                                      .pad_bottom = p.dim(w.pads_end, 1, 0),
                                      .pad_left = p.at(w.pads_begin, 0),
                                      .pad_right = p.at(w.pads_end, 0),
                                      .weights = p.weights.data(),
                                      .pack_later = true,
                                      .source_zero = static_cast<std::int32_t>(p.zero_point()),
                                      .epilogue = p.program.epilogue,
                                      .in_place = place,
                                      .threads = threads});
}

Acceptance try_onednn(Planner& planner, const Problem& p) {
    if (p.rank() > 2) return declined("it has three spatial axes");
    if (!p.uniform_zero_point()) return declined("its zero point varies by channel");
    StepBuffers b = buffers_of(planner, p);
    const int in_place = operand_in_place(planner, p, b.operands);
    onednn::Creation made;
    for (const int place : {in_place, -1}) {
        made = p.backward ? create_backward(p, place, planner.threads()) : create_forward(p, place, planner.threads());
        if (made.kernel) {
            use_onednn(planner, p, made, b, place);
            return accepted();
        }
        if (place < 0) break;
    }
    return made.acceptance;
}
#endif

// Weights that are all 1: what the zero points of other weights are multiplied with.
Acceptance try_window_sum(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.groups != 1 || p.oc != 1 || p.weights.element() != Element::i8)
        return declined("it has more than one output channel");
    if (!p.uniform_zero_point()) return declined("its zero point varies by channel");
    if (!std::ranges::all_of(p.weights.as<std::int8_t>(), [](std::int8_t w) { return w == 1; }))
        return declined("its weights are not all 1");
    const portable::WindowSum kernel{.input = p.source,
                                     .zero_point = static_cast<std::int32_t>(p.zero_point()),
                                     .batch = static_cast<std::size_t>(p.batch),
                                     .channels = static_cast<std::size_t>(p.ic),
                                     .window = portable_window(p.window),
                                     .epilogue = p.program.epilogue};
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    auto run = work([kernel, b](const Frame& f) {
        std::array<const void*, 8> pointers{};
        for (std::size_t i = 0; i < b.operands.size() && i < pointers.size(); ++i) pointers[i] = f.at(b.operands[i]);
        const portable::Arguments args{f.at(b.in), nullptr, std::span(pointers.data(), b.operands.size()), f.at(b.out)};
        auto* pixels = reinterpret_cast<std::int32_t*>(f.scratch);
        f.pool->parallel(kernel.row_units(), [&](std::size_t begin, std::size_t end, int) {
            kernel.sum_channels(args.input, pixels, begin, end);
        });
        f.pool->parallel(kernel.units(),
                         [&](std::size_t begin, std::size_t end, int) { kernel.run(pixels, args, begin, end); });
    });
    add_step(planner, p.group, b, "portable_window_sum", std::move(run), kernel.scratch_bytes(), 0, {});
    return accepted();
}

Acceptance try_portable(Planner& planner, const Problem& p, const Acceptance& better) {
    if (p.backward) return declined("it runs backward");
    const ir::Window& w = p.window;
    portable::Convolution kernel;
    kernel.input = p.source;
    kernel.zero_points.assign(p.zero_points.begin(), p.zero_points.end());
    kernel.batch = static_cast<std::size_t>(p.batch);
    kernel.in_channels = static_cast<std::size_t>(p.groups * p.ic);
    kernel.out_channels = static_cast<std::size_t>(p.groups * p.oc);
    kernel.groups = static_cast<std::size_t>(p.groups);
    kernel.window = portable_window(w);
    kernel.epilogue = p.program.epilogue;
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    auto packed = std::make_shared<const portable::PackedWeights>(
        kernel.pack(p.weights.data(), data_type(p.weights.element())));
    const std::size_t bytes = packed->floats.size() * 4 + packed->shorts.size() * 2;
    auto run = work([kernel, packed, b](const Frame& f) {
        std::array<const void*, 8> pointers{};
        for (std::size_t i = 0; i < b.operands.size() && i < pointers.size(); ++i) pointers[i] = f.at(b.operands[i]);
        const portable::Arguments args{f.at(b.in), nullptr, std::span(pointers.data(), b.operands.size()), f.at(b.out)};
        f.pool->parallel(kernel.units(),
                         [&](std::size_t begin, std::size_t end, int) { kernel.run(*packed, args, begin, end); });
    });
    add_step(planner, p.group, b, "portable_convolution", std::move(run), 0, bytes, better);
    return accepted();
}

}  // namespace

void plan_convolution(Planner& planner, const Group& group) {
    const Problem p = problem_of(planner, group);
    Acceptance last = declined("no faster kernel is built in");
    if (try_window_sum(planner, p)) return;
#if defined(__x86_64__)
    if (try_depthwise(planner, p)) return;
    // Tiles of AMX need sums of some length to win: measured, 3x3 over an image and products of less than 32 values run as fast without.
    const std::int64_t products = p.ic * product(p.window.kernel);
    const bool amx = planner.machine().amx() && OCTET_ONEDNN;
    if ((!amx || products < 64) && try_image(planner, p)) return;
    if ((!amx || products < 32) && try_pointwise(planner, p)) return;
#endif
#if OCTET_ONEDNN
    last = try_onednn(planner, p);
    if (last) return;
#endif
#if defined(__x86_64__)
    if (try_image(planner, p) || try_pointwise(planner, p) || try_dense(planner, p)) return;
#endif
    if (try_portable(planner, p, last)) return;
    plan_fallback(planner, group, last.reason);
}

}  // namespace octet::cpu
