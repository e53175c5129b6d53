// Generated kernels for convolutions.
#if defined(__x86_64__)
#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/gather_windows.hpp"
#include "plugins/cpu/kernels/x64/dense_convolution.hpp"
#include "plugins/cpu/kernels/x64/depthwise.hpp"
#include "plugins/cpu/kernels/x64/few_outputs.hpp"
#include "plugins/cpu/kernels/x64/few_rows.hpp"
#include "plugins/cpu/kernels/x64/float_depthwise.hpp"
#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"
#include "plugins/cpu/kernels/x64/image_convolution.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "plugins/cpu/steps/border.hpp"
#include "plugins/cpu/steps/convolution.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using Problem = ConvolutionProblem;

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

// The result's memory, for a kernel that can leave a pitch; returns the pitch.
std::int64_t result_of(Planner& planner, const Problem& p, StepBuffers& b) {
    const bool bfloat = p.program.epilogue.result == DataType::bf16;
    const Place out = bfloat ? planner.output_stored(p.group.output, Layout::channels_last)
                             : planner.output_rows(p.group.output, Layout::channels_last);
    b.out = out.buffer;
    return static_cast<std::int64_t>(out.pitch);
}

// Until they are packed.
void keep_weights(Planner& planner, const Problem& p) {
    planner.code().later([weights = p.weights] {});
}

// The name of a kernel that takes floats, too.
std::string name_of(Planner& planner, const Problem& p, const char* what) {
    const std::string bare = x64::kernel_name(what, planner.code().isa(),
                                              p.integer() ? x64::Dots::tiles : x64::Dots::none);
    return p.source == DataType::bf16 ? bare + "_bf16" : bare;
}

bool multiplies(const Problem& p) { return p.source == DataType::u8 || !p.integer(); }

std::shared_ptr<const x64::MatMul> product_of(Planner& planner, const Problem& p, const x64::MatMulDesc& desc) {
    if (p.source == DataType::u8)
        return std::make_shared<const x64::MatMul>(desc, p.weights.as<std::int8_t>(), planner.code());
    keep_weights(planner, p);
    return std::make_shared<const x64::MatMul>(desc, p.weights.as<float>(), planner.code());
}

// Of weights [ic, oc, taps] the matrix [ic, taps at once, oc] of some taps.
template <class T>
std::shared_ptr<const x64::MatMul> product_of_taps(Planner& planner, const Problem& p, const x64::MatMulDesc& desc,
                                                   std::int64_t first, std::int64_t count) {
    const auto weights = p.weights.as<T>();
    const std::int64_t taps = product(p.window.kernel);
    const auto matrix = std::make_shared<std::vector<T>>();
    matrix->reserve(static_cast<std::size_t>(p.ic * count * p.oc));
    for (std::int64_t i = 0; i < p.ic; ++i)
        for (std::int64_t tap = first; tap < first + count; ++tap)
            for (std::int64_t o = 0; o < p.oc; ++o)
                matrix->push_back(weights[static_cast<std::size_t>((i * p.oc + o) * taps + tap)]);
    auto made = std::make_shared<const x64::MatMul>(desc, std::span<const T>(*matrix), planner.code());
    planner.code().later([matrix] {});  // the product reads them with the other tasks
    return made;
}

// Of channels that lie `times` next to each other.
Epilogue repeated(const Epilogue& epilogue, std::int64_t times) {
    Epilogue result = epilogue;
    const auto repeat = [&](std::vector<float>& values) {
        if (values.size() < 2) return;
        const std::vector<float> once = values;
        for (std::int64_t i = 1; i < times; ++i) values.insert(values.end(), once.begin(), once.end());
    };
    for (EpilogueOp& op : result.ops) {
        repeat(op.scale);
        repeat(op.shift);
    }
    return result;
}

template <class Kernel>
std::size_t scratch_each(const Kernel& kernel) {
    return (kernel.scratch_size() + 63) / 64 * 64;
}

// A kernel that wants memory of its own for each thread.
template <class Kernel>
std::shared_ptr<const Work> scratch_work(std::shared_ptr<const Kernel> kernel, StepBuffers b) {
    return work([kernel = std::move(kernel), b = std::move(b)](const Frame& f) {
        const auto args = x64_args<typename Kernel::Args>(f, b);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()),
                         [&](std::size_t begin, std::size_t end, int thread) {
                             auto mine = args;
                             mine.scratch = f.scratch + scratch_each(*kernel) * static_cast<std::size_t>(thread);
                             kernel->run(mine, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                         });
    });
}

}  // namespace

