// The state in two digits, and the cell of an LSTM, against the formulas.
#include "plugins/cpu/kernels/portable/recurrent.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/cpu_kernels/guarded.hpp"

namespace octet::cpu::testing {
namespace {

using portable::CellActivation;
using portable::CellFunction;
using portable::LstmCell;
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

void check_cell(const LstmCell& cell, std::size_t units, Guard guard) {
    const std::size_t stride = units + 5;
    auto start = random_guarded<float>(3 * stride + units, guard, 1);
    auto sums = random_guarded<float>(64, guard, 2), scale = random_guarded<float>(64, guard, 3);
    auto c = random_guarded<float>(units, guard, 4);
    Guarded<float> state(units, guard), result(units, guard);
    std::array<double, 16> wanted_c{}, wanted_h{};
    for (std::size_t i = 0; i < units; ++i) {
        const auto gate = [&](std::size_t k) {
            const double g = static_cast<double>(start[k * stride + i]) +
                             static_cast<double>(sums[k * 16 + i]) * static_cast<double>(scale[k * 16 + i]) * 3;
            return cell.clip > 0 ? std::clamp<double>(g, -cell.clip, cell.clip) : g;
        };
        wanted_c[i] = value_of(cell.f, gate(0)) * static_cast<double>(c[i]) +
                      value_of(cell.f, gate(1)) * value_of(cell.g, gate(2));
        wanted_h[i] = value_of(cell.f, gate(3)) * value_of(cell.h, wanted_c[i]);
    }
    cell.run({start.data(), stride, sums.data(), scale.data(), 3, units, c.data(), state.data(), result.data()});
    for (std::size_t i = 0; i < units; ++i) {
        ASSERT_NEAR(c[i], wanted_c[i], 4e-6);
        ASSERT_NEAR(state[i], wanted_h[i], 4e-6);
        ASSERT_EQ(state[i], result[i]);
    }
    EXPECT_TRUE(c.intact() && state.intact() && result.intact());
}

TEST(PortableRecurrent, LstmCellOfEveryTailAndActivation) {
    for (const Guard guard : kGuards) {
        for (std::size_t units = 1; units <= LstmCell::kUnits; ++units) {
            check_cell({}, units, guard);
            LstmCell clipped;
            clipped.clip = 0.4F;
            check_cell(clipped, units, guard);
        }
        for (int f = 0; f <= static_cast<int>(CellFunction::thresholded_relu); ++f) {
            const CellActivation activation{static_cast<CellFunction>(f), 0.7F, 0.3F};
            check_cell({activation, activation, activation}, 13, guard);
        }
    }
}

}  // namespace
}  // namespace octet::cpu::testing
