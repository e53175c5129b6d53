#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugins/cpu/kernels/onednn/deconvolution.hpp"
#include "tests/cpu_kernels/onednn_harness.hpp"

namespace octet::cpu {
namespace {

using onednn::Deconvolution;
using testing::Guard;
using testing::Guarded;

std::string describe(const Deconvolution& p) {
    return std::to_string(p.groups) + "x" + std::to_string(p.ic) + "->" + std::to_string(p.oc) + " @" +
           std::to_string(p.height) + " to " + std::to_string(p.out_height) + " k" + std::to_string(p.kernel_h) + " s" +
           std::to_string(p.stride_h) + " p" + std::to_string(p.pad_top) + " d" + std::to_string(p.dilation_h) +
           " batch" + std::to_string(p.batch) + " zp" + std::to_string(p.source_zero) + " threads" +
           std::to_string(p.threads);
}

// `more`: rows and columns beyond the smallest result (output padding) are cut from the padding at the end.
Deconvolution image(std::int64_t ic, std::int64_t oc, std::int64_t side, std::int64_t kernel, std::int64_t stride,
                    std::int64_t pad, std::int64_t more = 0) {
    Deconvolution p;
    p.ic = ic;
    p.oc = oc;
    p.height = side;
    p.width = side + 1;
    p.kernel_h = p.kernel_w = kernel;
    p.stride_h = p.stride_w = stride;
    p.pad_top = p.pad_left = pad;
    p.out_height = (p.height - 1) * stride + kernel - 2 * pad + more;
    p.out_width = (p.width - 1) * stride + kernel - 2 * pad + more;
    p.threads = 2;
    return p;
}

template <class Source, class Weight, class Sum>
std::vector<double> sums_of(const Deconvolution& p, const Source* src, const Weight* weights) {
    const std::int64_t out = p.groups * p.oc;
    std::vector<Sum> sums(static_cast<std::size_t>(p.batch * p.out_height * p.out_width * out), 0);
    for (std::int64_t n = 0; n < p.batch; ++n) {
        for (std::int64_t y = 0; y < p.height * p.kernel_h; ++y) {
            const std::int64_t oy = y / p.kernel_h * p.stride_h - p.pad_top + y % p.kernel_h * p.dilation_h;
            for (std::int64_t x = 0; x < p.width * p.kernel_w; ++x) {
                const std::int64_t ox = x / p.kernel_w * p.stride_w - p.pad_left + x % p.kernel_w * p.dilation_w;
                if (oy < 0 || oy >= p.out_height || ox < 0 || ox >= p.out_width) {
                    continue;
                }
                const Source* pixel = src +
                                      ((n * p.height + y / p.kernel_h) * p.width + x / p.kernel_w) * p.groups * p.ic;
                Sum* result = sums.data() + ((n * p.out_height + oy) * p.out_width + ox) * out;
                for (std::int64_t c = 0; c < out; ++c) {
                    for (std::int64_t i = 0; i < p.ic; ++i) {
                        const std::int64_t group = c / p.oc;
                        const Weight w =
                            weights[(((group * p.ic + i) * p.oc + c % p.oc) * p.kernel_h + y % p.kernel_h) *
                                        p.kernel_w +
                                    x % p.kernel_w];
                        result[c] += (static_cast<Sum>(pixel[group * p.ic + i]) - static_cast<Sum>(p.source_zero)) *
                                     static_cast<Sum>(w);
                    }
                }
            }
        }
    }
    return std::vector<double>(sums.begin(), sums.end());
}

template <class Source, class Weight>
std::string check(Deconvolution p) {
    SCOPED_TRACE(describe(p));
    using Sum = std::conditional_t<std::is_floating_point_v<Source>, double, std::int64_t>;
    std::string answer;
    std::vector<double> sums;
    for (const Guard guard : testing::kGuards) {
        Guarded<Source> src =
            testing::random_guarded<Source>(static_cast<std::size_t>(p.batch * p.height * p.width * p.groups * p.ic),
                                            guard, 1);
        Guarded<Weight> weights =
            testing::random_guarded<Weight>(static_cast<std::size_t>(p.groups * p.ic * p.oc * p.kernel_h * p.kernel_w),
                                            guard, 2);
        const auto results = static_cast<std::size_t>(p.batch * p.out_height * p.out_width * p.groups * p.oc);
        Guarded<std::byte> dst(results * size_of(p.epilogue.result), guard);
        p.weights = weights.data();
        const onednn::Creation creation = onednn::create(p);
        answer = testing::answer_of(creation);
        if (!creation.acceptance) {
            return answer;
        }
        onednn::Args args;
        args.src = src.data();
        args.dst = dst.data();
        testing::run_all(*creation.kernel, args);
        EXPECT_TRUE(src.intact() && weights.intact() && dst.intact());
        if (sums.empty()) {
            sums = sums_of<Source, Weight, Sum>(p, src.data(), weights.data());
        }
        testing::compare(p.epilogue, sums, p.groups * p.oc, p.out_height * p.out_width, dst.data(), nullptr,
                         std::sqrt(static_cast<double>(p.ic * p.kernel_h * p.kernel_w)));
    }
    ::testing::Test::RecordProperty(describe(p), answer);
    return answer;
}

const std::vector<Deconvolution>& shapes() {
    static const std::vector<Deconvolution> all = [] {
        std::vector<Deconvolution> list = {image(64, 32, 14, 2, 2, 0),   image(32, 64, 9, 4, 2, 1),
                                           image(16, 16, 8, 3, 2, 1, 1), image(17, 5, 7, 3, 1, 1),
                                           image(8, 24, 6, 5, 3, 2),     image(128, 64, 12, 3, 2, 0)};
        Deconvolution batch = image(16, 32, 6, 2, 2, 0);
        batch.batch = 4;
        list.push_back(batch);
        Deconvolution wide = image(48, 32, 10, 4, 4, 0);
        wide.threads = 5;
        list.push_back(wide);
        return list;
    }();
    return all;
}

TEST(OneDnnDeconvolution, AccumulatorsAreExact) {
    for (Deconvolution p : shapes()) {
        p.epilogue.result = DataType::s32;
        SCOPED_TRACE(describe(p));
        testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p));
    }
}

