#include "plugins/cpu/kernels/x64/attention.hpp"

#include <fmt/format.h>

#include <bit>
#include <limits>

#include "plugins/cpu/kernels/x64/softmax.hpp"
#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

struct Heads {
    std::int64_t rows, columns, width, value_width;
    std::int64_t heads = 2;
    bool coded_values = false;
    std::int32_t k_zero = 128, v_zero = 128;
    enum class Mask { none, shared, per_head, per_head_and_row } mask = Mask::none;
    int threads = 1;
    bool scaled = false;  // the result, by its channels
    bool bfloats = false;
    bool floats = false;  // q and k

    float score_scale() const { return floats ? 1 : 0.0004F; }
    std::int64_t channels() const { return heads * value_width; }
    float scale_of(std::int64_t channel) const { return scaled ? 1 + static_cast<float>(channel % 5) : 1; }
    std::int64_t mask_rows() const { return mask == Mask::per_head_and_row ? rows : 1; }
    std::int64_t mask_at(std::int64_t head, std::int64_t row, std::int64_t column) const {
        const std::int64_t matrix = mask == Mask::shared ? 0 : head;
        return (matrix * mask_rows() + (mask_rows() == 1 ? 0 : row)) * columns + column;
    }
};
using Mask = Heads::Mask;

// q, k, v and the result lie as [row, head, value].
x64::AttentionDesc desc_of(const Heads& h) {
    x64::AttentionDesc desc;
    desc.scores = {.rows = h.rows,
                   .k = h.width,
                   .columns = h.columns,
                   .a_stride = h.heads * h.width,
                   .w_stride = h.heads * h.width,
                   .type = h.floats ? DataType::f32 : DataType::u8,
                   .transposed = true,
                   .a_zero = static_cast<std::uint8_t>(h.floats ? 0 : 128),
                   .w_zero = h.floats ? 0 : h.k_zero,
                   .bfloats = h.floats && h.bfloats};
    desc.scores.epilogue.ops = {{.kind = EpilogueOp::Kind::scale_shift, .scale = {h.score_scale()}, .shift = {0}}};
    if (h.mask != Mask::none)
        desc.scores.epilogue.ops.push_back(
            {.kind = EpilogueOp::Kind::combine,
             .combine = Combine::add,
             .spread = h.mask == Mask::per_head_and_row ? Spread::full : Spread::per_channel});
    if (h.mask == Mask::per_head || h.mask == Mask::per_head_and_row) {
        desc.mask = 0;
        for (std::int64_t b = 0; b < h.heads; ++b) desc.mask_offsets.push_back(h.mask_at(b, 0, 0));
    }
    desc.values = {.rows = h.rows,
                   .k = h.columns,
                   .columns = h.value_width,
                   .w_stride = h.heads * h.value_width,
                   .out_stride = h.heads * h.value_width,
                   .type = h.coded_values ? DataType::u8 : DataType::f32,
                   .w_zero = h.coded_values ? h.v_zero : 0};
    if (h.coded_values)
        desc.shares = {{{.kind = EpilogueOp::Kind::scale_shift, .scale = {255}, .shift = {0}}}, DataType::u8, 0, 255};
    desc.values.bfloats = h.bfloats;
    if (h.scaled) {
        desc.values.channels = h.channels();
        EpilogueOp op{.kind = EpilogueOp::Kind::scale_shift};
        for (std::int64_t c = 0; c < h.channels(); ++c) {
            op.scale.push_back(h.scale_of(c));
            op.shift.push_back(static_cast<float>(c));
        }
        desc.values.epilogue.ops = {op};
    }
    desc.q_offsets.clear();
    desc.k_offsets.clear();
    desc.v_offsets.clear();
    desc.out_offsets.clear();
    for (std::int64_t b = 0; b < h.heads; ++b) {
        desc.q_offsets.push_back(b * h.width);
        desc.k_offsets.push_back(b * h.width);
        desc.v_offsets.push_back(b * h.value_width);
        desc.out_offsets.push_back(b * h.value_width);
    }
    desc.threads = h.threads;
    return desc;
}

struct Data {
    Guarded<std::uint8_t> q, k, v_codes;
    Guarded<float> q_floats, k_floats, v, mask;

