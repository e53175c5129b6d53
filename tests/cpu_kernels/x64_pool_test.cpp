#include "plugins/cpu/kernels/x64/pool.hpp"

#include <fmt/format.h>

#include <limits>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using Kind = x64::PoolDesc::Kind;

struct Case {
    x64::Window window;
    Kind kind = Kind::maximum;
    DataType type = DataType::u8;
    std::int64_t channels = 1;
    bool count_padding = false;
    std::int64_t in_gap = 0, out_gap = 0;
};

// Sums in the order of rows, as floats for f32; integer sums of codes are exact.
float scalar_pool(const Case& test, const TestOperand& in, std::int64_t row, std::int64_t channel,
                  std::int32_t padding_value) {
    const x64::Window& w = test.window;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::int64_t y = row % pixels / w.out_width();
    const std::int64_t x = row % w.out_width();
    float largest = test.type == DataType::f32  ? -std::numeric_limits<float>::infinity()
                    : test.type == DataType::u8 ? 0.F
                                                : -128.F;
    int counted = 0;
    int real = 0;
    float sum = 0;
    std::vector<float> values;
    for (std::int64_t i = 0; i < w.kernel_height; ++i) {
        for (std::int64_t j = 0; j < w.kernel_width; ++j) {
            const std::int64_t in_y = y * w.stride_height - w.pad_top + i * w.dilation_height;
            const std::int64_t in_x = x * w.stride_width - w.pad_left + j * w.dilation_width;
            counted += in_y < w.height + w.pad_bottom && in_x < w.width + w.pad_right ? 1 : 0;
            if (in_y >= 0 && in_y < w.height && in_x >= 0 && in_x < w.width) {
                values.push_back(
                    in.value((row / pixels * w.height + in_y) * w.width + in_x, 0, channel, test.channels));
                ++real;
            }
        }
    }
    if (test.kind == Kind::maximum) {
        for (const float value : values) {
            largest = std::max(largest, value);
        }
        return largest;
    }
    sum = test.count_padding ? static_cast<float>(padding_value * (counted - real)) : 0.F;
    for (const float value : values) {
        sum += value;
    }
    return sum / static_cast<float>(std::max(1, test.count_padding ? counted : real));
}

void check_on(const Machine& machine, const Case& test, int which, Guard guard) {
    const x64::Window& w = test.window;
    const std::int64_t c = test.channels;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::string what =
        fmt::format("kind {} type {} {}x{}x{} kernel {}x{} stride {} padding {},{},{},{} channels {} epilogue {}",
                    static_cast<int>(test.kind), static_cast<int>(test.type), w.batch, w.height, w.width,
                    w.kernel_height, w.kernel_width, w.stride_height, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right,
                    c, which);
    TestEpilogue made = make_epilogue(std::max(which, 0), w.batch * pixels, w.batch, c, 1, guard, 5);
    if (which < 0) {
        made.epilogue = {{},
                         test.type,
                         test.type == DataType::u8 ? 0.F : -128.F,
                         test.type == DataType::u8 ? 255.F : 127.F};
    }
    x64::PoolDesc desc;
    desc.kind = test.kind;
    desc.type = test.type;
    desc.window = w;
    desc.channels = c;
    desc.in_stride = test.in_gap != 0 ? c + test.in_gap : 0;
    desc.out_stride = test.out_gap != 0 ? c + test.out_gap : 0;
    desc.count_padding = test.count_padding;
    desc.padding_value = 11;
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    ASSERT_TRUE(x64::Pool::accepts(desc, machine)) << what;

    const TestOperand in(test.type, Spread::full, w.batch * w.height * w.width, 1, c, c + test.in_gap, guard, 1);
    TestResult result(made.epilogue.result, w.batch * pixels, c, c + test.out_gap, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::Pool pool(desc, code);
    code.seal();
    const x64::Pool::Args args{in.bytes.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = pool.units() / 2;
    pool.run(args, middle, pool.units());
    pool.run(args, 0, middle);
    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, c,
        [&](std::int64_t row, std::int64_t channel) { return scalar_pool(test, in, row, channel, 11); }, what);
}

void check(const Case& test, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, test, which, guard); });
}

