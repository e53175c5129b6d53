#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using x64::FloatFewOutputs;
using x64::FloatFewOutputsDesc;
using x64::Window;

constexpr int kToBfloat = kEpilogues;  // beside those of make_epilogue

struct Case {
    Window window = {};
    std::int64_t ic = 0, oc = 0;
    DataType type = DataType::f32;
    bool planar = false;
    std::int64_t gap = 0;  // between pixels
    int which = 2;
    int threads = 1;
    std::uint8_t zero_point = 0;
};

std::string text_of(const Case& c) {
    const Window& w = c.window;
    return fmt::format(
        "{}x{}x{} window {}x{} dilation {},{} padding {},{},{},{} channels {}+{} to {} {} {} epilogue {} threads {}",
        w.batch, w.height, w.width, w.kernel_height, w.kernel_width, w.dilation_height, w.dilation_width, w.pad_top,
        w.pad_left, w.pad_bottom, w.pad_right, c.ic, c.gap, c.oc,
        c.type == DataType::bf16 ? "bf16"
        : c.type == DataType::u8 ? "u8"
                                 : "f32",
        c.planar ? "planes" : "pixels", c.which, c.threads);
}

TestEpilogue epilogue_of(const Case& c, std::int64_t rows, Guard guard) {
    if (c.which != kToBfloat) return make_epilogue(c.which, rows, c.window.batch, c.oc, 9, guard, 5);
    TestEpilogue made;
    made.epilogue.result = DataType::bf16;
    made.epilogue.ops.push_back({EpilogueOp::Kind::scale_shift, {}, random_floats(c.oc, 6, -9.F, 9.F)});
    return made;
}

// Small whole numbers, or any codes.
TestOperand image_of(const Case& c, Guard guard) {
    const Window& w = c.window;
    TestOperand values(c.type, Spread::full, w.batch * w.height * w.width, 1, c.ic, c.ic + c.gap, guard, 1);
    if (c.type != DataType::f32) return values;
    const std::vector<float> whole = whole_numbers(values.bytes.size() / 4, 1);
    std::memcpy(values.bytes.data(), whole.data(), values.bytes.size());
    return values;
}

float sum_at(const Case& c, const TestOperand& image, const std::vector<float>& weights, std::int64_t row,
             std::int64_t channel) {
    const Window& w = c.window;
    const std::int64_t pixels = w.out_height() * w.out_width(), batch = row / pixels;
    float sum = 0;
    for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
        const std::int64_t y = row % pixels / w.out_width() - w.pad_top + tap / w.kernel_width * w.dilation_height;
        const std::int64_t x = row % w.out_width() - w.pad_left + tap % w.kernel_width * w.dilation_width;
        if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
        for (std::int64_t i = 0; i < c.ic; ++i) {
            const float value = c.planar ? image.value(((batch * c.ic + i) * w.height + y) * w.width + x, 0, 0, 1)
                                         : image.value((batch * w.height + y) * w.width + x, 0, i, c.ic);
            sum += (value - static_cast<float>(c.zero_point)) *
                   weights[static_cast<std::size_t>((channel * c.ic + i) * w.taps() + tap)];
        }
    }
    return sum;
}

template <class T>
Guarded<T> copy_of(const std::vector<float>& values, Guard guard) {
    Guarded<T> copy(values.size(), guard);
    std::ranges::transform(values, copy.data(), [](float value) { return static_cast<T>(value); });
    return copy;
}

