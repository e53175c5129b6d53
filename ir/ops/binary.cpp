#include "ir/ops/binary.hpp"

#include <algorithm>

#include "ir/ops/checks.hpp"

namespace octet::ir {
namespace {

Types numbers(Inputs inputs) {
    require_inputs(inputs, 2, 2);
    want_number(inputs[0], "the first operand");
    want_same_element(inputs[0], "the first operand", inputs[1], "the second");
    return {{inputs[0].element(), broadcast(inputs[0].shape(), inputs[1].shape())}};
}

Types comparison(Inputs inputs) {
    require_inputs(inputs, 2, 2);
    want_same_element(inputs[0], "the first operand", inputs[1], "the second");
    return {{Element::boolean, broadcast(inputs[0].shape(), inputs[1].shape())}};
}

Types booleans(Inputs inputs) {
    require_inputs(inputs, 2, 2);
    want_boolean(inputs[0], "the first operand");
    want_boolean(inputs[1], "the second operand");
    return {{Element::boolean, broadcast(inputs[0].shape(), inputs[1].shape())}};
}

// f gives the result of two numbers, or nothing when it is not known.
template <class F>
Partials combine(Inputs inputs, const Types& outputs, F f) {
    const Partial& a = *inputs[0].partial;
    const Partial& b = *inputs[1].partial;
    if (!a || !b || !is_integer(outputs[0].element) || a->empty() || b->empty()) return {};
    auto values = std::make_shared<std::vector<Dim>>();
    for (std::size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
        const std::optional<Dim> value = f((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
        values->push_back(value.value_or(kAnyNumber));
    }
    return {std::move(values)};
}

// By reference: the call that finds the overflow also sets the value, and arguments have no order.
// f(a, b, &result) says whether the exact result overflows.
template <class F>
std::optional<Dim> exact(Dim a, Dim b, F f) {
    std::int64_t result = 0;
    if (f(a.low, b.low, &result)) return std::nullopt;
    return Dim(result);
}

bool known(Dim a, Dim b) { return a.is_static() && b.is_static(); }
bool lengths(Dim a, Dim b) { return a.low >= 0 && b.low >= 0; }

std::int64_t floor_division(std::int64_t a, std::int64_t b) {
    const std::int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

bool divides(Dim a, Dim b) {
    return b.is_static() && b.low != 0 && !(b.low == -1 && a.low == std::numeric_limits<std::int64_t>::min());
}

}  // namespace

Types infer(const Add&, Inputs inputs) { return numbers(inputs); }
Types infer(const Subtract&, Inputs inputs) { return numbers(inputs); }
Types infer(const Multiply&, Inputs inputs) { return numbers(inputs); }
Types infer(const Divide&, Inputs inputs) { return numbers(inputs); }
Types infer(const Maximum&, Inputs inputs) { return numbers(inputs); }
Types infer(const Minimum&, Inputs inputs) { return numbers(inputs); }
Types infer(const Power&, Inputs inputs) { return numbers(inputs); }
Types infer(const SquaredDifference&, Inputs inputs) { return numbers(inputs); }
Types infer(const Mod&, Inputs inputs) { return numbers(inputs); }
Types infer(const FloorMod&, Inputs inputs) { return numbers(inputs); }
Types infer(const Equal&, Inputs inputs) { return comparison(inputs); }
Types infer(const NotEqual&, Inputs inputs) { return comparison(inputs); }
Types infer(const Less&, Inputs inputs) { return comparison(inputs); }
Types infer(const LessEqual&, Inputs inputs) { return comparison(inputs); }
Types infer(const Greater&, Inputs inputs) { return comparison(inputs); }
Types infer(const GreaterEqual&, Inputs inputs) { return comparison(inputs); }
Types infer(const LogicalAnd&, Inputs inputs) { return booleans(inputs); }
Types infer(const LogicalOr&, Inputs inputs) { return booleans(inputs); }
Types infer(const LogicalXor&, Inputs inputs) { return booleans(inputs); }

Types infer(const PRelu&, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    want_number(inputs[0], "the operand");
    want_same_element(inputs[0], "the operand", inputs[1], "the slope");
    const Shape& data = inputs[0].shape();
    const Shape& slope = inputs[1].shape();
    const bool along_channels = slope.rank() == 1 && data.rank() > 1 && compatible(slope[0], data[1]);
    require(along_channels || broadcasts_to(slope, data), "the slope {} does not broadcast to {}", to_string(slope),
            to_string(data));
    return {*inputs[0].type};
}

Types infer(const Select&, Inputs inputs) {
    require_inputs(inputs, 3, 3);
    want_boolean(inputs[0], "the condition");
    want_same_element(inputs[1], "the first choice", inputs[2], "the second");
    return {{inputs[1].element(), broadcast(inputs[0].shape(), broadcast(inputs[1].shape(), inputs[2].shape()))}};
}

Partials partial(const Add&, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [](Dim a, Dim b) -> std::optional<Dim> {
        if (known(a, b)) return exact(a, b, [](auto x, auto y, auto* r) { return __builtin_add_overflow(x, y, r); });
        return number_sum(a, b);
    });
}

Partials partial(const Subtract&, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [](Dim a, Dim b) -> std::optional<Dim> {
        if (known(a, b)) return exact(a, b, [](auto x, auto y, auto* r) { return __builtin_sub_overflow(x, y, r); });
        if (!lengths(a, b) || b.high > a.low) return std::nullopt;
        return Dim(a.low - b.high, a.high == Dim::kUnbounded ? Dim::kUnbounded : a.high - b.low);
    });
}

Partials partial(const Multiply&, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [](Dim a, Dim b) -> std::optional<Dim> {
        if (known(a, b)) return exact(a, b, [](auto x, auto y, auto* r) { return __builtin_mul_overflow(x, y, r); });
        return lengths(a, b) ? std::optional(a * b) : std::nullopt;
    });
}

Partials partial(const Divide& op, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [&](Dim a, Dim b) -> std::optional<Dim> {
        if (!divides(a, b)) return std::nullopt;
        if (known(a, b)) return Dim(op.python ? floor_division(a.low, b.low) : a.low / b.low);
        if (!lengths(a, b)) return std::nullopt;
        return Dim(a.low / b.low, a.high == Dim::kUnbounded ? Dim::kUnbounded : a.high / b.low);
    });
}

Partials partial(const FloorMod&, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [](Dim a, Dim b) -> std::optional<Dim> {
        if (!known(a, b) || !divides(a, b)) return std::nullopt;
        return Dim(a.low - floor_division(a.low, b.low) * b.low);
    });
}

Partials partial(const Maximum&, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [](Dim a, Dim b) -> std::optional<Dim> {
        return Dim(std::max(a.low, b.low), std::max(a.high, b.high));
    });
}

Partials partial(const Minimum&, Inputs inputs, const Types& outputs) {
    return combine(inputs, outputs, [](Dim a, Dim b) -> std::optional<Dim> {
        return Dim(std::min(a.low, b.low), std::min(a.high, b.high));
    });
}

}  // namespace octet::ir
