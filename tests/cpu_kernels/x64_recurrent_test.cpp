#include "plugins/cpu/kernels/x64/recurrent.hpp"

#include <fmt/format.h>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"
#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using x64::RecurrentProduct;
using x64::RecurrentProductDesc;

// The state as the kernel reads it, and what each value of it is worth.
struct State {
    Guarded<std::uint8_t> bytes;
    const RecurrentProductDesc& desc;

    State(const RecurrentProductDesc& d, Guard guard)
        : bytes(random_guarded<std::uint8_t>(static_cast<std::size_t>(d.rows * d.state_stride()), guard, 3)), desc(d) {
        if (!d.integer) {
            fill_uniform({reinterpret_cast<float*>(bytes.data()), bytes.size() / 4}, 3, -1, 1);
        }
    }
    double at(std::int64_t row, std::int64_t k) const {
        const std::uint8_t* from = bytes.data() + row * desc.state_stride();
        if (!desc.integer) {
            return reinterpret_cast<const float*>(from)[k];
        }
        return 256.0 * (from[k] - 128) + from[desc.digits() + k] - 128;
    }
};

void check_on(const Machine& machine, const RecurrentProductDesc& desc, Guard guard) {
    SCOPED_TRACE(fmt::format("{} rows, depth {}, {} panels of {} vectors, integer {}", desc.rows, desc.depth,
                             desc.panels, desc.vectors, desc.integer));
    ASSERT_TRUE(RecurrentProduct::accepts(desc, machine));
    const State state(desc, guard);
    const auto count = static_cast<std::size_t>(desc.panels * desc.columns() * desc.depth);
    const auto codes = random_guarded<std::int8_t>(count, guard, 1);
    const auto floats = random_guarded<float>(count, guard, 2);
    const auto weight = [&](std::int64_t panel, std::int64_t column, std::int64_t k) {
        const auto i = static_cast<std::size_t>((panel * desc.columns() + column) * desc.depth + k);
        if (desc.integer) {
            return static_cast<float>(codes[i]);
        }
        std::uint16_t narrow = 0;
        float wide = floats[i];
        if (desc.narrow) {
            portable::to_bfloat(&wide, 1, &narrow);
            portable::from_bfloat(&narrow, 1, &wide);
        }
        return wide;
    };
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const RecurrentProduct product(desc, code, [&](std::int64_t panel, std::int64_t column) {
        const auto i = static_cast<std::size_t>((panel * desc.columns() + column) * desc.depth);
        return desc.integer ? reinterpret_cast<const std::byte*>(&codes[i])
                            : reinterpret_cast<const std::byte*>(&floats[i]);
    });
    code.seal();
    for (std::int64_t panel = desc.panels; panel-- > 0;) {
        Guarded<float> sums(static_cast<std::size_t>(desc.rows * desc.columns()), guard);
        product.run(reinterpret_cast<const std::byte*>(state.bytes.data()), panel, sums.data());
        for (std::int64_t row = 0; row < desc.rows; ++row) {
            for (std::int64_t c = 0; c < desc.columns(); ++c) {
                double wanted = 0, most = 0;
                for (std::int64_t k = 0; k < desc.depth; ++k) {
                    wanted += state.at(row, k) * weight(panel, c, k);
                    most += std::abs(state.at(row, k) * weight(panel, c, k));
                }
                // Digits are summed exactly; the two sums are joined with one rounding.
                const double allowed = desc.integer ? std::abs(wanted) * 0x1p-24 : most * 1e-6;
                const auto at = static_cast<std::size_t>(row * desc.columns() + c);
                ASSERT_NEAR(sums[at], wanted, allowed) << "panel " << panel << " row " << row << " column " << c;
            }
        }
        EXPECT_TRUE(sums.intact());
    }
}

void check(const RecurrentProductDesc& desc, Guard guard) {
    on_every_isa([&](const Machine& machine) { check_on(machine, desc, guard); });
}

TEST(X64Recurrent, EveryTail) {
    OCTET_NEEDS_AVX2();
    for (const Guard guard : kGuards) {
        for (const bool integer : {false, true}) {
            for (std::int64_t depth = 1; depth <= 40; ++depth) {
                check({1 + depth % 3, depth, 2, 4, integer}, guard);
            }
            for (std::int64_t rows = 1; rows <= 10; ++rows) {
                check({rows, 37, 1, 4, integer}, guard);
            }
            for (const int vectors : {1, 2, 3, 4}) {
                check({2, 130, 3, vectors, integer}, guard);
                check({4, 9, 1, vectors, integer}, guard);
            }
        }
    }
}

TEST(X64Recurrent, NarrowWeights) {
    OCTET_NEEDS_VNNI();
    for (const Guard guard : kGuards) {
        for (std::int64_t rows = 1; rows <= 4; ++rows) {
            for (const int vectors : {1, 2, 3, 4}) {
                check_on(vnni_machine(), {rows, 37, 2, vectors, false, true}, guard);
            }
        }
        for (std::int64_t depth = 1; depth <= 9; ++depth) {
            check_on(vnni_machine(), {2, depth, 1, 3, false, true}, guard);
        }
    }
}

