#pragma once
// Functions of one value.
#include "ir/op.hpp"

namespace octet::ir {

enum class GeluMode : std::uint8_t { erf, tanh };
inline constexpr std::array<std::string_view, 2> kGeluModeNames{"erf", "tanh"};
constexpr std::span<const std::string_view> enum_names(GeluMode) { return kGeluModeNames; }

enum class RoundMode : std::uint8_t { half_to_even, half_away_from_zero };
inline constexpr std::array<std::string_view, 2> kRoundModeNames{"half_to_even", "half_away_from_zero"};
constexpr std::span<const std::string_view> enum_names(RoundMode) { return kRoundModeNames; }

// max(x, 0)
struct Relu {
    static constexpr std::string_view name = "relu";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Relu& op, Inputs inputs);

// min(max(x, low), high); integers: bounds rounded inwards.
struct Clamp {
    static constexpr std::string_view name = "clamp";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    double low = 0;
    double high = 0;
    static constexpr auto fields() { return std::array{field<&Clamp::low>("low"), field<&Clamp::high>("high")}; }
};
Types infer(const Clamp& op, Inputs inputs);

// 1 / (1 + exp(-x))
struct Sigmoid {
    static constexpr std::string_view name = "sigmoid";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Sigmoid& op, Inputs inputs);

struct Tanh {
    static constexpr std::string_view name = "tanh";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Tanh& op, Inputs inputs);

// x < 0 ? alpha * (exp(x) - 1) : x
struct Elu {
    static constexpr std::string_view name = "elu";
    static constexpr Traits traits{.elementwise = true};
    double alpha = 1;
    static constexpr auto fields() { return std::array{field<&Elu::alpha>("alpha")}; }
};
Types infer(const Elu& op, Inputs inputs);

// x / (1 + exp(-beta * x)); beta is an optional scalar second operand, 1 when absent.
struct Swish {
    static constexpr std::string_view name = "swish";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Swish& op, Inputs inputs);

// x * min(max(x + 3, 0), 6) / 6
struct HSwish {
    static constexpr std::string_view name = "hswish";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const HSwish& op, Inputs inputs);

// min(max(x + 3, 0), 6) / 6
struct HSigmoid {
    static constexpr std::string_view name = "hsigmoid";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const HSigmoid& op, Inputs inputs);

// max(0, min(1, alpha * x + beta)); alpha and beta are scalar operands.
struct HardSigmoid {
    static constexpr std::string_view name = "hard_sigmoid";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const HardSigmoid& op, Inputs inputs);

// x * P(X <= x) for a standard normal X, exactly (erf) or by its tanh approximation.
struct Gelu {
    static constexpr std::string_view name = "gelu";
    static constexpr Traits traits{.elementwise = true};
    GeluMode mode = GeluMode::erf;
    static constexpr auto fields() { return std::array{field<&Gelu::mode>("mode")}; }
};
Types infer(const Gelu& op, Inputs inputs);

// x * tanh(log(1 + exp(x)))
struct Mish {
    static constexpr std::string_view name = "mish";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Mish& op, Inputs inputs);

// log(1 + exp(x))
struct SoftPlus {
    static constexpr std::string_view name = "softplus";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const SoftPlus& op, Inputs inputs);

struct Exp {
    static constexpr std::string_view name = "exp";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Exp& op, Inputs inputs);

struct Log {
    static constexpr std::string_view name = "log";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Log& op, Inputs inputs);

struct Abs {
    static constexpr std::string_view name = "abs";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Abs& op, Inputs inputs);

struct Sqrt {
    static constexpr std::string_view name = "sqrt";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Sqrt& op, Inputs inputs);

struct Negative {
    static constexpr std::string_view name = "negative";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Negative& op, Inputs inputs);

struct Floor {
    static constexpr std::string_view name = "floor";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Floor& op, Inputs inputs);

struct Ceiling {
    static constexpr std::string_view name = "ceiling";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Ceiling& op, Inputs inputs);

struct Round {
    static constexpr std::string_view name = "round";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    RoundMode mode = RoundMode::half_to_even;
    static constexpr auto fields() { return std::array{field<&Round::mode>("mode")}; }
};
Types infer(const Round& op, Inputs inputs);

struct Erf {
    static constexpr std::string_view name = "erf";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Erf& op, Inputs inputs);

struct Sin {
    static constexpr std::string_view name = "sin";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Sin& op, Inputs inputs);

struct Cos {
    static constexpr std::string_view name = "cos";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Cos& op, Inputs inputs);

struct Sign {
    static constexpr std::string_view name = "sign";
    static constexpr Traits traits{.elementwise = true, .monotone = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Sign& op, Inputs inputs);

struct LogicalNot {
    static constexpr std::string_view name = "logical_not";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const LogicalNot& op, Inputs inputs);

// To another element type: floats truncate towards zero; out of range is saturated.
struct Convert {
    static constexpr std::string_view name = "convert";
    static constexpr Traits traits{.elementwise = true};
    Element element = Element::f32;
    static constexpr auto fields() { return std::array{field<&Convert::element>("element")}; }
};
Types infer(const Convert& op, Inputs inputs);
Partials partial(const Convert& op, Inputs inputs, const Types& outputs);

}  // namespace octet::ir
