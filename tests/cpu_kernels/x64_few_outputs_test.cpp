#include "plugins/cpu/kernels/x64/few_outputs.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using x64::FewOutputs;
using x64::FewOutputsDesc;
using x64::Window;

// Epilogue 0 and 1 of make_epilogue give u8 and s8; 2 floats; 8 functions.
void check(const Window& w, std::int64_t ic, std::int64_t oc, std::uint8_t zero_point, int which, Guard guard) {
    const std::string what =
        fmt::format("{}x{}x{} window {}x{} padding {},{},{},{} channels {} to {} zp {} epilogue {}", w.batch, w.height,
                    w.width, w.kernel_height, w.kernel_width, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right, ic, oc,
                    zero_point, which);
    const std::int64_t pixels = w.out_height() * w.out_width();
    const TestEpilogue made = make_epilogue(which, w.batch * pixels, w.batch, oc, w.taps() * ic, guard, 5);
    const FewOutputsDesc desc{w, ic, oc, zero_point, made.epilogue};
    const Acceptance acceptance = FewOutputs::accepts(desc, vnni_machine());
    ASSERT_TRUE(acceptance) << what << ": " << acceptance.reason;
    const auto in = random_guarded<std::uint8_t>(static_cast<std::size_t>(w.batch * w.height * w.width * ic), guard, 1);
    const auto weights = random_guarded<std::int8_t>(static_cast<std::size_t>(oc * ic * w.taps()), guard, 2);
    TestResult result(made.epilogue.result, w.batch * pixels, oc, oc, guard);
    x64::CodeBlock code;
    const FewOutputs kernel(desc, weights.span(), code);
    code.seal();
    Guarded<std::byte> scratch(kernel.scratch_size(), guard);
    const FewOutputs::Args args{in.data(), result.data(), scratch.data()};
    const std::int64_t middle = kernel.units() / 2;
    kernel.run(args, middle, kernel.units());
    kernel.run(args, 0, middle);
    EXPECT_TRUE(scratch.intact()) << what;
    expect_equal(
        made.epilogue, made.operands, result, w.batch * pixels, pixels, oc,
        [&](std::int64_t row, std::int64_t channel) {
            std::int32_t sum = 0;
            for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
                const std::int64_t y = row % pixels / w.out_width() - w.pad_top + tap / w.kernel_width;
                const std::int64_t x = row % w.out_width() - w.pad_left + tap % w.kernel_width;
                if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
                const std::int64_t at = ((row / pixels * w.height + y) * w.width + x) * ic;
                for (std::int64_t i = 0; i < ic; ++i)
                    sum += (in.data()[at + i] - zero_point) * weights.data()[(channel * ic + i) * w.taps() + tap];
            }
            return static_cast<float>(sum);
        },
        what);
}

Window window(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t kernel) {
    Window w{batch, height, width, kernel, kernel};
    w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = kernel / 2;
    return w;
}

TEST(X64FewOutputs, EveryNumberOfChannels) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (const std::int64_t ic : {4, 8, 16})
            for (std::int64_t oc = 1; oc <= 4; ++oc)
                for (const int which : {0, 1, 2, 8}) check(window(1, 5, 37, 3), ic, oc, 0, which, guard);
}

TEST(X64FewOutputs, EveryWidth) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (std::int64_t width = 16; width <= 50; ++width) {
            check(window(1, 3, width, 3), 8, 3, 7, 0, guard);
            check(window(1, 3, width, 1), 16, 2, 0, 1, guard);
        }
}

TEST(X64FewOutputs, WindowsPaddingAndZeroPoints) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (const int zero : {0, 128, 255}) {
            const auto zero_point = static_cast<std::uint8_t>(zero);
            for (const std::int64_t kernel : {1, 3, 5, 7}) check(window(2, 40, 18, kernel), 8, 1, zero_point, 2, guard);
            Window uneven{1, 9, 20, 2, 5};
            uneven.pad_left = 3;
            uneven.pad_bottom = 2;
            check(uneven, 16, 4, zero_point, 0, guard);
        }
}

TEST(X64FewOutputs, Declines) {
    const auto reason = [](const FewOutputsDesc& desc) { return FewOutputs::accepts(desc, vnni_machine()).reason; };
    const FewOutputsDesc good{window(1, 8, 20, 3), 8, 2, 0, {{}, DataType::u8}};
    EXPECT_TRUE(FewOutputs::accepts(good, vnni_machine()));
    EXPECT_EQ(FewOutputs::accepts(good, Machine{}).reason, "needs AVX-512 VNNI");
    FewOutputsDesc desc = good;
    desc.window.pad_right = -1;
    EXPECT_EQ(reason(desc), "an empty convolution, or one that skips input");
    desc = good;
    desc.window.stride_width = 2;
    EXPECT_EQ(reason(desc), "it has strides or dilations");
    desc = good;
    desc.oc = 5;
    EXPECT_EQ(reason(desc), "it has more than four output channels");
    desc = good;
    desc.ic = 12;
    EXPECT_EQ(reason(desc), "its pixels are not 4, 8 or 16 bytes");
    desc = good;
    desc.window.width = 15;
    EXPECT_EQ(reason(desc), "rows of fewer than 16 pixels");
    desc = good;
    desc.window = window(1, 20, 20, 9);
    EXPECT_EQ(reason(desc), "its window is too large");
    desc = good;
    desc.epilogue.ops.push_back({.kind = EpilogueOp::Kind::combine});
    EXPECT_EQ(reason(desc), "its result is combined with an operand");
}

}  // namespace
}  // namespace octet::cpu::testing
