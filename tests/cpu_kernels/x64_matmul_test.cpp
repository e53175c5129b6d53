#include "plugins/cpu/kernels/x64/matmul.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

struct Shape {
    std::int64_t rows, k, columns;
    std::int64_t a_gap = 0, out_gap = 0;
    std::int64_t batches = 1;
    bool transposed = false;
    int threads = 1;
    std::uint8_t zero_point = 0;
};

void check_on(const Machine& machine, const Shape& shape, int which, Guard guard, bool saturates = false) {
    const x64::VectorIsa isa = x64::vector_isa_of(machine, saturates);
    const std::string what = fmt::format("{}x{}x{} gaps {} {} batches {} transposed {} threads {} epilogue {}",
                                         shape.rows, shape.k, shape.columns, shape.a_gap, shape.out_gap, shape.batches,
                                         shape.transposed, shape.threads, which);
    const std::int64_t rows = shape.rows * shape.batches;
    TestEpilogue made = make_epilogue(which, rows, shape.batches, shape.columns, shape.k, guard, 5);
    x64::MatMulDesc desc;
    desc.rows = rows;
    desc.k = shape.k;
    desc.columns = shape.columns;
    desc.a_stride = shape.a_gap != 0 ? shape.k + shape.a_gap : 0;
    desc.out_stride = shape.out_gap != 0 ? shape.columns + shape.out_gap : 0;
    desc.transposed = shape.transposed;
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    desc.rows_per_batch = shape.rows;
    desc.threads = shape.threads;
    desc.zero_point = shape.zero_point;
    ASSERT_TRUE(x64::MatMul::accepts(desc, machine)) << x64::MatMul::accepts(desc, machine).reason;

    const std::int64_t a_stride = shape.k + shape.a_gap;
    const auto a = random_guarded<std::uint8_t>(static_cast<std::size_t>((rows - 1) * a_stride + shape.k), guard, 1);
    const auto weights = random_guarded<std::int8_t>(static_cast<std::size_t>(shape.k * shape.columns), guard, 2);
    Guarded<std::byte> storage(x64::MatMul::packed_size(desc, isa) / 4096 * 4096 + 4096, Guard::after);
    TestResult result(made.epilogue.result, rows, shape.columns, shape.columns + shape.out_gap, guard);

    x64::CodeBlock code(isa);
    const x64::MatMul matmul(desc, weights.span(), code, storage.span());
    code.seal();
    x64::MatMul::Args args{a.data(), result.data(), pointers(made.operands)};
    const std::int64_t middle = matmul.units() / 2;
    matmul.run(args, middle, matmul.units());
    matmul.run(args, 0, middle);

    expect_equal(
        made.epilogue, made.operands, result, rows, shape.rows, shape.columns,
        [&](std::int64_t row, std::int64_t column) {
            std::int32_t sum = 0, pair = 0;
            for (std::int64_t i = 0; i < shape.k; ++i) {
                const std::int64_t at = shape.transposed ? column * shape.k + i : i * shape.columns + column;
                const std::int32_t weight = weights[static_cast<std::size_t>(at)];
                pair += a[static_cast<std::size_t>(row * a_stride + i)] * weight;
                sum -= shape.zero_point * weight;
                if (i % 2 == 0 && i + 1 < shape.k) continue;
                sum += isa.saturates ? std::clamp(pair, -32768, 32767) : pair;
                pair = 0;
            }
            return static_cast<float>(sum);
        },
        what);
}

void check(const Shape& shape, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, shape, which, guard); });
}

TEST(X64MatMul, EveryColumnTailAndEpilogue) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t columns = 1; columns <= 80; ++columns) {
            check({13, 9, columns, 0, 0, 1, false, 1, static_cast<std::uint8_t>(columns % 2 * 77)},
                  static_cast<int>(columns % kEpilogues), guard);
        }
        for (int which = 0; which < kEpilogues; ++which) {
            for (const std::int64_t columns : {1, 15, 16, 31, 48, 63, 64, 100, 176}) {
                check({29, 20, columns, which % 3, which % 2 * 7}, which, guard);
            }
        }
    }
}

TEST(X64MatMul, EveryTailOfRowsAndK) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (std::int64_t k = 1; k <= 24; ++k) {
            check({7, k, 33}, 0, guard);
        }
        for (const std::int64_t k : {174, 175, 176, 177, 178, 255, 300, 769}) {
            check({25, k, 20, 0, 0, 1, true}, 3, guard);
        }
        for (std::int64_t rows = 1; rows <= 50; ++rows) {
            check({rows, 12, 64}, 0, guard);
            check({rows, 5, 17}, 3, guard);
        }
    }
}

