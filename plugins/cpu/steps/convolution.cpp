#include "plugins/cpu/steps/convolution.hpp"

#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/convolution.hpp"
#include "plugins/cpu/kernels/portable/window_sum.hpp"
#include "plugins/cpu/steps/candidates.hpp"
#if OCTET_ONEDNN
#include "plugins/cpu/kernels/onednn/convolution.hpp"
#include "plugins/cpu/kernels/onednn/deconvolution.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

using Problem = ConvolutionProblem;

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

// As it is read: as the graph has it, or for products of bf16 as such, or as the float planes of an image, or as it is stored.
enum class Reads : std::uint8_t { values, bfloat, image, stored };

// Where a value lies already, as bf16 or f32.
Place stored_place(Planner& planner, Value v) {
    if (planner.stores_bfloat(v)) return planner.input_bfloat_rows(v, Layout::channels_last);
    if (planner.layout_of(v) == Layout::plain) return planner.input(v, Layout::plain);
    return planner.input_rows(v, Layout::channels_last);
}

Problem problem_of(Planner& planner, const Group& group, Reads reads) {
    const Graph& graph = planner.graph();
    const Node& node = graph.node(group.core);
    Problem p{group, node};
    const Value data = node.inputs[0];
    switch (reads) {
        case Reads::values: p.data = planner.input_rows(data, Layout::channels_last); break;
        case Reads::bfloat: p.data = planner.input_bfloat_rows(data, Layout::channels_last); break;
        case Reads::image: p.data = planner.input(data, Layout::plain); break;
        case Reads::stored: p.data = stored_place(planner, data); break;
    }
    p.batch = p.data.dims()[0];
    p.source = reads == Reads::image ? DataType::bf16 : data_type(p.data.type.element);
    p.weights = graph.constant(node.inputs[1])->aligned();
    p.program = program_of(graph, group);
    if (reads != Reads::values) planner.use_stored_types(group, p.program);
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

// For a kernel that cannot step over a pitch.
BufferId dense_data(Planner& planner, const Problem& p) {
    return planner.input(p.node.inputs[0], Layout::channels_last).buffer;
}

#if OCTET_ONEDNN
// The operand of a sum whose memory can become the result's.
int operand_in_place(const Planner& planner, const Problem& p, const std::vector<BufferId>& buffers) {
    const Type& result = planner.graph().type(p.group.output);
    for (const EpilogueOp& op : p.program.epilogue.ops) {
        if (op.kind != EpilogueOp::Kind::combine || op.combine != Combine::add || op.spread != Spread::full) continue;
        const ProgramOperand& operand = p.program.operands[op.operand];
        if (operand.constant || planner.graph().type(operand.value) != result) continue;
        if (operand.value == p.node.inputs[0] || op.operand_type != p.program.epilogue.result) continue;
        if (planner.last_read(operand.value, {buffers[op.operand], Layout::channels_last, result}))
            return static_cast<int>(op.operand);
    }
    return -1;
}

void use_onednn(Planner& planner, const Problem& p, onednn::Creation& made, StepBuffers b, int in_place) {
    const bool bfloat = p.program.epilogue.result == DataType::bf16;
    Type type = planner.graph().type(p.group.output);
    if (bfloat) type.element = Element::bf16;
    if (p.pitch() != 0) b.in = dense_data(planner, p);
    if (in_place >= 0)
        b.out = planner
                    .output_in_place(p.group.output,
                                     {b.operands[static_cast<std::size_t>(in_place)], Layout::channels_last, type})
                    .buffer;
    else if (bfloat) b.out = planner.output_bfloat(p.group.output, Layout::channels_last).buffer;
    else b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    const std::string name = "onednn_" + made.kernel->implementation();
    const std::size_t scratch = made.kernel->scratch_bytes();
    const std::size_t packed = made.kernel->packed_bytes();
    add_step(planner, p.group, b, name, std::make_shared<OneDnnWork>(std::move(made.kernel), b), scratch, packed, {},
             p.source);
}

onednn::Creation create_backward(const Planner& planner, const Problem& p, int place) {
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
                                        .threads = planner.threads(),
                                        .allow_saturation = planner.saturates()});
}

onednn::Creation create_forward(const Planner& planner, const Problem& p, int place) {
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
                                      .prepare_later = true,
                                      .weights_owner = p.weights.owner(),
                                      .source_zero = static_cast<std::int32_t>(p.zero_point()),
                                      .epilogue = p.program.epilogue,
                                      .in_place = place,
                                      .threads = planner.threads(),
                                      .allow_saturation = planner.saturates()});
}

