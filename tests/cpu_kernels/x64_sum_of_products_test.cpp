#include "plugins/cpu/kernels/x64/sum_of_products.hpp"

#include <fmt/format.h>

#include <list>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

struct PartShape {
    int source = 0;
    std::int64_t k = 0;
    std::uint8_t zero_point = 0;
    std::int64_t every = 1;  // weights of the other k are 0
    std::int64_t first = 0;
    bool one_scale = false;
};
struct Shape {
    std::int64_t rows, columns;
    std::vector<PartShape> parts;
    std::int64_t batches = 1;
    int threads = 1;
};

void check(const Shape& shape, int which, Guard guard) {
    const std::int64_t rows = shape.rows * shape.batches;
    const std::string what = fmt::format("{} rows, {} columns, {} parts, {} batches, {} threads, epilogue {}",
                                         shape.rows, shape.columns, shape.parts.size(), shape.batches, shape.threads,
                                         which);
    TestEpilogue made = make_epilogue(which, rows, shape.batches, shape.columns, shape.parts[0].k, guard, 5);
    x64::SumOfProductsDesc desc;
    desc.rows = rows;
    desc.columns = shape.columns;
    desc.epilogue = made.epilogue;
    desc.operand_strides = made.strides;
    desc.rows_per_batch = shape.rows;
    desc.threads = shape.threads;
    std::list<Guarded<std::uint8_t>> sources;
    std::list<std::vector<std::int8_t>> weights;
    x64::SumOfProducts::Args args;
    for (std::size_t p = 0; p < shape.parts.size(); ++p) {
        const PartShape& part = shape.parts[p];
        const auto source = static_cast<std::size_t>(part.source);
        if (!args.a[source]) {
            sources.push_back(random_guarded<std::uint8_t>(static_cast<std::size_t>(rows * part.k), guard, 20 + p));
            args.a[source] = sources.back().data();
        }
        auto& w = weights.emplace_back(static_cast<std::size_t>(part.k * shape.columns));
        fill_random(std::span<std::int8_t>(w), 30 + p);
        for (std::size_t i = 0; i < w.size(); ++i)
            if (static_cast<std::int64_t>(i) % part.k % part.every != part.first) w[i] = 0;
        desc.parts.push_back({part.source, part.k, part.zero_point,
                              random_floats(part.one_scale ? 1 : shape.columns, 40 + p, 0.25F, 2.F), w});
    }
    ASSERT_TRUE(x64::SumOfProducts::accepts(desc, vnni_machine())) << what;
    TestResult result(made.epilogue.result, rows, shape.columns, shape.columns, guard);
    x64::CodeBlock code;
    const x64::SumOfProducts kernel(desc, code);
    code.seal();
    args.out = result.data();
    args.operands = pointers(made.operands);
    const std::int64_t middle = kernel.units() / 2;
    kernel.run(args, middle, kernel.units());
    kernel.run(args, 0, middle);
    expect_equal(
        made.epilogue, made.operands, result, rows, shape.rows, shape.columns,
        [&](std::int64_t row, std::int64_t column) {
            float total = 0;
            for (std::size_t p = 0; p < desc.parts.size(); ++p) {
                const auto& part = desc.parts[p];
                std::int32_t sum = 0;
                for (std::int64_t i = 0; i < part.k; ++i)
                    sum += (args.a[static_cast<std::size_t>(part.source)][row * part.k + i] - part.zero_point) *
                           part.weights[static_cast<std::size_t>(column * part.k + i)];
                const float scale = at_channel(part.scale, column, 1);
                total = p == 0 ? static_cast<float>(sum) * scale : std::fma(static_cast<float>(sum), scale, total);
            }
            return total;
        },
        what);
}

TEST(X64SumOfProducts, EveryColumnTail) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (std::int64_t columns = 1; columns <= 80; ++columns)
            check({13, columns, {{0, 9, 77}, {1, 6, 0, 1, 0, true}}}, static_cast<int>(columns % kEpilogues), guard);
}

TEST(X64SumOfProducts, EveryTailOfRowsAndK) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards) {
        for (std::int64_t k = 1; k <= 24; ++k) check({7, 33, {{0, k, 3}, {1, 25 - k, 255}}}, 0, guard);
        for (std::int64_t rows = 1; rows <= 50; ++rows) {
            check({rows, 64, {{0, 12, 0}, {1, 8, 128}}}, 0, guard);
            check({rows, 17, {{0, 5, 1}, {1, 3, 0}}}, 3, guard);
        }
    }
}

TEST(X64SumOfProducts, PartsOfOneSource) {
    OCTET_NEEDS_VNNI();
    for (int which = 0; which < kEpilogues; ++which) {
        check({29, 58, {{0, 58, 0, 2, 0}, {0, 58, 7, 4, 1}, {0, 58, 0, 4, 3}}}, which, Guard::after);
        check({29, 20, {{0, 19, 0, 8, 7}, {1, 30, 9}, {0, 19, 0, 8, 3}}}, which, Guard::before);
    }
}

TEST(X64SumOfProducts, ManyParts) {
    OCTET_NEEDS_VNNI();
    std::vector<PartShape> eight, sixteen;
    for (int i = 0; i < 8; ++i) eight.push_back({i, 5 + i, static_cast<std::uint8_t>(i * 11)});
    for (int i = 0; i < 16; ++i) sixteen.push_back({0, 117, 0, 16, i});
    check({100, 48, eight}, 0, Guard::after);
    check({100, 116, sixteen}, 2, Guard::after);
    check({700, 116, sixteen, 1, 4}, 3, Guard::before);
}

TEST(X64SumOfProducts, Batches) {
    OCTET_NEEDS_VNNI();
    for (const std::int64_t rows : {1, 5, 24, 49}) check({rows, 40, {{0, 16}, {1, 4, 2}}, 3, 4}, 5, Guard::before);
}

TEST(X64SumOfProducts, Declines) {
    const std::vector<std::int8_t> weights(1700, 1);
    x64::SumOfProductsDesc desc;
    desc.rows = desc.columns = 1;
    desc.parts = {{0, 1, 0, {1}, weights}, {0, 1, 0, {1}, weights}};
    Machine machine;
    machine.isa = Isa::avx2_vnni;
    EXPECT_EQ(x64::SumOfProducts::accepts(desc, machine).reason, "needs AVX-512 VNNI");
    EXPECT_TRUE(x64::SumOfProducts::accepts(desc, vnni_machine()));
    desc.parts[1].k = 65794;
    EXPECT_EQ(x64::SumOfProducts::accepts(desc, vnni_machine()).reason, "sums of so many products may leave 32 bits");
    desc.parts[1].k = 1601;  // parts of one source
    EXPECT_EQ(x64::SumOfProducts::accepts(desc, vnni_machine()).reason,
              "its parts are long enough for kernels of their own");
    desc.parts[1].k = 801;
    EXPECT_TRUE(x64::SumOfProducts::accepts(desc, vnni_machine()));
    desc.parts[1].source = 1;
    EXPECT_EQ(x64::SumOfProducts::accepts(desc, vnni_machine()).reason,
              "its parts are long enough for kernels of their own");
    desc.parts[1] = {32, 1, 0, {1}, weights};
    EXPECT_EQ(x64::SumOfProducts::accepts(desc, vnni_machine()).reason, "more than 32 sources");
    desc.parts = {};
    EXPECT_EQ(x64::SumOfProducts::accepts(desc, vnni_machine()).reason, "an empty product");
}

}  // namespace
}  // namespace octet::cpu::testing