    Data(const Heads& h, Guard guard)
        : q(random_guarded<std::uint8_t>(static_cast<std::size_t>(h.rows * h.heads * h.width), guard, 1)),
          k(random_guarded<std::uint8_t>(static_cast<std::size_t>(h.columns * h.heads * h.width), guard, 2)),
          v_codes(
              random_guarded<std::uint8_t>(static_cast<std::size_t>(h.columns * h.heads * h.value_width), guard, 3)),
          q_floats(q.size(), guard),
          k_floats(k.size(), guard),
          v(v_codes.size(), guard),
          mask(static_cast<std::size_t>(h.mask_at(h.heads - 1, h.rows - 1, h.columns)), guard) {
        Random random(4);
        for (auto floats : {q_floats.span(), k_floats.span(), v.span()})
            for (float& x : floats) x = random.uniform(-1, 1);
        for (float& x : mask.span()) x = random.below(4) == 0 ? -10000.0F : random.uniform(-1, 1);
        for (std::size_t i = 0; i < mask.size(); i += static_cast<std::size_t>(h.columns)) mask.data()[i] = 0;
    }
};

// The shares of one row, in double.
std::vector<double> shares_of(const Heads& h, const Data& data, std::int64_t head, std::int64_t row) {
    std::vector<double> shares;
    double highest = -1e300, sum = 0;
    for (std::int64_t c = 0; c < h.columns; ++c) {
        double products = 0;
        for (std::int64_t i = 0; i < h.width; ++i) {
            const std::int64_t in_q = (row * h.heads + head) * h.width + i, in_k = (c * h.heads + head) * h.width + i;
            products += h.floats ? static_cast<double>(data.q_floats.data()[in_q]) * data.k_floats.data()[in_k]
                                 : (data.q.data()[in_q] - 128) * (data.k.data()[in_k] - h.k_zero);
        }
        shares.push_back(products * static_cast<double>(h.score_scale()) +
                         (h.mask == Mask::none ? 0 : static_cast<double>(data.mask.data()[h.mask_at(head, row, c)])));
        highest = std::max(highest, shares.back());
    }
    for (double& s : shares) sum += s = std::exp(s - highest);
    for (double& s : shares) s /= sum;
    return shares;
}

