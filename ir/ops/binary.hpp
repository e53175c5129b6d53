#pragma once
// Elementwise functions of two operands (and select), with numpy broadcasting.
#include "ir/op.hpp"

namespace octet::ir {

struct Add {
    static constexpr std::string_view name = "add";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Add& op, Inputs inputs);
Partials partial(const Add& op, Inputs inputs, const Types& outputs);

struct Subtract {
    static constexpr std::string_view name = "subtract";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Subtract& op, Inputs inputs);
Partials partial(const Subtract& op, Inputs inputs, const Types& outputs);

struct Multiply {
    static constexpr std::string_view name = "multiply";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Multiply& op, Inputs inputs);
Partials partial(const Multiply& op, Inputs inputs, const Types& outputs);

// Integers: rounds towards minus infinity (python) or towards zero.
struct Divide {
    static constexpr std::string_view name = "divide";
    static constexpr Traits traits{.elementwise = true};
    bool python = true;
    static constexpr auto fields() { return std::array{field<&Divide::python>("python")}; }
};
Types infer(const Divide& op, Inputs inputs);
Partials partial(const Divide& op, Inputs inputs, const Types& outputs);

struct Maximum {
    static constexpr std::string_view name = "maximum";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Maximum& op, Inputs inputs);
Partials partial(const Maximum& op, Inputs inputs, const Types& outputs);

struct Minimum {
    static constexpr std::string_view name = "minimum";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Minimum& op, Inputs inputs);
Partials partial(const Minimum& op, Inputs inputs, const Types& outputs);

struct Power {
    static constexpr std::string_view name = "power";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Power& op, Inputs inputs);

// (a - b)^2
struct SquaredDifference {
    static constexpr std::string_view name = "squared_difference";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const SquaredDifference& op, Inputs inputs);

// Sign of the dividend, as in C.
struct Mod {
    static constexpr std::string_view name = "mod";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Mod& op, Inputs inputs);

// Sign of the divisor, as in Python.
struct FloorMod {
    static constexpr std::string_view name = "floor_mod";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const FloorMod& op, Inputs inputs);
Partials partial(const FloorMod& op, Inputs inputs, const Types& outputs);

// x < 0 ? x * slope : x. A slope of rank 1 runs along axis 1 when its size is that of axis 1, else it broadcasts as numpy does.
struct PRelu {
    static constexpr std::string_view name = "prelu";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const PRelu& op, Inputs inputs);

// Comparisons give booleans.
struct Equal {
    static constexpr std::string_view name = "equal";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Equal& op, Inputs inputs);

struct NotEqual {
    static constexpr std::string_view name = "not_equal";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const NotEqual& op, Inputs inputs);

struct Less {
    static constexpr std::string_view name = "less";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Less& op, Inputs inputs);

struct LessEqual {
    static constexpr std::string_view name = "less_equal";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const LessEqual& op, Inputs inputs);

struct Greater {
    static constexpr std::string_view name = "greater";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Greater& op, Inputs inputs);

struct GreaterEqual {
    static constexpr std::string_view name = "greater_equal";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const GreaterEqual& op, Inputs inputs);

struct LogicalAnd {
    static constexpr std::string_view name = "logical_and";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const LogicalAnd& op, Inputs inputs);

struct LogicalOr {
    static constexpr std::string_view name = "logical_or";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const LogicalOr& op, Inputs inputs);

struct LogicalXor {
    static constexpr std::string_view name = "logical_xor";
    static constexpr Traits traits{.commutative = true, .elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const LogicalXor& op, Inputs inputs);

// condition ? a : b
struct Select {
    static constexpr std::string_view name = "select";
    static constexpr Traits traits{.elementwise = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Select& op, Inputs inputs);

}  // namespace octet::ir
