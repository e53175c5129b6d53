#pragma once
// Checks of operands and their element types that several families share.
#include <string_view>

#include "ir/ops/operands.hpp"

namespace octet::ir {

inline void want_float(const Input& input, std::string_view what) {
    require(is_float(input.element()), "{} is {}, wanted a float type", what, name_of(input.element()));
}
inline void want_number(const Input& input, std::string_view what) {
    require(is_float(input.element()) || is_integer(input.element()), "{} is {}, wanted a number type", what,
            name_of(input.element()));
}
inline void want_boolean(const Input& input, std::string_view what) {
    require(input.element() == Element::boolean, "{} is {}, wanted boolean", what, name_of(input.element()));
}
inline void want_same_element(const Input& a, std::string_view a_name, const Input& b, std::string_view b_name) {
    require(a.element() == b.element(), "{} is {}, {} is {}, wanted the same type", a_name, name_of(a.element()),
            b_name, name_of(b.element()));
}
// A tensor of one element, of any rank.
inline void want_one_element(const Input& input, std::string_view what) {
    for (Dim d : input.shape().dims())
        require(compatible(d, Dim(1)), "{} has the shape {}, wanted one element", what, to_string(input.shape()));
}
// Whether b broadcasts to a without making it larger.
inline bool broadcasts_to(const Shape& b, const Shape& a) {
    if (!a.ranked() || !b.ranked()) return true;
    bool fits = b.rank() <= a.rank();
    for (std::size_t i = 0; fits && i < b.rank(); ++i)
        fits = b[i] == Dim(1) || compatible(b[i], a[a.rank() - b.rank() + i]);
    return fits;
}

// The axes an operand gives, as numbers of 0..rank-1; nothing when they are not known.
std::optional<std::vector<std::size_t>> known_axes(const Input& axes, std::size_t rank);

}  // namespace octet::ir