Acceptance try_onednn(Planner& planner, const Problem& p) {
    if (p.rank() > 2) return declined("it has three spatial axes");
    if (!p.uniform_zero_point()) return declined("its zero point varies by channel");
    StepBuffers b = buffers_of(planner, p);
    const int in_place = operand_in_place(planner, p, b.operands);
    const bool depthwise = !p.integer() && p.groups > 1 && p.ic == 1 && p.oc == 1;
    onednn::Creation made;
    for (const int place : {in_place, -1}) {
        made = p.backward ? create_backward(planner, p, place) : create_forward(planner, p, place);
        if (made.kernel && depthwise && made.kernel->implementation().find("gemm") != std::string::npos)
            return declined("onednn has only matrix products for it, one for each channel");
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
    if (p.pitch() != 0) return declined("its data is a part of another value");
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
    b.in = dense_data(planner, p);
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

#if defined(__x86_64__)
// With it oneDNN's dense kernels are 15 to 53 % slower than without.
bool zero_in_padding(const Problem& p) {
    const auto pads = [](const Dims& values) { return std::ranges::any_of(values, [](auto v) { return v != 0; }); };
    return p.zero_point() != 0 && (pads(p.window.pads_begin) || pads(p.window.pads_end));
}

// A product of some of the pixels.
bool skips_pixels(const Problem& p) {
    return product(p.window.kernel) == 1 && std::ranges::any_of(p.window.strides, [](auto s) { return s != 1; });
}

// Of a few channels a vector holds one pixel's; where each of them has an operand, oneDNN is faster. A table is no such operand: own
// kernels read it as it is.
bool depthwise_is_faster(const Planner& planner, const Problem& p) {
    constexpr std::int64_t kFewChannels = 16;
    const auto has_operand = [&](const EpilogueOp& op) {
        return op.kind == EpilogueOp::Kind::combine && op.spread == Spread::full &&
               !planner.table(p.program.operands[op.operand].value);
    };
    return !planner.machine().avx512() || p.groups > kFewChannels ||
           std::ranges::none_of(p.program.epilogue.ops, has_operand);
}

// Little work, or few pixels for all those weights: oneDNN takes some 4 us for a call, and cuts larger tiles.
bool is_small(const Problem& p) {
    constexpr std::int64_t kLittleWork = 8'000'000, kFewPixels = 25;
    return p.groups == 1 && (p.products() <= kLittleWork || p.batch * product(p.window.output) <= kFewPixels);
}

// Has functions that own kernels look up and oneDNN computes.
bool looks_up(const Epilogue& epilogue) {
    for (std::size_t i = 0; i < epilogue.ops.size(); ++i)
        if (x64::lookup_of(epilogue, i) != nullptr) return true;
    return false;
}

// Of longer sums or in shorter rows what a function costs does not show.
bool shows_functions(const Problem& p) {
    constexpr std::int64_t kMostProducts = 2304, kFewestPixels = 13;
    return looks_up(p.program.epilogue) && p.groups == 1 && p.rank() <= 2 &&
           p.ic * product(p.window.kernel) <= kMostProducts && p.at(p.window.output, 0) >= kFewestPixels;
}

// The figures are in docs/adr/0008.
bool dense_is_faster(Planner& planner, const Problem& p) {
    if (zero_in_padding(p)) return true;
    if (planner.code().isa().pairs()) return false;
    return skips_pixels(p) || is_small(p) || shows_functions(p);
}

// Of longer sums oneDNN's kernels are a little faster, but their results have no pitch, so that a part of a concatenation has to be copied.
bool rows_are_faster(Planner& planner, const Problem& p) {
    constexpr std::int64_t kFewestChannels = 32, kShortSums = 576;
    if (zero_in_padding(p)) return true;
    if (planner.code().isa().pairs()) return false;
    if (p.ic >= kFewestChannels && p.ic * product(p.window.kernel) <= kShortSums) return true;
    return is_small(p) || looks_up(p.program.epilogue) ||
           planner.is_part_of_concat(p.group.output, Layout::channels_last);
}

// With VNNI a lane multiplies four codes at once, but of so few channels other kernels leave most of the lanes idle. Floats hold pixels in
// theirs. The figures are in docs/adr/0008.
bool floats_are_faster(const Planner& planner, const Problem& p) {
    if (!planner.machine().vnni()) return true;
    const bool wide = planner.machine().avx512();
    const bool is_short = p.at(p.window.output, 0) < (wide ? 32 : 64);
    return !is_short && (p.ic <= (wide ? 3 : 1) || p.oc <= (wide ? 2 : 1));
}
#endif

using Candidate = KernelCandidate<const Problem>;

// In the order in which they are tried where nothing was measured.
std::vector<Candidate> candidates_of([[maybe_unused]] Planner& planner, [[maybe_unused]] const Problem& p) {
    std::vector<Candidate> first{{"window_sum", try_window_sum}}, later;
#if defined(__x86_64__)
    const auto add = [&](bool faster, Candidate candidate) { (faster ? first : later).push_back(candidate); };
    // Tiles of AMX need sums of some length to win: measured, 3x3 over an image and products of less than 32 values run as fast without.
    const std::int64_t products = p.ic * product(p.window.kernel);
    const bool amx = planner.machine().amx() && OCTET_ONEDNN;
    add(depthwise_is_faster(planner, p), {"depthwise", try_depthwise});
    add(true, {"float_depthwise", try_float_depthwise});
    add(!amx, {"few_outputs", try_few_outputs});
    const Candidate in_floats{"float_few_outputs", try_float_few_outputs};
    const bool floats = !p.integer() || (!amx && floats_are_faster(planner, p));
    if (floats) first.push_back(in_floats);
    add(!amx || products < 64, {"image", try_image});
    add(true, {"few_rows", try_few_rows});
    add(!amx || products < 32, {"pointwise", try_pointwise});
    add(!amx, {"spread", try_spread});
    add(!amx, {"windows", try_windows});
    add(!amx && rows_are_faster(planner, p), {"rows", try_rows});
    add(!amx && dense_is_faster(planner, p), {"dense", try_dense});
    if (!floats) later.push_back(in_floats);
#endif
#if OCTET_ONEDNN
    // Its result has no pitch: the concatenation copies it.
    first.push_back({"onednn", try_onednn, !planner.is_part_of_concat(p.group.output, Layout::channels_last)});
#endif
    first.insert(first.end(), later.begin(), later.end());
    return first;
}

#if defined(__x86_64__)
// As the data lies, which may be in planes; false, before anything is planned, where no kernel does it.
bool plan_few_outputs(Planner& planner, const Group& group) {
    return has_few_outputs(planner.graph(), group) &&
           try_float_few_outputs(planner, problem_of(planner, group, Reads::stored));
}
#endif

#if OCTET_ONEDNN
#if defined(__x86_64__)
// Whether products of bf16 to a few channels are faster than those of floats that hold pixels in their lanes: by tiles of AMX, or of long
// sums in short rows, some of whose pixels are computed twice.
bool gains_from_bfloat(const Planner& planner, const Node& node) {
    constexpr std::int64_t kLong = 16, kShortRow = 64, kMostOutputs = 2;
    const Dims weights = planner.graph().shape(node.inputs[1]).sizes();
    return weights[1] >= kLong && (planner.machine().amx() || (weights[0] > kMostOutputs &&
                                                               node.outputs[0].type.shape.sizes().back() < kShortRow));
}
#endif

// Products of bf16; false where no kernel has them.
bool plan_bfloat(Planner& planner, const Group& group) {
    const Node& node = planner.graph().node(group.core);
#if defined(__x86_64__)
    if (!gains_from_bfloat(planner, node) && plan_few_outputs(planner, group)) return true;
    if (convolves_image(planner.graph(), node)) {
        const Problem image = problem_of(planner, group, Reads::image);
        return static_cast<bool>(try_planes(planner, image));
    }
#endif
    Problem p = problem_of(planner, group, Reads::bfloat);
#if defined(__x86_64__)
    // Tiles of AMX multiply faster.
    if (try_float_depthwise(planner, p)) return true;
    if (!planner.machine().amx() && (try_pointwise(planner, p) || try_spread(planner, p) || try_windows(planner, p)))
        return true;
#endif
    p.data = planner.input_bfloat(node.inputs[0], Layout::channels_last);
    return static_cast<bool>(try_onednn(planner, p));
}
#endif

}  // namespace

void plan_convolution(Planner& planner, const Group& group) {
#if OCTET_ONEDNN
    if (planner.computes_bfloat(group) && plan_bfloat(planner, group)) return;
#endif
#if defined(__x86_64__)
    const Value data = planner.graph().node(group.core).inputs[0];
    if (planner.layout_of(data) == Layout::plain && plan_few_outputs(planner, group)) return;
#endif
    const Problem p = problem_of(planner, group, Reads::values);
    const auto candidates = candidates_of(planner, p);
    const Acceptance answer = plan_first<const Problem>(planner, p, candidates, "onednn");
    if (answer || try_portable(planner, p, answer)) return;
    plan_fallback(planner, group, answer.reason);
}

}  // namespace octet::cpu
