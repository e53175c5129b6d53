#include "plugins/cpu/kernels/x64/elementwise.hpp"

#include <fmt/format.h>

#include <limits>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

struct Case {
    DataType type = DataType::u8;
    std::int64_t rows = 1, channels = 1, batches = 1;
    std::int64_t in_gap = 0, out_gap = 0;
};

void check_on(const Machine& machine, const Case& test, int which, Guard guard) {
    const std::string what = fmt::format("type {} {} batches of {} x {} gaps {},{} epilogue {}",
                                         static_cast<int>(test.type), test.batches, test.rows, test.channels,
                                         test.in_gap, test.out_gap, which);
    const std::int64_t rows = test.rows * test.batches;
    TestEpilogue made = make_epilogue(which, rows, test.batches, test.channels, 1, guard, 5);
    x64::ElementwiseDesc desc;
    desc.type = test.type;
    desc.rows = rows;
    desc.channels = test.channels;
    desc.in_stride = test.in_gap != 0 ? test.channels + test.in_gap : 0;
    desc.out_stride = test.out_gap != 0 ? test.channels + test.out_gap : 0;
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    desc.rows_per_batch = test.rows;
    ASSERT_TRUE(x64::Elementwise::accepts(desc, machine));

    const TestOperand in(test.type, Spread::full, rows, test.batches, test.channels, test.channels + test.in_gap, guard,
                         1);
    TestResult result(made.epilogue.result, rows, test.channels, test.channels + test.out_gap, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::Elementwise kernel(desc, code);
    code.seal();
    const x64::Elementwise::Args args{in.bytes.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = kernel.units() / 2;
    kernel.run(args, middle, kernel.units());
    kernel.run(args, 0, middle);
    expect_equal(
        made.epilogue, made.operands, result, rows, test.rows, test.channels,
        [&](std::int64_t row, std::int64_t channel) { return in.value(row, 0, channel, test.channels); }, what);
}

void check(const Case& test, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, test, which, guard); });
}

TEST(X64Elementwise, EverySize) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t channels = 1; channels <= 130; ++channels) {
            check({DataType::u8, 7, channels}, 0, guard);
            check({DataType::f32, 5, channels}, 3, guard);
            check({DataType::s8, channels, 3}, 1, guard);
            check({DataType::s32, channels, 10}, 7, guard);
        }
    }
}

TEST(X64Elementwise, EveryEpilogueAndType) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (const DataType type : {DataType::u8, DataType::s8, DataType::s32, DataType::f32}) {
            for (int which = 0; which < kEpilogues; ++which) {
                for (const std::int64_t channels : {1, 17, 64, 100}) {
                    check({type, 21, channels, 3}, which, guard);
                    check({type, 9, channels, 2, 3, 0}, which, guard);
                    check({type, 9, channels, 1, 0, 7}, which, guard);
                }
            }
        }
    }
}

TEST(X64Elementwise, ManyUnits) {
    OCTET_NEEDS_AVX2();
    check({DataType::f32, 3000, 24}, 0, Guard::after);
    check({DataType::u8, 100001, 1}, 1, Guard::before);
    check({DataType::f32, 700, 40, 3}, 5, Guard::before);
}

// Factors and summands of channels that are known only when it runs.
TEST(X64Elementwise, ConstantsOfTheCall) {
    OCTET_NEEDS_AVX2();
    on_every_isa([](const Machine& machine) {
        for (const Guard guard : kGuards) {
            for (const std::int64_t channels : {1, 2, 7, 16, 31, 33, 64, 65, 100, 130}) {
                constexpr std::int64_t kRows = 21;
                const TestEpilogue made = make_epilogue(0, kRows, 1, channels, 1, guard, 5);
                const std::vector<float> unknown(static_cast<std::size_t>(channels));
                x64::ElementwiseDesc desc{.rows = kRows, .channels = channels, .epilogue = made.epilogue};
                desc.epilogue.ops[0].scale = desc.epilogue.ops[0].shift = unknown;
                x64::CodeBlock code(x64::vector_isa_of(machine));
                const x64::Elementwise kernel(desc, code);
                code.seal();
                std::vector<std::int64_t> channel_of(static_cast<std::size_t>(kernel.positions()));
                for (std::size_t p = 0; p < channel_of.size(); ++p)
                    channel_of[p] = static_cast<std::int64_t>(p) % channels;
                const auto packed = x64::pack_constants(made.epilogue, channel_of);
                Guarded<float> constants(packed.size(), guard);
                std::copy_n(packed.data(), packed.size(), constants.data());
                const TestOperand in(DataType::u8, Spread::full, kRows, 1, channels, channels, guard, 1);
                TestResult result(DataType::u8, kRows, channels, channels, guard);
                kernel.run({in.bytes.data(), result.data(), {}, constants.data()}, 0, kernel.units());
                expect_equal(
                    made.epilogue, {}, result, kRows, kRows, channels,
                    [&](std::int64_t row, std::int64_t channel) { return in.value(row, 0, channel, channels); },
                    fmt::format("{} channels", channels));
            }
        }
    });
}