void check_on(const Machine& machine, const Heads& h, Guard guard) {
    const std::string what =
        fmt::format("{} heads, {}x{}x{} to {}, coded {}, floats {}, bf16 {}, mask {}, zeros {} {}, threads {}", h.heads,
                    h.rows, h.width, h.columns, h.value_width, h.coded_values, h.floats, h.bfloats,
                    static_cast<int>(h.mask), h.k_zero, h.v_zero, h.threads);
    const x64::AttentionDesc desc = desc_of(h);
    ASSERT_TRUE(x64::Attention::accepts(desc, machine)) << what;
    const Data data(h, guard);
    Guarded<float> out(static_cast<std::size_t>(h.rows * h.heads * h.value_width), guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const x64::Attention attention(desc, code);
    code.seal();
    Guarded<std::byte> scratch((attention.scratch_size() + 4095) / 4096 * 4096, Guard::after);
    x64::Attention::Args args;
    args.q = h.floats ? static_cast<const void*>(data.q_floats.data()) : data.q.data();
    args.k = h.floats ? static_cast<const void*>(data.k_floats.data()) : data.k.data();
    args.v = h.coded_values ? static_cast<const void*>(data.v_codes.data()) : data.v.data();
    args.out = out.data();
    args.score_operands[0] = data.mask.data();
    args.scratch = scratch.data();
    const std::int64_t middle = attention.units() / 2;
    attention.run(args, middle, attention.units());
    attention.run(args, 0, middle);
    ASSERT_TRUE(out.intact()) << what;
    for (std::int64_t head = 0; head < h.heads; ++head)
        for (std::int64_t row = 0; row < h.rows; ++row) {
            const auto shares = shares_of(h, data, head, row);
            for (std::int64_t j = 0; j < h.value_width; ++j) {
                double wanted = 0;
                // Both factors of bf16 are off by 2^-8 of themselves; shares sum up to 1, values are below 1.
                double tolerance = h.bfloats ? (h.floats ? 0.05 : 8e-3) : 2e-5;
                for (std::int64_t c = 0; c < h.columns; ++c) {
                    const std::int64_t at = (c * h.heads + head) * h.value_width + j;
                    const double share = shares[static_cast<std::size_t>(c)];
                    const double scaled = 255 * share;
                    const double value = data.v_codes.data()[at] - static_cast<double>(h.v_zero);
                    wanted += h.coded_values ? std::nearbyint(scaled) * value
                                             : share * static_cast<double>(data.v.data()[at]);
                    // A share near a tie may round either way.
                    if (h.coded_values && std::abs(scaled - std::floor(scaled) - 0.5) < 1e-3)
                        tolerance += std::abs(value);
                }
                const std::int64_t channel = head * h.value_width + j;
                const double scale = h.scale_of(channel);
                wanted = wanted * scale + (h.scaled ? static_cast<double>(channel) : 0);
                tolerance *= scale;
                ASSERT_NEAR(out.data()[(row * h.heads + head) * h.value_width + j], wanted, tolerance)
                    << what << ": head " << head << ", row " << row << ", value " << j;
            }
        }
}

void check(const Heads& h, Guard guard) {
    on_every_isa([&](const Machine& machine) {
        if (!h.floats || machine.avx512()) check_on(machine, h, guard);
    });
}

TEST(X64Softmax, EveryTail) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (const std::int64_t columns : {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 64, 100, 128, 197, 368, 383, 384}) {
            constexpr std::int64_t kRows = 5;
            Guarded<float> values(static_cast<std::size_t>(kRows * columns), guard);
            Random random(static_cast<std::uint64_t>(columns));
            for (float& x : values.span()) x = random.uniform(-20, 20);
            for (std::size_t i = 1; i < values.size(); i += 7)
                values.data()[i] = i % 2 == 0 ? -10000.0F : -std::numeric_limits<float>::infinity();
            for (std::int64_t r = 0; r < kRows; ++r) values.data()[r * columns] = 1;
            const std::vector<float> in(values.data(), values.data() + values.size());
            x64::CodeBlock code;
            const std::size_t kernel = x64::add_softmax(code, {columns, columns});
            code.seal();
            code.call(kernel, x64::SoftmaxArgs{values.data(), kRows});
            ASSERT_TRUE(values.intact());
            for (std::int64_t r = 0; r < kRows; ++r) {
                const float* row = in.data() + r * columns;
                const double highest = static_cast<double>(*std::max_element(row, row + columns));
                double sum = 0;
                for (std::int64_t c = 0; c < columns; ++c) sum += std::exp(static_cast<double>(row[c]) - highest);
                for (std::int64_t c = 0; c < columns; ++c) {
                    const double wanted = std::exp(static_cast<double>(row[c]) - highest) / sum;
                    ASSERT_NEAR(static_cast<double>(values.data()[r * columns + c]), wanted, 3e-6 * wanted)
                        << columns << " columns: row " << r << ", column " << c;
                }
            }
        }
}

// The shares of bf16 begin where the row of floats did; zeros fill the last vector.
TEST(X64Softmax, Bfloats) {
    const Machine machine = detect_machine();
    if (!machine.bf16 || !machine.avx512()) GTEST_SKIP() << "bf16 needs a processor that is fast with it";
    for (const Guard guard : kGuards)
        for (const std::int64_t columns : {1, 15, 16, 17, 31, 32, 33, 48, 197, 384}) {
            constexpr std::int64_t kRows = 3;
            const std::int64_t stride = (columns + 15) / 16 * 16;
            Guarded<float> values(static_cast<std::size_t>(kRows * stride), guard);
            Random random(static_cast<std::uint64_t>(columns));
            for (float& x : values.span()) x = random.uniform(-9, 9);
            const std::vector<float> in(values.data(), values.data() + values.size());
            x64::CodeBlock code;
            const std::size_t kernel = x64::add_softmax(code, {columns, stride, true});
            code.seal();
            code.call(kernel, x64::SoftmaxArgs{values.data(), kRows});
            ASSERT_TRUE(values.intact());
            for (std::int64_t r = 0; r < kRows; ++r) {
                const float* row = in.data() + r * stride;
                const double highest = static_cast<double>(*std::max_element(row, row + columns));
                double sum = 0;
                for (std::int64_t c = 0; c < columns; ++c) sum += std::exp(static_cast<double>(row[c]) - highest);
                for (std::int64_t c = 0; c < stride; ++c) {
                    std::uint32_t bits = 0;
                    std::memcpy(reinterpret_cast<std::byte*>(&bits) + 2,
                                reinterpret_cast<const std::byte*>(values.data() + r * stride) + c * 2, 2);
                    const double wanted = c < columns ? std::exp(static_cast<double>(row[c]) - highest) / sum : 0;
                    ASSERT_NEAR(static_cast<double>(std::bit_cast<float>(bits)), wanted, wanted * (0x1p-8 + 1e-4))
                        << columns << " columns: row " << r << ", column " << c;
                }
            }
        }
}

