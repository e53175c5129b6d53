#include "plugins/cpu/kernels/x64/product.hpp"

#include <fmt/format.h>

#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

struct Shape {
    std::int64_t rows, k, columns;
    std::int64_t batch = 1;
    bool transposed = false;
    bool w_signed = false;
    std::uint8_t a_zero = 0;
    std::int32_t w_zero = 0;
    int threads = 1;
    bool interleaved = false;  // rows of different matrices lie in turns, as those of attention heads do
    std::int64_t gap = 0;      // between rows of a and w
};

// Offsets of matrices whose rows hold `width` elements, and the stride of those rows.
struct Lay {
    std::vector<std::int64_t> offsets = {};
    std::int64_t stride = 0;
    std::int64_t size = 0;

    Lay(const Shape& s, std::int64_t rows, std::int64_t width, std::int64_t gap) {
        stride = (s.interleaved ? s.batch * width : width) + gap;
        for (std::int64_t b = 0; b < s.batch; ++b) offsets.push_back(s.interleaved ? b * width : b * rows * stride);
        size = offsets.back() + (rows - 1) * stride + width;
    }
    std::size_t at(std::int64_t b, std::int64_t row, std::int64_t i) const {
        return static_cast<std::size_t>(offsets[static_cast<std::size_t>(b)] + row * stride + i);
    }
};

x64::ProductDesc desc_of(const Shape& s, const TestEpilogue& made, const Lay& a, const Lay& w, const Lay& out) {
    return {.one = {.rows = s.rows,
                    .k = s.k,
                    .columns = s.columns,
                    .a_stride = a.stride,
                    .w_stride = w.stride,
                    .out_stride = out.stride,
                    .type = s.w_signed ? DataType::s8 : DataType::u8,
                    .transposed = s.transposed,
                    .a_zero = s.a_zero,
                    .w_zero = s.w_zero,
                    .epilogue = made.epilogue,
                    .operand_strides = made.strides},
            .a_offsets = a.offsets,
            .w_offsets = w.offsets,
            .out_offsets = out.offsets,
            .threads = s.threads};
}

void check_on(const Machine& machine, const Shape& s, int which, Guard guard) {
    const std::string what =
        fmt::format("{} of {}x{}x{} transposed {} signed {} zeros {} {} threads {} in turns {} epilogue {}", s.batch,
                    s.rows, s.k, s.columns, s.transposed, s.w_signed, s.a_zero, s.w_zero, s.threads, s.interleaved,
                    which);
    const TestEpilogue made = make_epilogue(which, s.rows * s.batch, s.batch, s.columns, s.k, guard, 5);
    const Lay a(s, s.rows, s.k, s.gap);
    const Lay w(s, s.transposed ? s.columns : s.k, s.transposed ? s.k : s.columns, s.gap);
    const Lay out(s, s.rows, s.columns, 0);
    const x64::ProductDesc desc = desc_of(s, made, a, w, out);
    ASSERT_TRUE(x64::Product::accepts(desc, machine)) << what << x64::Product::accepts(desc, machine).reason;

    const auto a_codes = random_guarded<std::uint8_t>(static_cast<std::size_t>(a.size), guard, 1);
    const auto w_codes = random_guarded<std::uint8_t>(static_cast<std::size_t>(w.size), guard, 2);
    TestResult result(made.epilogue.result, 1, out.size, out.size, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::Product product(desc, code);
    code.seal();
    Guarded<std::byte> scratch((product.scratch_size() + 4095) / 4096 * 4096, Guard::after);
    x64::Product::Args args{a_codes.data(), w_codes.data(), result.data(), pointers(made.operands), scratch.data()};
    const std::int64_t middle = product.units() / 2;
    product.run(args, middle, product.units());
    product.run(args, 0, middle);

    ASSERT_TRUE(result.gaps_untouched()) << what;
    for (std::int64_t b = 0; b < s.batch; ++b)
        for (std::int64_t row = 0; row < s.rows; ++row)
            for (std::int64_t c = 0; c < s.columns; ++c) {
                std::int32_t sum = 0;
                for (std::int64_t i = 0; i < s.k; ++i) {
                    const std::uint8_t code_w = w_codes[s.transposed ? w.at(b, c, i) : w.at(b, i, c)];
                    const int value = s.w_signed ? static_cast<std::int8_t>(code_w) : code_w;
                    sum += (a_codes[a.at(b, row, i)] - s.a_zero) * (value - s.w_zero);
                }
                const float x = scalar_epilogue(made.epilogue, made.operands, static_cast<float>(sum), b * s.rows + row,
                                                b, c, s.columns);
                const float wanted = made.epilogue.result == DataType::f32
                                         ? x
                                         : static_cast<float>(code_of(made.epilogue, x));
                ASSERT_EQ(result.value(0, static_cast<std::int64_t>(out.at(b, row, c))), wanted)
                    << what << ": matrix " << b << ", row " << row << ", column " << c;
            }
}

// Small integers: float sums are exact, whatever their order.
void check_floats_on(const Machine& machine, std::int64_t k, std::int64_t columns, bool transposed, Guard guard) {
    const Shape s{.rows = 31, .k = k, .columns = columns, .batch = 2, .transposed = transposed, .gap = 2};
    const TestEpilogue made = make_epilogue(2, s.rows * s.batch, s.batch, columns, k, guard, 5);
    const Lay a(s, s.rows, k, s.gap), w(s, transposed ? columns : k, transposed ? k : columns, s.gap);
    const Lay out(s, s.rows, columns, 0);
    x64::ProductDesc desc = desc_of(s, made, a, w, out);
    desc.one.type = DataType::f32;
    Guarded<float> x(static_cast<std::size_t>(a.size), guard), y(static_cast<std::size_t>(w.size), guard);
    Random random(9);
    for (float& v : x.span()) v = static_cast<float>(random.below(33)) - 16;
    for (float& v : y.span()) v = static_cast<float>(random.below(33)) - 16;
    TestResult result(DataType::f32, 1, out.size, out.size, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::Product product(desc, code);
    code.seal();
    Guarded<std::byte> scratch((product.scratch_size() + 4095) / 4096 * 4096, Guard::after);
    product.run({x.data(), y.data(), result.data(), pointers(made.operands), scratch.data()}, 0, product.units());
    ASSERT_TRUE(result.gaps_untouched());
    for (std::int64_t b = 0; b < s.batch; ++b)
        for (std::int64_t row = 0; row < s.rows; ++row)
            for (std::int64_t c = 0; c < columns; ++c) {
                float sum = 0;
                for (std::int64_t i = 0; i < k; ++i)
                    sum += x[a.at(b, row, i)] * y[transposed ? w.at(b, c, i) : w.at(b, i, c)];
                ASSERT_EQ(result.value(0, static_cast<std::int64_t>(out.at(b, row, c))),
                          scalar_epilogue(made.epilogue, made.operands, sum, b * s.rows + row, b, c, columns))
                    << k << " " << columns << " " << transposed << ": " << b << " " << row << " " << c;
            }
}

void check(const Shape& s, int which, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, s, which, guard); });
}