TEST(X64Pool, EveryChannelTail) {
    OCTET_NEEDS_AVX2();
    const x64::Window window{2, 7, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
    for (const Guard guard : kGuards) {
        for (std::int64_t channels = 1; channels <= 130; ++channels) {
            for (const DataType type : {DataType::u8, DataType::s8, DataType::f32}) {
                check({window, Kind::maximum, type, channels}, -1, guard);
                check({window, Kind::average, type, channels}, 0, guard);
            }
        }
    }
}

// Of codes, sums of more pixels than words hold.
TEST(X64Pool, WholeMaps) {
    OCTET_NEEDS_AVX2();
    const x64::Window maps[] = {
        {1, 7, 7, 7, 7}, {2, 5, 9, 5, 9}, {1, 16, 16, 16, 16}, {1, 1, 257, 1, 257}, {1, 31, 33, 31, 33}};
    for (const Guard guard : kGuards) {
        for (const x64::Window& map : maps) {
            for (const std::int64_t channels : {1, 16, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 100, 112, 113, 128, 144})
                check({map, Kind::average, DataType::u8, channels}, 0, guard);
            for (const DataType type : {DataType::s8, DataType::u8}) {
                check({map, Kind::average, type, 80, false, 5, 3}, 1, guard);
                check({map, Kind::average, type, 64}, 2, guard);
            }
        }
        // Windows that slide: of parts of a line, and over padding.
        check({{1, 30, 40, 9, 30, 2, 5}, Kind::average, DataType::u8, 64}, 0, guard);
        check({{1, 12, 12, 11, 11, 1, 1, 1, 1, 5, 5, 5, 5}, Kind::average, DataType::u8, 64, true}, 0, guard);
    }
}

// The largest codes fill the words.
TEST(X64Pool, LargestCodes) {
    OCTET_NEEDS_AVX2();
    on_every_isa([](const Machine& machine) {
        for (const std::int64_t channels : {32, 48, 64}) {
            const x64::PoolDesc desc{.kind = Kind::average,
                                     .type = DataType::u8,
                                     .window = {1, 32, 32, 32, 32},
                                     .channels = channels,
                                     .epilogue = {}};
            const std::vector<std::uint8_t> in(static_cast<std::size_t>(32 * 32 * channels), 255);
            std::vector<float> out(static_cast<std::size_t>(channels));
            x64::CodeBlock code(x64::vector_isa_of(machine));
            const x64::Pool pool(desc, code);
            code.seal();
            pool.run({in.data(), out.data()}, 0, pool.units());
            EXPECT_EQ(out, std::vector<float>(out.size(), 255));
        }
    });
}

TEST(X64Pool, EveryWindow) {
    OCTET_NEEDS_AVX2();
    const x64::Window windows[] = {{1, 7, 7, 7, 7},
                                   {1, 14, 3, 14, 3},
                                   {2, 9, 6, 2, 2, 2, 2},
                                   {1, 5, 5, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2},
                                   {1, 8, 9, 3, 2, 1, 3, 1, 1, 0, 1, 1, 0},
                                   {1, 9, 9, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2},
                                   {1, 6, 6, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
                                   {1, 6, 6, 2, 2, 3, 3, 1, 1, 0, 0, 2, 2},
                                   {1, 20, 21, 1, 1, 2, 2}};
    for (const Guard guard : kGuards) {
        for (const x64::Window& window : windows) {
            for (const DataType type : {DataType::u8, DataType::s8, DataType::f32}) {
                for (const Kind kind : {Kind::maximum, Kind::average}) {
                    check({window, kind, type, 37, false, 3, 5}, 0, guard);
                    check({window, kind, type, 64, true}, 2, guard);
                }
            }
        }
    }
}

TEST(X64Pool, EveryEpilogue) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (int which = -1; which < kEpilogues; ++which) {
            for (const std::int64_t channels : {5, 64, 90}) {
                check({{3, 6, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, Kind::maximum, DataType::u8, channels}, which, guard);
                check({{3, 6, 5, 2, 2, 1, 1}, Kind::average, DataType::u8, channels}, which, guard);
            }
        }
    }
}

}  // namespace
}  // namespace octet::cpu::testing
