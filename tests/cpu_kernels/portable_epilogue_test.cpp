#include "plugins/cpu/kernels/portable/epilogue.hpp"

#include <limits>
#include <stdexcept>

#include "plugins/cpu/kernels/portable/elementwise.hpp"
#include "tests/cpu_kernels/portable_support.hpp"

namespace octet::cpu::testing {
namespace {

using portable::Arguments;
using portable::Elementwise;
using portable::ResultLayout;
using portable::Tile;

// Largest error relative to max(|exact|, floor) over [low, high].
double worst_error(const EpilogueOp& op, float low, float high, double floor) {
    constexpr std::size_t kCount = 20000;
    std::vector<float> input(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        input[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(kCount - 1);
    }
    std::vector<float> out(kCount);
    Elementwise kernel;
    kernel.rows = kCount;
    kernel.epilogue.ops = {op};
    kernel.run({input.data(), nullptr, {}, out.data()}, 0, kernel.units());
    double worst = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
        const double exact = reference_function(op, static_cast<double>(input[i]));
        worst = std::max(worst, std::fabs(static_cast<double>(out[i]) - exact) / std::max(std::fabs(exact), floor));
    }
    return worst;
}

TEST(PortableFunctions, AreCloseToTheExactOnes) {
    EXPECT_LT(worst_error(function(Function::exp), -87, 88, 1e-37), 4e-7);
    EXPECT_LT(worst_error(function(Function::sigmoid), -80, 80, 1e-34), 6e-7);
    EXPECT_LT(worst_error(function(Function::tanh), -15, 15, 1e-30), 6e-7);
    EXPECT_LT(worst_error(function(Function::tanh), -0.01F, 0.01F, 1e-30), 6e-7);
    EXPECT_LT(worst_error(function(Function::elu, 1.5F), -40, 5, 1e-30), 6e-7);
    EXPECT_LT(worst_error(function(Function::swish, 1.25F), -20, 20, 1e-10),
              2e-6);  // the product in the exponent is rounded
    EXPECT_LT(worst_error(function(Function::mish), -20, 20, 1e-10), 1e-6);
    EXPECT_LT(worst_error(function(Function::softplus), -20, 20, 1e-10), 1e-6);
    EXPECT_LT(worst_error(function(Function::gelu_erf), -6, 6, 1), 3e-7);
    EXPECT_LT(worst_error(function(Function::gelu_tanh), -6, 6, 1), 3e-7);
    EXPECT_LT(worst_error(function(Function::hswish), -6, 6, 1e-10), 3e-7);
    EXPECT_LT(worst_error(function(Function::hsigmoid), -6, 6, 1e-10), 3e-7);
    EXPECT_LT(worst_error(function(Function::leaky_relu, 0.1F), -6, 6, 1e-10), 1e-7);
    EXPECT_EQ(worst_error(function(Function::relu), -6, 6, 1), 0);
    EXPECT_EQ(worst_error(function(Function::clamp, -1, 2), -6, 6, 1), 0);
    EXPECT_EQ(worst_error(function(Function::abs), -6, 6, 1), 0);
    EXPECT_EQ(worst_error(function(Function::negate), -6, 6, 1), 0);
    EXPECT_LT(worst_error(function(Function::sqrt), 0, 6, 1e-10), 1e-7);
    EXPECT_EQ(worst_error(function(Function::round_half_even), -9999.5F, 9999.5F, 1), 0);
}

TEST(PortableFunctions, ExponentialOverflowsAndFades) {
    const std::vector<float> input = {200, 89, -120, -std::numeric_limits<float>::infinity(),
                                      std::numeric_limits<float>::infinity()};
    std::vector<float> out(input.size());
    Elementwise kernel;
    kernel.rows = input.size();
    kernel.epilogue.ops = {function(Function::exp)};
    kernel.run({input.data(), nullptr, {}, out.data()}, 0, kernel.units());
    const float infinity = std::numeric_limits<float>::infinity();
    EXPECT_EQ(out, (std::vector<float>{infinity, infinity, 0, 0, infinity}));
}

TEST(PortableEpilogue, ScaleAndShiftAreOneFusedOperation) {
    for (const std::size_t channels : {1u, 3u, 17u, 64u, 100u}) {
        const std::size_t rows = 2000 / channels;
        auto values = random_guarded<float>(rows * channels, Guard::after, 3);
        Epilogue epilogue;
        epilogue.ops = {scale_shift(random_vector(channels, 4, -3, 3), random_vector(channels, 5, -3, 3))};
        Guarded<float> out(rows * channels);
        std::vector<float> copy(values.begin(), values.end());
        portable::apply_epilogue(epilogue, ResultLayout{channels}, Tile{0, rows, 0, channels}, copy.data(), {},
                                 out.data());
        for (std::size_t i = 0; i < out.size(); ++i) {
            ASSERT_EQ(out[i],
                      std::fma(values[i], epilogue.ops[0].scale[i % channels], epilogue.ops[0].shift[i % channels]));
        }
    }
}

TEST(PortableEpilogue, ReverseDivide) {
    std::vector<float> values = {2, -4, 8};
    const float operand = 16;
    const void* operands[] = {&operand};
    Epilogue epilogue;
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::combine;
    op.combine = Combine::reverse_divide;
    op.spread = Spread::scalar;
    epilogue.ops = {op};
    std::vector<float> out(3);
    portable::apply_epilogue(epilogue, ResultLayout{3}, Tile{0, 1, 0, 3}, values.data(), operands, out.data());
    EXPECT_EQ(out, (std::vector<float>{8, -4, 2}));
}

TEST(PortableEpilogue, CodesRoundHalfToEvenAndSaturate) {
    std::vector<float> values;
    for (int i = -600; i <= 600; ++i) {
        values.push_back(static_cast<float>(i) * 0.5F);
    }
    values.insert(values.end(),
                  {1e30F, -1e30F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()});
    for (const DataType type : {DataType::u8, DataType::s8}) {
        for (const Guard guard : kGuards) {
            Epilogue epilogue;
            epilogue.result = type;
            epilogue.low = type == DataType::u8 ? 0.0F : -127.0F;
            epilogue.high = type == DataType::u8 ? 254.0F : 127.0F;
            Guarded<std::uint8_t> out(values.size(), guard);
            std::vector<float> copy = values;
            portable::apply_epilogue(epilogue, ResultLayout{1}, Tile{0, copy.size(), 0, 1}, copy.data(), {},
                                     out.data());
            EXPECT_TRUE(out.intact());
            for (std::size_t i = 0; i < values.size(); ++i) {
                const double low = static_cast<double>(epilogue.low);
                const double exact = std::isnan(values[i]) ? low
                                                           : std::clamp(static_cast<double>(values[i]), low,
                                                                        static_cast<double>(epilogue.high));
                ASSERT_EQ(element(type, out.data(), i), std::nearbyint(exact)) << values[i];
            }
        }
    }
}

struct ChainCase {
    std::size_t rows;
    std::size_t channels;
    std::size_t rows_per_batch;
    std::size_t out_stride;
};

// Every combination and spread on operands of every type, in one chain at a time.
void check_chain(const ChainCase& shape, Combine combine, Spread spread, DataType operand_type, DataType input_type,
                 DataType result, Guard guard) {
    const ResultLayout layout{shape.channels, shape.rows_per_batch, shape.out_stride};
    const std::size_t count = shape.rows * shape.channels;
    const std::size_t batches = (shape.rows + shape.rows_per_batch - 1) / shape.rows_per_batch;
    const std::size_t operand_count = spread == Spread::full          ? count
                                      : spread == Spread::scalar      ? 1
                                      : spread == Spread::per_row     ? shape.rows
                                      : spread == Spread::per_channel ? shape.channels
                                                                      : batches * shape.channels;
    auto input = random_guarded<std::uint8_t>(count * size_of(input_type), guard, 11);
    auto operand = random_guarded<std::uint8_t>(operand_count * size_of(operand_type), guard, 12);
    if (input_type == DataType::f32) {
        fill_uniform({reinterpret_cast<float*>(input.data()), count}, 13, -100, 100);
    }
    if (operand_type == DataType::f32) {
        fill_uniform({reinterpret_cast<float*>(operand.data()), operand_count}, 14, -100, 100);
    }
    Elementwise kernel;
    kernel.rows = shape.rows;
    kernel.channels = shape.channels;
    kernel.rows_per_batch = shape.rows_per_batch;
    kernel.out_stride = shape.out_stride;
    kernel.input = input_type;
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::combine;
    op.combine = combine;
    op.spread = spread;
    op.operand_type = operand_type;
    if (operand_type != DataType::f32) {
        op.scale = random_vector(shape.channels, 15, 0.25F, 1.5F);
        op.shift = {512};
    }
    EpilogueOp prelu;
    prelu.kind = EpilogueOp::Kind::prelu;
    prelu.scale = random_vector(shape.channels, 16, 0.1F, 0.9F);
    kernel.epilogue.ops = {scale_shift({0.5F}, random_vector(shape.channels, 17, -9, 9)), op, prelu,
                           scale_shift({0.25F}, {3})};
    kernel.epilogue.result = result;
    kernel.epilogue.low = result == DataType::u8 ? 0.0F : -128.0F;
    kernel.epilogue.high = result == DataType::u8 ? 255.0F : 127.0F;
    const std::size_t stride = shape.out_stride == 0 ? shape.channels : shape.out_stride;
    const std::size_t out_count = (shape.rows - 1) * stride + shape.channels;
    Guarded<std::uint8_t> out(out_count * size_of(result), guard);
    std::fill(out.begin(), out.end(), std::uint8_t{0x5A});
    const void* operands[] = {operand.data()};
    portable::check_epilogue(kernel.epilogue, shape.channels, 1);
    const Arguments args{input.data(), nullptr, operands, out.data()};
    run_reversed(kernel.units(), [&](std::size_t begin, std::size_t end) { kernel.run(args, begin, end); });
    ASSERT_TRUE(out.intact());
    for (std::size_t r = 0; r < shape.rows; ++r) {
        for (std::size_t c = 0; c < stride && r * stride + c < out_count; ++c) {
            if (c >= shape.channels) {
                ASSERT_EQ(out[(r * stride + c) * size_of(result)], 0x5A) << "beside the slice";
                continue;
            }
            const double exact = reference_value(kernel.epilogue, layout, r, c,
                                                 element(input_type, input.data(), r * shape.channels + c), operands);
            ASSERT_NO_FATAL_FAILURE(expect_result(kernel.epilogue, out.data(), r * stride + c, exact, 1e-4));
        }
    }
}

TEST(PortableElementwise, ChainsAgreeWithPlainArithmetic) {
    const ChainCase shapes[] = {{1, 1, 1, 0},    {7, 3, 2, 0},     {700, 3, 350, 0}, {33, 17, 11, 40},
                                {50, 64, 25, 0}, {9, 100, 4, 130}, {3, 2047, 1, 0},  {2, 5000, 1, 0}};
    const Combine combines[] = {Combine::add,    Combine::subtract, Combine::reverse_subtract, Combine::multiply,
                                Combine::divide, Combine::maximum,  Combine::minimum};
    const Spread spreads[] = {Spread::full, Spread::per_channel, Spread::per_batch_channel, Spread::per_row,
                              Spread::scalar};
    const DataType types[] = {DataType::u8, DataType::s8, DataType::f32};
    std::size_t turn = 0;
    for (const ChainCase& shape : shapes) {
        for (const Combine combine : combines) {
            for (const Spread spread : spreads) {
                for (const DataType operand_type : types) {
                    ++turn;
                    if (operand_type == DataType::f32 && combine == Combine::divide) {
                        continue;  // the divisor comes near 0, where the error says nothing
                    }
                    SCOPED_TRACE(::testing::Message()
                                 << "rows " << shape.rows << " channels " << shape.channels << " combine "
                                 << int(combine) << " spread " << int(spread) << " operand " << int(operand_type));
                    ASSERT_NO_FATAL_FAILURE(check_chain(shape, combine, spread, operand_type, types[turn % 3],
                                                        types[turn / 3 % 3], kGuards[turn % 2]));
                }
            }
        }
    }
}

TEST(PortableEpilogue, RefusesWhatDoesNotFit) {
    Epilogue epilogue;
    epilogue.ops = {scale_shift({1, 2}, {})};
    EXPECT_THROW(portable::check_epilogue(epilogue, 3, 0), std::invalid_argument);
    EXPECT_NO_THROW(portable::check_epilogue(epilogue, 2, 0));
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::combine;
    epilogue.ops = {op};
    EXPECT_THROW(portable::check_epilogue(epilogue, 3, 0), std::invalid_argument);
    epilogue.ops = {};
    epilogue.result = DataType::s32;
    EXPECT_THROW(portable::check_epilogue(epilogue, 3, 0), std::invalid_argument);
}

}  // namespace
}  // namespace octet::cpu::testing
