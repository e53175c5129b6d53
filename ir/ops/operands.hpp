#pragma once
// What `infer` and `partial` functions share: checks of operands, and arithmetic on numbers that are known within bounds only.
#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>

#include "ir/op.hpp"
#include "ir/support/check.hpp"

namespace octet::ir {

// A number of which nothing is known; as an entry of a Partial it may also be negative.
inline constexpr Dim kAnyNumber{std::numeric_limits<std::int64_t>::min(), Dim::kUnbounded};

inline void require_inputs(Inputs inputs, std::size_t least, std::size_t most) {
    if (least == most) require(inputs.size() == least, "got {} inputs, wanted {}", inputs.size(), least);
    require(inputs.size() >= least && inputs.size() <= most, "got {} inputs, wanted {} to {}", inputs.size(), least,
            most);
}

inline void require_integers(const Input& input, std::string_view what) {
    require(is_integer(input.element()), "{} is of type {}, wanted integers", what, name_of(input.element()));
}

// Dimension by dimension what both allow; `what` says whose shapes these are.
inline Dim merged(Dim a, Dim b) { return {std::max(a.low, b.low), std::min(a.high, b.high)}; }

inline void require_rank(const Shape& shape, std::size_t rank, std::string_view what) {
    require(!shape.ranked() || shape.rank() == rank, "{} has shape {}, wanted a rank of {}", what, to_string(shape),
            rank);
}

// The entries of a list operand: known ones, unknown ones where only their number is known; nullopt when not even that is.
inline std::optional<std::vector<Dim>> entries(const Input& input) {
    if (*input.partial) return **input.partial;
    if (const auto values = input.constant()) return std::vector<Dim>(values->begin(), values->end());
    const Shape& shape = input.shape();
    if (!shape.is_static() || shape.rank() > 1 || shape.elements() > kPartialLimit) return std::nullopt;
    return std::vector<Dim>(static_cast<std::size_t>(shape.elements()), kAnyNumber);
}

// The only number in an operand, when it is known.
inline std::optional<std::int64_t> known_number(const Input& input, std::string_view what) {
    const auto values = input.constant();
    if (!values) return std::nullopt;
    require(values->size() == 1, "{} has {} elements, wanted 1", what, values->size());
    return values->front();
}

// a + b for bounds that may be negative; stays within what an integer holds.
inline std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return a < 0 ? std::numeric_limits<std::int64_t>::min() : Dim::kUnbounded;
}
inline Dim number_sum(Dim a, Dim b) {
    const bool open = a.high == Dim::kUnbounded || b.high == Dim::kUnbounded;
    return {saturated_sum(a.low, b.low), open ? Dim::kUnbounded : saturated_sum(a.high, b.high)};
}
// A number as a dimension: never negative.
inline Dim as_dim(Dim number) {
    return {std::max<std::int64_t>(number.low, 0), std::max<std::int64_t>(number.high, 0)};
}

// The quotients of those of the numbers of `dim` that `divisor` divides.
inline Dim exact_quotient(Dim dim, std::int64_t divisor) {
    const std::int64_t high = dim.high == Dim::kUnbounded ? dim.high : dim.high / divisor;
    return {std::min(high, dim.low / divisor + (dim.low % divisor != 0)), high};
}

inline Partial make_partial(std::vector<Dim> numbers) {
    if (numbers.size() > static_cast<std::size_t>(kPartialLimit)) return nullptr;
    return std::make_shared<const std::vector<Dim>>(std::move(numbers));
}

}  // namespace octet::ir
