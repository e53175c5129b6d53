#include "plugins/cpu/kernels/x64/coded_product.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/coded_support.hpp"
#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using x64::CodedProduct;
using x64::CodedProductDesc;

Machine avx512_machine() {
    Machine machine;
    machine.isa = Isa::avx512;
    return machine;
}

void check(const CodedShape& shape, Guard guard, int which = -1) {
    SCOPED_TRACE(fmt::format("{}x{}x{} groups of {}, {} bits, signed {}, transposed {}, shifted {}, epilogue {}",
                             shape.rows, shape.depth, shape.columns, shape.group, shape.bits, shape.is_signed,
                             shape.transposed, shape.shifted, which));
    const TestWeights w(shape, guard);
    TestEpilogue made;
    if (which >= 0) {
        made = make_epilogue(which, shape.rows, 1, shape.columns, 1, guard, 5);
    }
    const CodedProductDesc desc{shape.rows, w.weights, made.epilogue};
    ASSERT_TRUE(CodedProduct::accepts(desc, avx512_machine())) << CodedProduct::accepts(desc, avx512_machine()).reason;
    const auto a = random_guarded<float>(static_cast<std::size_t>(shape.rows * shape.depth), guard, 1);
    TestResult result(made.epilogue.result, shape.rows, shape.columns, shape.columns, guard);
    x64::CodeBlock code;
    const CodedProduct product(desc, code);
    code.seal();
    Guarded<float> scratch(product.scratch_size() / sizeof(float), guard);
    const CodedProduct::Args args{a.data(), result.data(), pointers(made.operands), scratch.data()};
    const std::int64_t middle = product.units() / 2;
    product.run(args, middle, product.units());
    product.run(args, 0, middle);
    for (std::int64_t row = 0; row < shape.rows; ++row) {
        for (std::int64_t column = 0; column < shape.columns; ++column) {
            const ExactSum sum(a.data() + row * shape.depth, w, column);
            const auto after = [&](double x) {
                const float y = scalar_epilogue(made.epilogue, made.operands, static_cast<float>(x), row, 0, column,
                                                shape.columns);
                return made.epilogue.result == DataType::f32 ? y : static_cast<float>(code_of(made.epilogue, y));
            };
            const float low = after(sum.value - sum.allowed()), high = after(sum.value + sum.allowed());
            const float slack = 2e-5F * (1 + std::max(std::abs(low), std::abs(high)));
            ASSERT_GE(result.value(row, column), std::min(low, high) - slack) << "row " << row << " column " << column;
            ASSERT_LE(result.value(row, column), std::max(low, high) + slack) << "row " << row << " column " << column;
        }
    }
    ASSERT_TRUE(result.gaps_untouched());
}

TEST(X64CodedProduct, EveryTail) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards) {
        for (const int bits : {4, 8}) {
            for (std::int64_t columns = 1; columns <= 70; ++columns) {
                check({1 + columns % 3, 9, columns, 0, bits, columns % 2 == 0, columns % 3 != 0, columns % 5 == 0},
                      guard);
            }
            for (std::int64_t depth = 1; depth <= 40; ++depth) {
                check({depth % 4 + 1, depth, 33, 0, bits, true, depth % 2 == 0, depth % 3 == 0}, guard);
            }
            for (std::int64_t rows = 1; rows <= 40; ++rows) {
                check({rows, 16, 20, 8, bits, false, true, true}, guard);
            }
        }
    }
}

TEST(X64CodedProduct, Groups) {
    OCTET_NEEDS_VNNI();
    for (const bool is_signed : {false, true}) {
        for (const bool shifted : {false, true}) {
            check({1, 256, 48, 128, 4, is_signed, true, shifted}, Guard::after);
            check({5, 96, 40, 32, 4, is_signed, false, shifted}, Guard::before);
            check({13, 96, 64, 32, 8, is_signed, true, shifted}, Guard::after);
            for (const std::int64_t group : {1, 2, 3, 7, 9, 21}) {
                check({3, group * 4, 35, group, 8, is_signed, group % 2 == 0, shifted}, Guard::after);
            }
        }
    }
}

TEST(X64CodedProduct, Epilogues) {
    OCTET_NEEDS_VNNI();
    for (int which = 0; which < kEpilogues; ++which) {
        for (const bool shifted : {false, true}) {
            // Full operands of the others are wider than the result.
            if (which == 0 || which == 2 || which == 3 || which == 8) {
                check({14, 24, 45, 0, which % 2 == 0 ? 4 : 8, true, true, shifted}, Guard::after, which);
            }
        }
    }
}

TEST(X64CodedProduct, Declines) {
    Machine machine;
    machine.isa = Isa::avx2_vnni;
    CodedProductDesc desc{.rows = 1, .weights = {.depth = 24, .columns = 8, .group = 12}};
    EXPECT_EQ(CodedProduct::accepts(desc, machine).reason, "needs AVX-512");
    EXPECT_TRUE(CodedProduct::accepts(desc, avx512_machine()));
    desc.weights.bits = 4;
    EXPECT_EQ(CodedProduct::accepts(desc, avx512_machine()).reason,
              "groups of codes of 4 bits whose size is no multiple of 8");
    desc.weights.group = 24;
    EXPECT_TRUE(CodedProduct::accepts(desc, avx512_machine()));
    desc.weights.columns = (1 << 20) + 1;
    EXPECT_EQ(CodedProduct::accepts(desc, avx512_machine()).reason, "rows of more than a million values");
    desc.weights.columns = 8;
    desc.epilogue.ops = {{.kind = EpilogueOp::Kind::combine, .spread = Spread::per_batch_channel}};
    EXPECT_EQ(CodedProduct::accepts(desc, avx512_machine()).reason,
              "an operand has a value for each batch and channel");
    desc.rows = 0;
    EXPECT_EQ(CodedProduct::accepts(desc, avx512_machine()).reason, "an empty product");
}

}  // namespace
}  // namespace octet::cpu::testing