// Results of a single function on these inputs, f32 to f32.
std::vector<float> computed(const Machine& machine, const EpilogueOp& op, const std::vector<float>& in) {
    x64::ElementwiseDesc desc;
    desc.type = DataType::f32;
    desc.rows = static_cast<std::int64_t>(in.size());
    desc.channels = 1;
    desc.epilogue.ops = {op};
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::Elementwise kernel(desc, code);
    code.seal();
    std::vector<float> out(in.size());
    kernel.run({in.data(), out.data()}, 0, kernel.units());
    return out;
}

EpilogueOp function(Function which, float alpha = 0, float beta = 0) {
    return {EpilogueOp::Kind::function, {}, {}, which, alpha, beta};
}

TEST(X64Functions, RelativeError) {
    OCTET_NEEDS_AVX2();
    const EpilogueOp ops[] = {function(Function::relu),
                              function(Function::leaky_relu, 0.01F),
                              function(Function::clamp, -3, 4.5F),
                              function(Function::sigmoid),
                              function(Function::tanh),
                              function(Function::elu, 1.5F),
                              function(Function::swish, 1),
                              function(Function::swish, 1.702F),
                              function(Function::hswish),
                              function(Function::hsigmoid),
                              function(Function::gelu_erf),
                              function(Function::gelu_tanh),
                              function(Function::mish),
                              function(Function::softplus),
                              function(Function::exp),
                              function(Function::abs),
                              function(Function::negate),
                              function(Function::round_half_even)};
    for (const EpilogueOp& op : ops) {
        std::vector<float> in;
        for (float x = -9; x <= 9; x += 0.0007F) {
            in.push_back(x);
        }
        for (const float x : {0.F, -0.F, 1e-6F, -1e-6F, 0.5F, -0.5F, 1.5F, 2.5F, -2.5F, 1e-20F, -1e-20F, 60.F, -60.F}) {
            in.push_back(x);
        }
        on_every_isa([&](const Machine& machine) {
            const std::vector<float> out = computed(machine, op, in);
            for (std::size_t i = 0; i < in.size(); ++i) {
                const double wanted = function_value(op, static_cast<double>(in[i]));
                // hswish and hsigmoid end at -3 where x + 3 has lost the digits of x.
                const double slack = op.function == Function::hswish || op.function == Function::hsigmoid ? 3e-7
                                                                                                          : 1e-30;
                // The rounding of the square in exp(-x^2 / 2) shows where the result is below 1e-6.
                const bool steep = (op.function == Function::gelu_erf || op.function == Function::gelu_tanh) &&
                                   in[i] < -5;
                ASSERT_NEAR(static_cast<double>(out[i]), wanted, std::abs(wanted) * (steep ? 2e-5 : 2e-6) + slack)
                    << "function " << static_cast<int>(op.function) << " of " << in[i];
            }
        });
    }
}

// Functions that become codes are looked up; where steps are fine they are computed.
TEST(X64Functions, BeforeCodes) {
    OCTET_NEEDS_AVX2();
    for (const EpilogueOp& op :
         {function(Function::gelu_erf), function(Function::swish, 1), function(Function::swish, 1.702F),
          function(Function::elu, 1), function(Function::elu, -0.75F), function(Function::elu, 0)})
        for (const float scale : {0.01F, 1.F, 5.F, 20.F, 1000.F, 1e5F})
            on_every_isa([&](const Machine& machine) {
                const EpilogueOp to_codes{EpilogueOp::Kind::scale_shift, {scale}, {100}};
                const x64::ElementwiseDesc desc{.type = DataType::f32,
                                                .rows = 1,
                                                .channels = 4096,
                                                .epilogue = {{op, to_codes}, DataType::u8, 0, 255}};
                const x64::Lookup* lookup = x64::lookup_of(desc.epilogue, 0);
                ASSERT_EQ(lookup != nullptr, scale < 1e4F && (op.function != Function::elu || op.alpha != 0));
                if (op.function == Function::elu) {
                    EXPECT_TRUE(lookup == nullptr || lookup->degree == 2);
                } else if (scale <= 1) {
                    EXPECT_EQ(lookup->degree, 3) << "steps are coarse";
                } else if (scale == 1000.F) {
                    EXPECT_EQ(lookup->degree, 5);
                }
                x64::CodeBlock code(x64::vector_isa_of(machine));
                const x64::Elementwise kernel(desc, code);
                code.seal();
                std::vector<float> in(4096);
                for (std::size_t i = 0; i < in.size(); ++i)
                    in[i] = (static_cast<float>(i) - 2048) * (scale <= 1 ? 0.1F : scale < 100 ? 0.01F : 5e-4F);
                std::vector<std::uint8_t> out(in.size());
                kernel.run({in.data(), out.data()}, 0, kernel.units());
                for (std::size_t i = 0; i < in.size(); ++i) {
                    const double x = function_value(op, static_cast<double>(in[i])) * static_cast<double>(scale) + 100;
                    ASSERT_NEAR(out[i], std::min(std::max(x, 0.0), 255.0), scale < 100 ? 0.5002 : 0.505)
                        << "function " << static_cast<int>(op.function) << " of " << in[i] << " times " << scale;
                }
                EXPECT_EQ(out[2048], 100) << "0 stays 0";
            });
}

