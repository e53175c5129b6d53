#include "plugins/cpu/kernels/x64/image_convolution.hpp"

#include <fmt/format.h>

#include <optional>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using Source = x64::ImageConvolutionDesc::Source;

struct Case {
    x64::Window window;
    std::int64_t in_channels = 3;
    std::int64_t out_channels = 32;
    Source source = Source::planar_f32;
    std::uint8_t zero_point = 0;
    std::int64_t out_gap = 0;
    bool scalar_quantization = false;
    std::int64_t in_gap = 0;
    int threads = 1;
    bool classed = false;  // an operand of three rows, of which the first is everywhere but at the ends

    std::int64_t in_stride() const { return in_channels + in_gap; }
};

// The code of every value of the image, [batch, height, width, channels].
std::vector<int> codes_of(const Case& test, const x64::ImageConvolutionDesc& desc, const Guarded<float>& planar,
                          const Guarded<std::uint8_t>& interleaved) {
    const x64::Window& w = test.window;
    std::vector<int> codes(static_cast<std::size_t>(w.batch * w.height * w.width * test.in_channels));
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(codes.size()); ++i) {
        const std::int64_t channel = i % test.in_channels;
        const std::int64_t pixel = i / test.in_channels;
        const std::int64_t area = w.height * w.width;
        if (test.source == Source::interleaved_u8) {
            codes[static_cast<std::size_t>(i)] =
                interleaved[static_cast<std::size_t>(pixel * test.in_stride() + channel)];
            continue;
        }
        const float x =
            planar[static_cast<std::size_t>((pixel / area * test.in_channels + channel) * area + pixel % area)];
        const float value = std::fma(x, at_channel(desc.scale, channel, 1), at_channel(desc.shift, channel, 0));
        codes[static_cast<std::size_t>(i)] = static_cast<int>(
            std::nearbyint(std::min(std::max(value, desc.low), desc.high)));
    }
    return codes;
}

std::string name_of(const Case& test, int which) {
    const x64::Window& w = test.window;
    return fmt::format(
        "{}x{}x{} kernel {}x{} stride {} dilation {} padding {},{},{},{} channels {} to {} source {} zp {} gaps {},{} "
        "threads {} epilogue {}",
        w.batch, w.height, w.width, w.kernel_height, w.kernel_width, w.stride_height, w.dilation_width, w.pad_top,
        w.pad_left, w.pad_bottom, w.pad_right, test.in_channels, test.out_channels, static_cast<int>(test.source),
        test.zero_point, test.in_gap, test.out_gap, test.threads, which);
}

// Adds the sum with an operand of three rows, which is returned; the one among the others has all rows, for the comparison.
TestOperand add_classed(const Case& test, x64::ImageConvolutionDesc& desc, TestEpilogue& made, Guard guard) {
    const x64::Window& w = test.window;
    const std::int64_t height = w.out_height(), width = w.out_width(), channels = test.out_channels;
    desc.classed_operand = static_cast<std::uint32_t>(made.operands.size());
    desc.row_class.assign(static_cast<std::size_t>(height), 0);
    desc.row_class.front() = 1;
    desc.row_class.back() = 2;
    made.epilogue.ops.push_back({.kind = EpilogueOp::Kind::combine,
                                 .scale = {0.25F},
                                 .combine = Combine::add,
                                 .operand = desc.classed_operand,
                                 .operand_type = DataType::f32,
                                 .spread = Spread::full});
    TestOperand classed(DataType::f32, Spread::full, 3 * width, 1, channels, channels, guard, 41);
    made.operands.emplace_back(DataType::f32, Spread::full, w.batch * height * width, 1, channels, channels, guard, 1);
    const auto bytes = static_cast<std::size_t>(width * channels * 4);
    for (std::int64_t row = 0; row < w.batch * height; ++row) {
        const auto of_row = static_cast<std::size_t>(desc.row_class[static_cast<std::size_t>(row % height)]);
        std::memcpy(made.operands.back().bytes.data() + static_cast<std::size_t>(row) * bytes,
                    classed.bytes.data() + of_row * bytes, bytes);
    }
    return classed;
}

