#include "plugins/cpu/kernels/x64/dense_convolution.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

struct Case {
    x64::Window window;
    std::int64_t ic = 8;
    std::int64_t oc = 16;
    std::int64_t groups = 1;
    std::uint8_t zero_point = 0;
    std::int64_t in_gap = 0, out_gap = 0;
    int threads = 1;
};

std::string name_of(const Case& test, int which) {
    const x64::Window& w = test.window;
    return fmt::format(
        "{}x{}x{} kernel {}x{} stride {} dilation {} padding {},{},{},{} channels {} to {} groups {} zp {} gaps {},{} "
        "threads {} epilogue {}",
        w.batch, w.height, w.width, w.kernel_height, w.kernel_width, w.stride_height, w.dilation_width, w.pad_top,
        w.pad_left, w.pad_bottom, w.pad_right, test.ic, test.oc, test.groups, test.zero_point, test.in_gap,
        test.out_gap, test.threads, which);
}

// seven_bits: weights whose products never saturate.
void check_on(const Machine& machine, const Case& test, int which, Guard guard, bool seven_bits = false) {
    const x64::Window& w = test.window;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::int64_t channels = test.groups * test.oc;
    const std::string what = name_of(test, which);
    TestEpilogue made = make_epilogue(which, w.batch * pixels, w.batch, channels, w.taps() * test.ic, guard, 5);
    x64::DenseConvolutionDesc desc;
    desc.window = w;
    desc.groups = test.groups;
    desc.ic = test.ic;
    desc.oc = test.oc;
    const std::int64_t stride = test.groups * test.ic + test.in_gap;
    desc.in_stride = test.in_gap != 0 ? stride : 0;
    desc.out_stride = test.out_gap != 0 ? channels + test.out_gap : 0;
    desc.zero_point = test.zero_point;
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    desc.threads = test.threads;
    const Acceptance acceptance = x64::DenseConvolution::accepts(desc, machine);
    ASSERT_TRUE(acceptance) << what << ": " << acceptance.reason;

    const auto in = random_guarded<std::uint8_t>(static_cast<std::size_t>((w.batch * w.height * w.width - 1) * stride +
                                                                          test.groups * test.ic),
                                                 guard, 1);
    auto weights = random_guarded<std::int8_t>(static_cast<std::size_t>(channels * test.ic * w.taps()), guard, 2);
    for (std::size_t i = 0; seven_bits && i < weights.size(); ++i)
        weights[i] = static_cast<std::int8_t>(weights[i] / 2);
    TestResult result(made.epilogue.result, w.batch * pixels, channels, channels + test.out_gap, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine, seven_bits));
    const x64::DenseConvolution convolution(desc, weights.span(), code);
    code.seal();
    const x64::DenseConvolution::Args args{in.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = convolution.units() / 2;
    convolution.run(args, middle, convolution.units() - 1);
    convolution.run(args, convolution.units() - 1, convolution.units());
    convolution.run(args, 0, middle);

    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, channels,
        [&](std::int64_t row, std::int64_t channel) {
            std::int32_t sum = 0;
            for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
                const std::int64_t y = row % pixels / w.out_width() * w.stride_height - w.pad_top +
                                       tap / w.kernel_width * w.dilation_height;
                const std::int64_t x = row % w.out_width() * w.stride_width - w.pad_left +
                                       tap % w.kernel_width * w.dilation_width;
                const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
                for (std::int64_t i = 0; inside && i < test.ic; ++i) {
                    const int value = in[static_cast<std::size_t>(
                        ((row / pixels * w.height + y) * w.width + x) * stride + channel / test.oc * test.ic + i)];
                    sum += (value - test.zero_point) *
                           weights[static_cast<std::size_t>((channel * test.ic + i) * w.taps() + tap)];
                }
            }
            return static_cast<float>(sum);
        },
        what);
}

void check(const Case& test, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, test, which, guard); });
}

TEST(X64DenseConvolution, EveryChannelTail) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t ic = 1; ic <= 36; ++ic) {
            check({{1, 5, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, ic, 20, 1, 7}, 0, guard);
        }
        for (std::int64_t oc = 1; oc <= 80; ++oc) {
            check({{1, 4, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 8, oc}, static_cast<int>(oc % kEpilogues), guard);
        }
    }
}

TEST(X64DenseConvolution, WeightsOfSevenBitsNeverSaturate) {
    OCTET_NEEDS_AVX2();
    on_every_isa([](const Machine& machine) {
        for (const Guard guard : kGuards) {
            for (const std::int64_t ic : {3, 8, 36}) {
                for (const std::int64_t oc : {5, 16, 40, 72})
                    check_on(machine, {{1, 5, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, ic, oc, 1, 7}, 0, guard, true);
            }
        }
    });
}

TEST(X64DenseConvolution, EveryWindowAndStride) {
    OCTET_NEEDS_AVX2();
    const x64::Window windows[] = {{1, 8, 7, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, {2, 7, 7, 1, 1, 2, 2},
                                   {1, 9, 9, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, {1, 10, 10, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2},
                                   {2, 6, 9, 1, 7, 1, 1, 1, 1, 0, 3, 0, 3}, {1, 12, 5, 4, 2, 4, 2},
                                   {1, 9, 8, 7, 7, 2, 2, 1, 1, 3, 3, 3, 3}, {1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}};
    for (const Guard guard : kGuards) {
        for (const x64::Window& window : windows) {
            check({window, 19, 24, 1, 130, 5, 3}, 0, guard);
            check({window, 16, 70, 1, 0, 0, 0, 4}, 3, guard);
            check({window, 6, 16, 3, 9}, 0, guard);
        }
        for (int which = 0; which < kEpilogues; ++which) {
            check({{2, 6, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 12, 37, 1, 200, 0, 0, 3}, which, guard);
        }
    }
}

TEST(X64DenseConvolution, ManyUnits) {
    OCTET_NEEDS_AVX2();
    check({{1, 28, 28, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 64, 64, 1, 0, 0, 0, 2}, 0, Guard::after);
    for (const int threads : {2, 5, 8})
        check({{2, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 128, 200, 1, 5, 0, 0, threads}, 0, Guard::before);
}

}  // namespace
}  // namespace octet::cpu::testing