Acceptance try_depthwise(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.ic != 1 || p.oc != 1 || p.groups == 1)
        return declined("it is not depthwise on codes");
    if (p.source != DataType::u8) return declined("its codes have a sign");
    if (!codes_hold_zero(p)) return declined("its zero point is no code");
    const auto bordered = with_border_shifts(planner, p.program, planner.graph().shape(p.group.output).sizes());
    const Program& program = bordered ? bordered->program : p.program;
    x64::DepthwiseDesc desc{.window = x64_window(p),
                            .channels = p.groups,
                            .in_stride = p.pitch(),
                            .zero_points = {p.zero_points.begin(), p.zero_points.end()},
                            .epilogue = program.epilogue,
                            .border = bordered ? bordered->border : x64::BorderShifts{},
                            .threads = planner.threads()};
    if (auto a = x64::DepthwiseConvolution::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p, program);
    desc.out_stride = result_of(planner, p, b);
    auto kernel = std::make_shared<const x64::DepthwiseConvolution>(desc, p.weights.as<std::int8_t>(), planner.code());
    add_step(planner, p.group, b, x64::kernel_name("depthwise", planner.code().isa(), x64::Dots::exact),
             x64_work<x64::DepthwiseConvolution>(kernel, b, 3 * ns_of_products(p.products())), 0,
             x64::DepthwiseConvolution::packed_size(desc, planner.code().isa()), {});
    return accepted();
}

