#include "plugins/cpu/kernels/x64/depthwise.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

constexpr int kVaried = -1;  // one for each channel, 0 and 255 among them

struct Case {
    x64::Window window;
    std::int64_t channels = 1;
    int zero_point = 0;
    std::int64_t in_gap = 0, out_gap = 0;
    int threads = 1;
    bool border = false;  // shifts that differ at the border
};

std::string name_of(const Case& test, int which) {
    const x64::Window& w = test.window;
    return fmt::format(
        "{}x{}x{} kernel {}x{} stride {}x{} dilation {} padding {},{},{},{} channels {} zp {} gaps {},{} threads {} "
        "epilogue {}",
        w.batch, w.height, w.width, w.kernel_height, w.kernel_width, w.stride_height, w.stride_width, w.dilation_height,
        w.pad_top, w.pad_left, w.pad_bottom, w.pad_right, test.channels, test.zero_point, test.in_gap, test.out_gap,
        test.threads, which);
}

std::vector<std::uint8_t> zero_points_of(const Case& test) {
    if (test.zero_point != kVaried) {
        return {static_cast<std::uint8_t>(test.zero_point)};
    }
    std::vector<std::uint8_t> values;
    for (std::int64_t channel = 0; channel < test.channels; ++channel) {
        values.push_back(static_cast<std::uint8_t>(channel * 255 / std::max<std::int64_t>(1, test.channels - 1)));
    }
    return values;
}

// The outer rows and columns have classes of their own, the second and last ones share one.
x64::BorderShifts border_of(const Case& test) {
    const auto classes = [](std::int64_t places) {
        std::vector<std::int64_t> of_places(static_cast<std::size_t>(places), 2);
        for (std::size_t i = 0; i < of_places.size(); ++i) {
            if (i < 2 || i + 1 == of_places.size()) {
                of_places[i] = i == 0 ? 0 : 1;
            }
        }
        return of_places;
    };
    x64::BorderShifts border{0, classes(test.window.out_height()), classes(test.window.out_width())};
    const auto count = [](const std::vector<std::int64_t>& of_places) {
        return *std::max_element(of_places.begin(), of_places.end()) + 1;
    };
    border.shifts = random_floats(count(border.row_class) * count(border.column_class) * test.channels, 31, 80.F,
                                  170.F);
    return border;
}

// Pixels lie `stride` apart.
std::int32_t sum_at(const x64::DepthwiseDesc& desc, const std::uint8_t* in, std::int64_t stride,
                    const std::int8_t* weights, std::int64_t row, std::int64_t channel) {
    const x64::Window& w = desc.window;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::int64_t y = row % pixels / w.out_width(), x = row % w.out_width();
    const std::int32_t zero = desc.zero_point(channel);
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < w.kernel_height; ++i) {
        for (std::int64_t j = 0; j < w.kernel_width; ++j) {
            const std::int64_t in_y = y * w.stride_height - w.pad_top + i * w.dilation_height;
            const std::int64_t in_x = x * w.stride_width - w.pad_left + j * w.dilation_width;
            const bool inside = in_y >= 0 && in_y < w.height && in_x >= 0 && in_x < w.width;
            const std::int32_t value = inside
                                           ? in[((row / pixels * w.height + in_y) * w.width + in_x) * stride + channel]
                                           : zero;
            sum += (value - zero) * weights[(channel * w.kernel_height + i) * w.kernel_width + j];
        }
    }
    return sum;
}

void check_on(const Machine& machine, const Case& test, int which, Guard guard) {
    const x64::Window& w = test.window;
    const std::int64_t c = test.channels;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::string what = name_of(test, which);
    TestEpilogue made = make_epilogue(which, w.batch * pixels, w.batch, c, w.taps(), guard, 5);
    x64::DepthwiseDesc desc;
    desc.window = w;
    desc.channels = c;
    desc.in_stride = test.in_gap != 0 ? c + test.in_gap : 0;
    desc.out_stride = test.out_gap != 0 ? c + test.out_gap : 0;
    desc.zero_points = zero_points_of(test);
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    desc.threads = test.threads;
    if (test.border) {
        desc.border = border_of(test);
    }
    const Acceptance acceptance = x64::DepthwiseConvolution::accepts(desc, machine);
    ASSERT_TRUE(acceptance) << what << ": " << acceptance.reason;

    const std::int64_t stride = c + test.in_gap;
    const auto in =
        random_guarded<std::uint8_t>(static_cast<std::size_t>((w.batch * w.height * w.width - 1) * stride + c), guard,
                                     1);
    const auto weights = random_guarded<std::int8_t>(static_cast<std::size_t>(c * w.taps()), guard, 2);
    TestResult result(made.epilogue.result, w.batch * pixels, c, c + test.out_gap, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    Guarded<std::byte> storage((x64::DepthwiseConvolution::packed_size(desc, code.isa()) + 4095) / 4096 * 4096,
                               Guard::after);

    const x64::DepthwiseConvolution convolution(desc, weights.span(), code, storage.span());
    code.seal();
    const x64::DepthwiseConvolution::Args args{in.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = (convolution.units() + 1) / 2;
    convolution.run(args, middle, convolution.units());
    convolution.run(args, 0, middle / 3);
    convolution.run(args, middle / 3, middle);

    Epilogue of_place = made.epilogue;
    const auto epilogue_at = [&](std::int64_t row, std::int64_t channel) -> const Epilogue& {
        if (test.border) {
            const auto y = static_cast<std::size_t>(row % pixels / w.out_width());
            const auto x = static_cast<std::size_t>(row % w.out_width());
            of_place.ops[0].shift.assign(1, desc.border.at(desc.border.row_class[y], desc.border.column_class[x],
                                                           channel, c));
        }
        return of_place;
    };
    expect_equal_at(
        epilogue_at, made.operands, result, w.batch * pixels, pixels, c,
        [&](std::int64_t row, std::int64_t channel) {
            return static_cast<float>(sum_at(desc, in.data(), stride, weights.data(), row, channel));
        },
        what);
}

void check(const Case& test, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, test, which, guard); });
}

