// Generated kernels on f32 and bf16. Small whole numbers make sums exact; what is rounded is the result alone.
#include <fmt/format.h>

#include <limits>

#include "plugins/cpu/kernels/x64/elementwise.hpp"
#include "plugins/cpu/kernels/x64/float_depthwise.hpp"
#include "plugins/cpu/kernels/x64/image_convolution.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "plugins/cpu/kernels/x64/pool.hpp"
#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

#define OCTET_NEEDS_BF16()                                    \
    if (!detect_machine().bf16) {                             \
        GTEST_SKIP() << "products of bf16 gain nothing here"; \
    }

// kEpilogues and those after it end in bf16, the last of them beside operands of bf16.
constexpr int kFloatEpilogues = kEpilogues + 3;

TestEpilogue epilogue_of(int which, std::int64_t rows, std::int64_t batches, std::int64_t channels, Guard guard) {
    if (which < kEpilogues) return make_epilogue(which, rows, batches, channels, 9, guard, 5);
    TestEpilogue made;
    made.epilogue.result = DataType::bf16;
    made.epilogue.ops.push_back({EpilogueOp::Kind::scale_shift, {}, random_floats(channels, 6, -9.F, 9.F)});
    if (which == kEpilogues) return made;
    const auto operand = [&](Combine how, Spread spread, std::int64_t gap) {
        EpilogueOp op{EpilogueOp::Kind::combine};
        op.combine = how;
        op.operand = static_cast<std::uint32_t>(made.operands.size());
        op.operand_type = DataType::bf16;
        op.spread = spread;
        made.strides[op.operand] = gap == 0 ? 0 : channels + gap;
        made.operands.emplace_back(op.operand_type, spread, rows, batches, channels, channels + gap, guard, 21);
        made.epilogue.ops.push_back(op);
    };
    operand(Combine::add, Spread::full, which == kEpilogues + 1 ? 0 : 3);
    made.epilogue.ops.push_back({EpilogueOp::Kind::function, {}, {}, Function::clamp, 0.F, 20.F});
    if (which > kEpilogues + 1) operand(Combine::multiply, Spread::per_batch_channel, 0);
    return made;
}

// Activations of either type, between guards.
TestOperand activations(DataType type, std::int64_t rows, std::int64_t channels, std::int64_t stride, Guard guard) {
    TestOperand values(type, Spread::full, rows, 1, channels, stride, guard, 1);
    if (type != DataType::f32) return values;
    const std::vector<float> whole = whole_numbers(values.bytes.size() / 4, 1);
    std::memcpy(values.bytes.data(), whole.data(), values.bytes.size());
    return values;
}

Guarded<float> weights_of(std::int64_t count, Guard guard) {
    Guarded<float> weights(static_cast<std::size_t>(count), guard);
    std::ranges::copy(whole_numbers(weights.size(), 2, -4, 4), weights.data());
    return weights;
}

template <class Check>
void on_every_type(const Check& check) {
    on_every_isa([&](const Machine& machine) { check(machine, DataType::f32); });
    if (detect_machine().bf16) check(detect_machine(), DataType::bf16);
}

struct Shape {
    std::int64_t rows, k, columns;
    std::int64_t a_gap = 0, out_gap = 0;
    std::int64_t batches = 1;
    bool transposed = false;
    int threads = 1;
};