void check(const Case& c, const Machine& machine, Guard guard) {
    const Window& w = c.window;
    const std::string what = text_of(c);
    const std::int64_t pixels = w.out_height() * w.out_width();
    const TestEpilogue made = epilogue_of(c, w.batch * pixels, guard);
    const FloatFewOutputsDesc desc{.type = c.type,
                                   .planar = c.planar,
                                   .window = w,
                                   .ic = c.ic,
                                   .oc = c.oc,
                                   .in_stride = c.gap == 0 ? 0 : c.ic + c.gap,
                                   .zero_point = c.zero_point,
                                   .epilogue = made.epilogue,
                                   .threads = c.threads};
    const Acceptance acceptance = FloatFewOutputs::accepts(desc, machine);
    ASSERT_TRUE(acceptance) << what << ": " << acceptance.reason;
    const TestOperand image = [&] {
        TestOperand made_image = image_of(c, guard);
        if (c.planar) made_image.stride = 1;
        return made_image;
    }();
    const bool codes = c.type == DataType::u8;
    const std::vector<float> weights = whole_numbers(static_cast<std::size_t>(c.oc * c.ic * w.taps()), 2,
                                                     codes ? -128 : -4, codes ? 127 : 4);
    TestResult result(made.epilogue.result, w.batch * pixels, c.oc, c.oc, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const Guarded<float> floats = copy_of<float>(weights, guard);
    const Guarded<std::int8_t> bytes = copy_of<std::int8_t>(weights, guard);
    const FloatFewOutputs kernel = codes ? FloatFewOutputs(desc, bytes.span(), code)
                                         : FloatFewOutputs(desc, floats.span(), code);
    code.seal();
    Guarded<std::byte> scratch(kernel.scratch_size(), guard);
    const FloatFewOutputs::Args args{image.bytes.data(), result.data(), scratch.data()};
    const std::int64_t middle = kernel.units() / 2;
    kernel.run(args, middle, kernel.units());
    kernel.run(args, 0, middle);
    EXPECT_TRUE(scratch.intact()) << what;
    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, c.oc,
        [&](std::int64_t row, std::int64_t channel) { return sum_at(c, image, weights, row, channel); }, what);
}

Window window(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t kernel) {
    Window w{batch, height, width, kernel, kernel};
    w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = kernel / 2;
    return w;
}

std::vector<DataType> types(const Machine& machine) {
    std::vector<DataType> all{DataType::f32, DataType::u8};
    if (machine.bf16) all.push_back(DataType::bf16);
    return all;
}

// With the machine itself, which may have bf16.
template <class Check>
void on_every_machine(const Check& one) {
    on_every_isa([&](const Machine& machine) {
        for (const Guard guard : kGuards) one(machine, guard);
    });
    const Machine machine = detect_machine();
    for (const Guard guard : kGuards)
        if (machine.bf16) one(machine, guard);
}

TEST(X64FloatFewOutputs, EveryNumberOfChannels) {
    OCTET_NEEDS_AVX2();
    on_every_machine([](const Machine& machine, Guard guard) {
        for (const DataType type : types(machine))
            for (const std::int64_t ic : {1, 2, 3, 4, 5, 7, 8, 12, 16, 33})
                for (std::int64_t oc = 1; oc <= 4; ++oc) {
                    for (const int which : {0, 1, 2, 8})
                        check({window(1, 5, 37, 3), ic, oc, type, false, 0, which}, machine, guard);
                    if (machine.bf16) check({window(1, 5, 37, 3), ic, oc, type, false, 0, kToBfloat}, machine, guard);
                }
    });
}

TEST(X64FloatFewOutputs, EverySize) {
    OCTET_NEEDS_AVX2();
    on_every_machine([](const Machine& machine, Guard guard) {
        for (const DataType type : types(machine))
            for (std::int64_t width = 16; width <= 50; ++width)
                for (const std::int64_t ic : {1, 3, 8}) check({window(1, 6, width, 3), ic, 1, type}, machine, guard);
        for (std::int64_t height = 1; height <= 36; ++height)
            for (const std::int64_t oc : {1, 2, 3}) check({window(2, height, 20, 3), 2, oc}, machine, guard);
        for (const int threads : {2, 16})
            check({window(1, 37, 20, 3), 4, 1, DataType::f32, false, 0, 2, threads}, machine, guard);
    });
}

// A row of several tiles, whose last one begins before the one before it ends.
TEST(X64FloatFewOutputs, WideImages) {
    OCTET_NEEDS_AVX2();
    on_every_machine([](const Machine& machine, Guard guard) {
        for (const DataType type : types(machine))
            for (const std::int64_t width : {767, 768, 1000})
                for (const std::int64_t ic : {8, 31}) check({window(1, 17, width, 3), ic, 1, type}, machine, guard);
    });
}

