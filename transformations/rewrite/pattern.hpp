#pragma once
// What a rule looks for: a tree of operands above a root. Every operand of an op is listed (or none of them); names bind values.
//
//   op<Add>("sum", one_use(op<MatMul>("mm", any("x"), constant("w"))), constant("bias"))
//   op<Concat>("cat", each(op<Dequantize>("dq", any("x"))))          m.values("x"): one value per operand
//   op<Swish>("s", any("x"), optional(constant("beta")))             m.has("beta")
//   op<Multiply>("scale", maybe<Convert>("convert", any("q")), constant("s"))
//   op<Relu>("r", port(1, op<Split>("split", any("x"), any())))
#include <algorithm>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace octet::rewrite {

using TypeTest = std::function<bool(const ir::Type&)>;

struct Pattern {
    enum class Kind : std::uint8_t { any, op, constant };
    Kind kind = Kind::any;
    std::string name = {};                   // "": matched, not bound
    std::vector<const ir::OpDef*> ops = {};  // of Kind::op: one of these
    std::vector<Pattern> operands = {};
    bool all_operands = false;  // `operands` describes all; else nothing is asked of them
    bool one_use = false;
    bool optional = false;
    bool each = false;
    bool may_be_absent = false;  // the op may be missing: then its first operand's pattern stands for it
    int port = -1;               // -1: any
    std::vector<TypeTest> types = {};
};

// Any value. The same name twice means the same value.
inline Pattern any(std::string name = {}) { return {.name = std::move(name)}; }

// One of several ops. Operands of a commutative op are tried in both orders.
template <ir::OpStruct... T, std::same_as<Pattern>... P>
Pattern one_of(std::string name, P... operands) {
    return {.kind = Pattern::Kind::op,
            .name = std::move(name),
            .ops = {&ir::kOp<T>...},
            .operands = {std::move(operands)...},
            .all_operands = sizeof...(P) > 0};
}

template <ir::OpStruct T, std::same_as<Pattern>... P>
Pattern op(std::string name, P... operands) {
    return one_of<T>(std::move(name), std::move(operands)...);
}

// This op above the operand, or the operand itself.
template <ir::OpStruct T>
Pattern maybe(std::string name, Pattern operand) {
    Pattern p = op<T>(std::move(name), std::move(operand));
    p.may_be_absent = true;
    return p;
}

inline Pattern constant(std::string name = {}) { return {.kind = Pattern::Kind::constant, .name = std::move(name)}; }

// Nothing else reads the value (a tap does not count).
inline Pattern one_use(Pattern p) {
    p.one_use = true;
    return p;
}
// An operand at the end that may be absent.
inline Pattern optional(Pattern p) {
    p.optional = true;
    return p;
}
// All further operands, also none; names in it bind lists.
inline Pattern each(Pattern p) {
    p.each = true;
    return p;
}
inline Pattern port(int number, Pattern p) {
    p.port = number;
    return p;
}
inline Pattern typed(TypeTest test, Pattern p) {
    p.types.push_back(std::move(test));
    return p;
}
inline Pattern element(std::initializer_list<ir::Element> allowed, Pattern p) {
    return typed([list = std::vector<ir::Element>(allowed)](
                     const ir::Type& type) { return std::find(list.begin(), list.end(), type.element) != list.end(); },
                 std::move(p));
}
inline Pattern element(ir::Element allowed, Pattern p) { return element({allowed}, std::move(p)); }
inline Pattern rank(std::size_t wanted, Pattern p) {
    return typed([wanted](const ir::Type& type) { return type.shape.ranked() && type.shape.rank() == wanted; },
                 std::move(p));
}
inline Pattern static_shape(Pattern p) {
    return typed([](const ir::Type& type) { return type.shape.is_static(); }, std::move(p));
}

}  // namespace octet::rewrite