x64::Window square(std::int64_t height, std::int64_t width, std::int64_t kernel, std::int64_t stride,
                   std::int64_t padding, std::int64_t batch = 1) {
    return {batch, height, width, kernel, kernel, stride, stride, 1, 1, padding, padding, padding, padding};
}

TEST(X64Depthwise, EveryChannelTail) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t channels = 1; channels <= 130; ++channels) {
            check({square(5, 6, 3, 1, 1), channels, 9}, 0, guard);
            check({square(5, 11, 3, 2, 1), channels, 0}, static_cast<int>(channels % kEpilogues), guard);
        }
    }
}

TEST(X64Depthwise, EverySize) {
    OCTET_NEEDS_AVX2();
    for (const std::int64_t kernel : {1, 2, 3, 5}) {
        for (const std::int64_t stride : {1, 2, 3}) {
            for (std::int64_t size = kernel; size <= 13; ++size) {
                const Guard guard = size % 2 == 0 ? Guard::after : Guard::before;
                for (const std::int64_t channels : {16, 32, 64, 80}) {
                    check({square(size, 18 - size, kernel, stride, kernel / 2), channels,
                           static_cast<int>(size % 3 * 100)},
                          0, guard);
                }
                check({square(size, kernel, kernel, stride, 0), 20, 7, 3, 5}, 3, guard);
            }
        }
    }
}

TEST(X64Depthwise, EveryEpilogue) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (int which = 0; which < kEpilogues; ++which) {
            for (const std::int64_t channels : {1, 16, 24, 33, 64, 96}) {
                check({square(9, 10, 3, 1, 1, 2), channels, 128, which % 2 * 3, which % 3}, which, guard);
                check({square(12, 9, 5, 2, 2), channels, 3, 0, 0, 3}, which, guard);
                check({square(6, 7, 7, 1, 3, 2), channels, 3}, which, guard);
            }
        }
    }
}

TEST(X64Depthwise, UnequalSidesAndDilation) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (const std::int64_t channels : {3, 16, 70}) {
            check({{1, 14, 9, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, channels, 5}, 0, guard);
            check({{2, 8, 9, 3, 5, 1, 2, 1, 1, 2, 0, 0, 4}, channels, 5}, 3, guard);
            check({{1, 9, 8, 5, 3, 2, 1, 1, 1, 1, 2, 3, 0}, channels, 250}, 0, guard);
            check({{1, 13, 12, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3}, channels, 5}, 0, guard);
            check({{1, 4, 4, 9, 9, 1, 1, 1, 1, 4, 4, 4, 4}, channels, 77}, 0, guard);
            check({{1, 11, 9, 3, 3, 5, 5, 1, 1, 1, 1, 1, 1}, channels, 77}, 1, guard);
            check({{1, 12, 12, 3, 3, 2, 2, 1, 1, 1, 1, -1, -2}, channels, 77}, 0, guard);
        }
    }
}

TEST(X64Depthwise, TallMapsAndManyUnits) {
    OCTET_NEEDS_AVX2();
    check({square(600, 5, 3, 1, 1), 48, 4}, 0, Guard::after);
    check({square(56, 56, 3, 2, 1), 96, 0, 0, 0, 4}, 0, Guard::before);
    check({square(70, 40, 31, 1, 15), 20, 4}, 0, Guard::after);
    check({{1, 300, 7, 2, 2, 1, 1, 255, 5, 0, 0, 0, 0}, 20, 4}, 0, Guard::before);
    check({square(40, 5, 5, 1, 2), 70, 4, 0, 0, 16}, 0, Guard::after);
}