TEST(X64MatMul, SumsOfTwoProductsSaturateWhereAllowed) {
    OCTET_NEEDS_AVX2();
    on_every_isa([](const Machine& machine) {
        EXPECT_EQ(x64::vector_isa_of(machine, true).saturates, !machine.vnni());
        for (const Guard guard : kGuards) {
            for (const std::int64_t columns : {1, 7, 16, 33, 64, 100}) {
                check_on(machine, {29, 21, columns, 3, 2, 1, false, 1, 77}, static_cast<int>(columns % kEpilogues),
                         guard, true);
            }
            for (std::int64_t k = 1; k <= 12; ++k) check_on(machine, {k + 1, k, 20, 0, 0, 1, true}, 0, guard, true);
            check_on(machine, {49, 1100, 260}, 0, guard, true);
        }
    });
}

TEST(X64MatMul, Batches) {
    OCTET_NEEDS_AVX2();
    for (const std::int64_t rows : {1, 5, 24, 49}) {
        check({rows, 16, 40, 0, 0, 3}, 5, Guard::after);
        check({rows, 16, 40, 0, 0, 3, false, 4}, 5, Guard::before);
    }
}

TEST(X64MatMul, LargeWeightsAndManyUnits) {
    OCTET_NEEDS_AVX2();
    check({49, 1100, 260}, 0, Guard::after);
    check({49, 1100, 260, 4, 4, 1, true, 2}, 3, Guard::before);
    check({1000, 64, 24, 0, 0, 1, false, 8}, 0, Guard::after);
    check({1, 1280, 1000}, 2, Guard::after);
    check({70, 1100, 100, 0, 0, 1, false, 1, 128}, 0, Guard::after);
    for (std::int64_t k = 1098; k <= 1101; ++k) {
        check({30, k, 100, 0, 0, 1, true, 1, 128}, 0, k % 2 == 0 ? Guard::after : Guard::before);
    }
}

TEST(X64MatMul, SharesOfThreads) {
    OCTET_NEEDS_AVX2();
    for (const int threads : {2, 3, 8, 16}) {
        for (const std::int64_t rows : {1, 23, 24, 25, 49, 196}) {
            check({rows, 20, 200, 3, 5, 1, true, threads, 7}, 3, Guard::after);  // blocks of 4, 3, 3 and 3 vectors
            check({rows, 40, 40, 0, 0, 1, false, threads}, 0, Guard::before);
        }
        check({49, 1100, 300, 0, 0, 1, false, threads, 9}, 3, Guard::after);
        check({30, 1100, 300, 0, 0, 3, false, threads, 9}, 5, Guard::after);
    }
}

TEST(X64MatMul, ThreadsShareRowsOfSmallWeights) {
    x64::MatMulDesc desc;
    desc.rows = 196;
    desc.k = 96;
    desc.columns = 576;  // nine blocks: two threads would get four and five
    desc.threads = 2;
    const auto weights = random_guarded<std::int8_t>(static_cast<std::size_t>(desc.k * desc.columns), Guard::after, 2);
    x64::CodeBlock code;
    x64::Aligned<std::byte> storage(x64::MatMul::packed_size(desc, code.isa()));
    const x64::MatMul matmul(desc, weights.span(), code, {storage.data(), storage.size()});
    EXPECT_EQ(matmul.units(), 2);
    EXPECT_EQ(matmul.first_panel(1, 2), reinterpret_cast<const std::int8_t*>(storage.data()));
}

TEST(X64MatMul, KnowsWhatEachThreadReadsFirst) {
    x64::MatMulDesc desc;
    desc.rows = 49;
    desc.k = 1100;
    desc.columns = 256;
    desc.threads = 2;
    const auto weights = random_guarded<std::int8_t>(static_cast<std::size_t>(desc.k * desc.columns), Guard::after, 2);
    x64::CodeBlock code;
    x64::Aligned<std::byte> storage(x64::MatMul::packed_size(desc, code.isa()));
    const x64::MatMul matmul(desc, weights.span(), code, {storage.data(), storage.size()});
    const auto* begin = reinterpret_cast<const std::int8_t*>(storage.data());
    EXPECT_EQ(matmul.first_panel(0, 1), begin);
    EXPECT_EQ(matmul.first_panel(0, 2), begin);
    EXPECT_EQ(matmul.first_panel(1, 2), begin + storage.size() / 2);  // four equal panels
    EXPECT_EQ(matmul.first_panel(99, 100), begin) << "a thread that gets no unit";
}

TEST(X64MatMul, Declines) {
    x64::MatMulDesc desc;
    desc.rows = desc.k = desc.columns = 1;
    EXPECT_EQ(x64::MatMul::accepts(desc, Machine()).reason, "needs AVX2");
    desc.k = 65794;
    EXPECT_EQ(x64::MatMul::accepts(desc, vnni_machine()).reason, "sums of so many products may leave 32 bits");
    desc.k = 0;
    EXPECT_EQ(x64::MatMul::accepts(desc, vnni_machine()).reason, "an empty product");
}

}  // namespace
}  // namespace octet::cpu::testing