TEST(X64Recurrent, LongSums) {
    OCTET_NEEDS_AVX2();
    check({3, 1024, 2, 4, true}, Guard::after);
    check({1, 700, 2, 4, false}, Guard::before);
}

TEST(X64Recurrent, Declines) {
    Machine machine;
    RecurrentProductDesc desc{.depth = 8, .panels = 1};
    EXPECT_EQ(RecurrentProduct::accepts(desc, machine).reason, "needs AVX2");
    machine.isa = Isa::avx512;
    EXPECT_TRUE(RecurrentProduct::accepts(desc, machine));
    desc.integer = true;
    EXPECT_TRUE(RecurrentProduct::accepts(desc, machine));
    desc.depth = 65537;
    EXPECT_EQ(RecurrentProduct::accepts(desc, vnni_machine()).reason, "sums of so many products may leave 32 bits");
    desc.narrow = true;
    EXPECT_EQ(RecurrentProduct::accepts(desc, vnni_machine()).reason,
              "bf16 weights are of float products with AVX-512");
    desc.depth = 0;
    EXPECT_EQ(RecurrentProduct::accepts(desc, vnni_machine()).reason,
              "an empty product, or panels wider than 64 columns");
}

// As the portable cell does it, between guards.
void check_cell(portable::RecurrentCell::Kind kind, float range, Guard guard) {
    constexpr std::size_t kUnits = portable::RecurrentCell::kUnits, kStride = kUnits + 5;
    portable::RecurrentCell portable;
    portable.kind = kind;
    if (kind == portable::RecurrentCell::Kind::rnn) portable.f.function = portable::CellFunction::tanh;
    ASSERT_TRUE(x64::accepts(portable, vnni_machine()));
    x64::CodeBlock code;
    const std::size_t cell = x64::add_recurrent_cell(code, kind);
    code.seal();
    const std::size_t gates = portable.gates();
    Guarded<float> start((gates - 1) * kStride + kUnits, guard), sums(gates * kUnits, guard),
        scale(gates * kUnits, guard), bias(kUnits, guard);
    Guarded<float> c(kUnits, guard), state(kUnits, guard), update(kUnits, guard), result(kUnits, guard);
    fill_uniform(start.span(), 1, -range, range);
    fill_uniform(sums.span(), 2, -1.F, 1.F);
    fill_uniform(scale.span(), 3, -1.F, 1.F);
    fill_uniform(c.span(), 4, -2.F, 2.F);
    fill_uniform(state.span(), 5, -1.F, 1.F);
    fill_uniform(bias.span(), 6, -1.F, 1.F);
    fill_uniform(update.span(), 7, 0.F, 1.F);
    const auto copied = [](const Guarded<float>& from) { return std::vector<float>(from.begin(), from.end()); };
    std::vector<float> wanted_c = copied(c), wanted_state = copied(state), wanted_update = copied(update),
                       wanted_result(kUnits);
    portable::RecurrentCell::Arguments args{start.data(), kStride, sums.data(), scale.data(), 3, kUnits};
    args.bias = bias.data();
    args.cell = wanted_c.data(), args.state = wanted_state.data(), args.update = wanted_update.data();
    args.result = wanted_result.data();
    portable.run(args);
    args.cell = c.data(), args.state = state.data(), args.update = update.data(), args.result = result.data();
    code.call(cell, args);
    for (std::size_t i = 0; i < kUnits; ++i) {
        ASSERT_NEAR(c[i], wanted_c[i], 6e-6) << range;
        ASSERT_NEAR(state[i], wanted_state[i], 6e-6) << range;
        ASSERT_NEAR(update[i], wanted_update[i], 6e-6) << range;
        if (kind != portable::RecurrentCell::Kind::gru_reset) {
            ASSERT_EQ(state[i], result[i]);
        }
    }
    EXPECT_TRUE(c.intact() && state.intact() && update.intact() && result.intact());
}

TEST(X64RecurrentCell, IsThePortableCell) {
    OCTET_NEEDS_VNNI();
    using Kind = portable::RecurrentCell::Kind;
    for (const Guard guard : kGuards)
        for (const Kind kind : {Kind::lstm, Kind::rnn, Kind::gru, Kind::gru_reset, Kind::gru_renewal})
            for (const float range : {1.F, 30.F, 1000.F}) {
                SCOPED_TRACE(static_cast<int>(kind));
                check_cell(kind, range, guard);
            }
}

TEST(X64RecurrentCell, Declines) {
    portable::RecurrentCell cell;
    EXPECT_EQ(x64::accepts(cell, Machine{}).reason, "needs AVX-512");
    EXPECT_TRUE(x64::accepts(cell, vnni_machine()));
    cell.clip = 1;
    EXPECT_EQ(x64::accepts(cell, vnni_machine()).reason, "its gates are clipped");
    cell.g.function = portable::CellFunction::relu;
    EXPECT_EQ(x64::accepts(cell, vnni_machine()).reason,
              "its activations are not sigmoid for gates and tanh for the rest");
    portable::RecurrentCell rnn;
    rnn.kind = portable::RecurrentCell::Kind::rnn;
    EXPECT_EQ(x64::accepts(rnn, vnni_machine()).reason,
              "its activations are not sigmoid for gates and tanh for the rest");
}

}  // namespace
}  // namespace octet::cpu::testing