TEST(X64FloatFewOutputs, WindowsPaddingAndDilations) {
    OCTET_NEEDS_AVX2();
    on_every_machine([](const Machine& machine, Guard guard) {
        for (const bool planar : {false, true}) {
            for (const std::int64_t kernel : {1, 2, 5, 7, 9})
                check({window(2, 40, 21, kernel), 3, 1, DataType::f32, planar}, machine, guard);
            Window uneven{1, 9, 40, 2, 5};
            uneven.pad_left = 3;
            uneven.pad_bottom = 2;
            check({uneven, 6, 4, DataType::f32, planar}, machine, guard);
            Window apart = window(2, 23, 50, 3);
            apart.dilation_height = 2;
            apart.dilation_width = 5;
            check({apart, 4, 1, DataType::f32, planar}, machine, guard);
            apart.pad_left = 60;
            apart.pad_top = 30;
            apart.pad_right = -3;
            apart.pad_bottom = -2;
            check({apart, 4, 2, DataType::f32, planar}, machine, guard);
        }
    });
}

TEST(X64FloatFewOutputs, PixelsApart) {
    OCTET_NEEDS_AVX2();
    on_every_machine([](const Machine& machine, Guard guard) {
        for (const DataType type : types(machine))
            for (const std::int64_t ic : {1, 2, 3, 4, 8, 9})
                for (const std::int64_t gap : {1, 2, 40})
                    check({window(2, 5, 35, 3), ic, 2, type, false, gap}, machine, guard);
    });
}

TEST(X64FloatFewOutputs, ZeroPoints) {
    OCTET_NEEDS_AVX2();
    on_every_machine([](const Machine& machine, Guard guard) {
        for (const int zero : {1, 128, 255})
            for (const std::int64_t ic : {1, 3, 8})
                for (const int which : {1, 8}) {
                    Case c{window(1, 7, 21, 3), ic, 2, DataType::u8, false, 0, which};
                    c.zero_point = static_cast<std::uint8_t>(zero);
                    check(c, machine, guard);
                }
    });
}

TEST(X64FloatFewOutputs, Declines) {
    const auto reason = [](const FloatFewOutputsDesc& desc) {
        return FloatFewOutputs::accepts(desc, vnni_machine()).reason;
    };
    FloatFewOutputsDesc good;
    good.window = window(1, 8, 20, 3);
    good.ic = 8;
    good.oc = 2;
    EXPECT_TRUE(FloatFewOutputs::accepts(good, vnni_machine()));
    EXPECT_EQ(FloatFewOutputs::accepts(good, Machine{}).reason, "needs AVX2");
    FloatFewOutputsDesc desc = good;
    desc.type = DataType::bf16;
    EXPECT_EQ(reason(desc), "its data is neither f32, u8 nor, where products of bf16 gain, bf16");
    desc = good;
    desc.type = DataType::u8;
    desc.planar = true;
    EXPECT_EQ(reason(desc), "its planes are not of f32");
    desc.planar = false;
    desc.ic = 58;
    EXPECT_EQ(reason(desc), "sums of so many products are not exact in floats");
    desc = good;
    desc.ic = 0;
    EXPECT_EQ(reason(desc), "an empty convolution");
    desc = good;
    desc.window.stride_width = 2;
    EXPECT_EQ(reason(desc), "it has strides");
    desc = good;
    desc.oc = 5;
    EXPECT_EQ(reason(desc), "it has more than four output channels");
    desc = good;
    desc.window.width = 15;
    EXPECT_EQ(reason(desc), "its rows are shorter than a register");
    desc = good;
    desc.window = window(1, 20, 20, 11);
    EXPECT_EQ(reason(desc), "its window is too large");
    desc = good;
    desc.ic = 10000;
    EXPECT_EQ(reason(desc), "some of its rows with all their channels are more than a cache holds");
    desc = good;
    desc.epilogue.ops.push_back({.kind = EpilogueOp::Kind::combine});
    EXPECT_EQ(reason(desc), "its result is combined with an operand");
}

}  // namespace
}  // namespace octet::cpu::testing