Acceptance try_float_depthwise(Planner& planner, const Problem& p) {
    if (p.integer() || p.backward || p.rank() > 2 || p.ic != 1 || p.oc != 1 || p.groups == 1)
        return declined("it is not depthwise on floats");
    x64::FloatDepthwiseDesc desc{.type = p.source,
                                 .window = x64_window(p),
                                 .channels = p.groups,
                                 .in_stride = p.pitch(),
                                 .epilogue = p.program.epilogue};
    if (auto a = x64::FloatDepthwise::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    desc.out_stride = result_of(planner, p, b);
    auto kernel = std::make_shared<const x64::FloatDepthwise>(desc, p.weights.as<float>(), planner.code());
    keep_weights(planner, p);
    add_step(planner, p.group, b, name_of(planner, p, "depthwise"),
             x64_work<x64::FloatDepthwise>(kernel, b, 10 * ns_of_products(p.products())), 0,
             x64::FloatDepthwise::packed_size(desc), {}, p.source);
    return accepted();
}

namespace {

Acceptance try_row_convolution(Planner& planner, const Problem& p, const char* name) {
    if (p.source != DataType::u8) return declined("its codes have a sign");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    const auto classed = classed_operand(planner, p.program, planner.graph().shape(p.group.output).sizes());
    x64::ImageConvolutionDesc desc{.source = x64::ImageConvolutionDesc::Source::interleaved_u8,
                                   .window = x64_window(p),
                                   .in_channels = p.ic,
                                   .out_channels = p.oc,
                                   .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                                   .in_stride = p.pitch(),
                                   .epilogue = p.program.epilogue,
                                   .row_class = classed ? classed->row_class : std::vector<std::int64_t>{},
                                   .classed_operand = classed ? classed->operand : 0,
                                   .threads = planner.threads()};
    if (auto a = x64::ImageConvolution::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p, p.program, classed ? std::optional(classed->operand) : std::nullopt);
    desc.out_stride = result_of(planner, p, b);
    auto kernel = std::make_shared<const x64::ImageConvolution>(desc, p.weights.as<std::int8_t>(), planner.code());
    add_step(planner, p.group, b, x64::kernel_name(name, planner.code().isa()), scratch_work(kernel, b),
             scratch_each(*kernel) * static_cast<std::size_t>(planner.threads()),
             x64::ImageConvolution::packed_size(desc, planner.code().isa()), {});
    return accepted();
}

}  // namespace

Acceptance try_planes(Planner& planner, const Problem& p) {
    if (p.backward || p.rank() != 2 || p.groups != 1) return declined("it is not the convolution of an image");
    x64::ImageConvolutionDesc desc{.source = x64::ImageConvolutionDesc::Source::planar_to_bf16,
                                   .window = x64_window(p),
                                   .in_channels = p.ic,
                                   .out_channels = p.oc,
                                   .epilogue = p.program.epilogue,
                                   .threads = planner.threads()};
    if (auto a = x64::ImageConvolution::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    desc.out_stride = result_of(planner, p, b);
    auto kernel = std::make_shared<const x64::ImageConvolution>(desc, p.weights.as<float>(), planner.code());
    keep_weights(planner, p);
    add_step(planner, p.group, b, name_of(planner, p, "image"), scratch_work(kernel, b),
             scratch_each(*kernel) * static_cast<std::size_t>(planner.threads()),
             x64::ImageConvolution::packed_size(desc, planner.code().isa()), {}, DataType::bf16);
    return accepted();
}

Acceptance try_image(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.groups != 1 || p.ic > 4)
        return declined("it is not the convolution of an image");
    return try_row_convolution(planner, p, "image");
}

Acceptance try_rows(Planner& planner, const Problem& p) {
    // Of longer sums other kernels use the weights more often, of shorter rows fewer tiles are whole.
    constexpr std::int64_t kMostProducts = 1152, kFewestPixels = 13;
    const std::int64_t taps = product(p.window.kernel);
    if (!p.integer() || p.backward || p.rank() > 2 || p.groups != 1 || taps == 1)
        return declined("it has no window of codes");
    if (p.ic * taps > kMostProducts || p.at(p.window.output, 0) < kFewestPixels)
        return declined("its sums are long or its rows short");
    return try_row_convolution(planner, p, "rows");
}

Acceptance try_few_outputs(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.groups != 1 || p.source != DataType::u8)
        return declined("it is not a convolution of codes");
    if (p.pitch() != 0) return declined("its image is a part of another");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    const x64::FewOutputsDesc desc{.window = x64_window(p),
                                   .ic = p.ic,
                                   .oc = p.oc,
                                   .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                                   .epilogue = p.program.epilogue};
    if (auto a = x64::FewOutputs::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output(p.group.output, Layout::channels_last).buffer;
    auto kernel = std::make_shared<const x64::FewOutputs>(desc, p.weights.as<std::int8_t>(), planner.code());
    add_step(planner, p.group, b, x64::kernel_name("few_outputs", planner.code().isa()), scratch_work(kernel, b),
             scratch_each(*kernel) * static_cast<std::size_t>(planner.threads()), kernel->packed_size(), {});
    return accepted();
}

Acceptance try_float_few_outputs(Planner& planner, const Problem& p) {
    if (p.backward || p.rank() > 2 || p.groups != 1 || product(p.window.kernel) == 1)
        return declined("it has no window of codes or floats");
    if (p.integer() && p.source != DataType::u8) return declined("its codes have a sign");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    const x64::FloatFewOutputsDesc desc{.type = p.source,
                                        .planar = p.data.layout == Layout::plain,
                                        .window = x64_window(p),
                                        .ic = p.ic,
                                        .oc = p.oc,
                                        .in_stride = p.pitch(),
                                        .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                                        .epilogue = p.program.epilogue,
                                        .threads = planner.threads()};
    if (auto a = x64::FloatFewOutputs::accepts(desc, planner.machine()); !a) return a;
    const bool bfloat = p.program.epilogue.result == DataType::bf16;
    StepBuffers b = buffers_of(planner, p);
    b.out = planner.output_stored(p.group.output, Layout::channels_last, false).buffer;
    const auto made = [&](const auto weights) {
        return std::make_shared<const x64::FloatFewOutputs>(desc, weights, planner.code());
    };
    const auto kernel = p.integer() ? made(p.weights.as<std::int8_t>()) : made(p.weights.as<float>());
    keep_weights(planner, p);
    const std::string name = x64::kernel_name("few_outputs", planner.code().isa(), x64::Dots::none) +
                             (p.source == DataType::bf16 ? "_bf16" : "");
    add_step(planner, p.group, b, name, scratch_work(kernel, b),
             scratch_each(*kernel) * static_cast<std::size_t>(planner.threads()),
             x64::FloatFewOutputs::packed_size(desc), {}, bfloat ? DataType::bf16 : p.source);
    return accepted();
}

namespace {

// A product of the pixels with one matrix.
bool is_pointwise(const Problem& p) {
    const auto all = [](const Dims& values, std::int64_t wanted) {
        return std::ranges::all_of(values, [&](auto v) { return v == wanted; });
    };
    return !p.backward && p.groups == 1 && all(p.window.kernel, 1) && all(p.window.strides, 1) &&
           all(p.window.pads_begin, 0) && all(p.window.pads_end, 0);
}

}  // namespace

Acceptance try_pointwise(Planner& planner, const Problem& p) {
    if (!is_pointwise(p) || !multiplies(p)) return declined("it is not a product of codes or floats");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    x64::MatMulDesc desc{.type = p.source,
                         .rows = p.batch * product(p.window.output),
                         .k = p.ic,
                         .columns = p.oc,
                         .a_stride = p.pitch(),
                         .transposed = true,
                         .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                         .epilogue = p.program.epilogue,
                         .rows_per_batch = product(p.window.output),
                         .threads = planner.threads()};
    if (auto a = x64::MatMul::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    desc.out_stride = result_of(planner, p, b);
    const auto kernel = product_of(planner, p, desc);
    const int slower = p.integer() ? 1 : static_cast<int>(size_of(p.source));
    add_step(planner, p.group, b, name_of(planner, p, "matmul"),
             matmul_work(planner, kernel, b, ns_of_products(p.products() * slower)), 0,
             x64::MatMul::packed_size(desc, planner.code().isa()), {}, p.source);
    return accepted();
}

Acceptance try_few_rows(Planner& planner, const Problem& p) {
    const std::int64_t rows = p.batch * product(p.window.output);
    if (p.source != DataType::f32 || !is_pointwise(p) || rows > kFewRows)
        return declined("it is not a product of few rows of floats");
    x64::FewRowsDesc desc{.rows = rows,
                          .k = p.ic,
                          .columns = p.oc,
                          .a_stride = p.pitch(),
                          .transposed = true,
                          .narrow = planner.uses_bfloats(),
                          .epilogue = p.program.epilogue,
                          .threads = planner.threads()};
    if (auto a = x64::FewRows::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    desc.out_stride = result_of(planner, p, b);
    auto kernel = std::make_shared<const x64::FewRows>(desc, p.weights.as<float>(), p.weights.owner(), planner.code());
    add_few_rows(planner, p.group, b, kernel, desc);
    return accepted();
}

Acceptance try_dense(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.source != DataType::u8)
        return declined("it is not a convolution of codes");
    if (!p.uniform_zero_point() || !codes_hold_zero(p))
        return declined("its zero point is no code, or varies by channel");
    x64::DenseConvolutionDesc desc{.window = x64_window(p),
                                   .groups = p.groups,
                                   .ic = p.ic,
                                   .oc = p.oc,
                                   .in_stride = p.pitch(),
                                   .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                                   .epilogue = p.program.epilogue,
                                   .threads = planner.threads()};
    if (auto a = x64::DenseConvolution::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    desc.out_stride = result_of(planner, p, b);
    auto kernel = std::make_shared<const x64::DenseConvolution>(desc, p.weights.as<std::int8_t>(), planner.code());
    add_step(planner, p.group, b, x64::kernel_name("convolution", planner.code().isa()),
             x64_work<x64::DenseConvolution>(kernel, b, ns_of_products(p.products())), 0,
             x64::DenseConvolution::packed_size(desc, planner.code().isa()), {});
    return accepted();
}

// A backward convolution whose windows do not overlap: a matrix product for each place in the window, written between each other.
Acceptance try_spread(Planner& planner, const Problem& p) {
    const ir::Window& w = p.window;
    const auto zero = [](const Dims& values) { return std::ranges::all_of(values, [](auto v) { return v == 0; }); };
    if (!p.backward || p.groups != 1 || p.rank() != 2 || !multiplies(p))
        return declined("it is no backward convolution of codes or floats");
    if (w.kernel != w.strides || !zero(w.pads_begin) || w.output[0] != w.data[0] * w.kernel[0] ||
        w.output[1] != w.data[1] * w.kernel[1])
        return declined("its windows overlap or leave gaps");
    if (!p.uniform_zero_point() || !codes_hold_zero(p) || !p.program.operands.empty())
        return declined("its zero point is no code or varies, or its epilogue has operands");
    x64::MatMulDesc desc{.type = p.source,
                         .rows = w.data[1],
                         .k = p.ic,
                         .columns = p.oc,
                         .a_stride = p.pitch(),
                         .out_stride = p.oc * w.kernel[1],
                         .zero_point = static_cast<std::uint8_t>(p.zero_point()),
                         .epilogue = p.program.epilogue};
    if (auto a = x64::MatMul::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    const std::int64_t pitch = result_of(planner, p, b);
    // The places of a window's row lie next to each other when nothing is between the pixels.
    const std::int64_t together = pitch == 0 ? w.kernel[1] : 1;
    const std::int64_t taps = product(w.kernel);
    if (pitch != 0) desc.out_stride = pitch * w.kernel[1];
    desc.columns *= together;
    desc.epilogue = repeated(desc.epilogue, together);
    std::vector<std::shared_ptr<const x64::MatMul>> products;
    for (std::int64_t tap = 0; tap < taps; tap += together)
        products.push_back(p.integer() ? product_of_taps<std::int8_t>(planner, p, desc, tap, together)
                                       : product_of_taps<float>(planner, p, desc, tap, together));
    const std::int64_t in_line = w.data[1] * (p.pitch() != 0 ? p.pitch() : p.ic) *
                                 static_cast<std::int64_t>(size_of(p.source));
    const std::int64_t value = (pitch == 0 ? p.oc : pitch) *
                               static_cast<std::int64_t>(size_of(p.program.epilogue.result));
    auto run = work([products, b, in_line, value, together, h = w.kernel[0], l = w.kernel[1], out_width = w.output[1],
                     lines = p.batch * w.data[0]](const Frame& f) {
        const auto whole = x64_args<x64::MatMul::Args>(f, b);
        f.pool->parallel(static_cast<std::size_t>(lines), [&](std::size_t begin, std::size_t end, int) {
            for (std::int64_t tap = 0; tap < h * l; tap += together)
                for (auto line = static_cast<std::int64_t>(begin); line < static_cast<std::int64_t>(end); ++line) {
                    auto args = whole;
                    args.a = whole.a + line * in_line;
                    args.out = static_cast<std::byte*>(whole.out) +
                               ((line * h + tap / l) * out_width + tap % l) * value;
                    const x64::MatMul& product = *products[static_cast<std::size_t>(tap / together)];
                    product.run(args, 0, product.units());
                }
        });
    });
    add_step(planner, p.group, b, name_of(planner, p, "matmul"), std::move(run), 0,
             products.size() * x64::MatMul::packed_size(desc, planner.code().isa()), {}, p.source);
    return accepted();
}

namespace {

// Weights [oc, ic, taps] as [oc, taps, ic].
std::shared_ptr<const std::vector<float>> channels_last(const Problem& p) {
    const auto weights = p.weights.as<float>();
    const std::int64_t taps = product(p.window.kernel);
    auto result = std::make_shared<std::vector<float>>();
    result->reserve(weights.size());
    for (std::int64_t o = 0; o < p.oc; ++o)
        for (std::int64_t tap = 0; tap < taps; ++tap)
            for (std::int64_t i = 0; i < p.ic; ++i)
                result->push_back(weights[static_cast<std::size_t>((o * p.ic + i) * taps + tap)]);
    return result;
}

}  // namespace

Acceptance try_windows(Planner& planner, const Problem& p) {
    // Others share an image out by its rows.
    constexpr std::int64_t kWorthSharing = 2'000'000;
    const std::int64_t pixels = p.batch * product(p.window.output);
    if (p.integer() || p.backward || p.groups != 1 || !multiplies(p))
        return declined("it is not a convolution of floats");
    if (2 * pixels > planner.threads() * p.at(p.window.output, 0) || p.products() < kWorthSharing)
        return declined("its rows give most threads something to do");
    const portable::GatherWindows gather{.window = portable_window(p.window),
                                         .batch = static_cast<std::size_t>(p.batch),
                                         .channels = static_cast<std::size_t>(p.ic),
                                         .in_stride = static_cast<std::size_t>(p.pitch()),
                                         .element_size = size_of(p.source)};
    x64::MatMulDesc desc{.type = p.source,
                         .rows = pixels,
                         .k = p.ic * product(p.window.kernel),
                         .columns = p.oc,
                         .transposed = true,
                         .epilogue = p.program.epilogue,
                         .rows_per_batch = product(p.window.output),
                         .threads = planner.threads()};
    if (auto a = x64::MatMul::accepts(desc, planner.machine()); !a) return a;
    StepBuffers b = buffers_of(planner, p);
    desc.out_stride = result_of(planner, p, b);
    const auto weights = channels_last(p);
    const auto kernel = std::make_shared<const x64::MatMul>(desc, std::span<const float>(*weights), planner.code());
    planner.code().later([weights] {});  // the product reads them with the other tasks
    auto run = work([gather, kernel, b](const Frame& f) {
        auto args = x64_args<x64::MatMul::Args>(f, b);
        f.pool->parallel(gather.units(),
                         [&](std::size_t begin, std::size_t end, int) { gather.run(args.a, f.scratch, begin, end); });
        args.a = reinterpret_cast<const std::uint8_t*>(f.scratch);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()), [&](std::size_t begin, std::size_t end, int) {
            kernel->run(args, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
        });
    });
    add_step(planner, p.group, b, name_of(planner, p, "windows"), std::move(run), gather.units() * gather.row_bytes(),
             x64::MatMul::packed_size(desc, planner.code().isa()), {}, p.source);
    return accepted();
}

}  // namespace octet::cpu
#endif
