#include "plugins/cpu/kernels/x64/normalize.hpp"

#include <fmt/format.h>

#include <limits>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using x64::Normalize;
using x64::NormalizeDesc;

Epilogue plain() { return {{}, DataType::f32}; }

// Scale and shift of each column, to codes.
Epilogue codes(std::int64_t columns) {
    return {{{EpilogueOp::Kind::scale_shift, random_floats(columns, 3, 20.F, 60.F),
              random_floats(columns, 4, 100.F, 150.F)}},
            DataType::u8};
}

Epilogue affine(std::int64_t columns) {
    return {{{EpilogueOp::Kind::scale_shift, random_floats(columns, 5, -2.F, 2.F),
              random_floats(columns, 6, -1.F, 1.F)},
             {EpilogueOp::Kind::function, {}, {}, Function::relu}},
            DataType::f32};
}

std::vector<double> normalized(const float* x, const NormalizeDesc& desc) {
    const auto count = static_cast<std::size_t>(desc.columns);
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < count; ++i) mean += static_cast<double>(x[i]) / static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) squares += std::pow(static_cast<double>(x[i]) - mean, 2);
    const double variance = squares / static_cast<double>(count), epsilon = static_cast<double>(desc.epsilon);
    const double deviation = desc.epsilon_inside ? std::sqrt(variance + epsilon) : std::sqrt(variance) + epsilon;
    std::vector<double> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back((static_cast<double>(x[i]) - mean) / deviation);
    return result;
}

// Rows between guards, run in two parts; floats within 2e-5, codes within one.
void check(const NormalizeDesc& desc, Guard guard, float middle) {
    ASSERT_TRUE(Normalize::accepts(desc, vnni_machine()));
    const std::string what = fmt::format("{} rows of {} about {}, {} results", desc.rows, desc.columns, middle,
                                         desc.results.size());
    Guarded<float> in(static_cast<std::size_t>(desc.rows * desc.columns), guard);
    fill_uniform(in.span(), 1, middle - 3.F, middle + 3.F);
    std::vector<std::unique_ptr<TestResult>> results;
    Normalize::Args args{in.data(), {}};
    for (const Epilogue& epilogue : desc.results) {
        results.push_back(std::make_unique<TestResult>(epilogue.result, desc.rows, desc.columns, desc.columns, guard));
        args.out[results.size() - 1] = results.back()->data();
    }
    x64::CodeBlock code;
    const Normalize kernel(desc, code);
    code.seal();
    kernel.run(args, kernel.units() / 2, kernel.units());
    kernel.run(args, 0, kernel.units() / 2);
    // What float holds of the data bounds how well a distance from a large mean can be known.
    const double close = 2e-5 + static_cast<double>(std::abs(middle)) * 1e-7;
    for (std::size_t i = 0; i < results.size(); ++i) {
        ASSERT_TRUE(results[i]->gaps_untouched()) << what;
        const Epilogue& epilogue = desc.results[i];
        for (std::int64_t r = 0; r < desc.rows; ++r) {
            const std::vector<double> y = normalized(in.data() + r * desc.columns, desc);
            for (std::int64_t c = 0; c < desc.columns; ++c) {
                const float x = scalar_epilogue(epilogue, {}, static_cast<float>(y[static_cast<std::size_t>(c)]), r, 0,
                                                c, desc.columns);
                const bool coded = epilogue.result != DataType::f32;
                ASSERT_NEAR(results[i]->value(r, c), coded ? static_cast<float>(code_of(epilogue, x)) : x,
                            coded ? 1 : close)
                    << what << ": result " << i << ", row " << r << ", column " << c;
            }
        }
    }
}

TEST(X64Normalize, EverySize) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (std::int64_t columns = 1; columns <= 130; ++columns)
            check({3, columns, 1e-3F, columns % 2 == 0, {affine(columns), codes(columns)}}, guard, 0);
}

TEST(X64Normalize, OneResult) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (const std::int64_t columns : {1, 64, 768, 1000}) {
            check({7, columns, 1e-5F, true, {plain()}}, guard, 0);
            check({7, columns, 1e-5F, false, {codes(columns)}}, guard, 0);
        }
}

// A mean that is large beside the deviation keeps the digits that the data have.
TEST(X64Normalize, LargeMean) {
    OCTET_NEEDS_VNNI();
    for (const float middle : {100.F, -4096.F, 100000.F})
        check({4, 768, 1e-5F, true, {plain(), affine(768)}}, Guard::after, middle);
}

TEST(X64Normalize, EqualValuesAndWhatIsNotFinite) {
    OCTET_NEEDS_VNNI();
    const std::int64_t columns = 77;
    const NormalizeDesc desc{2, columns, 1e-5F, true, {plain()}};
    std::vector<float> in(2 * 77, 1234.567F), out(in.size());
    in[80] = std::numeric_limits<float>::infinity();
    x64::CodeBlock code;
    const Normalize kernel(desc, code);
    code.seal();
    kernel.run({in.data(), {out.data()}}, 0, 2);
    for (std::size_t i = 0; i < 77; ++i) {
        EXPECT_NEAR(out[i], 0, 1e-3) << i;
        EXPECT_TRUE(std::isnan(out[77 + i])) << i;
    }
}

TEST(X64Normalize, Declines) {
    Machine machine;
    NormalizeDesc desc{1, 8, 0, true, {plain()}};
    EXPECT_EQ(Normalize::accepts(desc, machine).reason, "needs AVX-512");
    machine.isa = Isa::avx512;
    EXPECT_TRUE(Normalize::accepts(desc, machine));
    desc.rows = 0;
    EXPECT_EQ(Normalize::accepts(desc, machine).reason, "an empty tensor");
    desc.rows = 1;
    desc.columns = (std::int64_t{1} << 22) + 1;
    EXPECT_EQ(Normalize::accepts(desc, machine).reason, "rows of more than 4 million values");
    desc.columns = 8;
    desc.results.resize(3);
    EXPECT_EQ(Normalize::accepts(desc, machine).reason, "neither one result nor two");
    desc.results = {plain()};
    desc.results[0].ops.push_back({.kind = EpilogueOp::Kind::combine});
    EXPECT_EQ(Normalize::accepts(desc, machine).reason, "its result is combined with an operand");
    desc.results = {{{{EpilogueOp::Kind::scale_shift, {1, 2}}}, DataType::f32}};
    EXPECT_EQ(Normalize::accepts(desc, machine).reason,
              "a vector of the epilogue has neither one entry nor one for each channel");
}

}  // namespace
}  // namespace octet::cpu::testing
