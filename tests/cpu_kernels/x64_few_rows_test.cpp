#include "plugins/cpu/kernels/x64/few_rows.hpp"

#include <fmt/format.h>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using x64::FewRows;
using x64::FewRowsDesc;

struct Case {
    std::int64_t rows = 1, k = 1, columns = 1;
    bool transposed = true, narrow = false;
    std::int64_t a_gap = 0, out_gap = 0;
    int threads = 1;
};

float as_kept(float weight, bool narrow) {
    if (!narrow) return weight;
    std::uint16_t bits = 0;
    float wide = 0;
    portable::to_bfloat(&weight, 1, &bits);
    portable::from_bfloat(&bits, 1, &wide);
    return wide;
}

// The exact product of a row with a column, and the size of its terms, which rounding is relative to.
struct ExactSum {
    double value = 0, size = 0;
};

ExactSum exact_sum(const Case& test, const float* row, const float* weights, std::int64_t column) {
    ExactSum sum;
    for (std::int64_t k = 0; k < test.k; ++k) {
        const float weight = weights[test.transposed ? column * test.k + k : k * test.columns + column];
        const double product = static_cast<double>(row[k]) * static_cast<double>(as_kept(weight, test.narrow));
        sum.value += product;
        sum.size += std::abs(product);
    }
    return sum;
}

void check_on(const Machine& machine, const Case& test, int which, Guard guard) {
    SCOPED_TRACE(fmt::format("{}x{}x{} transposed {} narrow {} gaps {},{} threads {} epilogue {}", test.rows, test.k,
                             test.columns, test.transposed, test.narrow, test.a_gap, test.out_gap, test.threads,
                             which));
    TestEpilogue made;
    if (which >= 0) made = make_epilogue(which, test.rows, 1, test.columns, 1, guard, 5);
    const std::int64_t a_stride = test.k + test.a_gap, out_stride = test.columns + test.out_gap;
    const FewRowsDesc desc{test.rows,
                           test.k,
                           test.columns,
                           test.a_gap == 0 ? 0 : a_stride,
                           test.out_gap == 0 ? 0 : out_stride,
                           test.transposed,
                           test.narrow,
                           made.epilogue,
                           test.threads};
    ASSERT_TRUE(FewRows::accepts(desc, machine)) << FewRows::accepts(desc, machine).reason;
    const auto a = random_guarded<float>(static_cast<std::size_t>((test.rows - 1) * a_stride + test.k), guard, 1);
    const auto weights = random_guarded<float>(static_cast<std::size_t>(test.k * test.columns), guard, 2);
    TestResult result(made.epilogue.result, test.rows, test.columns, out_stride, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const FewRows product(desc, weights.span(), nullptr, code);
    code.seal();
    const FewRows::Args args{a.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = product.units() / 2;
    product.run(args, middle, product.units());
    product.run(args, 0, middle);
    ASSERT_TRUE(result.gaps_untouched());
    for (std::int64_t row = 0; row < test.rows; ++row) {
        for (std::int64_t column = 0; column < test.columns; ++column) {
            const ExactSum sum = exact_sum(test, a.data() + row * a_stride, weights.data(), column);
            const auto after = [&](double x) {
                const float y = scalar_epilogue(made.epilogue, made.operands, static_cast<float>(x), row, 0, column,
                                                test.columns);
                return made.epilogue.result == DataType::f32 ? y : static_cast<float>(code_of(made.epilogue, y));
            };
            const double allowed = 2e-6 * (sum.size + 1);
            const float low = after(sum.value - allowed), high = after(sum.value + allowed);
            const float slack = 2e-5F * (1 + std::max(std::abs(low), std::abs(high)));
            ASSERT_GE(result.value(row, column), std::min(low, high) - slack) << "row " << row << " column " << column;
            ASSERT_LE(result.value(row, column), std::max(low, high) + slack) << "row " << row << " column " << column;
        }
    }
}

void check(const Case& test, Guard guard, int which = -1) {
    on_every_isa([&](const Machine& machine) { check_on(machine, test, which, guard); });
}

TEST(X64FewRows, EveryTail) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (const bool narrow : {false, true}) {
            for (std::int64_t columns = 1; columns <= 130; ++columns) {
                check({columns % 3 + 1, 11, columns, columns % 2 == 0, narrow}, guard);
            }
            for (std::int64_t k = 1; k <= 40; ++k) {
                check({1, k, 16, k % 2 == 0, narrow}, guard);
                check({k % 4 + 1, k, 33, k % 2 != 0, narrow}, guard);
            }
            for (std::int64_t rows = 1; rows <= 12; ++rows) {
                check({rows, 17, 70, true, narrow}, guard);
            }
        }
    }
}

TEST(X64FewRows, RowsApart) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        check({6, 20, 50, true, false, 3, 0}, guard);
        check({6, 20, 50, false, true, 0, 5}, guard);
        check({3, 9, 17, true, true, 1, 7}, guard, 0);
    }
}

TEST(X64FewRows, Epilogues) {
    OCTET_NEEDS_AVX2();
    for (int which = 0; which < kEpilogues; ++which) {
        // Full operands of the others are wider than the result, or have a value for each batch.
        if (which == 0 || which == 1 || which == 2 || which == 3 || which == 8) {
            check({7, 24, 45, true, which % 2 == 0}, Guard::after, which);
            check({1, 24, 130, false, which % 2 != 0}, Guard::before, which);
        }
    }
}

TEST(X64FewRows, BlocksForEachThread) {
    OCTET_NEEDS_AVX2();
    for (const int threads : {2, 3, 8}) {
        check({1, 40, 48, true, true, 0, 0, threads}, Guard::after, 0);
        check({5, 40, 100, true, false, 0, 0, threads}, Guard::before, 0);
    }
    x64::CodeBlock code(x64::vector_isa_of(generated_machines().front()));
    const std::vector<float> weights(48 * 4);
    const FewRows product({.rows = 1, .k = 4, .columns = 48, .epilogue = {}, .threads = 2}, weights, nullptr, code);
    EXPECT_EQ(product.units(), 2);
}

TEST(X64FewRows, Declines) {
    Machine machine;
    machine.isa = Isa::sse41;
    FewRowsDesc desc{.rows = 1, .k = 24, .columns = 8, .epilogue = {}};
    EXPECT_EQ(FewRows::accepts(desc, machine).reason, "needs AVX2");
    EXPECT_TRUE(FewRows::accepts(desc, vnni_machine()));
    desc.columns = (1 << 20) + 1;
    EXPECT_EQ(FewRows::accepts(desc, vnni_machine()).reason, "rows of more than a million values");
    desc.columns = 8;
    desc.epilogue.ops = {{.kind = EpilogueOp::Kind::combine, .spread = Spread::per_batch_channel}};
    EXPECT_EQ(FewRows::accepts(desc, vnni_machine()).reason, "an operand has a value for each batch and channel");
    desc.rows = 0;
    EXPECT_EQ(FewRows::accepts(desc, vnni_machine()).reason, "an empty product");
}

}  // namespace
}  // namespace octet::cpu::testing
