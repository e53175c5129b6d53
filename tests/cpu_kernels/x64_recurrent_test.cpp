#include "plugins/cpu/kernels/x64/recurrent.hpp"

#include <fmt/format.h>

#include <memory>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"
#include "tests/cpu_kernels/x64_support.hpp"

namespace octet::cpu::testing {
namespace {

using portable::RecurrentCell;
using portable::RecurrentRow;
using x64::RecurrentProduct;
using x64::RecurrentProductDesc;

// The state as the kernel reads it, and what each value of it is worth.
struct State {
    Guarded<std::uint8_t> bytes;
    const RecurrentProductDesc& desc;

    State(const RecurrentProductDesc& d, Guard guard)
        : bytes(random_guarded<std::uint8_t>(static_cast<std::size_t>(d.rows * d.state_stride()), guard, 3)), desc(d) {
        if (d.split) {
            std::vector<float> values(bytes.size() / 2);
            fill_uniform(values, 3, -1, 1);
            portable::to_bfloat(values.data(), values.size(), reinterpret_cast<std::uint16_t*>(bytes.data()));
        } else if (!d.integer) {
            fill_uniform({reinterpret_cast<float*>(bytes.data()), bytes.size() / 4}, 3, -1, 1);
        }
    }
    const std::byte* data() const { return reinterpret_cast<const std::byte*>(bytes.data()); }
    double at(std::int64_t row, std::int64_t k) const {
        const std::uint8_t* from = bytes.data() + row * desc.state_stride();
        if (desc.split) {
            const auto* digits = reinterpret_cast<const std::uint16_t*>(from);
            std::array<float, 2> values{};
            portable::from_bfloat(digits + k, 1, &values[0]);
            portable::from_bfloat(digits + desc.digits() + k, 1, &values[1]);
            return static_cast<double>(values[0]) + static_cast<double>(values[1]);
        }
        if (!desc.integer) {
            return reinterpret_cast<const float*>(from)[k];
        }
        return 256.0 * (from[k] - 128) + from[desc.digits() + k] - 128;
    }
};

// Weights between guards.
struct Weights {
    const RecurrentProductDesc& desc;
    Guarded<std::int8_t> codes;
    Guarded<float> floats;

