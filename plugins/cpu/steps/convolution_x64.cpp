// Generated kernels for convolutions, but those that are matrix products.
#if defined(__x86_64__)
#include "plugins/cpu/steps/convolution_x64.hpp"
#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/x64/dense_convolution.hpp"
#include "plugins/cpu/kernels/x64/depthwise.hpp"
#include "plugins/cpu/kernels/x64/few_outputs.hpp"
#include "plugins/cpu/kernels/x64/float_depthwise.hpp"
#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"
#include "plugins/cpu/kernels/x64/image_convolution.hpp"
#include "plugins/cpu/steps/border.hpp"

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
    add_step(planner, p.group, b, x64_name(planner, "depthwise", p.source),
             x64_work<x64::FloatDepthwise>(kernel, b, 10 * ns_of_products(p.products())), 0,
             x64::FloatDepthwise::packed_size(desc), {}, p.source);
    return accepted();
}

namespace {

Acceptance try_row_convolution(Planner& planner, const Problem& p, const char* name) {
    if (p.source != DataType::u8) return declined("its codes have a sign");
    if (auto a = accepts_zero_point(p); !a) return a;
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
    add_step(planner, p.group, b, x64_name(planner, "image", p.source), scratch_work(kernel, b),
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
    if (auto a = accepts_zero_point(p); !a) return a;
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
    if (auto a = accepts_zero_point(p); !a) return a;
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

Acceptance try_dense(Planner& planner, const Problem& p) {
    if (!p.integer() || p.backward || p.rank() > 2 || p.source != DataType::u8)
        return declined("it is not a convolution of codes");
    if (auto a = accepts_zero_point(p); !a) return a;
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

}  // namespace octet::cpu
#endif
