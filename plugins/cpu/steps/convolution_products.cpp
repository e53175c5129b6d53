// Generated kernels for convolutions that are matrix products.
#if defined(__x86_64__)
#include "plugins/cpu/kernels/portable/gather_windows.hpp"
#include "plugins/cpu/kernels/x64/few_rows.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "plugins/cpu/steps/convolution_x64.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using Problem = ConvolutionProblem;

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

}  // namespace

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
    if (auto a = accepts_zero_point(p); !a) return a;
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
    add_step(planner, p.group, b, x64_name(planner, "matmul", p.source),
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
    add_step(planner, p.group, b, x64_name(planner, "matmul", p.source), std::move(run), 0,
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
    add_step(planner, p.group, b, x64_name(planner, "windows", p.source), std::move(run),
             gather.units() * gather.row_bytes(), x64::MatMul::packed_size(desc, planner.code().isa()), {}, p.source);
    return accepted();
}

}  // namespace octet::cpu
#endif