TEST(X64Functions, Extremes) {
    OCTET_NEEDS_AVX2();
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> in = {-infinity, -3e38F, -1000, -104, 104, 1000, 3e38F, infinity};
    const auto expect = [&](const EpilogueOp& op, const std::vector<float>& wanted) {
        on_every_isa([&](const Machine& machine) {
            const std::vector<float> out = computed(machine, op, in);
            for (std::size_t i = 0; i < in.size(); ++i) {
                EXPECT_TRUE(out[i] == wanted[i] || std::abs(out[i] - wanted[i]) < 1e-35F)
                    << "function " << static_cast<int>(op.function) << " of " << in[i] << ": " << out[i];
            }
        });
    };
    expect(function(Function::sigmoid), {0, 0, 0, 0, 1, 1, 1, 1});
    expect(function(Function::tanh), {-1, -1, -1, -1, 1, 1, 1, 1});
    expect(function(Function::exp), {0, 0, 0, 0, infinity, infinity, infinity, infinity});
    expect(function(Function::elu, 2), {-2, -2, -2, -2, 104, 1000, 3e38F, infinity});
    expect(function(Function::softplus), {0, 0, 0, 0, 104, 1000, 3e38F, infinity});
    expect(function(Function::relu), {0, 0, 0, 0, 104, 1000, 3e38F, infinity});
}

TEST(X64Functions, HugeValuesSaturate) {
    OCTET_NEEDS_AVX2();
    const std::vector<float> in = {-1e30F, -3e9F, -1.5F, 0.5F, 1.5F, 254.5F, 255.5F, 3e9F, 1e30F};
    const std::vector<int> unsigned_codes = {0, 0, 0, 0, 2, 254, 255, 255, 255};
    const std::vector<int> signed_codes = {-128, -128, -2, 0, 2, 127, 127, 127, 127};
    for (const DataType type : {DataType::u8, DataType::s8})
        on_every_isa([&](const Machine& machine) {
            x64::ElementwiseDesc desc;
            desc.type = DataType::f32;
            desc.rows = static_cast<std::int64_t>(in.size());
            desc.channels = 1;
            desc.epilogue = {{}, type, type == DataType::u8 ? 0.F : -128.F, type == DataType::u8 ? 255.F : 127.F};
            x64::CodeBlock code(x64::vector_isa_of(machine));
            const x64::Elementwise kernel(desc, code);
            code.seal();
            std::vector<std::uint8_t> out(in.size());
            kernel.run({in.data(), out.data()}, 0, kernel.units());
            for (std::size_t i = 0; i < in.size(); ++i) {
                EXPECT_EQ(type == DataType::u8 ? int{out[i]} : int{static_cast<std::int8_t>(out[i])},
                          type == DataType::u8 ? unsigned_codes[i] : signed_codes[i])
                    << in[i];
            }
        });
}

TEST(X64Code, EqualKernelsAreShared) {
    OCTET_NEEDS_AVX2();
    x64::ElementwiseDesc desc;
    desc.rows = 100;
    desc.channels = 64;
    desc.epilogue.ops = {EpilogueOp{EpilogueOp::Kind::scale_shift, std::vector<float>(64, 2.F), {}}};
    desc.epilogue.result = DataType::u8;
    x64::CodeBlock code;
    const x64::Elementwise first(desc, code);
    const std::size_t kernels = code.kernels();
    desc.epilogue.ops[0].scale[3] = 5;
    const x64::Elementwise second(desc, code);
    EXPECT_EQ(code.kernels(), kernels);
    desc.epilogue.high = 100;
    const x64::Elementwise third(desc, code);
    EXPECT_GT(code.kernels(), kernels);
    code.seal();
    desc.channels = 48;
    desc.epilogue.ops[0].scale.resize(48);
    EXPECT_THROW(x64::Elementwise(desc, code), std::logic_error);
}

}  // namespace
}  // namespace octet::cpu::testing