void check_floats(std::int64_t k, std::int64_t columns, bool transposed, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_floats_on(machine, k, columns, transposed, guard); });
}

TEST(X64Product, EveryTail) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards)
        for (const bool transposed : {false, true}) {
            for (std::int64_t columns = 1; columns <= 70; ++columns)
                check({.rows = 13, .k = 9, .columns = columns, .transposed = transposed, .a_zero = 7, .w_zero = 128},
                      static_cast<int>(columns % 3), guard);
            for (std::int64_t k = 1; k <= 24; ++k)
                check({.rows = 7, .k = k, .columns = 33, .transposed = transposed, .a_zero = 128, .w_zero = 3}, 0,
                      guard);
            for (std::int64_t rows = 1; rows <= 50; ++rows)
                check({.rows = rows, .k = 12, .columns = 64, .transposed = transposed, .w_zero = 5}, 0, guard);
        }
}

TEST(X64Product, ZeroPointsOfBothSides) {
    OCTET_NEEDS_AVX2();
    for (const bool w_signed : {false, true})
        for (const int a_zero : {0, 1, 128, 255})
            for (const int w_zero : {0, 1, 127, 128, 255})
                for (const std::int64_t k : {64, 197})
                    check({.rows = 30,
                           .k = k,
                           .columns = 40,
                           .w_signed = w_signed,
                           .a_zero = static_cast<std::uint8_t>(a_zero),
                           .w_zero = w_signed ? w_zero - 128 : w_zero},
                          2, Guard::after);
}

TEST(X64Product, EpiloguesAndOperands) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards)
        for (const int which : {0, 1, 2, 3, 4, 6, 7})
            for (const std::int64_t columns : {16, 31, 64, 100})
                check({.rows = 29, .k = 20, .columns = columns, .batch = 2, .a_zero = 128, .w_zero = 100}, which,
                      guard);
}

TEST(X64Product, BatchesThreadsAndHeadsInTurns) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards)
        for (const bool interleaved : {false, true})
            for (const bool transposed : {false, true})
                for (const int threads : {1, 2, 5})
                    check({.rows = 61,
                           .k = 64,
                           .columns = 61,
                           .batch = 3,
                           .transposed = transposed,
                           .a_zero = 128,
                           .w_zero = 128,
                           .threads = threads,
                           .interleaved = interleaved,
                           .gap = 3},
                          2, guard);
}

TEST(X64Product, ExtremesStayInRange) {
    OCTET_NEEDS_AVX2();
    check({.rows = 6, .k = 3000, .columns = 16, .a_zero = 255, .w_zero = 255}, 2, Guard::after);
    check({.rows = 6, .k = 3000, .columns = 16, .a_zero = 0, .w_zero = 0}, 2, Guard::after);
}

TEST(X64Product, Declines) {
    x64::ProductDesc desc;
    x64::PanelProductDesc& one = desc.one;
    one.rows = one.k = one.columns = 1;
    EXPECT_EQ(x64::Product::accepts(desc, Machine()).reason, "needs AVX2");
    one.k = 65794;
    EXPECT_EQ(x64::Product::accepts(desc, vnni_machine()).reason, "sums of so many products may leave 32 bits");
    one.k = 1;
    one.w_stride = (1 << 22) + 1;
    EXPECT_EQ(x64::Product::accepts(desc, vnni_machine()).reason, "rows of more than 4 million values");
    one.w_stride = 1;
    one.epilogue.ops = {{.kind = EpilogueOp::Kind::combine, .spread = Spread::per_batch_channel}};
    EXPECT_EQ(x64::Product::accepts(desc, vnni_machine()).reason, "an operand has a value for each batch and channel");
    one.rows = 0;
    EXPECT_EQ(x64::Product::accepts(desc, vnni_machine()).reason, "an empty product");
    desc.a_offsets.clear();
    EXPECT_EQ(x64::Product::accepts(desc, vnni_machine()).reason, "an empty product");
}

TEST(X64Product, Floats) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards)
        for (const bool transposed : {false, true})
            for (const std::int64_t columns : {1, 16, 33, 64, 100})
                for (const std::int64_t k : {1, 3, 16, 197}) check_floats(k, columns, transposed, guard);
}

}  // namespace
}  // namespace octet::cpu::testing
