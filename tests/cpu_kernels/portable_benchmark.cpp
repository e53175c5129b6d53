// Times of the portable kernels on the shapes that matter; run by hand.
#include <benchmark/benchmark.h>

#include "plugins/cpu/kernels/portable/convolution.hpp"
#include "plugins/cpu/kernels/portable/copy.hpp"
#include "plugins/cpu/kernels/portable/elementwise.hpp"
#include "plugins/cpu/kernels/portable/gather_windows.hpp"
#include "plugins/cpu/kernels/portable/interpolate.hpp"
#include "plugins/cpu/kernels/portable/matmul.hpp"
#include "plugins/cpu/kernels/portable/pixel_shuffle.hpp"
#include "plugins/cpu/kernels/portable/pool.hpp"
#include "plugins/cpu/kernels/portable/quantize.hpp"
#include "plugins/cpu/kernels/portable/reduce.hpp"
#include "plugins/cpu/kernels/portable/softmax.hpp"

namespace octet::cpu::portable {
namespace {

Epilogue requantize(std::size_t channels) {
    Epilogue epilogue;
    EpilogueOp op;
    op.scale.assign(channels, 0.5F);
    op.shift.assign(channels, 3.0F);
    epilogue.ops = {op};
    epilogue.result = DataType::u8;
    return epilogue;
}

void report(benchmark::State& state, double operations) {
    state.counters["Gop/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void quantize_input(benchmark::State& state) {
    QuantizeToChannelsLast op;
    op.channels = static_cast<std::size_t>(state.range(0));
    op.pixels = static_cast<std::size_t>(state.range(1));
    op.scale = {2.0F};
    op.shift = {1.0F};
    const std::vector<float> in(op.channels * op.pixels, 1.0F);
    std::vector<std::uint8_t> out(in.size());
    for (auto step : state) {
        op.run(in.data(), out.data(), 0, op.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(quantize_input)->Args({3, 224 * 224})->Args({256, 56 * 56});

void transpose_to_channels_last(benchmark::State& state) {
    const std::size_t shape[] = {1, 256, 56 * 56};
    const std::size_t order[] = {0, 2, 1};
    const auto size = static_cast<std::size_t>(state.range(0));
    const StridedCopy copy = transpose(shape, order, size);
    const std::vector<std::uint64_t> in(256 * 56 * 56);
    std::vector<std::uint64_t> out(in.size());
    for (auto step : state) {
        copy.run(in.data(), out.data(), 0, copy.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(transpose_to_channels_last)->Arg(1)->Arg(4);

// range(0) channels, blocks of range(1), elements of range(2) bytes.
void pixel_shuffle(benchmark::State& state) {
    const PixelShuffle kernel{.lines = 270,
                              .pixels = 480,
                              .channels = static_cast<std::size_t>(state.range(0)),
                              .block = static_cast<std::size_t>(state.range(1)),
                              .element_size = static_cast<std::size_t>(state.range(2))};
    const std::size_t values = kernel.lines * kernel.pixels * kernel.channels * kernel.block * kernel.block;
    const std::vector<std::uint8_t> in(values * kernel.element_size);
    std::vector<std::uint8_t> out(in.size());
    for (auto step : state) {
        kernel.run(in.data(), out.data(), 0, kernel.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(pixel_shuffle)->ArgsProduct({{1, 3, 8, 64}, {2}, {1, 2, 4}})->Args({3, 3, 4})->Args({3, 4, 1});

void gather_windows(benchmark::State& state) {
    const GatherWindows kernel{.window = {.input = {1, 5, 88}, .output = {1, 1, 88}, .kernel = {1, 5, 1}},
                               .channels = static_cast<std::size_t>(state.range(0))};
    const std::vector<float> in(kernel.window.in_pixels() * kernel.channels);
    std::vector<std::byte> out(kernel.units() * kernel.row_bytes());
    for (auto step : state) {
        kernel.run(in.data(), out.data(), 0, kernel.units());
    }
    report(state, static_cast<double>(out.size()));
}
BENCHMARK(gather_windows)->Arg(32)->Arg(256);

void transpose_to_channels_first(benchmark::State& state) {
    const std::size_t shape[] = {1, 56 * 56, 256};
    const std::size_t order[] = {0, 2, 1};
    const auto size = static_cast<std::size_t>(state.range(0));
    const StridedCopy copy = transpose(shape, order, size);
    const std::vector<std::uint64_t> in(256 * 56 * 56);
    std::vector<std::uint64_t> out(in.size());
    for (auto step : state) {
        copy.run(in.data(), out.data(), 0, copy.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(transpose_to_channels_first)->Arg(1)->Arg(4);

void pool(benchmark::State& state) {
    Pool op;
    op.kind = state.range(0) == 0 ? Pool::Kind::max : Pool::Kind::average;
    op.input = DataType::u8;
    op.channels = 64;
    op.window = {{1, 112, 112}, {1, 56, 56}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}};
    op.epilogue = op.kind == Pool::Kind::max ? Epilogue{{}, DataType::u8} : requantize(1);
    const std::vector<std::uint8_t> in(64 * 112 * 112, 1);
    std::vector<std::uint8_t> out(64 * 56 * 56);
    for (auto step : state) {
        op.run({in.data(), nullptr, {}, out.data()}, 0, op.units());
    }
    report(state, static_cast<double>(out.size()) * 9);
}
BENCHMARK(pool)->Arg(0)->Arg(1);

// Twice as high and wide: range(0) channels, range(1) taps of an axis, of a type of range(2).
void interpolate(benchmark::State& state) {
    Interpolate op;
    op.type = op.epilogue.result = static_cast<DataType>(state.range(2));
    op.channels = static_cast<std::size_t>(state.range(0));
    op.input = {1, 128, 224};
    op.output = {1, 256, 448};
    const auto taps = static_cast<std::size_t>(state.range(1));
    for (std::size_t a = 1; a < 3; ++a) {
        op.axes[a] = {taps, {}, {}};
        for (std::size_t i = 0; i < op.output[a] * taps; ++i) {
            op.axes[a].index.push_back(static_cast<std::uint32_t>(std::min(i / taps / 2 + i % taps, op.input[a] - 1)));
            if (taps > 1) op.axes[a].weight.push_back(0.25F);
        }
    }
    const std::vector<float> in(op.channels * 128 * 224);
    std::vector<float> out(in.size() * 4);
    for (auto step : state) {
        op.run({in.data(), nullptr, {}, out.data()}, 0, op.units());
    }
    report(state, static_cast<double>(out.size()));
}
BENCHMARK(interpolate)
    ->ArgsProduct({{1, 2, 3, 4, 8, 16, 24, 64},
                   {1, 2},
                   {static_cast<int>(DataType::f32), static_cast<int>(DataType::bf16)}});

void global_average(benchmark::State& state) {
    ReduceMean op;
    op.input = DataType::u8;
    op.axis = 49;
    op.inner = 2048;
    op.epilogue = requantize(1);
    const std::vector<std::uint8_t> in(49 * 2048, 1);
    std::vector<std::uint8_t> out(2048);
    for (auto step : state) {
        op.run({in.data(), nullptr, {}, out.data()}, 0, op.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(global_average);

// u8 + u8, relu, requantize: 256 channels at 56x56 where range(0) is 256.
void residual_sum(benchmark::State& state) {
    Elementwise op;
    op.channels = static_cast<std::size_t>(state.range(0));
    op.rows = 802816 / op.channels;
    op.input = DataType::u8;
    op.epilogue = requantize(static_cast<std::size_t>(state.range(1)));
    EpilogueOp sum;
    sum.kind = EpilogueOp::Kind::combine;
    sum.operand_type = DataType::u8;
    sum.scale.assign(static_cast<std::size_t>(state.range(1)), 0.25F);
    EpilogueOp relu;
    relu.kind = EpilogueOp::Kind::function;
    op.epilogue.ops.push_back(sum);
    op.epilogue.ops.push_back(relu);
    const std::vector<std::uint8_t> in(op.rows * op.channels, 100);
    std::vector<std::uint8_t> out(in.size());
    const void* operands[] = {in.data()};
    for (auto step : state) {
        op.run({in.data(), nullptr, operands, out.data()}, 0, op.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(residual_sum)->Args({256, 1})->Args({256, 256})->Args({16, 16});

void activation(benchmark::State& state) {
    Elementwise op;
    op.channels = 256;
    op.rows = 56 * 56;
    op.input = DataType::u8;
    op.epilogue = requantize(1);
    EpilogueOp function;
    function.kind = EpilogueOp::Kind::function;
    function.function = static_cast<Function>(state.range(0));
    function.alpha = 1;
    op.epilogue.ops.push_back(function);
    const std::vector<std::uint8_t> in(op.rows * op.channels, 100);
    std::vector<std::uint8_t> out(in.size());
    for (auto step : state) {
        op.run({in.data(), nullptr, {}, out.data()}, 0, op.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(activation)
    ->Arg(static_cast<int>(Function::swish))
    ->Arg(static_cast<int>(Function::gelu_erf))
    ->Arg(static_cast<int>(Function::tanh))
    ->Arg(static_cast<int>(Function::hswish));

void softmax(benchmark::State& state) {
    SoftMax op;
    op.shape = {static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)),
                static_cast<std::size_t>(state.range(2))};
    const std::vector<float> in(op.shape.outer * op.shape.axis * op.shape.inner, 1.0F);
    std::vector<float> out(in.size());
    for (auto step : state) {
        op.run({in.data(), nullptr, {}, out.data()}, 0, op.units());
    }
    report(state, static_cast<double>(in.size()));
}
BENCHMARK(softmax)
    ->Args({12 * 128, 128, 1})
    ->Args({1, 1000, 1})
    ->Args({1917, 2, 1})
    ->Args({1917, 21, 1})
    ->Args({100000, 3, 1})
    ->Args({100000, 4, 1})
    ->Args({100000, 5, 1})
    ->Args({100000, 8, 1})
    ->Args({1, 4, 100000})
    ->Args({1, 21, 4096});

// 3x3 on 28x28: range(0) channels, range(1) groups; range(2) is 1 for integers, 2 for those with a zero point for each channel.
void convolution(benchmark::State& state) {
    Convolution op;
    op.in_channels = op.out_channels = static_cast<std::size_t>(state.range(0));
    op.groups = static_cast<std::size_t>(state.range(1));
    const bool integer = state.range(2) != 0;
    for (std::int32_t i = 0; state.range(2) == 2 && i < state.range(0); ++i) {
        op.zero_points.push_back(i % 256);
    }
    op.input = integer ? DataType::u8 : DataType::f32;
    op.window = {{1, 28, 28}, {1, 28, 28}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}};
    op.epilogue = requantize(op.out_channels);
    const std::vector<float> weights(op.out_channels * op.in_channels / op.groups * 9);
    const PackedWeights packed = op.pack(weights.data(), integer ? DataType::s8 : DataType::f32);
    const std::vector<float> in(28 * 28 * op.in_channels);
    std::vector<std::uint8_t> out(28 * 28 * op.out_channels);
    for (auto step : state) {
        op.run(packed, {in.data(), nullptr, {}, out.data()}, 0, op.units());
    }
    report(state, 2.0 * static_cast<double>(weights.size()) * 28 * 28);
}
BENCHMARK(convolution)
    ->Args({128, 1, 1})
    ->Args({128, 1, 0})
    ->Args({192, 192, 1})
    ->Args({192, 192, 2})
    ->Args({192, 192, 0});

void attention_product(benchmark::State& state) {
    MatMul op;
    op.batch = 12;
    op.rows = op.columns = 128;
    op.depth = 64;
    op.second.transposed = state.range(0) == 1;
    const std::vector<float> in(12 * 128 * 64);
    std::vector<float> out(12 * 128 * 128);
    for (auto step : state) {
        op.run({in.data(), in.data(), {}, out.data()}, 0, op.units());
    }
    report(state, 2.0 * 12 * 128 * 128 * 64);
}
BENCHMARK(attention_product)->Arg(0)->Arg(1);

}  // namespace
}  // namespace octet::cpu::portable

BENCHMARK_MAIN();
