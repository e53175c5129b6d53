// The state in two digits, and the cells, against the formulas.
#include "plugins/cpu/kernels/portable/recurrent.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "tests/cpu_kernels/guarded.hpp"

namespace octet::cpu::testing {
namespace {

using portable::CellActivation;
using portable::CellFunction;
using portable::RecurrentCell;
using portable::split_state;

TEST(PortableRecurrent, StateHas16Bits) {
    for (const Guard guard : kGuards) {
        for (std::size_t count = 1; count <= 70; ++count) {
            for (const float range : {1.0F, 1e-20F, 3e30F}) {
                Guarded<float> x(count, guard);
                fill_uniform(x.span(), count, -range, range);
                Guarded<std::uint8_t> high(count, guard), low(count, guard);
                const double factor = split_state(x.data(), count, high.data(), low.data());
                double largest = 0;
                for (const float value : x) {
                    largest = std::max(largest, std::abs(static_cast<double>(value)));
                }
                ASSERT_NEAR(factor, largest / 32639, 1e-7 * factor);
                for (std::size_t i = 0; i < count; ++i) {
                    const double back = factor * (256.0 * (high[i] - 128) + low[i] - 128);
                    ASSERT_LE(std::abs(back - static_cast<double>(x[i])), 0.51 * factor) << i << " of " << count;
                }
            }
        }
    }
}

TEST(PortableRecurrent, StatesThatAreZeroOrNotFinite) {
    std::array<std::uint8_t, 3> high{}, low{};
    const auto factor = [&](const std::array<float, 3>& x) {
        return split_state(x.data(), 3, high.data(), low.data());
    };
    EXPECT_EQ(factor({0, -0.0F, 1e-35F}), 0);
    EXPECT_EQ(high, (std::array<std::uint8_t, 3>{128, 128, 128}));
    EXPECT_EQ(low, high);
    EXPECT_TRUE(std::isinf(factor({0, -INFINITY, 1})));
    EXPECT_TRUE(std::isnan(factor({INFINITY, NAN, 1})));
}

TEST(PortableRecurrent, StateInBfloats) {
    for (const Guard guard : kGuards)
        for (std::size_t count = 1; count <= 130; ++count) {
            Guarded<float> x(count, guard);
            fill_uniform(x.span(), count, -3, 3);
            Guarded<std::uint16_t> digits(2 * count, guard);
            std::uint16_t* const low = digits.data() + count;
            portable::split_bfloat(x.data(), count, digits.data(), low);
            for (std::size_t i = 0; i < count; ++i) {
                std::array<float, 2> back{};
                portable::from_bfloat(digits.data() + i, 1, &back[0]);
                portable::from_bfloat(low + i, 1, &back[1]);
                const double value = static_cast<double>(x[i]);
                ASSERT_NEAR(static_cast<double>(back[0]) + static_cast<double>(back[1]), value,
                            std::abs(value) * 0x1p-17);
            }
            EXPECT_TRUE(digits.intact());
        }
    const std::array<float, 3> special{INFINITY, -INFINITY, NAN};
    std::array<std::uint16_t, 3> high{}, low{};
    portable::split_bfloat(special.data(), 3, high.data(), low.data());
    EXPECT_EQ(high[0], 0x7F80);
    EXPECT_EQ(high[1], 0xFF80);
    EXPECT_GT(high[2] & 0x7FFF, 0x7F80);
    EXPECT_EQ(low, (std::array<std::uint16_t, 3>{}));
}

double value_of(const CellActivation& a, double x) {
    const double alpha = a.alpha, beta = a.beta;
    switch (a.function) {
        case CellFunction::sigmoid: return 1 / (1 + std::exp(-x));
        case CellFunction::tanh: return std::tanh(x);
        case CellFunction::relu: return std::max(x, 0.0);
        case CellFunction::hard_sigmoid: return std::clamp(alpha * x + beta, 0.0, 1.0);
        case CellFunction::affine: return alpha * x + beta;
        case CellFunction::elu: return x < 0 ? alpha * std::expm1(x) : x;
        case CellFunction::leaky_relu: return x < 0 ? alpha * x : x;
        case CellFunction::scaled_tanh: return alpha * std::tanh(beta * x);
        case CellFunction::softplus: return std::log1p(std::exp(x));
        case CellFunction::softsign: return x / (1 + std::abs(x));
        case CellFunction::thresholded_relu: return x > alpha ? x : 0;
    }
    return 0;
}

// What a cell makes of its hidden unit i, in double.
struct Wanted {
    double cell = 0, state = 0, update = 0;
};
Wanted wanted(const RecurrentCell& cell, const RecurrentCell::Arguments& args, std::size_t i) {
    const auto clipped = [&](double x) { return cell.clip > 0 ? std::clamp<double>(x, -cell.clip, cell.clip) : x; };
    const auto sum = [&](std::size_t k) {
        const std::size_t at = k * RecurrentCell::kUnits + i;
        return static_cast<double>(args.sums[at]) * static_cast<double>(args.scale[at]) *
               static_cast<double>(args.factor);
    };
    const auto start = [&](std::size_t k) { return static_cast<double>(args.start[k * args.start_stride + i]); };
    const auto f = [&](std::size_t k) { return value_of(cell.f, clipped(start(k) + sum(k))); };
    const auto renewed = [&](double update, double candidate) {
        return (1 - update) * value_of(cell.g, clipped(candidate)) + update * static_cast<double>(args.state[i]);
    };
    Wanted w;
    switch (cell.kind) {
        case RecurrentCell::Kind::lstm:
            w.cell = f(0) * static_cast<double>(args.cell[i]) + f(1) * value_of(cell.g, clipped(start(2) + sum(2)));
            w.state = f(3) * value_of(cell.h, w.cell);
            break;
        case RecurrentCell::Kind::rnn: w.state = f(0); break;
        case RecurrentCell::Kind::gru:
            w.state = renewed(f(0), start(2) + f(1) * (sum(2) + static_cast<double>(args.bias[i])));
            break;
        case RecurrentCell::Kind::gru_reset:
            w.update = f(0);
            w.cell = f(1) * static_cast<double>(args.state[i]);
            break;
        case RecurrentCell::Kind::gru_renewal:
            w.state = renewed(static_cast<double>(args.update[i]), start(0) + sum(0));
            break;
    }
    return w;
}

constexpr std::array kKinds{RecurrentCell::Kind::lstm, RecurrentCell::Kind::rnn, RecurrentCell::Kind::gru,
                            RecurrentCell::Kind::gru_reset, RecurrentCell::Kind::gru_renewal};

void check_cell(const RecurrentCell& cell, std::size_t units, Guard guard) {
    using Kind = RecurrentCell::Kind;
    const std::size_t stride = units + 5, gates = cell.gates();
    auto start = random_guarded<float>((gates - 1) * stride + units, guard, 1);
    auto sums = random_guarded<float>(gates * 16, guard, 2), scale = random_guarded<float>(gates * 16, guard, 3);
    auto c = random_guarded<float>(units, guard, 4), state = random_guarded<float>(units, guard, 5);
    auto bias = random_guarded<float>(units, guard, 6), update = random_guarded<float>(units, guard, 7);
    Guarded<float> result(units, guard);
    // What a kind does not use is not there.
    const bool has_cell = cell.kind == Kind::lstm || cell.kind == Kind::gru_reset;
    const bool has_update = cell.kind == Kind::gru_reset || cell.kind == Kind::gru_renewal;
    const RecurrentCell::Arguments args{start.data(),
                                        stride,
                                        sums.data(),
                                        scale.data(),
                                        3,
                                        units,
                                        has_cell ? c.data() : nullptr,
                                        state.data(),
                                        cell.kind == Kind::gru_reset ? nullptr : result.data(),
                                        cell.kind == Kind::gru ? bias.data() : nullptr,
                                        has_update ? update.data() : nullptr};
    std::vector<Wanted> all;
    for (std::size_t i = 0; i < units; ++i) all.push_back(wanted(cell, args, i));
    cell.run(args);
    for (std::size_t i = 0; i < units; ++i) {
        if (has_cell) {
            ASSERT_NEAR(c[i], all[i].cell, 4e-6);
        }
        if (cell.kind == Kind::gru_reset) {
            ASSERT_NEAR(update[i], all[i].update, 4e-6);
        } else {
            ASSERT_NEAR(result[i], all[i].state, 4e-6);
        }
    }
    EXPECT_TRUE(c.intact() && state.intact() && result.intact() && update.intact());
}

TEST(PortableRecurrent, CellsOfEveryKindTailAndActivation) {
    for (const Guard guard : kGuards) {
        for (const RecurrentCell::Kind kind : kKinds) {
            SCOPED_TRACE(static_cast<int>(kind));
            RecurrentCell cell;
            cell.kind = kind;
            RecurrentCell clipped = cell;
            clipped.clip = 0.4F;
            for (std::size_t units = 1; units <= RecurrentCell::kUnits; ++units) {
                check_cell(cell, units, guard);
                check_cell(clipped, units, guard);
            }
            for (int f = 0; f <= static_cast<int>(CellFunction::thresholded_relu); ++f) {
                cell.f = cell.g = cell.h = {static_cast<CellFunction>(f), 0.7F, 0.3F};
                check_cell(cell, 13, guard);
            }
        }
    }
}

}  // namespace
}  // namespace octet::cpu::testing
