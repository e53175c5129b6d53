#pragma once
// What is known of a value before it exists: element type and shape, whose dimensions may be unknown within bounds.
#include <cstdint>
#include <limits>
#include <memory>
#include <octet/element_type.hpp>
#include <string>
#include <vector>

namespace octet::ir {

using Element = octet::ElementType;
using Dims = std::vector<std::int64_t>;

// A dimension: one number, or any number of an interval.
struct Dim {
    static constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
    std::int64_t low = 0;
    std::int64_t high = kUnbounded;
    constexpr Dim() = default;
    constexpr Dim(std::int64_t value) : low(value), high(value) {}  // a number is a dimension
    constexpr Dim(std::int64_t from, std::int64_t to) : low(from), high(to) {}
    constexpr bool is_static() const { return low == high; }
    constexpr bool operator==(const Dim&) const = default;
};
Dim operator+(Dim a, Dim b);
Dim operator*(Dim a, Dim b);
// Whether some number lies in both.
bool compatible(Dim a, Dim b);
std::string to_string(Dim dim);  // "8", "?", "1..8", "2..?"

// A shape: dimensions, or nothing known at all (not even the rank).
class Shape {
public:
    Shape() = default;  // a scalar
    Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
    explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
    explicit Shape(const Dims& dims) : dims_(dims.begin(), dims.end()) {}
    static Shape of_rank(std::size_t rank) { return Shape(std::vector<Dim>(rank)); }
    static Shape unranked();

    bool ranked() const { return ranked_; }
    bool is_static() const;
    std::size_t rank() const { return dims_.size(); }  // 0 when not ranked
    const std::vector<Dim>& dims() const { return dims_; }
    Dim operator[](std::size_t axis) const { return dims_[axis]; }
    Dim& operator[](std::size_t axis) { return dims_[axis]; }
    Dims sizes() const;             // all dimensions; throws InternalError unless static
    std::int64_t elements() const;  // their product; throws InternalError unless static
    bool operator==(const Shape&) const = default;

private:
    std::vector<Dim> dims_;
    bool ranked_ = true;
};
bool compatible(const Shape& a, const Shape& b);
std::string to_string(const Shape& shape);  // "[1,3,?,1..8]", "[...]" when the rank is unknown
std::string to_string(const Dims& dims);
std::int64_t product(const Dims& dims);
// An axis of -rank..rank-1 as one of 0..rank-1; throws Error otherwise.
std::size_t normalise_axis(std::int64_t axis, std::size_t rank);
// Result shape of numpy broadcasting; throws Error when the shapes do not go together.
Shape broadcast(const Shape& a, const Shape& b);

struct Type {
    Element element = Element::undefined;
    Shape shape = {};
    bool operator==(const Type&) const = default;
};
using Types = std::vector<Type>;
std::string to_string(const Type& type);  // "f32[1,3]"

// What is known of the numbers in a small integer tensor (at most 64 elements); null: nothing. Shape arithmetic lives on it.
using Partial = std::shared_ptr<const std::vector<Dim>>;
using Partials = std::vector<Partial>;
inline constexpr std::int64_t kPartialLimit = 64;

}  // namespace octet::ir
