// Speed of the generated kernels on layers of MobileNetV2, ResNet-50 and BERT, beside oneDNN on the same layers. One thread. "cold":
// as many copies of the layer in turn as fill 16 MB of weights, the way weights arrive in a network.
//   octet_bench_kernels --benchmark_filter=depthwise
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/cpu/kernels/x64/dense_convolution.hpp"
#include "plugins/cpu/kernels/x64/depthwise.hpp"
#include "plugins/cpu/kernels/x64/few_outputs.hpp"
#include "plugins/cpu/kernels/x64/few_rows.hpp"
#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"
#include "plugins/cpu/kernels/x64/image_convolution.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "plugins/cpu/kernels/x64/recurrent.hpp"
#include "tests/cpu_kernels/bench.hpp"
#ifdef OCTET_BENCH_ONEDNN
#include "plugins/cpu/kernels/onednn/convolution.hpp"
#endif

namespace octet::cpu {
namespace {

struct Layer {
    std::string name;
    x64::Window window;
    std::int64_t ic = 0;
    std::int64_t oc = 0;
    std::int64_t groups = 1;
    int zero_points = 0;  // none, one, or one per channel; only depthwise
    std::optional<Function> activation = {};
    bool border = false;  // shifts that differ there; only depthwise
    double operations() const {
        return 2.0 * static_cast<double>(window.batch * window.out_height() * window.out_width() * window.taps() * oc) *
               static_cast<double>(ic / groups);
    }
};

x64::Window square(std::int64_t size, std::int64_t kernel, std::int64_t stride) {
    const std::int64_t pad = kernel / 2;
    return {1, size, size, kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad};
}

std::vector<Layer> layers() {
    std::vector<Layer> all;
    const auto add = [&](const std::string& kind, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                         std::int64_t ic, std::int64_t oc, std::int64_t groups) {
        all.push_back({fmt::format("{}/{}x{}s{}/{}to{}@{}", kind, kernel, kernel, stride, ic, oc, size),
                       square(size, kernel, stride), ic, oc, groups});
    };
    const std::int64_t depthwise[][4] = {{32, 112, 3, 1}, {96, 112, 3, 2}, {144, 56, 3, 1}, {144, 56, 3, 2},
                                         {192, 28, 3, 1}, {192, 28, 3, 2}, {384, 14, 3, 1}, {576, 14, 3, 1},
                                         {576, 14, 3, 2}, {960, 7, 3, 1},  {72, 56, 5, 2},  {120, 28, 5, 1},
                                         {672, 14, 5, 1}, {960, 7, 5, 1},  {64, 28, 7, 1}};
    for (const auto& [channels, size, kernel, stride] : depthwise) {
        add("depthwise", size, kernel, stride, channels, channels, channels);
    }
    for (const auto& [channels, size] : {std::pair{64, 256}, std::pair{128, 128}}) {
        for (const int zero_points : {0, 1, channels}) {
            add("depthwise", size, 3, 1, channels, channels, channels);
            all.back().name += fmt::format("/{}zp", zero_points);
            all.back().zero_points = zero_points;
        }
    }
    for (const auto& [channels, size] : {std::pair{8, 256}, std::pair{64, 128}}) {
        for (const bool border : {false, true}) {
            add("depthwise", size, 3, 1, channels, channels, channels);
            all.back().name += border ? "/border" : "/plain";
            all.back().border = border;
        }
    }
    add("first", 224, 3, 2, 3, 32, 1);
    add("first", 224, 7, 2, 3, 64, 1);
    const std::int64_t products[][3] = {{112, 32, 16},   {112, 16, 96},  {56, 96, 24},    {56, 24, 144},
                                        {56, 144, 24},   {28, 144, 32},  {28, 32, 192},   {28, 192, 32},
                                        {14, 192, 64},   {14, 64, 384},  {14, 384, 64},   {14, 96, 576},
                                        {14, 576, 96},   {7, 160, 960},  {7, 960, 160},   {7, 320, 1280},
                                        {1, 1280, 1000}, {56, 64, 64},   {56, 64, 256},   {56, 256, 64},
                                        {28, 128, 512},  {28, 512, 128}, {14, 256, 1024}, {14, 1024, 256},
                                        {7, 512, 2048},  {7, 2048, 512}};
    for (const auto& [size, ic, oc] : products) {
        add("product", size, 1, 1, ic, oc, 1);
    }
    add("product", 128, 1, 1, 32, 64, 1);
    add("product", 128, 1, 1, 32, 64, 1);
    all.back().name += "/elu";
    all.back().activation = Function::elu;
    // By dot products, in floats, and as other windows.
    for (const auto& [ic, oc] : {std::pair{8, 1}, std::pair{8, 3}}) add("few", 512, 3, 1, ic, oc, 1);
    for (const auto& [ic, oc] : {std::pair{3, 3}, std::pair{8, 1}, std::pair{8, 3}, std::pair{32, 2}}) {
        add("few_floats", 512, 3, 1, ic, oc, 1);
        add("rows", 512, 3, 1, ic, oc, 1);
    }
    const std::int64_t rows[][3] = {{32, 128, 64}, {64, 256, 32}, {128, 64, 128}, {64, 27, 256}, {48, 13, 192}};
    for (const auto& [ic, size, oc] : rows) {
        add("rows", size, 3, 1, ic, oc, 1);
        add("dense", size, 3, 1, ic, oc, 1);
        add("rows", size, 3, 1, ic, oc, 1);
        all.back().name += "/swish";
        all.back().activation = Function::swish;
    }
    const std::int64_t dense[][4] = {{32, 160, 1, 32},  {64, 56, 1, 64},   {128, 56, 2, 128},
                                     {128, 28, 1, 128}, {256, 14, 1, 256}, {512, 7, 1, 512}};
    for (const auto& [ic, size, stride, oc] : dense) {
        add("dense", size, 3, stride, ic, oc, 1);
        add("dense", size, 3, stride, ic, oc, 1);
        all.back().name += "/swish";
        all.back().activation = Function::swish;
    }
    return all;
}

Epilogue requantize(const Layer& layer) {
    Epilogue epilogue;
    epilogue.result = DataType::u8;
    const std::size_t channels = static_cast<std::size_t>(layer.oc);
    epilogue.ops = {EpilogueOp{EpilogueOp::Kind::scale_shift, std::vector<float>(channels, 0.001F),
                               std::vector<float>(channels, 3.F)}};
    if (layer.activation) epilogue.ops.push_back({EpilogueOp::Kind::function, {}, {}, *layer.activation, 1});
    return epilogue;
}

x64::BorderShifts border_of(const Layer& layer) {
    const auto classes = [](std::int64_t places) {
        std::vector<std::int64_t> of_places(static_cast<std::size_t>(places), 1);
        of_places.front() = 0;
        of_places.back() = 2;
        return of_places;
    };
    return {0, classes(layer.window.out_height()), classes(layer.window.out_width()),
            std::vector<float>(static_cast<std::size_t>(9 * layer.oc), 3.F)};
}

// One prepared copy of a layer.
struct Prepared {
    std::size_t weight_bytes = 0;
    std::function<void()> run;
    std::vector<std::shared_ptr<void>> keep;
};

std::vector<std::int8_t> random_weights(const Layer& layer) {
    std::vector<std::int8_t> weights(
        static_cast<std::size_t>(layer.oc * layer.ic / layer.groups * layer.window.taps()));
    std::uint32_t state = 1;
    for (std::int8_t& weight : weights) {
        state = state * 1664525 + 1013904223;
        weight = static_cast<std::int8_t>(state >> 24);
    }
    return weights;
}

struct Buffers {
    explicit Buffers(const Layer& layer)
        : in(static_cast<std::size_t>(layer.window.height * layer.window.width * layer.ic) * 4 + 64),
          out(static_cast<std::size_t>(layer.window.out_height() * layer.window.out_width() * layer.oc) + 64) {
        for (std::size_t i = 0; i < in.size(); ++i) {
            in[i] = static_cast<std::uint8_t>(i * 7 % 61);
        }
    }
    x64::Aligned<std::uint8_t> in;
    x64::Aligned<std::uint8_t> out;
};

template <class Kernel>
Prepared finish(std::shared_ptr<Kernel> kernel, std::shared_ptr<x64::CodeBlock> code, typename Kernel::Args args,
                std::size_t bytes) {
    code->seal();
    Prepared prepared;
    prepared.weight_bytes = bytes;
    prepared.run = [kernel, args] { kernel->run(args, 0, kernel->units()); };
    prepared.keep = {kernel, code};
    return prepared;
}

// The same of one that wants memory.
template <class Kernel>
Prepared with_scratch(std::shared_ptr<Kernel> kernel, std::shared_ptr<x64::CodeBlock> code, Buffers& buffers,
                      std::size_t bytes) {
    auto scratch = std::make_shared<x64::Aligned<std::byte>>(kernel->scratch_size());
    typename Kernel::Args args{buffers.in.data(), buffers.out.data()};
    args.scratch = scratch->data();
    Prepared prepared = finish(std::move(kernel), std::move(code), args, bytes);
    prepared.keep.push_back(std::move(scratch));
    return prepared;
}

Prepared own(const Layer& layer, Buffers& buffers, Isa cap) {
    const Machine machine = detect_machine(cap);
    const auto require = [](const Acceptance& acceptance) {
        if (!acceptance) throw std::runtime_error(acceptance.reason);
    };
    const std::vector<std::int8_t> weights = random_weights(layer);
    auto code = std::make_shared<x64::CodeBlock>(x64::vector_isa_of(machine));
    if (layer.groups > 1) {
        x64::DepthwiseDesc desc;
        desc.window = layer.window;
        desc.channels = layer.ic;
        for (int i = 0; i < layer.zero_points; ++i) {
            desc.zero_points.push_back(static_cast<std::uint8_t>(100 + i));
        }
        desc.epilogue = requantize(layer);
        if (layer.border) desc.border = border_of(layer);
        require(x64::DepthwiseConvolution::accepts(desc, machine));
        return finish(std::make_shared<x64::DepthwiseConvolution>(desc, weights, *code), code,
                      {buffers.in.data(), buffers.out.data()},
                      x64::DepthwiseConvolution::packed_size(desc, code->isa()));
    }
    if (layer.name.starts_with("few_floats")) {
        const x64::FloatFewOutputsDesc desc{.type = DataType::u8,
                                            .window = layer.window,
                                            .ic = layer.ic,
                                            .oc = layer.oc,
                                            .epilogue = requantize(layer)};
        require(x64::FloatFewOutputs::accepts(desc, machine));
        return with_scratch(std::make_shared<x64::FloatFewOutputs>(desc, weights, *code), code, buffers,
                            x64::FloatFewOutputs::packed_size(desc));
    }
    if (layer.ic <= 4 || layer.name.starts_with("rows")) {
        x64::ImageConvolutionDesc desc;
        if (layer.name.starts_with("rows")) desc.source = x64::ImageConvolutionDesc::Source::interleaved_u8;
        desc.window = layer.window;
        desc.in_channels = layer.ic;
        desc.out_channels = layer.oc;
        desc.scale = {1.F / 3};
        desc.epilogue = requantize(layer);
        float* image = reinterpret_cast<float*>(buffers.in.data());
        for (std::int64_t i = 0; i < layer.window.height * layer.window.width * layer.ic; ++i) {
            image[i] = static_cast<float>(i % 600);
        }
        require(x64::ImageConvolution::accepts(desc, machine));
        auto kernel = std::make_shared<x64::ImageConvolution>(desc, weights, *code);
        return with_scratch(kernel, code, buffers, x64::ImageConvolution::packed_size(desc, code->isa()));
    }
    if (layer.oc <= 4) {
        const x64::FewOutputsDesc desc{layer.window, layer.ic, layer.oc, 0, requantize(layer)};
        auto kernel = std::make_shared<x64::FewOutputs>(desc, weights, *code);
        return with_scratch(kernel, code, buffers, kernel->packed_size());
    }
    if (layer.window.taps() > 1) {
        x64::DenseConvolutionDesc desc;
        desc.window = layer.window;
        desc.ic = layer.ic;
        desc.oc = layer.oc;
        desc.epilogue = requantize(layer);
        require(x64::DenseConvolution::accepts(desc, machine));
        return finish(std::make_shared<x64::DenseConvolution>(desc, weights, *code), code,
                      {buffers.in.data(), buffers.out.data()}, x64::DenseConvolution::packed_size(desc, code->isa()));
    }
    x64::MatMulDesc desc;
    desc.rows = layer.window.height * layer.window.width;
    desc.k = layer.ic;
    desc.columns = layer.oc;
    desc.transposed = true;
    desc.epilogue = requantize(layer);
    require(x64::MatMul::accepts(desc, machine));
    return finish(std::make_shared<x64::MatMul>(desc, weights, *code), code, {buffers.in.data(), buffers.out.data()},
                  x64::MatMul::packed_size(desc, code->isa()));
}

#ifdef OCTET_BENCH_ONEDNN
// oneDNN starts from a u8 image in its first convolution.
Prepared onednn_layer(const Layer& layer, Buffers& buffers) {
    const std::vector<std::int8_t> weights = random_weights(layer);
    onednn::Convolution convolution;
    convolution.height = layer.window.height;
    convolution.width = layer.window.width;
    convolution.groups = layer.groups;
    convolution.ic = layer.ic / layer.groups;
    convolution.oc = layer.oc / layer.groups;
    convolution.kernel_h = layer.window.kernel_height;
    convolution.kernel_w = layer.window.kernel_width;
    convolution.stride_h = layer.window.stride_height;
    convolution.stride_w = layer.window.stride_width;
    convolution.pad_top = convolution.pad_left = layer.window.pad_top;
    convolution.pad_bottom = convolution.pad_right = layer.window.pad_bottom;
    convolution.weights = weights.data();
    convolution.epilogue = requantize(layer);
    onednn::Creation made = create(convolution);
    if (!made.acceptance) {
        throw std::runtime_error(made.acceptance.reason);
    }
    std::shared_ptr<onednn::Kernel> kernel = std::move(made.kernel);
    auto scratch = std::make_shared<x64::Aligned<std::byte>>(kernel->scratch_bytes());
    Prepared prepared;
    prepared.weight_bytes = kernel->packed_bytes();
    prepared.run = [kernel, scratch, &buffers] {
        const onednn::Args args{buffers.in.data(), nullptr, buffers.out.data(), nullptr, scratch->data()};
        for (int part = 0; part < kernel->parts(); ++part) {
            kernel->run(args, part);
        }
    };
    return prepared;
}
#endif

using Prepare = std::function<Prepared(const Layer&, Buffers&)>;

void measure(benchmark::State& state, const Layer& layer, const Prepare& prepare, bool cold) {
    Buffers buffers(layer);
    std::vector<Prepared> copies;
    try {
        copies.push_back(prepare(layer, buffers));
        const std::size_t wanted =
            cold ? std::min<std::size_t>(200, (16U << 20) / std::max<std::size_t>(copies[0].weight_bytes, 1) + 1) : 1;
        while (copies.size() < wanted) {
            copies.push_back(prepare(layer, buffers));
        }
    } catch (const std::exception& error) {
        state.SkipWithError(error.what());
        return;
    }
    std::size_t turn = 0;
    for (auto _ : state) {
        copies[turn].run();
        turn = turn + 1 == copies.size() ? 0 : turn + 1;
    }
    state.counters["GOPS"] = benchmark::Counter(layer.operations() * 1e-9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void add(const Layer& layer, const char* who, const Prepare& prepare) {
    for (const bool cold : {false, true}) {
        if (cold && layer.oc * layer.ic / layer.groups < 65536) {
            continue;
        }
        const std::string name = fmt::format("{}/{}/{}", layer.name, who, cold ? "cold" : "hot");
        benchmark::RegisterBenchmark(name.c_str(), [layer, prepare, cold](benchmark::State& state) {
            measure(state, layer, prepare, cold);
        })->Unit(benchmark::kMicrosecond);
    }
}

// One time step of a sequence: the product of its state with the recurrent weights of all gates, and the cells, behind it in one kernel or
// portable ones; every other step backwards. Bytes are those of the weights.
enum class Weights : std::uint8_t { s8, bf16, f32 };
void measure_recurrent(benchmark::State& state, portable::RecurrentCell::Kind kind, std::int64_t hidden,
                       Weights weights, std::int64_t rows, bool joined) {
    constexpr std::size_t kUnits = portable::RecurrentCell::kUnits;
    const portable::RecurrentCell cell{.kind = kind};
    const std::size_t gates = cell.gates(), units = static_cast<std::size_t>(hidden);
    x64::RecurrentProductDesc desc{.rows = rows,
                                   .depth = hidden,
                                   .panels = hidden / 16,
                                   .vectors = static_cast<int>(gates),
                                   .integer = weights == Weights::s8,
                                   .narrow = weights == Weights::bf16,
                                   .split = weights == Weights::bf16};
    if (joined) desc.cell = kind;
    if (!x64::RecurrentProduct::accepts(desc, detect_machine())) {
        state.SkipWithError("not on this machine");
        return;
    }
    const std::vector<std::byte> column(units * 4);
    x64::CodeBlock code;
    const x64::RecurrentProduct product(desc, code, [&](std::int64_t, std::int64_t) { return column.data(); });
    code.seal();
    const x64::Aligned<std::byte> input(static_cast<std::size_t>(rows * desc.state_stride()));
    const std::vector<float> start(gates * units, 0.3F), scale(gates * units, 1), bias(units);
    std::vector<float> sums(static_cast<std::size_t>(rows) * 64), states(units), kept(units), update(units),
        result(units);
    const portable::RecurrentRow row{start.data(), states.data(), kept.data(), update.data(), result.data()};
    const std::vector<portable::RecurrentRow> all(static_cast<std::size_t>(rows), row);
    x64::RecurrentPanelsStep step{input.data(), all.data(), rows, units, scale.data(), bias.data(), 0, desc.panels};
    for (auto _ : state) {
        step.backwards = !step.backwards;
        if (joined) {
            product.run_cells(step);
            continue;
        }
        for (std::int64_t i = 0; i < desc.panels; ++i) {
            const std::int64_t panel = step.backwards ? desc.panels - 1 - i : i;
            product.run(input.data(), rows, panel, sums.data());
            const std::size_t unit = static_cast<std::size_t>(panel) * kUnits;
            for (std::size_t r = 0; r < all.size(); ++r)
                cell.run({start.data() + unit, units, sums.data() + r * 64, scale.data() + gates * unit, 1, kUnits,
                          kept.data() + unit, states.data() + unit, result.data() + unit, bias.data() + unit,
                          update.data() + unit});
        }
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(product.packed_bytes()));
}

void add_recurrent() {
    using Kind = portable::RecurrentCell::Kind;
    const auto add = [](std::string_view name, Kind kind, std::int64_t hidden, Weights weights, std::int64_t rows) {
        constexpr std::array<std::string_view, 3> kTypes{"s8", "bf16", "f32"};
        for (const bool joined : {true, false}) {
            const std::string full = fmt::format("recurrent/{}/{}/{}/rows:{}/{}", name, hidden,
                                                 kTypes[static_cast<std::size_t>(weights)], rows,
                                                 joined ? "joined" : "portable_cells");
            benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
                measure_recurrent(state, kind, hidden, weights, rows, joined);
            })->Unit(benchmark::kMicrosecond);
        }
    };
    for (const auto& [name, kind] : {std::pair{"lstm", Kind::lstm}, {"gru", Kind::gru}})
        for (const Weights weights : {Weights::s8, Weights::bf16, Weights::f32}) {
            for (const std::int64_t hidden : {128, 512, 1024}) add(name, kind, hidden, weights, 1);
            for (const std::int64_t rows : {4, 16}) add(name, kind, 512, weights, rows);
        }
}

// Products of one row of floats, as many copies in turn as fill 16 MB. Bytes are those of the weights.
void measure_few_rows(benchmark::State& state, std::int64_t k, std::int64_t columns, bool narrow) {
    const x64::FewRowsDesc desc{
        .rows = 1, .k = k, .columns = columns, .transposed = true, .narrow = narrow, .epilogue = {}};
    if (!x64::FewRows::accepts(desc, detect_machine())) {
        state.SkipWithError("not on this machine");
        return;
    }
    const std::vector<float> weights(static_cast<std::size_t>(k * columns), 0.01F),
        in(static_cast<std::size_t>(k), 0.5F);
    std::vector<float> out(static_cast<std::size_t>(columns));
    x64::CodeBlock code;
    std::vector<std::unique_ptr<x64::FewRows>> copies;
    for (std::size_t bytes = 0; bytes < 16U << 20; bytes += copies.back()->packed_bytes())
        copies.push_back(std::make_unique<x64::FewRows>(desc, weights, nullptr, code));
    code.seal();
    std::size_t turn = 0;
    for (auto _ : state) {
        copies[turn]->run({in.data(), out.data()}, 0, copies[turn]->units());
        turn = turn + 1 == copies.size() ? 0 : turn + 1;
        benchmark::DoNotOptimize(out.data());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(copies[0]->packed_bytes()));
}

void add_few_rows() {
    for (const auto& [k, columns] : {std::pair{1152, 48}, {48, 1152}, {240, 960}, {1280, 1000}})
        for (const bool narrow : {false, true}) {
            const std::string name = fmt::format("few_rows/{}to{}/{}", k, columns, narrow ? "bf16" : "f32");
            benchmark::RegisterBenchmark(name.c_str(), [k = k, columns = columns, narrow](benchmark::State& state) {
                measure_few_rows(state, k, columns, narrow);
            })->Unit(benchmark::kMicrosecond);
        }
}

}  // namespace
}  // namespace octet::cpu

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    for (const octet::cpu::Layer& layer : octet::cpu::layers()) {
        using octet::cpu::Isa;
        for (const auto& [who, cap] :
             {std::pair{"own", Isa::amx}, {"own_avx2_vnni", Isa::avx2_vnni}, {"own_avx2", Isa::avx2}}) {
            octet::cpu::add(layer, who, [cap = cap](const octet::cpu::Layer& one, octet::cpu::Buffers& buffers) {
                return octet::cpu::own(one, buffers, cap);
            });
        }
#ifdef OCTET_BENCH_ONEDNN
        if (layer.zero_points > 0) {
            continue;
        }
        octet::cpu::add(layer, "onednn", octet::cpu::onednn_layer);
#endif
    }
    octet::cpu::register_float_benchmarks();
    octet::cpu::register_transformer_benchmarks();
    octet::cpu::add_recurrent();
    octet::cpu::add_few_rows();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
