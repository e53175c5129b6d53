// bf16 through oneDNN on small whole numbers, whose products and sums are exact in f32.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "plugins/cpu/kernels/onednn/convolution.hpp"
#include "plugins/cpu/kernels/onednn/matmul.hpp"
#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "tests/cpu_kernels/onednn_harness.hpp"

namespace octet::cpu {
namespace {

using testing::Guard;
using testing::Guarded;

#define OCTET_NEEDS_BF16()                                    \
    if (!detect_machine().bf16) {                             \
        GTEST_SKIP() << "products of bf16 gain nothing here"; \
    }

std::vector<float> whole_numbers(std::int64_t count, int least, int most, std::uint32_t seed) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) {
        seed = seed * 1664525U + 1013904223U;
        value = static_cast<float>(least +
                                   static_cast<int>((seed >> 8) % static_cast<std::uint32_t>(most - least + 1)));
    }
    return values;
}

// Results of either type, as floats.
template <class Problem>
std::vector<float> run(const Problem& problem, const std::vector<float>& source, std::size_t results) {
    const onednn::Creation made = create(problem);
    EXPECT_TRUE(made.kernel) << made.acceptance.reason;
    if (!made.kernel) return {};
    Guarded<std::uint16_t> in(source.size(), Guard::after);
    portable::to_bfloat(source.data(), source.size(), in.data());
    std::vector<float> values(results);
    Guarded<float> wide(results, Guard::after);
    Guarded<std::uint16_t> narrow(results, Guard::after);
    const bool bfloat = problem.epilogue.result == DataType::bf16;
    testing::run_all(*made.kernel, {.src = in.data(), .dst = bfloat ? static_cast<void*>(narrow.data()) : wide.data()});
    EXPECT_TRUE(wide.intact() && narrow.intact() && in.intact());
    if (bfloat) portable::from_bfloat(narrow.data(), results, values.data());
    else std::copy_n(wide.data(), results, values.data());
    return values;
}

float rounded(float value) {
    std::uint16_t narrow = 0;
    portable::to_bfloat(&value, 1, &narrow);
    return std::bit_cast<float>(static_cast<std::uint32_t>(narrow) << 16);
}

void check(onednn::Convolution p) {
    const auto source = whole_numbers(p.batch * p.height * p.width * p.groups * p.ic, -8, 8, 1);
    const std::int64_t taps = p.kernel_h * p.kernel_w;
    const auto weights = whole_numbers(p.groups * p.oc * p.ic * taps, -4, 4, 2);
    p.source = DataType::bf16;
    p.weights = weights.data();
    const std::int64_t channels = p.groups * p.oc, pixels = p.out_height() * p.out_width();
    const auto got = run(p, source, static_cast<std::size_t>(p.batch * pixels * channels));
    for (std::size_t i = 0; i < got.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const std::int64_t c = at % channels, x = at / channels % p.out_width(),
                           y = at / channels / p.out_width() % p.out_height();
        float sum = 0;
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            const std::int64_t in_y = y * p.stride_h - p.pad_top + tap / p.kernel_w;
            const std::int64_t in_x = x * p.stride_w - p.pad_left + tap % p.kernel_w;
            if (in_y < 0 || in_y >= p.height || in_x < 0 || in_x >= p.width) continue;
            const std::int64_t pixel = (at / channels / pixels * p.height + in_y) * p.width + in_x;
            for (std::int64_t k = 0; k < p.ic; ++k)
                sum += source[static_cast<std::size_t>(pixel * p.groups * p.ic + c / p.oc * p.ic + k)] *
                       weights[static_cast<std::size_t>((c * p.ic + k) * taps + tap)];
        }
        ASSERT_EQ(got[i], p.epilogue.result == DataType::bf16 ? rounded(sum) : sum) << i << " of " << got.size();
    }
}

TEST(OneDnnBfloat, Convolutions) {
    OCTET_NEEDS_BF16();
    for (const DataType result : {DataType::f32, DataType::bf16})
        for (const int threads : {1, 2}) {
            Epilogue epilogue;
            epilogue.result = result;
            check({.height = 9, .width = 7, .ic = 16, .oc = 24, .epilogue = epilogue, .threads = threads});
            check({.batch = 2,
                   .height = 30,
                   .width = 20,
                   .ic = 40,
                   .oc = 64,
                   .kernel_h = 3,
                   .kernel_w = 3,
                   .stride_h = 2,
                   .stride_w = 2,
                   .pad_top = 1,
                   .pad_bottom = 1,
                   .pad_left = 1,
                   .pad_right = 1,
                   .epilogue = epilogue,
                   .threads = threads});
            check({.height = 14,
                   .width = 14,
                   .groups = 32,
                   .kernel_h = 3,
                   .kernel_w = 3,
                   .pad_top = 1,
                   .pad_bottom = 1,
                   .pad_left = 1,
                   .pad_right = 1,
                   .epilogue = epilogue,
                   .threads = threads});
        }
}

TEST(OneDnnBfloat, Products) {
    OCTET_NEEDS_BF16();
    for (const DataType result : {DataType::f32, DataType::bf16})
        for (const std::int64_t rows : {1, 37}) {
            onednn::MatMul p{.source = DataType::bf16, .rows = rows, .depth = 50, .columns = 70, .threads = 2};
            p.epilogue.result = result;
            const auto source = whole_numbers(p.rows * p.depth, -8, 8, 3),
                       weights = whole_numbers(p.depth * p.columns, -4, 4, 4);
            p.weights = weights.data();
            const auto got = run(p, source, static_cast<std::size_t>(p.rows * p.columns));
            for (std::size_t i = 0; i < got.size(); ++i) {
                float sum = 0;
                for (std::size_t k = 0; k < 50; ++k) sum += source[i / 70 * 50 + k] * weights[k * 70 + i % 70];
                ASSERT_EQ(got[i], result == DataType::bf16 ? rounded(sum) : sum) << i;
            }
        }
    onednn::MatMul unknown{.source = DataType::bf16, .rows = 2, .depth = 50, .columns = 70};
    EXPECT_EQ(create(unknown).acceptance.reason, "onednn matmul: bf16 with weights of run time");
}

}  // namespace
}  // namespace octet::cpu