void check_product(const Machine& machine, DataType type, const Shape& shape, int which, Guard guard) {
    if (which >= kEpilogues && !machine.bf16) return;
    const std::string what = fmt::format("type {} {}x{}x{} gaps {} {} batches {} transposed {} threads {} epilogue {}",
                                         static_cast<int>(type), shape.rows, shape.k, shape.columns, shape.a_gap,
                                         shape.out_gap, shape.batches, shape.transposed, shape.threads, which);
    const std::int64_t rows = shape.rows * shape.batches;
    TestEpilogue made = epilogue_of(which, rows, shape.batches, shape.columns, guard);
    const x64::MatMulDesc desc{.type = type,
                               .rows = rows,
                               .k = shape.k,
                               .columns = shape.columns,
                               .a_stride = shape.a_gap != 0 ? shape.k + shape.a_gap : 0,
                               .out_stride = shape.out_gap != 0 ? shape.columns + shape.out_gap : 0,
                               .transposed = shape.transposed,
                               .epilogue = made.epilogue,
                               .operand_strides = made.strides,
                               .rows_per_batch = shape.rows,
                               .threads = shape.threads};
    ASSERT_TRUE(x64::MatMul::accepts(desc, machine)) << what << x64::MatMul::accepts(desc, machine).reason;
    const TestOperand a = activations(type, rows, shape.k, shape.k + shape.a_gap, guard);
    const Guarded<float> weights = weights_of(shape.k * shape.columns, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    Guarded<std::byte> storage(x64::MatMul::packed_size(desc, code.isa()) / 4096 * 4096 + 4096, Guard::after);
    TestResult result(made.epilogue.result, rows, shape.columns, shape.columns + shape.out_gap, guard);
    const x64::MatMul matmul(desc, std::span<const float>(weights.data(), weights.size()), code, storage.span());
    code.seal();
    const x64::MatMul::Args args{a.bytes.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = matmul.units() / 2;
    matmul.run(args, middle, matmul.units());
    matmul.run(args, 0, middle);
    expect_equal(
        made.epilogue, made.operands, result, rows, shape.rows, shape.columns,
        [&](std::int64_t row, std::int64_t column) {
            float sum = 0;
            for (std::int64_t i = 0; i < shape.k; ++i) {
                const std::int64_t at = shape.transposed ? column * shape.k + i : i * shape.columns + column;
                sum += a.value(row, 0, i, shape.k) * weights[static_cast<std::size_t>(at)];
            }
            return sum;
        },
        what);
}

TEST(X64FloatMatMul, EveryTailAndEpilogue) {
    OCTET_NEEDS_AVX2();
    on_every_type([](const Machine& machine, DataType type) {
        for (const Guard guard : kGuards) {
            for (std::int64_t columns = 1; columns <= 80; ++columns)
                check_product(machine, type, {13, 9, columns, columns % 2, columns % 3},
                              static_cast<int>(columns % kFloatEpilogues), guard);
            for (std::int64_t k = 1; k <= 24; ++k)
                check_product(machine, type, {7, k, 33, 1, 0, 1, k % 2 == 0}, 2, guard);
            for (const std::int64_t k : {87, 88, 89, 255, 769})
                check_product(machine, type, {25, k, 20}, kEpilogues, guard);
            for (std::int64_t rows = 1; rows <= 30; ++rows)
                check_product(machine, type, {rows, 12, 64}, kEpilogues, guard);
            for (int which = 0; which < kFloatEpilogues; ++which)
                check_product(machine, type, {11, 20, 100, 0, 5, 2, true, 3}, which, guard);
        }
        check_product(machine, type, {49, 700, 260, 0, 0, 1, true, 2}, 2, Guard::after);
    });
}

std::vector<x64::Window> windows_of() {
    return {{1, 5, 11, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},  {2, 9, 30, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1},
            {1, 8, 23, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2},  {1, 7, 7, 5, 5, 2, 2, 1, 1, 1, 1, 2, 2},
            {1, 6, 5, 7, 7, 1, 1, 1, 1, 3, 3, 3, 3},   {1, 4, 9, 3, 11, 1, 1, 1, 1, 1, 5, 1, 5},
            {1, 12, 13, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2}, {1, 3, 4, 2, 2, 2, 3, 1, 1, 0, 0, 0, 0},
            {1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},   {1, 2, 3, 3, 3, 1, 1, 1, 1, 4, 4, 4, 4}};
}

// value(pixel, i) of [batch * height * width] over the taps inside the image that the result's pixel `row` sees.
template <class Visit>
void each_tap(const x64::Window& w, std::int64_t row, const Visit& visit) {
    const std::int64_t pixels = w.out_height() * w.out_width();
    for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
        const std::int64_t y = row % pixels / w.out_width() * w.stride_height - w.pad_top +
                               tap / w.kernel_width * w.dilation_height;
        const std::int64_t x = row % w.out_width() * w.stride_width - w.pad_left +
                               tap % w.kernel_width * w.dilation_width;
        if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
        visit(tap, (row / pixels * w.height + y) * w.width + x);
    }
}

void check_depthwise(const Machine& machine, DataType type, const x64::Window& w, std::int64_t channels,
                     std::int64_t gap, int which, Guard guard) {
    if (which >= kEpilogues && !machine.bf16) return;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::string what =
        fmt::format("type {} {}x{} kernel {}x{} stride {} dilation {} channels {} gap {} epilogue {}",
                    static_cast<int>(type), w.height, w.width, w.kernel_height, w.kernel_width, w.stride_width,
                    w.dilation_width, channels, gap, which);
    TestEpilogue made = epilogue_of(which, w.batch * pixels, w.batch, channels, guard);
    const x64::FloatDepthwiseDesc desc{.type = type,
                                       .window = w,
                                       .channels = channels,
                                       .in_stride = gap != 0 ? channels + gap : 0,
                                       .out_stride = gap != 0 ? channels + 2 * gap : 0,
                                       .epilogue = made.epilogue,
                                       .operand_strides = made.strides};
    ASSERT_TRUE(x64::FloatDepthwise::accepts(desc, machine)) << what;
    const TestOperand in = activations(type, w.batch * w.height * w.width, channels, channels + gap, guard);
    const Guarded<float> weights = weights_of(channels * w.taps(), guard);
    TestResult result(made.epilogue.result, w.batch * pixels, channels, channels + 2 * gap, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::FloatDepthwise convolution(desc, std::span<const float>(weights.data(), weights.size()), code);
    code.seal();
    const x64::FloatDepthwise::Args args{in.bytes.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = (convolution.units() + 1) / 2;
    convolution.run(args, middle, convolution.units());
    convolution.run(args, 0, middle);
    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, channels,
        [&](std::int64_t row, std::int64_t channel) {
            float sum = 0;
            each_tap(w, row, [&](std::int64_t tap, std::int64_t pixel) {
                sum += in.value(pixel, 0, channel, channels) *
                       weights[static_cast<std::size_t>(channel * w.taps() + tap)];
            });
            return sum;
        },
        what);
}

TEST(X64FloatDepthwise, EveryWindowAndTail) {
    if (!detect_machine().avx512()) GTEST_SKIP() << "this kernel needs AVX-512";
    on_every_type([](const Machine& machine, DataType type) {
        if (!machine.avx512()) return;
        for (const Guard guard : kGuards) {
            for (std::int64_t channels = 1; channels <= 100; ++channels)
                check_depthwise(machine, type, {1, 4, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, channels, channels % 3,
                                static_cast<int>(channels % kFloatEpilogues), guard);
            for (const x64::Window& w : windows_of())
                for (const std::int64_t channels : {5, 16, 31, 32, 70})
                    check_depthwise(machine, type, w, channels, 0, 2, guard);
            for (std::int64_t width = 1; width <= 40; ++width)
                check_depthwise(machine, type, {1, 3, width, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 32, 0, kEpilogues, guard);
        }
    });
}

TEST(X64FloatDepthwise, Declines) {
    x64::FloatDepthwiseDesc desc{.window = {1, 4, 4}, .channels = 8};
    EXPECT_EQ(x64::FloatDepthwise::accepts(desc, Machine()).reason, "needs AVX-512");
    desc.type = DataType::bf16;
    EXPECT_EQ(x64::FloatDepthwise::accepts(desc, vnni_machine()).reason,
              "its data is neither f32 nor, where products of bf16 gain, bf16");
    desc.type = DataType::f32;
    EXPECT_TRUE(x64::FloatDepthwise::accepts(desc, vnni_machine()));
    desc.channels = 0;
    EXPECT_EQ(x64::FloatDepthwise::accepts(desc, vnni_machine()).reason, "an empty convolution");
}

void check_image(const x64::Window& w, std::int64_t channels, std::int64_t columns, int which, Guard guard,
                 int threads = 1, std::int64_t infinite = -1) {
    const std::int64_t pixels = w.out_height() * w.out_width(), area = w.height * w.width;
    const std::string what = fmt::format("{}x{} kernel {}x{} channels {} to {} epilogue {}", w.height, w.width,
                                         w.kernel_height, w.kernel_width, channels, columns, which);
    TestEpilogue made = epilogue_of(which, w.batch * pixels, w.batch, columns, guard);
    const x64::ImageConvolutionDesc desc{.source = x64::ImageConvolutionDesc::Source::planar_to_bf16,
                                         .window = w,
                                         .in_channels = channels,
                                         .out_channels = columns,
                                         .epilogue = made.epilogue,
                                         .operand_strides = made.strides,
                                         .threads = threads};
    ASSERT_TRUE(x64::ImageConvolution::accepts(desc, detect_machine())) << what;
    Guarded<float> in(static_cast<std::size_t>(w.batch * channels * area), guard);
    std::ranges::copy(whole_numbers(in.size(), 1), in.data());
    if (infinite >= 0) in[static_cast<std::size_t>(infinite)] = std::numeric_limits<float>::infinity();
    Guarded<float> weights = weights_of(columns * channels * w.taps(), guard);
    for (std::size_t i = 0; i < weights.size() && infinite >= 0; ++i) weights[i] = 1;
    TestResult result(made.epilogue.result, w.batch * pixels, columns, columns, guard);
    x64::CodeBlock code(x64::vector_isa_of(detect_machine()));
    const x64::ImageConvolution convolution(desc, std::span<const float>(weights.data(), weights.size()), code);
    code.seal();
    Guarded<std::byte> scratch(convolution.scratch_size(), guard);
    const x64::ImageConvolution::Args args{in.data(), result.data(), pointers(made.operands), scratch.data()};
    const std::int64_t middle = convolution.units() / 3;
    convolution.run(args, middle, convolution.units());
    convolution.run(args, 0, middle);
    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, columns,
        [&](std::int64_t row, std::int64_t column) {
            float sum = 0;
            each_tap(w, row, [&](std::int64_t tap, std::int64_t pixel) {
                for (std::int64_t i = 0; i < channels; ++i)
                    sum += in[static_cast<std::size_t>((pixel / area * channels + i) * area + pixel % area)] *
                           weights[static_cast<std::size_t>((column * channels + i) * w.taps() + tap)];
            });
            return sum;
        },
        what);
}

TEST(X64BfloatImage, EveryWindowAndTail) {
    OCTET_NEEDS_BF16();
    for (const Guard guard : kGuards) {
        for (std::int64_t width = 3; width <= 40; ++width)
            for (std::int64_t channels = 1; channels <= 4; ++channels)
                check_image({1, 7, width, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, channels, 20, kEpilogues, guard);
        for (const x64::Window& w : windows_of()) check_image(w, 3, 40, kEpilogues + 1, guard, 2);
        for (int which = 0; which < kFloatEpilogues; ++which)
            check_image({2, 9, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, 3, 33 + which, which, guard);
    }
}

// A value that no window of a pixel holds never touches the pixel, though vectors read it.
TEST(X64BfloatImage, InfinityStaysWithItsWindows) {
    OCTET_NEEDS_BF16();
    for (std::int64_t at = 0; at < 30; ++at)
        check_image({1, 3, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 1, 20, kEpilogues, Guard::after, 1, at);
}

TEST(X64BfloatElementwise, EveryTail) {
    OCTET_NEEDS_BF16();
    for (const Guard guard : kGuards)
        for (const DataType type : {DataType::bf16, DataType::f32})
            for (std::int64_t channels = 1; channels <= 70; ++channels) {
                const int which = kEpilogues + static_cast<int>(channels % 3);
                TestEpilogue made = epilogue_of(which, 38, 2, channels, guard);
                const x64::ElementwiseDesc desc{.type = type,
                                                .rows = 38,
                                                .channels = channels,
                                                .epilogue = made.epilogue,
                                                .operand_strides = made.strides,
                                                .rows_per_batch = 19};
                ASSERT_TRUE(x64::Elementwise::accepts(desc, detect_machine()));
                const TestOperand in = activations(type, 38, channels, channels, guard);
                TestResult result(DataType::bf16, 38, channels, channels, guard);
                x64::CodeBlock code(x64::vector_isa_of(detect_machine()));
                const x64::Elementwise kernel(desc, code);
                code.seal();
                kernel.run({in.bytes.data(), result.data(), pointers(made.operands)}, 0, kernel.units());
                expect_equal(
                    made.epilogue, made.operands, result, 38, 19, channels,
                    [&](std::int64_t row, std::int64_t channel) { return in.value(row, 0, channel, channels); },
                    fmt::format("type {} channels {}", static_cast<int>(type), channels));
            }
}

TEST(X64BfloatPool, EveryWindowAndTail) {
    OCTET_NEEDS_BF16();
    using Kind = x64::PoolDesc::Kind;
    const auto check = [](const x64::Window& w, Kind kind, std::int64_t channels, Guard guard) {
        TestEpilogue made;
        made.epilogue.result = channels % 2 == 0 ? DataType::bf16 : DataType::f32;
        const x64::PoolDesc desc{
            .kind = kind, .type = DataType::bf16, .window = w, .channels = channels, .epilogue = made.epilogue};
        ASSERT_TRUE(x64::Pool::accepts(desc, detect_machine()));
        const std::int64_t pixels = w.out_height() * w.out_width();
        const TestOperand in = activations(DataType::bf16, w.batch * w.height * w.width, channels, channels, guard);
        TestResult result(made.epilogue.result, w.batch * pixels, channels, channels, guard);
        x64::CodeBlock code(x64::vector_isa_of(detect_machine()));
        const x64::Pool pool(desc, code);
        code.seal();
        pool.run({in.bytes.data(), result.data(), {}}, 0, pool.units());
        expect_equal(
            made.epilogue, made.operands, result, w.batch * pixels, pixels, channels,
            [&](std::int64_t row, std::int64_t channel) {
                float most = -std::numeric_limits<float>::infinity(), sum = 0, count = 0;
                each_tap(w, row, [&](std::int64_t, std::int64_t pixel) {
                    const float value = in.value(pixel, 0, channel, channels);
                    most = std::max(most, value);
                    sum += value;
                    ++count;
                });
                return kind == Kind::maximum ? most : sum / count;
            },
            fmt::format("kind {} channels {} kernel {}", static_cast<int>(kind), channels, w.kernel_width));
    };
    for (const Guard guard : kGuards)
        for (const Kind kind : {Kind::maximum, Kind::average}) {
            for (std::int64_t channels = 1; channels <= 80; ++channels)
                check({1, 5, 6, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, kind, channels, guard);
            for (const std::int64_t channels : {7, 64, 130}) {
                check({2, 13, 13, 13, 13, 1, 1, 1, 1, 0, 0, 0, 0}, kind, channels, guard);
                check({1, 8, 9, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, kind, channels, guard);
            }
        }
}

TEST(X64Bfloat, DeclinesWhereItGainsNothing) {
    Epilogue epilogue;
    epilogue.result = DataType::bf16;
    EXPECT_EQ(x64::accepts(epilogue, 4).reason, "the result is neither u8, s8 nor f32");
    EXPECT_TRUE(x64::accepts(epilogue, 4, true));
    EpilogueOp op{EpilogueOp::Kind::combine};
    op.operand_type = DataType::bf16;
    op.spread = Spread::per_row;
    epilogue.ops = {op};
    EXPECT_EQ(x64::accepts(epilogue, 4, true).reason, "an operand of bf16 has one value for several channels");
    epilogue.result = DataType::f32;
    EXPECT_EQ(x64::accepts(epilogue, 4).reason, "an operand is neither u8, s8, s32 nor f32");
    EXPECT_EQ(x64::MatMul::accepts({.type = DataType::bf16, .rows = 1, .k = 1, .columns = 1}, vnni_machine()).reason,
              "needs products of bf16");
    x64::ImageConvolutionDesc image;
    image.source = x64::ImageConvolutionDesc::Source::planar_to_bf16;
    image.window = {1, 4, 4};
    image.out_channels = 1;
    EXPECT_EQ(x64::ImageConvolution::accepts(image, vnni_machine()).reason, "needs products of bf16");
}

}  // namespace
}  // namespace octet::cpu::testing