TEST(X64Depthwise, ZeroPointOfEachChannel) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t channels = 1; channels <= 130; ++channels) {
            const int which = static_cast<int>(channels % kEpilogues);
            check({square(5, 6, 3, 1, 1), channels, kVaried}, 0, guard);
            check({square(12, 11, 3, 2, 1), channels, kVaried, 5, 3}, which, guard);
            check({{1, 13, 12, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3}, channels, kVaried}, 0, guard);
        }
        for (const std::int64_t channels : {1, 16, 24, 33, 64, 96}) {
            for (int which = 0; which < kEpilogues; ++which) {
                check({square(9, 10, 3, 1, 1, 2), channels, kVaried, which % 2 * 3, which % 3}, which, guard);
            }
            check({square(6, 7, 7, 1, 3, 2), channels, kVaried}, 0, guard);
            check({square(12, 9, 5, 2, 2), channels, kVaried, 0, 0, 3}, 0, guard);
            check({{1, 4, 4, 9, 9, 1, 1, 1, 1, 4, 4, 4, 4}, channels, kVaried}, 0, guard);
            check({{2, 8, 9, 3, 5, 1, 2, 1, 1, 2, 0, 0, 4}, channels, kVaried}, 3, guard);
            check({{1, 12, 12, 3, 3, 2, 2, 1, 1, 1, 1, -1, -2}, channels, kVaried}, 0, guard);
        }
        check({square(300, 5, 3, 1, 1), 48, kVaried}, 0, guard);
    }
}

TEST(X64Depthwise, ShiftsAtTheBorder) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (int which = 0; which < kEpilogues; ++which) {
            for (const std::int64_t channels : {1, 8, 16, 24, 33, 64, 130}) {
                check({square(9, 19, 3, 1, 1, 2), channels, 128, which % 2 * 3, which % 3, 1, true}, which, guard);
                check({square(12, 9, 5, 2, 2), channels, kVaried, 0, 0, 3, true}, which, guard);
            }
        }
        for (const std::int64_t channels : {8, 70}) {
            check({square(4, 5, 3, 1, 1), channels, 3, 0, 0, 1, true}, 0, guard);
            check({square(1, 1, 3, 1, 1), channels, 3, 0, 0, 1, true}, 0, guard);
            check({square(300, 5, 3, 1, 1), channels, 0, 0, 0, 2, true}, 0, guard);
            check({{1, 13, 12, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3}, channels, 5, 0, 0, 1, true}, 3, guard);
        }
    }
}

TEST(X64Depthwise, Declines) {
    x64::DepthwiseDesc desc;
    desc.window = square(3, 3, 3, 1, 0);
    EXPECT_EQ(x64::DepthwiseConvolution::accepts(desc, vnni_machine()).reason, "an empty convolution");
    desc.channels = 1;
    EXPECT_EQ(x64::DepthwiseConvolution::accepts(desc, Machine{}).reason, "needs AVX2");
    desc.zero_points = {1, 2};
    EXPECT_EQ(x64::DepthwiseConvolution::accepts(desc, vnni_machine()).reason,
              "zero points that are neither one nor one for each channel");
    desc.zero_points = {};
    desc.epilogue.ops = {{EpilogueOp::Kind::scale_shift, {1.F}, {0.F}}};
    desc.border = {0, {0}, {0}, {1.F}};
    EXPECT_TRUE(x64::DepthwiseConvolution::accepts(desc, vnni_machine()));
    for (const x64::BorderShifts& border :
         {x64::BorderShifts{1, {0}, {0}, {1.F}}, x64::BorderShifts{0, {0, 0}, {0}, {1.F}},
          x64::BorderShifts{0, {0}, {1}, {1.F}}, x64::BorderShifts{0, {0}, {-1}, {1.F}},
          x64::BorderShifts{0, {}, {0}, {1.F}}}) {
        desc.border = border;
        EXPECT_EQ(x64::DepthwiseConvolution::accepts(desc, vnni_machine()).reason,
                  "shifts at the border that are not one for each channel and place");
    }
    desc.border = {};
    desc.window = square(100, 100, 64, 1, 0);
    EXPECT_EQ(x64::DepthwiseConvolution::accepts(desc, vnni_machine()).reason,
              "a window of more than 1024 taps or 256 rows");
}

TEST(X64Depthwise, UnitsOfThreads) {
    OCTET_NEEDS_AVX2();
    for (const int threads : {2, 3, 8}) {
        check({square(14, 14, 3, 1, 1), 200, 4, 0, 0, threads}, 3, Guard::after);
        check({{2, 19, 11, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, 130, 5, 3, 7, threads}, 5, Guard::before);
        check({square(28, 9, 5, 2, 2), 40, 9, 0, 0, threads}, 0, Guard::after);
    }
    const auto units = [](std::int64_t size, std::int64_t channels, int threads) {
        x64::DepthwiseDesc desc;
        desc.window = square(size, size, 3, 1, 1);
        desc.channels = channels;
        desc.threads = threads;
        const std::vector<std::int8_t> weights(static_cast<std::size_t>(channels * 9));
        x64::CodeBlock code;
        return x64::DepthwiseConvolution(desc, weights, code).units();
    };
    EXPECT_EQ(units(14, 384, 2), 14) << "rows";
    EXPECT_EQ(units(14, 384, 8), 84) << "rows of six blocks, as 14 rows leave some of eight threads idle";
    EXPECT_EQ(units(7, 960, 2), 15) << "blocks, with code for seven rows";
}

}  // namespace
}  // namespace octet::cpu::testing
