#pragma once
// Plain double arithmetic to compare the portable kernels with, and the runner of units.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/epilogue.hpp"
#include "tests/cpu_kernels/guarded.hpp"

namespace octet::cpu::testing {

// Units in reverse order and one by one: each must stand alone.
template <class Run>
void run_reversed(std::size_t units, const Run& run) {
    for (std::size_t i = units; i-- > 0;) {
        run(i, i + 1);
    }
}

inline double reference_function(const EpilogueOp& op, double x) {
    const double alpha = static_cast<double>(op.alpha);
    const double beta = static_cast<double>(op.beta);
    const auto gate = [](double v) { return std::min(std::max(v + 3, 0.0), 6.0) / 6; };
    switch (op.function) {
        case Function::relu: return std::max(x, 0.0);
        case Function::leaky_relu: return x < 0 ? alpha * x : x;
        case Function::clamp: return std::min(std::max(x, alpha), beta);
        case Function::sigmoid: return 1 / (1 + std::exp(-x));
        case Function::tanh: return std::tanh(x);
        case Function::elu: return x < 0 ? alpha * std::expm1(x) : x;
        case Function::swish: return x / (1 + std::exp(-alpha * x));
        case Function::hswish: return x * gate(x);
        case Function::hsigmoid: return gate(x);
        case Function::gelu_erf: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
        case Function::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        case Function::mish: return x * std::tanh(std::log1p(std::exp(x)));
        case Function::softplus: return std::log1p(std::exp(x));
        case Function::exp: return std::exp(x);
        case Function::abs: return std::fabs(x);
        case Function::sqrt: return std::sqrt(x);
        case Function::negate: return -x;
        case Function::round_half_even: return std::nearbyint(x);
    }
    return x;
}

inline double reference_combine(Combine combine, double a, double b) {
    switch (combine) {
        case Combine::add: return a + b;
        case Combine::subtract: return a - b;
        case Combine::reverse_subtract: return b - a;
        case Combine::multiply: return a * b;
        case Combine::divide: return a / b;
        case Combine::reverse_divide: return b / a;
        case Combine::maximum: return std::max(a, b);
        case Combine::minimum: return std::min(a, b);
    }
    return a;
}

inline double element(DataType type, const void* data, std::size_t i) {
    switch (type) {
        case DataType::u8: return static_cast<const std::uint8_t*>(data)[i];
        case DataType::s8: return static_cast<const std::int8_t*>(data)[i];
        case DataType::s32: return static_cast<const std::int32_t*>(data)[i];
        case DataType::bf16:
            return static_cast<double>(portable::from_bfloat(static_cast<const std::uint16_t*>(data)[i]));
        default: return static_cast<double>(static_cast<const float*>(data)[i]);
    }
}

// The value of one result before it is rounded to a code.
inline double reference_value(const Epilogue& epilogue, const portable::ResultLayout& layout, std::size_t row,
                              std::size_t channel, double x, std::span<const void* const> operands = {}) {
    const auto pick = [&](const std::vector<float>& values, double neutral) {
        return values.empty() ? neutral : static_cast<double>(values[values.size() == 1 ? 0 : channel]);
    };
    for (const EpilogueOp& op : epilogue.ops) {
        switch (op.kind) {
            case EpilogueOp::Kind::scale_shift: x = x * pick(op.scale, 1) + pick(op.shift, 0); break;
            case EpilogueOp::Kind::prelu: x = x < 0 ? x * pick(op.scale, 0) : x; break;
            case EpilogueOp::Kind::function: x = reference_function(op, x); break;
            case EpilogueOp::Kind::combine: {
                std::size_t at = 0;
                switch (op.spread) {
                    case Spread::full: at = row * layout.channels + channel; break;
                    case Spread::per_channel: at = channel; break;
                    case Spread::per_batch_channel: at = row / layout.rows_per_batch * layout.channels + channel; break;
                    case Spread::per_row: at = row; break;
                    case Spread::scalar: at = 0; break;
                }
                double y = element(op.operand_type, operands[op.operand], at);
                if (!op.scale.empty()) {
                    y = y * pick(op.scale, 1) + pick(op.shift, 0);
                }
                x = reference_combine(op.combine, x, y);
                break;
            }
        }
    }
    return x;
}

// A result against its exact value: floats within `tolerance` times their size (at least 1), bf16 within half a step more, codes exact
// unless the value lies within `tolerance` times its size of a tie.
inline void expect_result(const Epilogue& epilogue, const void* out, std::size_t at, double exact,
                          double tolerance = 1e-5) {
    const double got = element(epilogue.result, out, at);
    const double margin = tolerance * std::max(1.0, std::fabs(exact));
    if (epilogue.result == DataType::f32 || epilogue.result == DataType::bf16) {
        const double step = epilogue.result == DataType::bf16 ? std::fabs(exact) / 128 : 0;
        ASSERT_NEAR(got, exact, margin + step / 2) << "at " << at;
        return;
    }
    const auto code = [&](double x) {
        return std::nearbyint(std::clamp(x, static_cast<double>(epilogue.low), static_cast<double>(epilogue.high)));
    };
    if (got != code(exact)) {
        ASSERT_GE(got, code(exact - margin)) << "at " << at << " exact " << exact;
        ASSERT_LE(got, code(exact + margin)) << "at " << at << " exact " << exact;
    }
}

inline std::vector<float> random_vector(std::size_t count, std::uint64_t seed, float low, float high) {
    std::vector<float> values(count);
    fill_uniform(values, seed, low, high);
    return values;
}

inline EpilogueOp scale_shift(std::vector<float> scale, std::vector<float> shift) {
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::scale_shift;
    op.scale = std::move(scale);
    op.shift = std::move(shift);
    return op;
}

inline EpilogueOp function(Function f, float alpha = 0, float beta = 0) {
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::function;
    op.function = f;
    op.alpha = alpha;
    op.beta = beta;
    return op;
}

// A requantization that spreads values of the given size over the codes: per channel where `channels` is not 1.
inline Epilogue to_u8(std::size_t channels, float size, std::uint64_t seed) {
    Epilogue epilogue;
    epilogue.ops = {
        scale_shift(random_vector(channels, seed, 60 / size, 100 / size), random_vector(channels, seed + 1, 100, 150))};
    epilogue.result = DataType::u8;
    return epilogue;
}

}  // namespace octet::cpu::testing