// Rows that a mask hides as a whole have equal shares, however low it is.
TEST(X64Softmax, RowsOfOneValue) {
    OCTET_NEEDS_VNNI();
    for (const float value :
         {0.F, 1e9F, -1e30F, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()}) {
        std::vector<float> row(40, value);
        x64::CodeBlock code;
        const std::size_t kernel = x64::add_softmax(code, {40, 40});
        code.seal();
        code.call(kernel, x64::SoftmaxArgs{row.data(), 1});
        for (const float share : row) EXPECT_NEAR(share, 1.F / 40, 1e-8F) << value;
    }
}

TEST(X64Attention, EveryTail) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards)
        for (const bool coded : {false, true}) {
            for (std::int64_t columns = 1; columns <= 40; ++columns)
                check({.rows = 5, .columns = columns, .width = 8, .value_width = 8, .coded_values = coded}, guard);
            for (const std::int64_t width : {1, 3, 16, 33, 64, 80})
                check({.rows = 9, .columns = 19, .width = width, .value_width = width, .coded_values = coded}, guard);
            for (std::int64_t rows = 1; rows <= 50; rows += 7)
                check({.rows = rows, .columns = 20, .width = 16, .value_width = 24, .coded_values = coded}, guard);
        }
}

TEST(X64Attention, MasksAndZeroPoints) {
    OCTET_NEEDS_AVX2();
    for (const bool coded : {false, true})
        for (const Mask mask : {Mask::shared, Mask::per_head, Mask::per_head_and_row})
            for (const std::int32_t zero : {0, 100, 128, 255})
                check({.rows = 30,
                       .columns = 33,
                       .width = 16,
                       .value_width = 16,
                       .coded_values = coded,
                       .k_zero = zero,
                       .v_zero = zero,
                       .mask = mask},
                      zero == 0 ? Guard::before : Guard::after);
}

TEST(X64Attention, ChannelsOfAllHeads) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards)
        for (const bool coded : {false, true})
            for (const std::int64_t width : {16, 32, 80, 144})
                check({.rows = 30,
                       .columns = 33,
                       .width = 16,
                       .value_width = width,
                       .heads = 3,
                       .coded_values = coded,
                       .scaled = true},
                      guard);
}

TEST(X64Attention, Bfloats) {
    const Machine machine = detect_machine();
    if (!machine.bf16 || !machine.avx512()) GTEST_SKIP() << "products of bf16 need a processor that is fast with them";
    for (const Guard guard : kGuards) {
        for (std::int64_t columns = 1; columns <= 40; ++columns)
            check_on(machine, {.rows = 5, .columns = columns, .width = 8, .value_width = 8, .bfloats = true}, guard);
        for (const std::int64_t columns : {197, 383, 384})
            check_on(machine,
                     {.rows = 61,
                      .columns = columns,
                      .width = 64,
                      .value_width = 80,
                      .heads = 3,
                      .scaled = true,
                      .bfloats = true},
                     guard);
        check_on(machine,
                 {.rows = 30,
                  .columns = 33,
                  .width = 16,
                  .value_width = 24,
                  .mask = Mask::per_head_and_row,
                  .bfloats = true},
                 guard);
    }
}

// Scores of floats are sums of 64 products below 1: rounding moves them by less than 0.05, and shares by as much of themselves.
TEST(X64Attention, QueriesOfBfloats) {
    const Machine machine = detect_machine();
    if (!machine.bf16 || !machine.avx512()) GTEST_SKIP() << "products of bf16 need a processor that is fast with them";
    for (const Guard guard : kGuards)
        for (const std::int64_t width : {1, 2, 15, 16, 33, 64})
            for (const std::int64_t columns : {1, 17, 64, 100, 197})
                check_on(machine,
                         {.rows = 30,
                          .columns = columns,
                          .width = width,
                          .value_width = 24,
                          .bfloats = true,
                          .floats = true},
                         guard);
}

TEST(X64Attention, Floats) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards) {
        for (std::int64_t columns = 1; columns <= 40; ++columns)
            check({.rows = 8, .columns = columns, .width = 8, .value_width = 8, .floats = true}, guard);
        for (const std::int64_t width : {1, 3, 16, 33, 64, 80})
            check({.rows = 9, .columns = 19, .width = width, .value_width = width, .floats = true}, guard);
        for (const std::int64_t columns : {300, 400})
            check({.rows = 61,
                   .columns = columns,
                   .width = 64,
                   .value_width = 64,
                   .heads = 3,
                   .threads = 2,
                   .floats = true},
                  guard);
        check({.rows = 30,
               .columns = 33,
               .width = 16,
               .value_width = 16,
               .coded_values = true,
               .mask = Mask::per_head_and_row,
               .floats = true},
              guard);
    }
}