TEST(OneDnnDeconvolution, RequantizesToCodes) {
    for (Deconvolution p : shapes()) {
        p.epilogue = testing::requantize(p.groups * p.oc, p.ic * p.kernel_h * p.kernel_w, DataType::u8);
        p.epilogue.ops.push_back(testing::function_op(Function::relu));
        p.epilogue.ops.push_back(testing::scalar_op(1.5F, 4));
        SCOPED_TRACE(describe(p));
        testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p));
    }
}

TEST(OneDnnDeconvolution, ZeroPointIsExactOrDeclined) {
    for (Deconvolution p : shapes()) {
        p.source_zero = 77;
        p.epilogue.result = DataType::f32;
        ::testing::Test::RecordProperty("zp " + describe(p), check<std::uint8_t, std::int8_t>(p));
    }
}

TEST(OneDnnDeconvolution, FloatAgainstDouble) {
    for (Deconvolution p : shapes()) {
        p.source = DataType::f32;
        EpilogueOp op;
        op.scale = testing::spread_values(p.groups * p.oc, 0.5F, 2, 8);
        op.shift = testing::spread_values(p.groups * p.oc, -1, 1, 9);
        p.epilogue.ops = {op, testing::function_op(Function::relu)};
        const std::string answer = check<float, float>(p);
        ::testing::Test::RecordProperty("f32 " + describe(p), answer);
    }
}

TEST(OneDnnDeconvolution, Groups) {
    Deconvolution p = image(8, 12, 7, 4, 2, 1);
    p.groups = 3;
    p.epilogue.result = DataType::s32;
    ::testing::Test::RecordProperty("groups", check<std::uint8_t, std::int8_t>(p));
    p.epilogue = {};
    EpilogueOp op;
    op.scale = testing::spread_values(36, 0.5F, 2, 8);
    op.shift = testing::spread_values(36, -1, 1, 9);
    p.epilogue.ops = {op};
    p.source = DataType::f32;
    ::testing::Test::RecordProperty("f32 groups", check<float, float>(p));
}

TEST(OneDnnDeconvolution, ResultBeyondTheKernelsReachIsDeclined) {
    const std::vector<std::int8_t> weights(64 * 4, 1);
    Deconvolution p = image(8, 8, 5, 2, 2, 0, 1);
    p.weights = weights.data();
    EXPECT_EQ(onednn::create(p).acceptance.reason,
              "onednn deconvolution: empty result, or one larger than the kernel reaches");
}

}  // namespace
}  // namespace octet::cpu
