#pragma once
// What the oneDNN tests compare with: plain loops in exact integers or double.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "plugins/cpu/kernels/epilogue.hpp"

namespace octet::cpu::testing {

inline double at(const std::vector<float>& values, std::int64_t channel, double otherwise) {
    return values.empty() ? otherwise
                          : static_cast<double>(values[values.size() == 1 ? 0 : static_cast<std::size_t>(channel)]);
}

inline double apply(Function function, double x, double alpha, double beta) {
    switch (function) {
        case Function::relu: return x > 0 ? x : 0;
        case Function::leaky_relu: return x < 0 ? alpha * x : x;
        case Function::clamp: return std::fmin(std::fmax(x, alpha), beta);
        case Function::sigmoid: return 1 / (1 + std::exp(-x));
        case Function::tanh: return std::tanh(x);
        case Function::elu: return x < 0 ? alpha * std::expm1(x) : x;
        case Function::swish: return x / (1 + std::exp(-alpha * x));
        case Function::hswish: return x * std::fmin(std::fmax(x + 3, 0), 6) / 6;
        case Function::hsigmoid: return std::fmin(std::fmax(x + 3, 0), 6) / 6;
        case Function::gelu_erf: return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
        case Function::gelu_tanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        case Function::mish: return x * std::tanh(std::log1p(std::exp(x)));
        case Function::softplus: return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
        case Function::exp: return std::exp(x);
        case Function::abs: return std::fabs(x);
        case Function::sqrt: return std::sqrt(x);
        case Function::negate: return -x;
        case Function::round_half_even: return std::nearbyint(x);
    }
    throw std::logic_error("unknown function");
}

inline double load(const void* data, DataType type, std::int64_t index) {
    const std::int64_t size = static_cast<std::int64_t>(size_of(type));
    const auto* bytes = static_cast<const unsigned char*>(data) + index * size;
    switch (type) {
        case DataType::u8: return *bytes;
        case DataType::s8: return static_cast<std::int8_t>(*bytes);
        case DataType::s32: {
            std::int32_t value;
            std::memcpy(&value, bytes, sizeof(value));
            return value;
        }
        case DataType::f32: {
            float value;
            std::memcpy(&value, bytes, sizeof(value));
            return static_cast<double>(value);
        }
        default: throw std::logic_error("type not used in tests");
    }
}

// Element `index` = (outer, channel) of a result of `channels` channels and `inner` pixels in each image.
inline double run_epilogue(const Epilogue& epilogue, double x, std::int64_t index, std::int64_t channels,
                           std::int64_t inner, const void* const* operands) {
    const std::int64_t channel = index % channels;
    const std::int64_t image = index / channels / inner;
    for (const EpilogueOp& op : epilogue.ops) {
        switch (op.kind) {
            case EpilogueOp::Kind::scale_shift: x = x * at(op.scale, channel, 1) + at(op.shift, channel, 0); break;
            case EpilogueOp::Kind::prelu: x = x < 0 ? x * at(op.scale, channel, 1) : x; break;
            case EpilogueOp::Kind::function:
                x = apply(op.function, x, static_cast<double>(op.alpha), static_cast<double>(op.beta));
                break;
            case EpilogueOp::Kind::combine: {
                const std::int64_t places[] = {index, channel, image * channels + channel, index / channels, 0};
                double y = load(operands[op.operand], op.operand_type, places[static_cast<std::size_t>(op.spread)]);
                y = y * at(op.scale, channel, 1) + at(op.shift, channel, 0);
                switch (op.combine) {
                    case Combine::add: x += y; break;
                    case Combine::subtract: x -= y; break;
                    case Combine::reverse_subtract: x = y - x; break;
                    case Combine::multiply: x *= y; break;
                    case Combine::divide: x /= y; break;
                    case Combine::reverse_divide: x = y / x; break;
                    case Combine::maximum: x = std::fmax(x, y); break;
                    case Combine::minimum: x = std::fmin(x, y); break;
                }
            }
        }
    }
    return x;
}

// How the value `got` stands against the exact real number before rounding: empty where it is right. Codes must be equal unless the
// real number lies within `tie` of a tie, floats within `relative` of `magnitude`.
struct Judge {
    double tie = 1e-3;
    double relative = 1e-5;

    bool right(const Epilogue& epilogue, double exact, double got, double magnitude) const {
        if (epilogue.result == DataType::u8 || epilogue.result == DataType::s8) {
            const double low = static_cast<double>(epilogue.low);
            const double high = static_cast<double>(epilogue.high);
            const double clamped = std::fmin(std::fmax(exact, low), high);
            const double code = std::nearbyint(clamped);
            if (got == code) {
                return true;
            }
            const double distance = std::fabs(std::fabs(clamped - std::floor(clamped)) - 0.5);
            return std::fabs(got - code) <= 1 && distance <= tie;
        }
        if (epilogue.result == DataType::s32) {
            return got == exact;
        }
        return std::fabs(got - exact) <= relative * std::fmax(magnitude, 1e-3);
    }
};

}  // namespace octet::cpu::testing
