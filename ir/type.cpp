#include "ir/type.hpp"

#include <algorithm>

#include "ir/support/check.hpp"

namespace octet::ir {
namespace {

std::int64_t add_saturated(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    return a == Dim::kUnbounded || b == Dim::kUnbounded || __builtin_add_overflow(a, b, &sum) ? Dim::kUnbounded : sum;
}

std::int64_t multiply_saturated(std::int64_t a, std::int64_t b) {
    if (a == 0 || b == 0) return 0;
    std::int64_t result = 0;
    return a == Dim::kUnbounded || b == Dim::kUnbounded || __builtin_mul_overflow(a, b, &result) ? Dim::kUnbounded
                                                                                                 : result;
}

Dim broadcast(Dim a, Dim b) {
    if (a == Dim(1)) return b;
    if (b == Dim(1)) return a;
    if (a.is_static() && b.is_static()) {
        require(a == b, "dimensions {} and {} do not broadcast", a.low, b.low);
        return a;
    }
    // An unknown dimension beside a known one above 1 must equal it or be 1.
    if (a.is_static()) return a;
    if (b.is_static()) return b;
    return a.low > 1 ? a : b.low > 1 ? b : Dim(std::max(a.low, b.low), std::max(a.high, b.high));
}

}  // namespace

Dim operator+(Dim a, Dim b) { return {add_saturated(a.low, b.low), add_saturated(a.high, b.high)}; }
Dim operator*(Dim a, Dim b) { return {multiply_saturated(a.low, b.low), multiply_saturated(a.high, b.high)}; }
bool compatible(Dim a, Dim b) { return a.low <= b.high && b.low <= a.high; }

std::string to_string(Dim dim) {
    if (dim.is_static()) return std::to_string(dim.low);
    if (dim == Dim()) return "?";
    return std::to_string(dim.low) + ".." + (dim.high == Dim::kUnbounded ? "?" : std::to_string(dim.high));
}

Shape Shape::unranked() {
    Shape shape;
    shape.ranked_ = false;
    return shape;
}

bool Shape::is_static() const {
    return ranked_ && std::ranges::all_of(dims_, [](Dim d) { return d.is_static(); });
}

Dims Shape::sizes() const {
    check(is_static(), "the shape {} is not static", to_string(*this));
    Dims sizes(dims_.size());
    std::ranges::transform(dims_, sizes.begin(), [](Dim d) { return d.low; });
    return sizes;
}

std::int64_t Shape::elements() const { return product(sizes()); }

bool compatible(const Shape& a, const Shape& b) {
    if (!a.ranked() || !b.ranked()) return true;
    if (a.rank() != b.rank()) return false;
    for (std::size_t i = 0; i < a.rank(); ++i)
        if (!compatible(a[i], b[i])) return false;
    return true;
}

std::string to_string(const Shape& shape) {
    if (!shape.ranked()) return "[...]";
    std::string text = "[";
    for (std::size_t i = 0; i < shape.rank(); ++i) text += (i ? "," : "") + to_string(shape[i]);
    return text + "]";
}

std::string to_string(const Dims& dims) { return to_string(Shape(dims)); }

std::int64_t product(const Dims& dims) {
    std::int64_t result = 1;
    for (std::int64_t d : dims) result = multiply_saturated(result, d);
    return result;
}

std::size_t normalise_axis(std::int64_t axis, std::size_t rank) {
    const auto r = static_cast<std::int64_t>(rank);
    require(axis >= -r && axis < r, "axis {} is not within a rank of {}", axis, rank);
    return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

Shape broadcast(const Shape& a, const Shape& b) {
    if (!a.ranked() || !b.ranked()) return Shape::unranked();
    const std::size_t rank = std::max(a.rank(), b.rank());
    Shape result = Shape::of_rank(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        const Dim x = i + a.rank() < rank ? Dim(1) : a[i + a.rank() - rank];
        const Dim y = i + b.rank() < rank ? Dim(1) : b[i + b.rank() - rank];
        result[i] = broadcast(x, y);
    }
    return result;
}

std::string to_string(const Type& type) { return std::string(name_of(type.element)) + to_string(type.shape); }

}  // namespace octet::ir