TEST(X64Attention, WhereBfloatsGain) {
    x64::AttentionDesc desc = desc_of({.rows = 4, .columns = 384, .width = 4, .value_width = 4});
    Machine machine = vnni_machine();
    EXPECT_FALSE(x64::Attention::gains_from_bfloats(desc, machine));
    machine.bf16 = true;
    EXPECT_TRUE(x64::Attention::gains_from_bfloats(desc, machine));
    desc.scores.columns = 385;
    EXPECT_FALSE(x64::Attention::gains_from_bfloats(desc, machine));
    desc = desc_of({.rows = 4, .columns = 4, .width = 4, .value_width = 4, .coded_values = true});
    EXPECT_FALSE(x64::Attention::gains_from_bfloats(desc, machine));
    desc = desc_of({.rows = 4, .columns = 4, .width = 4, .value_width = 4});
    machine.isa = Isa::amx;
    EXPECT_FALSE(x64::Attention::gains_from_bfloats(desc, machine)) << "vectors of bf16 are slow there";
}

TEST(X64Attention, SeveralStripsAndLongRows) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards)
        for (const bool coded : {false, true})
            for (const std::int64_t columns : {300, 400})
                check({.rows = 61,
                       .columns = columns,
                       .width = 64,
                       .value_width = 64,
                       .heads = 3,
                       .coded_values = coded,
                       .threads = 2},
                      guard);
}

TEST(X64Attention, Declines) {
    const Heads h{.rows = 4, .columns = 4, .width = 4, .value_width = 4};
    const auto reason = [](const x64::AttentionDesc& desc) {
        return x64::Attention::accepts(desc, vnni_machine()).reason;
    };
    x64::AttentionDesc desc = desc_of(h);
    desc.scores.epilogue.result = DataType::u8;
    EXPECT_EQ(reason(desc), "its scores are not floats");
    desc = desc_of({.rows = 7, .columns = 4, .width = 4, .value_width = 4, .floats = true});
    EXPECT_EQ(reason(desc), "its rows are fewer than what packing floats is worth");
    Machine narrow;
    narrow.isa = Isa::avx2;
    EXPECT_EQ(x64::Attention::accepts(desc, narrow).reason, "its scores are products of floats, without AVX-512");
    desc = desc_of(h);
    desc.values.k = 5;
    EXPECT_EQ(reason(desc), "its shares are not one for each row of the value");
    desc = desc_of(h);
    desc.scores.epilogue.ops = {{.kind = EpilogueOp::Kind::combine}};
    EXPECT_EQ(reason(desc), "an operand has a value for each score, or row of scores");
    desc.scores.epilogue.ops[0].spread = Spread::per_row;
    EXPECT_EQ(reason(desc), "an operand has a value for each score, or row of scores");
    desc = desc_of(h);
    desc.values.type = DataType::u8;
    EXPECT_EQ(reason(desc), "its shares and its values are not both codes or both floats");
    desc.shares = {{{.kind = EpilogueOp::Kind::scale_shift, .scale = {1, 2, 3, 4}, .shift = {0}}},
                   DataType::u8,
                   0,
                   255};
    EXPECT_EQ(reason(desc), "its shares are changed column by column");
    desc = desc_of(h);
    desc.values.channels = 4;
    EXPECT_EQ(reason(desc), "the channels of its result are not those of all heads");
    desc.values.channels = 8;
    EXPECT_EQ(reason(desc), "its columns are some channels, and no multiple of 16");
    desc = desc_of(h);
    desc.q_offsets.clear();
    EXPECT_EQ(reason(desc), "no heads");
    desc = desc_of(h);
    desc.values.bfloats = true;
    EXPECT_EQ(reason(desc), "products of bf16 are of floats, where the machine has them");
    desc.scores.columns = desc.values.k = 385;
    EXPECT_EQ(reason(desc), "its rows of bf16 are too long");
    desc = desc_of(h);
    EXPECT_EQ(x64::Attention::accepts(desc, Machine()).reason, "needs AVX2");
}

}  // namespace
}  // namespace octet::cpu::testing