void check_on(const Machine& machine, const Case& test, int which, Guard guard) {
    const x64::Window& w = test.window;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::string what = name_of(test, which);
    TestEpilogue made = make_epilogue(which, w.batch * pixels, w.batch, test.out_channels, w.taps() * test.in_channels,
                                      guard, 5);
    x64::ImageConvolutionDesc desc;
    std::optional<TestOperand> classed;
    if (test.classed) {
        classed.emplace(add_classed(test, desc, made, guard));
    }
    desc.source = test.source;
    desc.window = w;
    desc.in_channels = test.in_channels;
    desc.out_channels = test.out_channels;
    desc.scale = random_floats(test.scalar_quantization ? 1 : test.in_channels, 3, 100.F, 160.F);
    desc.shift = random_floats(test.scalar_quantization ? 1 : test.in_channels, 4, 100.F, 150.F);
    desc.low = test.scalar_quantization ? 3 : 0;
    desc.zero_point = test.zero_point;
    desc.in_stride = test.in_gap != 0 ? test.in_stride() : 0;
    desc.threads = test.threads;
    desc.out_stride = test.out_gap != 0 ? test.out_channels + test.out_gap : 0;
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    const Acceptance acceptance = x64::ImageConvolution::accepts(desc, machine);
    ASSERT_TRUE(acceptance) << what << ": " << acceptance.reason;

    const std::size_t values = static_cast<std::size_t>(w.batch * w.height * w.width * test.in_channels);
    const auto planar = random_guarded<float>(test.source == Source::planar_f32 ? values : 0, guard, 1);
    const std::size_t stored = values + static_cast<std::size_t>((w.batch * w.height * w.width - 1) * test.in_gap);
    const auto interleaved = random_guarded<std::uint8_t>(test.source == Source::interleaved_u8 ? stored : 0, guard, 1);
    const auto weights =
        random_guarded<std::int8_t>(static_cast<std::size_t>(test.out_channels * test.in_channels * w.taps()), guard,
                                    2);
    TestResult result(made.epilogue.result, w.batch * pixels, test.out_channels, test.out_channels + test.out_gap,
                      guard);

    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::ImageConvolution convolution(desc, weights.span(), code);
    code.seal();
    Guarded<std::byte> scratch(convolution.scratch_size(), guard);
    const void* in = test.source == Source::planar_f32 ? static_cast<const void*>(planar.data()) : interleaved.data();
    x64::ImageConvolution::Args args{in, result.data(), pointers(made.operands), scratch.data()};
    if (classed) {
        args.operands[desc.classed_operand] = classed->bytes.data();
    }
    const std::int64_t middle = convolution.units() / 3;
    convolution.run(args, middle, convolution.units());
    convolution.run(args, 0, middle);

    const std::vector<int> codes = codes_of(test, desc, planar, interleaved);
    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, test.out_channels,
        [&](std::int64_t row, std::int64_t channel) {
            std::int32_t sum = 0;
            for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
                const std::int64_t y = row % pixels / w.out_width() * w.stride_height - w.pad_top +
                                       tap / w.kernel_width * w.dilation_height;
                const std::int64_t x = row % w.out_width() * w.stride_width - w.pad_left +
                                       tap % w.kernel_width * w.dilation_width;
                const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
                for (std::int64_t i = 0; i < test.in_channels; ++i) {
                    const int value = inside
                                          ? codes[static_cast<std::size_t>(
                                                ((row / pixels * w.height + y) * w.width + x) * test.in_channels + i)]
                                          : test.zero_point;
                    sum += (value - test.zero_point) *
                           weights[static_cast<std::size_t>((channel * test.in_channels + i) * w.taps() + tap)];
                }
            }
            return static_cast<float>(sum);
        },
        what);
}

void check(const Case& test, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, test, which, guard); });
}

