#pragma once
/// Shapes: of tensors (all numbers) and of models (numbers, intervals, or unknown).
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace octet {

/// The extents of a tensor, outermost first; empty for a scalar.
class Shape : public std::vector<std::size_t> {
public:
    using std::vector<std::size_t>::vector;
    Shape() = default;
    /// Number of elements: the product of all extents, 1 for a scalar.
    std::size_t elements() const;
    std::string to_string() const;  ///< "[1,3,224,224]"
};
/// Number of elements of a tensor of this shape.
std::size_t shape_size(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// One extent of a model's shape: a number, or any number of an interval.
class Dimension {
public:
    using value_type = std::int64_t;
    /// Any number.
    Dimension() = default;
    /// This number; -1: any number. Throws Error for other negative numbers.
    Dimension(value_type length);
    /// Any number of [min, max]; max -1: no upper bound. Throws Error when the interval is empty.
    Dimension(value_type min, value_type max);
    static Dimension dynamic() { return {}; }

    bool is_static() const { return min_ == max_; }
    bool is_dynamic() const { return !is_static(); }
    value_type get_min_length() const { return min_; }
    value_type get_max_length() const { return max_; }  ///< -1 when there is no upper bound
    value_type get_length() const;                      ///< throws Error when dynamic
    bool allows(std::size_t extent) const;              ///< whether this extent lies in the interval
    std::string to_string() const;                      ///< "8", "?", "1..8", "2..?"
    bool operator==(const Dimension&) const = default;

private:
    value_type min_ = 0;
    value_type max_ = -1;
};
std::ostream& operator<<(std::ostream& out, const Dimension& dimension);

/// A model's shape: dimensions, or nothing known at all, not even the rank.
class PartialShape : public std::vector<Dimension> {
public:
    PartialShape() = default;  ///< a scalar
    PartialShape(std::initializer_list<Dimension> dimensions) : std::vector<Dimension>(dimensions) {}
    PartialShape(std::vector<Dimension> dimensions) : std::vector<Dimension>(std::move(dimensions)) {}
    PartialShape(const Shape& shape);
    /// "[1,3,?,1..8]" or without brackets; -1 stands for "?"; "..." or "[...]" for an unknown rank. Throws Error for other texts.
    explicit PartialShape(std::string_view text);
    explicit PartialShape(const char* text) : PartialShape(std::string_view(text)) {}
    explicit PartialShape(const std::string& text) : PartialShape(std::string_view(text)) {}
    static PartialShape dynamic();  ///< unknown rank

    bool rank_is_static() const { return ranked_; }
    bool is_static() const;
    bool is_dynamic() const { return !is_static(); }
    Shape to_shape() const;  ///< throws Error when dynamic
    Shape get_shape() const { return to_shape(); }
    Shape get_min_shape() const;            ///< lower bounds
    bool allows(const Shape& shape) const;  ///< whether a tensor of this shape goes here
    std::string to_string() const;          ///< "[1,3,?,1..8]", "[...]" when the rank is unknown
    bool operator==(const PartialShape& other) const;

private:
    bool ranked_ = true;
};
std::ostream& operator<<(std::ostream& out, const PartialShape& shape);

}  // namespace octet