    Weights(const RecurrentProductDesc& d, Guard guard)
        : desc(d),
          codes(random_guarded<std::int8_t>(static_cast<std::size_t>(d.panels * d.columns() * d.depth), guard, 1)),
          floats(random_guarded<float>(codes.size(), guard, 2)) {}
    std::size_t place(std::int64_t panel, std::int64_t column) const {
        return static_cast<std::size_t>((panel * desc.columns() + column) * desc.depth);
    }
    const std::byte* column(std::int64_t panel, std::int64_t column) const {
        return desc.integer ? reinterpret_cast<const std::byte*>(&codes[place(panel, column)])
                            : reinterpret_cast<const std::byte*>(&floats[place(panel, column)]);
    }
    double at(std::int64_t panel, std::int64_t column, std::int64_t k) const {
        const std::size_t i = place(panel, column) + static_cast<std::size_t>(k);
        if (desc.integer) {
            return codes[i];
        }
        std::uint16_t narrow = 0;
        float wide = floats[i];
        if (desc.narrow) {
            portable::to_bfloat(&wide, 1, &narrow);
            portable::from_bfloat(&narrow, 1, &wide);
        }
        return static_cast<double>(wide);
    }
};

std::unique_ptr<const RecurrentProduct> product_of(const RecurrentProductDesc& desc, x64::CodeBlock& code,
                                                   const Weights& weights) {
    auto product = std::make_unique<const RecurrentProduct>(desc, code, [&](std::int64_t panel, std::int64_t column) {
        return weights.column(panel, column);
    });
    code.seal();
    return product;
}

void check_on(const Machine& machine, const RecurrentProductDesc& desc, Guard guard) {
    SCOPED_TRACE(fmt::format("{} rows, depth {}, {} panels of {} vectors, integer {}", desc.rows, desc.depth,
                             desc.panels, desc.vectors, desc.integer));
    ASSERT_TRUE(RecurrentProduct::accepts(desc, machine));
    const State state(desc, guard);
    const Weights weights(desc, guard);
    x64::CodeBlock code(x64::vector_isa_of(machine));
    const auto product = product_of(desc, code, weights);
    for (std::int64_t panel = desc.panels; panel-- > 0;) {
        Guarded<float> sums(static_cast<std::size_t>(desc.rows * desc.columns()), guard);
        product->run(state.data(), desc.rows, panel, sums.data());
        for (std::int64_t row = 0; row < desc.rows; ++row) {
            for (std::int64_t c = 0; c < desc.columns(); ++c) {
                double wanted = 0, most = 0;
                for (std::int64_t k = 0; k < desc.depth; ++k) {
                    wanted += state.at(row, k) * weights.at(panel, c, k);
                    most += std::abs(state.at(row, k) * weights.at(panel, c, k));
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

Machine bfloat_machine() {
    Machine machine = vnni_machine();
    machine.bf16 = true;
    return machine;
}

void check_narrow(const Machine& machine, bool split) {
    for (const Guard guard : kGuards) {
        for (std::int64_t rows = 1; rows <= 4; ++rows) {
            for (const int vectors : {1, 2, 3, 4}) {
                check_on(machine, {rows, 37, 2, vectors, false, true, split}, guard);
            }
        }
        for (std::int64_t depth = 1; depth <= 9; ++depth) {
            check_on(machine, {2, depth, 1, 3, false, true, split}, guard);
        }
    }
}

TEST(X64Recurrent, NarrowWeights) {
    OCTET_NEEDS_VNNI();
    check_narrow(vnni_machine(), false);
}

TEST(X64Recurrent, NarrowWeightsAndStates) {
    OCTET_NEEDS_VNNI();
    if (!detect_machine().bf16) GTEST_SKIP() << "needs AVX-512 BF16";
    check_narrow(bfloat_machine(), true);
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
    desc.depth = 8;
    desc.narrow = true;
    EXPECT_EQ(RecurrentProduct::accepts(desc, vnni_machine()).reason,
              "bf16 weights are of float products with AVX-512");
    desc.integer = false;
    EXPECT_TRUE(RecurrentProduct::accepts(desc, vnni_machine()));
    desc.split = true;
    EXPECT_TRUE(RecurrentProduct::accepts(desc, bfloat_machine()));
    Machine tiles = bfloat_machine();
    tiles.isa = Isa::amx;
    for (const Machine& slower : {vnni_machine(), tiles}) {
        EXPECT_EQ(RecurrentProduct::accepts(desc, slower).reason,
                  "bf16 states are for bf16 weights where vectors of them multiply faster");
    }
    desc.narrow = desc.split = false;
    desc.cell = RecurrentCell::Kind::lstm;
    machine.isa = Isa::avx2;
    EXPECT_EQ(RecurrentProduct::accepts(desc, machine).reason, "cells behind their products need AVX-512");
    desc.depth = 0;
    EXPECT_EQ(RecurrentProduct::accepts(desc, vnni_machine()).reason,
              "an empty product, or panels wider than 64 columns");
}

// What the rows of a step read and write, between guards.
struct Rows {
    Guarded<float> start, state, cell, update, result, scale, bias;
    std::size_t units, stride;
    std::vector<RecurrentRow> all = {};

    Rows(const RecurrentProductDesc& desc, std::size_t gates, float range, Guard guard)
        : start(static_cast<std::size_t>(desc.rows) * gates * (units_of(desc, gates) + 5) - 5, guard),
          state(static_cast<std::size_t>(desc.rows) * units_of(desc, gates), guard),
          cell(state.size(), guard),
          update(state.size(), guard),
          result(state.size(), guard),
          scale(static_cast<std::size_t>(desc.panels * desc.columns()), guard),
          bias(units_of(desc, gates), guard),
          units(units_of(desc, gates)),
          stride(units + 5) {
        fill_uniform(start.span(), 1, -range, range);
        // Sums of about 1.
        fill_uniform(scale.span(), 2, -1e-6F, 1e-6F);
        fill_uniform(state.span(), 3, -1.F, 1.F);
        fill_uniform(cell.span(), 4, -2.F, 2.F);
        fill_uniform(update.span(), 5, 0.F, 1.F);
        fill_uniform(bias.span(), 6, -1.F, 1.F);
        for (std::size_t r = 0; r < static_cast<std::size_t>(desc.rows); ++r) {
            all.push_back({start.data() + r * gates * stride, state.data() + r * units, cell.data() + r * units,
                           update.data() + r * units, result.data() + r * units,
                           desc.integer ? 0.5F + static_cast<float>(r) : 1.F});
        }
    }
    static std::size_t units_of(const RecurrentProductDesc& desc, std::size_t gates) {
        return static_cast<std::size_t>(desc.panels * desc.columns()) / gates;
    }
};

// The portable cells of a panel's sums.
void run_portable(const RecurrentCell& cell, const RecurrentProductDesc& desc, const RecurrentProduct& product,
                  const State& state, Rows& rows) {
    const std::size_t gates = cell.gates(), columns = static_cast<std::size_t>(desc.columns());
    std::vector<float> sums(static_cast<std::size_t>(desc.rows) * columns);
    for (std::size_t panel = 0; panel < static_cast<std::size_t>(desc.panels); ++panel) {
        product.run(state.data(), desc.rows, static_cast<std::int64_t>(panel), sums.data());
        for (std::size_t r = 0; r < rows.all.size(); ++r)
            for (std::size_t at = 0; at < columns; at += gates * RecurrentCell::kUnits) {
                const RecurrentRow& row = rows.all[r];
                const std::size_t unit = (panel * columns + at) / gates;
                const std::vector<float> ones(gates * RecurrentCell::kUnits, 1.F);
                cell.run({row.start + unit, rows.stride, sums.data() + r * columns + at,
                          desc.integer ? rows.scale.data() + panel * columns + at : ones.data(), row.factor,
                          RecurrentCell::kUnits, row.cell + unit, row.state + unit, row.result + unit,
                          rows.bias.data() + unit, row.update + unit});
            }
    }
}

// As the portable cell does it.
void check_cells(const RecurrentCell& cell, RecurrentProductDesc desc, float range, Guard guard) {
    SCOPED_TRACE(fmt::format("kind {}, {} rows, integer {}, narrow {}, range {}", static_cast<int>(cell.kind),
                             desc.rows, desc.integer, desc.narrow, range));
    desc.cell = cell.kind;
    ASSERT_TRUE(x64::accepts(cell, vnni_machine()));
    const State state(desc, guard);
    const Weights weights(desc, guard);
    x64::CodeBlock code;
    const auto product = product_of(desc, code, weights);
    Rows wanted(desc, cell.gates(), range, guard), got(desc, cell.gates(), range, guard);
    run_portable(cell, desc, *product, state, wanted);
    // In parts and both ways.
    x64::RecurrentPanelsStep step{state.data(),     got.all.data(),  desc.rows,       got.stride,
                                  got.scale.data(), got.bias.data(), desc.panels / 2, desc.panels};
    product->run_cells(step);
    step.begin = 0, step.end = desc.panels / 2, step.backwards = true;
    if (step.end > 0) product->run_cells(step);
    for (std::size_t i = 0; i < got.state.size(); ++i) {
        ASSERT_NEAR(got.cell[i], wanted.cell[i], 6e-6);
        ASSERT_NEAR(got.update[i], wanted.update[i], 6e-6);
        ASSERT_EQ(got.state[i], wanted.state[i]);
        if (cell.kind != RecurrentCell::Kind::gru_reset) {
            ASSERT_NEAR(got.result[i], wanted.result[i], 6e-6);
        }
    }
    EXPECT_TRUE(got.cell.intact() && got.state.intact() && got.update.intact() && got.result.intact());
}

TEST(X64RecurrentCell, IsThePortableCell) {
    OCTET_NEEDS_VNNI();
    using Kind = RecurrentCell::Kind;
    for (const Guard guard : kGuards)
        for (const Kind kind : {Kind::lstm, Kind::rnn, Kind::gru, Kind::gru_reset, Kind::gru_renewal}) {
            RecurrentCell cell;
            cell.kind = kind;
            if (kind == Kind::rnn) cell.f.function = portable::CellFunction::tanh;
            const int gates = static_cast<int>(cell.gates()), vectors = 4 / gates * gates;
            for (std::int64_t rows = 1; rows <= 7; ++rows)
                for (const bool integer : {false, true}) check_cells(cell, {rows, 37, 5, vectors, integer}, 1, guard);
            check_cells(cell, {2, 37, 3, vectors, false, true}, 1, guard);
            if (detect_machine().bf16) check_cells(cell, {1, 37, 3, vectors, false, true, true}, 1, guard);
            for (const float range : {30.F, 1000.F}) check_cells(cell, {1, 9, 1, vectors, true}, range, guard);
        }
}

TEST(X64RecurrentCell, Declines) {
    RecurrentCell cell;
    EXPECT_EQ(x64::accepts(cell, Machine{}).reason, "needs AVX-512");
    EXPECT_TRUE(x64::accepts(cell, vnni_machine()));
    cell.clip = 1;
    EXPECT_EQ(x64::accepts(cell, vnni_machine()).reason, "its gates are clipped");
    cell.g.function = portable::CellFunction::relu;
    EXPECT_EQ(x64::accepts(cell, vnni_machine()).reason,
              "its activations are not sigmoid for gates and tanh for the rest");
    RecurrentCell rnn;
    rnn.kind = portable::RecurrentCell::Kind::rnn;
    EXPECT_EQ(x64::accepts(rnn, vnni_machine()).reason,
              "its activations are not sigmoid for gates and tanh for the rest");
}

}  // namespace
}  // namespace octet::cpu::testing
