#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/onednn/convolution.hpp"
#include "tests/cpu_kernels/onednn_harness.hpp"

namespace octet::cpu {
namespace {

using onednn::Convolution;
using testing::combine_op;
using testing::function_op;
using testing::Guard;
using testing::Guarded;
using testing::run_all;
using testing::scalar_op;
using testing::spread_values;

template <class Source, class Weight, class Sum>
std::vector<double> sums_of(const Convolution& p, const Source* src, const Weight* weights) {
    std::vector<double> sums;
    for (std::int64_t n = 0; n < p.batch; ++n) {
        for (std::int64_t oy = 0; oy < p.out_height(); ++oy) {
            for (std::int64_t ox = 0; ox < p.out_width(); ++ox) {
                for (std::int64_t c = 0; c < p.groups * p.oc; ++c) {
                    Sum sum = 0;
                    const std::int64_t group = c / p.oc;
                    for (std::int64_t ky = 0; ky < p.kernel_h; ++ky) {
                        const std::int64_t y = oy * p.stride_h - p.pad_top + ky * p.dilation_h;
                        for (std::int64_t kx = 0; kx < p.kernel_w; ++kx) {
                            const std::int64_t x = ox * p.stride_w - p.pad_left + kx * p.dilation_w;
                            if (y < 0 || y >= p.height || x < 0 || x >= p.width) {
                                continue;
                            }
                            const Source* pixel = src + ((n * p.height + y) * p.width + x) * p.groups * p.ic +
                                                  group * p.ic;
                            const Weight* tap = weights + c * p.ic * p.kernel_h * p.kernel_w + ky * p.kernel_w + kx;
                            for (std::int64_t i = 0; i < p.ic; ++i) {
                                sum += (static_cast<Sum>(pixel[i]) - static_cast<Sum>(p.source_zero)) *
                                       static_cast<Sum>(tap[i * p.kernel_h * p.kernel_w]);
                            }
                        }
                    }
                    sums.push_back(static_cast<double>(sum));
                }
            }
        }
    }
    return sums;
}

std::string describe(const Convolution& p) {
    return std::to_string(p.groups) + "x" + std::to_string(p.ic) + "->" + std::to_string(p.oc) + " @" +
           std::to_string(p.height) + "x" + std::to_string(p.width) + " k" + std::to_string(p.kernel_h) + "x" +
           std::to_string(p.kernel_w) + " s" + std::to_string(p.stride_h) + " d" + std::to_string(p.dilation_h) +
           " zp" + std::to_string(p.source_zero) + " threads" + std::to_string(p.threads) + " batch" +
           std::to_string(p.batch);
}

std::size_t source_count(const Convolution& p) {
    return static_cast<std::size_t>(p.batch * p.height * p.width * p.groups * p.ic);
}
std::size_t result_count(const Convolution& p) {
    return static_cast<std::size_t>(p.batch * p.out_height() * p.out_width() * p.groups * p.oc);
}
std::size_t weight_count(const Convolution& p) {
    return static_cast<std::size_t>(p.groups * p.oc * p.ic * p.kernel_h * p.kernel_w);
}

void compare(const Convolution& p, const std::vector<double>& sums, const void* dst, const void* const* operands,
             double magnitude) {
    testing::compare(p.epilogue, sums, p.groups * p.oc, p.out_height() * p.out_width(), dst, operands, magnitude);
}

// Runs an integer convolution with full-range data; returns the implementation's name, or the reason of the decline.
std::string check_int8(Convolution p, std::uint64_t seed = 1, bool small_weights = false) {
    SCOPED_TRACE(describe(p));
    std::string name;
    std::vector<double> sums;
    for (const Guard guard : testing::kGuards) {
        Guarded<std::uint8_t> src = testing::random_guarded<std::uint8_t>(source_count(p), guard, seed);
        Guarded<std::int8_t> weights = testing::random_guarded<std::int8_t>(weight_count(p), guard, seed + 1);
        if (small_weights) {
            for (std::int8_t& weight : weights) {
                weight = static_cast<std::int8_t>(weight / 2);
            }
        }
        p.weights = weights.data();
        Guarded<std::byte> dst(result_count(p) * size_of(p.epilogue.result), guard);
        // One operand of each type; an operand in place starts as the result's memory.
        Guarded<std::uint8_t> full = testing::random_guarded<std::uint8_t>(result_count(p) * 4, guard, seed + 2);
        const void* operands[] = {full.data()};
        onednn::Args args;
        args.src = src.data();
        args.dst = dst.data();
        args.operands = operands;
        if (p.in_place >= 0) {
            std::memcpy(dst.data(), full.data(), dst.size());
        }
        const onednn::Creation creation = onednn::create(p);
        name = testing::answer_of(creation);
        if (!creation.acceptance) {
            return name;
        }
        run_all(*creation.kernel, args);
        EXPECT_TRUE(src.intact() && weights.intact() && dst.intact() && full.intact());
        if (sums.empty()) {
            sums = sums_of<std::uint8_t, std::int8_t, std::int64_t>(p, src.data(), weights.data());
        }
        compare(p, sums, dst.data(), operands, 0);
    }
    return name;
}

void expect_int8(const Convolution& p, std::uint64_t seed = 1) {
    const std::string answer = check_int8(p, seed);
    SCOPED_TRACE(describe(p));
    testing::expect_exact_or_refused(answer);
    ::testing::Test::RecordProperty(describe(p), answer);
}

Convolution image(std::int64_t ic, std::int64_t oc, std::int64_t side, std::int64_t kernel, std::int64_t stride = 1,
                  std::int64_t groups = 1) {
    Convolution p;
    p.height = side;
    p.width = side + 1;
    p.ic = ic;
    p.oc = oc;
    p.groups = groups;
    p.kernel_h = p.kernel_w = kernel;
    p.stride_h = p.stride_w = stride;
    p.pad_top = p.pad_left = kernel / 2;
    p.pad_bottom = p.pad_right = (kernel - 1) / 2;
    p.threads = 2;
    return p;
}

Epilogue requantize(const Convolution& p, DataType result) {
    return testing::requantize(p.groups * p.oc, p.ic * p.kernel_h * p.kernel_w, result);
}

const std::vector<Convolution>& shapes() {
    static const std::vector<Convolution> all = [] {
        std::vector<Convolution> list = {image(3, 64, 21, 7, 2),    image(3, 32, 17, 3, 2),   image(64, 64, 14, 3),
                                         image(64, 256, 9, 1),      image(256, 64, 7, 1),     image(17, 33, 11, 3),
                                         image(5, 7, 6, 5),         image(1, 1, 5, 3),        image(130, 70, 7, 3, 2),
                                         image(96, 24, 8, 1),       image(128, 512, 7, 1),    image(1, 1, 12, 3, 1, 40),
                                         image(1, 1, 13, 5, 2, 67), image(4, 4, 10, 3, 1, 8), image(20, 12, 9, 3, 1, 3),
                                         image(64, 48, 12, 1, 2),   image(512, 512, 2, 1)};
        Convolution dilated = image(32, 32, 15, 3);
        dilated.dilation_h = dilated.dilation_w = 2;
        list.push_back(dilated);
        Convolution lopsided = image(16, 20, 10, 3);
        lopsided.pad_top = 2;
        lopsided.pad_left = 0;
        lopsided.pad_right = 3;
        lopsided.kernel_h = 2;
        list.push_back(lopsided);
        Convolution batch = image(48, 32, 8, 3);
        batch.batch = 5;
        list.push_back(batch);
        return list;
    }();
    return all;
}

TEST(OneDnnConvolution, AccumulatorsAreExact) {
    for (Convolution p : shapes()) {
        p.epilogue.result = DataType::s32;
        expect_int8(p);
    }
}

TEST(OneDnnConvolution, FloatOfAccumulatorsIsExact) {
    for (Convolution p : shapes()) {
        p.epilogue.result = DataType::f32;
        expect_int8(p);
    }
}

TEST(OneDnnConvolution, RequantizesToCodes) {
    for (Convolution p : shapes()) {
        for (const DataType result : {DataType::u8, DataType::s8}) {
            p.threads = result == DataType::u8 ? 1 : 3;
            p.epilogue = requantize(p, result);
            expect_int8(p);
        }
    }
}

TEST(OneDnnConvolution, NarrowRangesAreClipped) {
    Convolution p = image(16, 24, 9, 3);
    p.epilogue = requantize(p, DataType::u8);
    p.epilogue.low = 10;
    p.epilogue.high = 200;
    expect_int8(p);
    p.epilogue = requantize(p, DataType::s8);
    p.epilogue.low = -127;
    expect_int8(p);
}

TEST(OneDnnConvolution, ZeroPointOfTheSource) {
    for (Convolution p : shapes()) {
        p.source_zero = 131;
        p.epilogue = requantize(p, DataType::u8);
        const std::string answer = check_int8(p);
        ::testing::Test::RecordProperty("zp " + describe(p), answer);
        const bool padded = p.pad_top + p.pad_bottom + p.pad_left + p.pad_right > 0;
        if (testing::exact_products() && !padded) {
            EXPECT_EQ(answer.find("onednn"), std::string::npos) << describe(p) << ": " << answer;
        }
    }
}

// Real values of about [-4, 4], a function of them, then codes.
TEST(OneDnnConvolution, FunctionsBeforeTheCodes) {
    const EpilogueOp ops[] = {function_op(Function::relu),         function_op(Function::leaky_relu, 0.1F),
                              function_op(Function::clamp, -1, 2), function_op(Function::sigmoid),
                              function_op(Function::tanh),         function_op(Function::elu, 0.7F),
                              function_op(Function::swish, 1),     function_op(Function::hswish),
                              function_op(Function::hsigmoid),     function_op(Function::gelu_erf),
                              function_op(Function::gelu_tanh),    function_op(Function::mish),
                              function_op(Function::softplus),     function_op(Function::abs),
                              function_op(Function::negate),       function_op(Function::swish, 1.5F)};
    for (const EpilogueOp& op : ops) {
        Convolution p = image(16, 24, 9, 3);
        p.epilogue = requantize(p, DataType::u8);
        for (float& scale : p.epilogue.ops[0].scale) {
            scale *= 0.03F;
        }
        for (float& shift : p.epilogue.ops[0].shift) {
            shift *= 0.03F;
        }
        SCOPED_TRACE(static_cast<int>(op.function));
        p.epilogue.ops.push_back(op);
        p.epilogue.ops.push_back(scalar_op(37.5F, 40));
        expect_int8(p);
    }
}

TEST(OneDnnConvolution, PerChannelStepsAfterAFunction) {
    Convolution p = image(16, 24, 9, 3);
    p.epilogue = requantize(p, DataType::u8);
    p.epilogue.ops.push_back(function_op(Function::leaky_relu, 0.25F));
    EpilogueOp op;
    op.scale = spread_values(24, -1, 1, 3);
    op.shift = spread_values(24, 0, 50, 4);
    p.epilogue.ops.push_back(op);
    expect_int8(p);
    op.scale = spread_values(24, 0.5F, 1, 3);
    p.epilogue.ops[2] = op;
    expect_int8(p);
    EpilogueOp slopes;
    slopes.kind = EpilogueOp::Kind::prelu;
    slopes.scale = spread_values(24, -0.5F, 0.9F, 5);
    p.epilogue.ops[1] = slopes;
    check_int8(p);
}

TEST(OneDnnConvolution, Residuals) {
    for (Convolution p : {image(64, 48, 9, 1), image(16, 24, 10, 3), image(256, 128, 7, 1), image(1, 1, 9, 3, 1, 32)}) {
        for (const DataType type : {DataType::u8, DataType::s8}) {
            for (const int in_place : {-1, 0}) {
                SCOPED_TRACE("type " + std::to_string(static_cast<int>(type)) + " in place " +
                             std::to_string(in_place));
                p.in_place = in_place;
                p.epilogue = requantize(p, DataType::u8);
                EpilogueOp op = combine_op(Combine::add, type, Spread::full);
                op.scale = {0.37F};
                op.shift = {-11};
                p.epilogue.ops.push_back(op);
                p.epilogue.ops.push_back(function_op(Function::relu));
                p.epilogue.ops.push_back(scalar_op(0.8F, 3));
                expect_int8(p);
                p.epilogue.ops.resize(2);
                p.epilogue.ops[1].combine = Combine::subtract;
                expect_int8(p);
                p.epilogue.ops[1].combine = Combine::reverse_subtract;
                expect_int8(p);
            }
        }
    }
}

TEST(OneDnnConvolution, OperandsOfOtherShapes) {
    for (const Spread spread : {Spread::per_channel, Spread::per_batch_channel, Spread::scalar}) {
        for (const Combine combine : {Combine::add, Combine::multiply, Combine::maximum, Combine::minimum}) {
            Convolution p = image(16, 24, 9, 3);
            p.batch = spread == Spread::per_batch_channel ? 1 : 3;
            p.epilogue = requantize(p, DataType::u8);
            EpilogueOp op = combine_op(combine, DataType::u8, spread);
            p.epilogue.ops.push_back(op);
            p.epilogue.ops.push_back(scalar_op(0.3F, 3));
            SCOPED_TRACE(std::to_string(static_cast<int>(spread)) + " " + std::to_string(static_cast<int>(combine)));
            expect_int8(p);
        }
    }
}

TEST(OneDnnConvolution, SmallWeightsAreExactEverywhere) {
    for (Convolution p : shapes()) {
        p.epilogue.result = DataType::s32;
        const std::string answer = check_int8(p, 3, true);
        EXPECT_EQ(answer.find("onednn"), std::string::npos) << describe(p) << ": " << answer;
        EXPECT_NE(answer, "SATURATION_RISK");
    }
}

TEST(OneDnnConvolution, FloatAgainstDouble) {
    for (Convolution p : shapes()) {
        SCOPED_TRACE(describe(p));
        std::vector<double> sums;
        for (const Guard guard : testing::kGuards) {
            p.source = DataType::f32;
            p.epilogue = {};
            EpilogueOp op;
            op.scale = spread_values(p.groups * p.oc, 0.5F, 2, 8);
            op.shift = spread_values(p.groups * p.oc, -1, 1, 9);
            p.epilogue.ops = {op, function_op(Function::relu), combine_op(Combine::add, DataType::f32, Spread::full)};
            Guarded<float> src = testing::random_guarded<float>(source_count(p), guard, 1);
            Guarded<float> weights = testing::random_guarded<float>(weight_count(p), guard, 2);
            Guarded<float> full = testing::random_guarded<float>(result_count(p), guard, 3);
            p.weights = weights.data();
            Guarded<std::byte> dst(result_count(p) * sizeof(float), guard);
            const void* operands[] = {full.data()};
            const onednn::Creation creation = onednn::create(p);
            if (!creation.acceptance) {
                // oneDNN has no grouped or dilated channels-last convolution on every level.
                EXPECT_NE(creation.acceptance.reason, "");
                ::testing::Test::RecordProperty("f32 " + describe(p), creation.acceptance.reason);
                continue;
            }
            ::testing::Test::RecordProperty("f32 " + describe(p), creation.kernel->implementation());
            onednn::Args args;
            args.src = src.data();
            args.dst = dst.data();
            args.operands = operands;
            run_all(*creation.kernel->clone(), args);
            EXPECT_TRUE(src.intact() && weights.intact() && dst.intact());
            if (sums.empty()) {
                sums = sums_of<float, float, double>(p, src.data(), weights.data());
            }
            compare(p, sums, dst.data(), operands, std::sqrt(static_cast<double>(p.ic * p.kernel_h * p.kernel_w)));
        }
    }
}

TEST(OneDnnConvolution, SplitOfRowsThatLieInThePaddingOnly) {
    Convolution p = image(16, 64, 3, 1);
    p.pad_top = 9;
    p.pad_bottom = 8;
    p.height = 3;
    p.ic = 512;
    p.epilogue = requantize(p, DataType::u8);
    check_int8(p);
}

TEST(OneDnnConvolution, ReasonsOfDeclines) {
    const auto reason = [](const Convolution& p) { return onednn::create(p).acceptance.reason; };
    const std::vector<std::int8_t> weights(1 << 16, 1);
    Convolution p = image(8, 8, 6, 3);
    p.weights = weights.data();
    ASSERT_EQ(reason(p), "");
    Convolution bad = p;
    bad.source = DataType::s8;
    EXPECT_EQ(reason(bad), "onednn convolution: the source is neither u8, f32 nor bf16");
    bad = p;
    bad.epilogue.result = DataType::f16;
    EXPECT_EQ(reason(bad), "onednn convolution: the result is neither 8-bit, s32 nor f32");
    bad = p;
    bad.height = 1;
    bad.pad_top = bad.pad_bottom = 0;
    EXPECT_EQ(reason(bad), "onednn convolution: empty result or negative padding");
    bad = p;
    bad.epilogue.result = DataType::s32;
    bad.epilogue.ops = {scalar_op(2, 0)};
    EXPECT_EQ(reason(bad), "onednn convolution: an s32 result takes no epilogue");
    bad = p;
    bad.epilogue.ops = {combine_op(Combine::reverse_divide, DataType::f32, Spread::full)};
    EXPECT_EQ(reason(bad), "onednn: an operand of the epilogue is divided by the result");
    bad.epilogue.ops = {combine_op(Combine::add, DataType::f16, Spread::full)};
    EXPECT_EQ(reason(bad), "onednn: an operand of the epilogue is neither 8-bit, s32, f32 nor bf16");
    bad.epilogue.ops = {combine_op(Combine::add, DataType::u8, Spread::full)};
    bad.in_place = 0;
    EXPECT_EQ(reason(bad), "onednn: the operand replaced in place has not the size of the result");
}

TEST(OneDnnConvolution, ClonesSharePackedWeights) {
    const std::vector<std::int8_t> weights(64 * 64 * 9, 3);
    Convolution p = image(64, 64, 14, 3);
    p.weights = weights.data();
    p.epilogue = requantize(p, DataType::u8);
    const onednn::Creation creation = onednn::create(p);
    ASSERT_TRUE(creation.acceptance) << creation.acceptance.reason;
    EXPECT_EQ(creation.kernel->parts(), 2);
    EXPECT_GE(creation.kernel->packed_bytes(), weights.size());
    EXPECT_LT(creation.kernel->packed_bytes(), 2 * weights.size()) << "parts share packed weights too";
    const auto clone = creation.kernel->clone();
    EXPECT_EQ(clone->parts(), creation.kernel->parts());
    std::vector<std::uint8_t> src(source_count(p), 9);
    std::vector<std::uint8_t> a(result_count(p));
    std::vector<std::uint8_t> b(result_count(p), 1);
    onednn::Args args;
    args.src = src.data();
    args.dst = a.data();
    run_all(*creation.kernel, args);
    args.dst = b.data();
    run_all(*clone, args);
    EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace octet::cpu
