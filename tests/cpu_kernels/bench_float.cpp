// Layers on f32 and bf16: own kernels beside oneDNN's, whose images are channels last and, of the first convolution, f32.
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <vector>

#include "plugins/cpu/kernels/x64/float_depthwise.hpp"
#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"
#include "plugins/cpu/kernels/x64/image_convolution.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "tests/cpu_kernels/bench.hpp"
#ifdef OCTET_BENCH_ONEDNN
#include "plugins/cpu/kernels/onednn/convolution.hpp"
#endif

namespace octet::cpu {
namespace {

struct Layer {
    std::int64_t size = 0, kernel = 1, stride = 1, ic = 0, oc = 0;
    bool depthwise = false;
    bool swish = false;
    DataType type = DataType::bf16;

    x64::Window window() const {
        const std::int64_t pad = kernel / 2;
        return {1, size, size, kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad};
    }
    std::int64_t values() const { return size * size * ic; }
    std::int64_t results() const { return window().out_height() * window().out_width() * oc; }
    std::int64_t weights() const { return oc * (depthwise ? 1 : ic) * kernel * kernel; }
    bool few_outputs() const { return oc <= 4 && kernel > 1; }
    double operations() const { return 2.0 * static_cast<double>(results() * kernel * kernel * (depthwise ? 1 : ic)); }
    Epilogue epilogue() const {
        Epilogue made;
        made.result = type;
        made.ops.push_back({EpilogueOp::Kind::scale_shift, {}, std::vector<float>(static_cast<std::size_t>(oc), 0.5F)});
        if (swish) made.ops.push_back({EpilogueOp::Kind::function, {}, {}, Function::swish, 1});
        else made.ops.push_back({EpilogueOp::Kind::function, {}, {}, Function::clamp, 0, 6});
        return made;
    }
    std::string name() const {
        return fmt::format("{}/{}/{}x{}s{}/{}to{}@{}{}", type == DataType::bf16 ? "bf16" : "f32",
                           depthwise       ? "depthwise"
                           : few_outputs() ? "few_outputs"
                           : ic <= 4       ? "first"
                                           : "product",
                           kernel, kernel, stride, ic, oc, size, swish ? "/swish" : "");
    }
};

struct Memory {
    explicit Memory(const Layer& layer)
        : in(static_cast<std::size_t>(layer.values()) + 64),
          out(static_cast<std::size_t>(layer.results()) + 64),
          weights(static_cast<std::size_t>(layer.weights()), 0.25F) {}
    x64::Aligned<float> in, out;
    std::vector<float> weights;
    x64::Aligned<std::byte> scratch;
};

template <class Kernel>
std::function<void()> ready(std::shared_ptr<Kernel> kernel, std::shared_ptr<x64::CodeBlock> code,
                            typename Kernel::Args args) {
    code->seal();
    return [kernel, code, args] { kernel->run(args, 0, kernel->units()); };
}

std::function<void()> own(const Layer& layer, Memory& memory) {
    const Machine machine = detect_machine();
    auto code = std::make_shared<x64::CodeBlock>(x64::vector_isa_of(machine));
    const std::span<const float> weights = memory.weights;
    if (layer.depthwise) {
        const x64::FloatDepthwiseDesc desc{.type = layer.type,
                                           .window = layer.window(),
                                           .channels = layer.ic,
                                           .epilogue = layer.epilogue()};
        if (!x64::FloatDepthwise::accepts(desc, machine)) return {};
        return ready(std::make_shared<x64::FloatDepthwise>(desc, weights, *code), code,
                     {memory.in.data(), memory.out.data()});
    }
    if (layer.few_outputs()) {
        const x64::FloatFewOutputsDesc desc{
            .type = layer.type, .window = layer.window(), .ic = layer.ic, .oc = layer.oc, .epilogue = layer.epilogue()};
        if (!x64::FloatFewOutputs::accepts(desc, machine)) return {};
        auto kernel = std::make_shared<x64::FloatFewOutputs>(desc, weights, *code);
        memory.scratch = x64::Aligned<std::byte>(kernel->scratch_size());
        return ready(kernel, code, {memory.in.data(), memory.out.data(), memory.scratch.data()});
    }
    if (layer.ic <= 4) {
        const x64::ImageConvolutionDesc desc{.source = x64::ImageConvolutionDesc::Source::planar_to_bf16,
                                             .window = layer.window(),
                                             .in_channels = layer.ic,
                                             .out_channels = layer.oc,
                                             .epilogue = layer.epilogue()};
        if (!x64::ImageConvolution::accepts(desc, machine)) return {};
        auto kernel = std::make_shared<x64::ImageConvolution>(desc, weights, *code);
        memory.scratch = x64::Aligned<std::byte>(kernel->scratch_size());
        return ready(kernel, code, {memory.in.data(), memory.out.data(), {}, memory.scratch.data()});
    }
    const x64::MatMulDesc desc{.type = layer.type,
                               .rows = layer.size * layer.size,
                               .k = layer.ic,
                               .columns = layer.oc,
                               .transposed = true,
                               .epilogue = layer.epilogue()};
    if (!x64::MatMul::accepts(desc, machine)) return {};
    return ready(std::make_shared<x64::MatMul>(desc, weights, *code), code,
                 {reinterpret_cast<const std::uint8_t*>(memory.in.data()), memory.out.data()});
}

#ifdef OCTET_BENCH_ONEDNN
std::function<void()> onednn_layer(const Layer& layer, Memory& memory) {
    const std::int64_t pad = layer.kernel / 2, groups = layer.depthwise ? layer.ic : 1;
    const bool narrow = layer.type == DataType::bf16 && (layer.ic > 4 || layer.few_outputs());
    onednn::Convolution convolution{.source = narrow ? DataType::bf16 : DataType::f32,
                                    .height = layer.size,
                                    .width = layer.size,
                                    .groups = groups,
                                    .ic = layer.ic / groups,
                                    .oc = layer.oc / groups,
                                    .kernel_h = layer.kernel,
                                    .kernel_w = layer.kernel,
                                    .stride_h = layer.stride,
                                    .stride_w = layer.stride,
                                    .pad_top = pad,
                                    .pad_bottom = pad,
                                    .pad_left = pad,
                                    .pad_right = pad,
                                    .weights = memory.weights.data(),
                                    .epilogue = layer.epilogue()};
    if (!narrow) convolution.epilogue.result = DataType::f32;
    onednn::Creation made = create(convolution);
    if (!made.kernel) return {};
    memory.scratch = x64::Aligned<std::byte>(made.kernel->scratch_bytes());
    const std::shared_ptr<onednn::Kernel> kernel = std::move(made.kernel);
    const onednn::Args args{memory.in.data(), nullptr, memory.out.data(), nullptr, memory.scratch.data()};
    return [kernel, args] {
        for (int part = 0; part < kernel->parts(); ++part) kernel->run(args, part);
    };
}
#endif

using Prepare = std::function<void()> (*)(const Layer&, Memory&);

void add(const Layer& layer, const char* who, Prepare prepare) {
    const std::string name = layer.name() + "/" + who;
    benchmark::RegisterBenchmark(name.c_str(), [layer, prepare](benchmark::State& state) {
        Memory memory(layer);
        const std::function<void()> run = prepare(layer, memory);
        if (!run) return state.SkipWithError("no kernel takes it here");
        for (auto _ : state) run();
        state.counters["GOPS"] = benchmark::Counter(layer.operations() * 1e-9,
                                                    benchmark::Counter::kIsIterationInvariantRate);
    })->Unit(benchmark::kMicrosecond);
}

std::vector<Layer> layers(DataType type) {
    std::vector<Layer> all;
    const std::int64_t products[][3] = {{112, 32, 16}, {112, 16, 96}, {56, 96, 24},  {56, 24, 144}, {28, 144, 32},
                                        {28, 32, 192}, {14, 64, 384}, {14, 576, 96}, {7, 960, 160}, {13, 512, 1000}};
    for (const auto& [size, ic, oc] : products)
        for (const bool swish : {false, true}) all.push_back({size, 1, 1, ic, oc, false, swish, type});
    const std::int64_t depthwise[][4] = {{32, 112, 3, 1}, {96, 112, 3, 2}, {144, 56, 3, 1}, {576, 14, 3, 1},
                                         {960, 7, 3, 1},  {240, 28, 5, 1}, {672, 14, 5, 1}};
    for (const auto& [channels, size, kernel, stride] : depthwise)
        for (const bool swish : {false, true})
            all.push_back({size, kernel, stride, channels, channels, true, swish, type});
    const std::int64_t few_outputs[][4] = {{1440, 3, 4, 1}, {1440, 3, 8, 1}, {1440, 3, 8, 3}, {512, 3, 16, 1},
                                           {512, 3, 16, 4}, {256, 3, 32, 1}, {256, 3, 32, 4}, {256, 3, 64, 1},
                                           {256, 3, 64, 4}, {256, 9, 64, 3}, {20, 3, 64, 4}};
    for (const auto& [size, kernel, ic, oc] : few_outputs) all.push_back({size, kernel, 1, ic, oc, false, false, type});
    if (type == DataType::bf16)
        for (const auto& [kernel, oc] : {std::pair{3, 32}, std::pair{7, 64}})
            all.push_back({224, kernel, 2, 3, oc, false, false, type});
    return all;
}

}  // namespace

void register_float_benchmarks() {
    for (const DataType type : {DataType::bf16, DataType::f32})
        for (const Layer& layer : layers(type)) {
            add(layer, "own", own);
#ifdef OCTET_BENCH_ONEDNN
            add(layer, "onednn", onednn_layer);
#endif
        }
}

}  // namespace octet::cpu
