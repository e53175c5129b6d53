#include <algorithm>
#include <charconv>
#include <octet/partial_shape.hpp>

#include "ir/support/check.hpp"

namespace octet {

using ir::fail;
using ir::require;

namespace {

std::string_view trimmed(std::string_view text) {
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

Dimension::value_type bound(std::string_view text, std::string_view whole) {
    Dimension::value_type value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(status == std::errc() && end == text.data() + text.size(),
            "'{}' is not a shape, wanted one like [1,3,?,1..8]", whole);
    return value;
}

Dimension dimension(std::string_view text, std::string_view whole) {
    if (text == "?") return {};
    const auto dots = text.find("..");
    if (dots == std::string_view::npos) return {bound(text, whole)};
    const auto high = trimmed(text.substr(dots + 2));
    return {bound(trimmed(text.substr(0, dots)), whole), high == "?" || high.empty() ? -1 : bound(high, whole)};
}

}  // namespace

std::size_t Shape::elements() const {
    std::size_t count = 1;
    for (const std::size_t extent : *this) count *= extent;
    return count;
}

std::string Shape::to_string() const { return PartialShape(*this).to_string(); }
std::size_t shape_size(const Shape& shape) { return shape.elements(); }
std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.to_string(); }

Dimension::Dimension(value_type length) : min_(length == -1 ? 0 : length), max_(length) {
    require(length >= -1, "a dimension is {}, wanted -1 or more", length);
}

Dimension::Dimension(value_type min, value_type max) : min_(min), max_(max) {
    require(min >= 0 && (max == -1 || max >= min), "a dimension of {}..{}, wanted an interval from 0 up", min, max);
}

Dimension::value_type Dimension::get_length() const {
    require(is_static(), "the length of the dynamic dimension {} was asked for", to_string());
    return min_;
}

bool Dimension::allows(std::size_t extent) const {
    const auto value = static_cast<value_type>(extent);
    return value >= min_ && (max_ == -1 || value <= max_);
}

std::string Dimension::to_string() const {
    if (is_static()) return std::to_string(min_);
    if (min_ == 0 && max_ == -1) return "?";
    return std::to_string(min_) + ".." + (max_ == -1 ? "?" : std::to_string(max_));
}

std::ostream& operator<<(std::ostream& out, const Dimension& d) { return out << d.to_string(); }

PartialShape::PartialShape(const Shape& shape) {
    for (const std::size_t extent : shape) emplace_back(static_cast<Dimension::value_type>(extent));
}

PartialShape::PartialShape(std::string_view text) {
    std::string_view inside = trimmed(text);
    if (!inside.empty() && inside.front() == '[') {
        require(inside.back() == ']', "'{}' is not a shape, wanted one like [1,3,?,1..8]", text);
        inside = trimmed(inside.substr(1, inside.size() - 2));
    }
    if (inside == "...") {
        ranked_ = false;
        return;
    }
    while (!inside.empty()) {
        const auto comma = inside.find(',');
        push_back(dimension(trimmed(inside.substr(0, comma)), text));
        if (comma == std::string_view::npos) return;
        inside.remove_prefix(comma + 1);
        require(!trimmed(inside).empty(), "'{}' is not a shape, wanted one like [1,3,?,1..8]", text);
    }
}

PartialShape PartialShape::dynamic() {
    PartialShape shape;
    shape.ranked_ = false;
    return shape;
}

bool PartialShape::is_static() const { return ranked_ && std::ranges::all_of(*this, &Dimension::is_static); }

Shape PartialShape::to_shape() const {
    require(is_static(), "the shape {} is dynamic, wanted a static one", to_string());
    return get_min_shape();
}

Shape PartialShape::get_min_shape() const {
    Shape shape;
    for (const Dimension& d : *this) shape.push_back(static_cast<std::size_t>(d.get_min_length()));
    return shape;
}

bool PartialShape::allows(const Shape& shape) const {
    if (!ranked_) return true;
    return std::ranges::equal(*this, shape, [](const Dimension& d, std::size_t extent) { return d.allows(extent); });
}

std::string PartialShape::to_string() const {
    if (!ranked_) return "[...]";
    std::string text = "[";
    for (const Dimension& d : *this) text += (text.size() > 1 ? "," : "") + d.to_string();
    return text + "]";
}

bool PartialShape::operator==(const PartialShape& other) const {
    return ranked_ == other.ranked_ && std::ranges::equal(*this, other);
}

std::ostream& operator<<(std::ostream& out, const PartialShape& shape) { return out << shape.to_string(); }

}  // namespace octet