TEST(X64ImageConvolution, EveryWidthAndChannelCount) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t width = 3; width <= 40; ++width) {
            for (std::int64_t channels = 1; channels <= 4; ++channels) {
                check({{1, 7, width, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, channels, 20, Source::planar_f32, 7}, 0, guard);
                check({{1, 5, width, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, channels, 17, Source::interleaved_u8, 7}, 0, guard);
            }
        }
        for (std::int64_t columns = 1; columns <= 80; columns += 3) {
            check({{1, 9, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, 3, columns}, static_cast<int>(columns % kEpilogues),
                  guard);
        }
    }
}

TEST(X64ImageConvolution, EveryWindow) {
    OCTET_NEEDS_AVX2();
    const x64::Window windows[] = {{1, 32, 30, 7, 7, 2, 2, 1, 1, 3, 3, 3, 3},
                                   {2, 33, 16, 7, 7, 2, 2, 1, 1, 2, 2, 3, 3},
                                   {1, 12, 12, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
                                   {1, 24, 24, 4, 4, 4, 4},
                                   {1, 40, 19, 5, 3, 3, 1, 1, 1, 2, 0, 1, 2},
                                   {1, 14, 14, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2},
                                   {3, 6, 6, 6, 6},
                                   {1, 20, 20, 3, 3, 2, 2, 1, 1, 1, 1, -1, -2},
                                   {1, 9, 9, 1, 1, 2, 2},
                                   {1, 50, 50, 11, 11, 4, 4, 1, 1, 5, 5, 5, 5}};
    for (const Guard guard : kGuards) {
        for (const x64::Window& window : windows) {
            check({window, 3, 33, Source::planar_f32, 114, 3}, 0, guard);
            check({window, 4, 16, Source::interleaved_u8, 3}, 3, guard);
            check({window, 1, 64, Source::planar_f32, 0, 0, true}, 0, guard);
        }
    }
}

TEST(X64ImageConvolution, EveryEpilogue) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (int which = 0; which < kEpilogues; ++which) {
            check({{2, 11, 14, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, 3, 40, Source::planar_f32, 20}, which, guard);
        }
    }
}

Case of_rows(const x64::Window& window, std::int64_t in_channels, std::int64_t out_channels, std::uint8_t zero_point,
             std::int64_t in_gap, std::int64_t out_gap, int threads) {
    return {window, in_channels, out_channels, Source::interleaved_u8, zero_point, out_gap, false, in_gap, threads};
}

TEST(X64ImageConvolution, ManyChannels) {
    OCTET_NEEDS_AVX2();
    const x64::Window plain{1, 5, 15, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    for (const Guard guard : kGuards) {
        for (std::int64_t channels = 5; channels <= 40; ++channels) {
            check(of_rows(plain, channels, 20, 7, 0, 0, 1), 0, guard);
        }
        for (std::int64_t columns = 1; columns <= 130; columns += 3) {
            check(of_rows(plain, 12, columns, 0, 0, columns % 5, 1), static_cast<int>(columns % kEpilogues), guard);
        }
        for (std::int64_t width = 1; width <= 30; ++width) {
            const x64::Window window{1, 4, width, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
            check(of_rows(window, 8, 64, 3, width % 4, 0, 1), 0, guard);
            check(of_rows(window, 8, 32, 0, 0, 0, 1), 3, guard);
        }
        for (const x64::Window& window :
             {x64::Window{1, 12, 14, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, x64::Window{2, 9, 13, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2},
              x64::Window{1, 14, 14, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2}, x64::Window{2, 6, 9, 1, 7, 1, 1, 1, 1, 0, 3, 0, 3},
              x64::Window{1, 20, 20, 3, 3, 2, 2, 1, 1, 1, 1, -1, -2}}) {
            check(of_rows(window, 19, 70, 130, 5, 3, 1), 0, guard);
        }
    }
}

TEST(X64ImageConvolution, AnOperandOfClassesOfRows) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (const std::int64_t columns : {1, 16, 70, 130}) {
            for (const int threads : {1, 3}) {
                Case test = of_rows({2, 9, 13, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 12, columns, 7, 0, 3, threads);
                test.classed = true;
                check(test, columns == 16 ? 3 : 0, guard);
            }
        }
    }
    x64::ImageConvolutionDesc desc{.source = Source::interleaved_u8,
                                   .window = {1, 9, 13, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
                                   .in_channels = 12,
                                   .out_channels = 8,
                                   .row_class = {0, 1}};
    EXPECT_EQ(x64::ImageConvolution::accepts(desc, vnni_machine()).reason,
              "classes of rows that are not those of the result, or of an operand with gaps");
}

// Threads share out columns where the rows do not come out even, and long rows leave few to a chunk.
TEST(X64ImageConvolution, ManyUnits) {
    OCTET_NEEDS_AVX2();
    for (const int threads : {2, 3, 5, 8}) {
        check(of_rows({1, 7, 13, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 24, 200, 5, 0, 0, threads), 1, Guard::before);
    }
    check(of_rows({1, 4, 1100, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 32, 8, 9, 0, 0, 2), 0, Guard::after);
}

TEST(X64ImageConvolution, LongSumsAreDeclined) {
    OCTET_NEEDS_AVX2();
    x64::ImageConvolutionDesc desc;
    desc.source = Source::interleaved_u8;
    desc.window = {1, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    desc.in_channels = 65793 / 9 + 1;
    desc.out_channels = 16;
    EXPECT_EQ(x64::ImageConvolution::accepts(desc, detect_machine()).reason,
              "sums of so many products may leave 32 bits");
    desc.in_channels = 65793 / 9;
    EXPECT_TRUE(x64::ImageConvolution::accepts(desc, detect_machine()));
}

TEST(X64ImageQuantize, EveryWidth) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t width = 1; width <= 50; ++width) {
            for (std::int64_t channels = 1; channels <= 4; ++channels)
                on_every_isa([&](const Machine& machine) {
                    const x64::ImageQuantizeDesc desc{
                        2, 3, width, channels, random_floats(channels, 3, 100.F, 160.F), {127.5F}, 2, 250};
                    const auto in = random_guarded<float>(static_cast<std::size_t>(6 * width * channels), guard, 1);
                    Guarded<std::uint8_t> out(in.size(), guard);
                    x64::CodeBlock code(x64::vector_isa_of(machine));
                    const x64::ImageQuantize kernel(desc, code);
                    code.seal();
                    kernel.run({in.data(), out.data()}, 2, kernel.units());
                    kernel.run({in.data(), out.data()}, 0, 2);
                    ASSERT_TRUE(out.intact());
                    for (std::int64_t i = 0; i < static_cast<std::int64_t>(out.size()); ++i) {
                        const std::int64_t channel = i % channels;
                        const std::int64_t pixel = i / channels;
                        const float x = in[static_cast<std::size_t>(
                            (pixel / (3 * width) * channels + channel) * 3 * width + pixel % (3 * width))];
                        const float value = std::fma(x, desc.scale[static_cast<std::size_t>(channel)], 127.5F);
                        ASSERT_EQ(static_cast<float>(out[static_cast<std::size_t>(i)]),
                                  std::nearbyint(std::min(std::max(value, 2.F), 250.F)))
                            << "width " << width << ", channels " << channels << ", value " << i;
                    }
                });
        }
    }
}

}  // namespace
}  // namespace octet::cpu::testing
