#include "ir/xml/attributes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "ir/support/check.hpp"

namespace octet::ir::xml {
namespace {

constexpr std::pair<Element, std::string_view> kPrecisions[] = {
    {Element::boolean, "BOOL"},
    {Element::bf16, "BF16"},
    {Element::f16, "FP16"},
    {Element::f32, "FP32"},
    {Element::f64, "FP64"},
    {Element::i4, "I4"},
    {Element::i8, "I8"},
    {Element::i16, "I16"},
    {Element::i32, "I32"},
    {Element::i64, "I64"},
    {Element::u1, "BIN"},
    {Element::u4, "U4"},
    {Element::u8, "U8"},
    {Element::u16, "U16"},
    {Element::u32, "U32"},
    {Element::u64, "U64"},
    {Element::undefined, "UNSPECIFIED"},
};

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const auto begin = text.find_first_not_of(kSpace);
    return begin == std::string_view::npos ? std::string_view()
                                           : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

Dim parse_dim(std::string_view text) {
    if (text == "?" || text == "-1") return {};
    const auto dots = text.find("..");
    if (dots == std::string_view::npos) {
        const std::int64_t value = parse_integer(text);
        require(value >= 0, "{} is no dimension", value);
        return value;
    }
    const auto bound = [](std::string_view part, std::int64_t otherwise) {
        return part.empty() || part == "?" ? otherwise : parse_integer(part);
    };
    const Dim dim(bound(text.substr(0, dots), 0), bound(text.substr(dots + 2), Dim::kUnbounded));
    require(dim.low >= 0 && dim.low <= dim.high, "'{}' is no dimension", text);
    return dim;
}

struct Parse {
    std::string_view text;
    bool operator()(bool* v) const { return set(*v, parse_bool(text)); }
    bool operator()(std::int64_t* v) const { return set(*v, parse_integer(text)); }
    bool operator()(double* v) const { return set(*v, parse_real(text)); }
    bool operator()(std::string* v) const { return set(*v, std::string(text)); }
    bool operator()(Element* v) const { return set(*v, parse_element(text)); }
    bool operator()(Shape* v) const { return set(*v, parse_shape(text)); }
    bool operator()(EnumRef v) const {
        // "caffe.PriorBoxParameter.CENTER_SIZE" is center_size.
        const std::string name = lower(trimmed(text.substr(text.find_last_of('.') + 1)));
        const auto found = std::ranges::find(v.names, name);
        if (found == v.names.end()) return false;
        return set(*v.value, static_cast<std::uint8_t>(found - v.names.begin()));
    }
    bool operator()(std::vector<std::int64_t>* v) const { return list(*v, parse_integer); }
    bool operator()(std::vector<double>* v) const { return list(*v, parse_real); }
    bool operator()(std::vector<std::string>* v) const {
        return list(*v, [](std::string_view part) { return std::string(part); });
    }
    template <class T>
    bool operator()(T*) const {
        throw InternalError("internal error: a field that no attribute holds was read from one");
    }

private:
    template <class T>
    static bool set(T& field, T value) {
        field = std::move(value);
        return true;
    }
    template <class T, class F>
    bool list(std::vector<T>& values, F parse) const {
        values.clear();
        for (auto part : split_list(text)) values.push_back(parse(part));
        return true;
    }
};

struct Format {
    template <class T, class F>
    static std::string list(const std::vector<T>& values, F text) {
        std::string result;
        for (const T& value : values) result += (result.empty() ? "" : ",") + text(value);
        return result;
    }
    std::string operator()(bool* v) const { return *v ? "true" : "false"; }
    std::string operator()(std::int64_t* v) const { return std::to_string(*v); }
    std::string operator()(double* v) const { return fmt::format("{}", *v); }
    std::string operator()(std::string* v) const { return *v; }
    std::string operator()(Element* v) const { return std::string(name_of(*v)); }
    std::string operator()(Shape* v) const { return format_shape(*v); }
    std::string operator()(EnumRef v) const { return std::string(v.names[*v.value]); }
    std::string operator()(std::vector<std::int64_t>* v) const {
        return list(*v, [](std::int64_t x) { return std::to_string(x); });
    }
    std::string operator()(std::vector<double>* v) const {
        return list(*v, [](double x) { return fmt::format("{}", x); });
    }
    std::string operator()(std::vector<std::string>* v) const {
        return list(*v, [](const std::string& x) { return x; });
    }
    template <class T>
    std::string operator()(T*) const {
        throw InternalError("internal error: a field that no attribute holds was written as one");
    }
};

}  // namespace

bool parse_bool(std::string_view text) {
    const std::string value = lower(trimmed(text));
    if (value == "true" || value == "1") return true;
    require(value == "false" || value == "0", "'{}' is neither true nor false", text);
    return false;
}

std::int64_t parse_integer(std::string_view text) {
    const std::string_view part = trimmed(text);
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), value);
    const std::string_view rest(end, static_cast<std::size_t>(part.data() + part.size() - end));
    const bool whole = rest.empty() || (rest[0] == '.' && rest.find_first_not_of('0', 1) == std::string_view::npos);
    require(status != std::errc::result_out_of_range, "{} is out of range", part);
    require(status == std::errc() && whole, "'{}' is not a whole number", text);
    return value;
}

double parse_real(std::string_view text) {
    std::string_view part = trimmed(text);
    if (part.starts_with('+')) part.remove_prefix(1);
    double value = 0;
    const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), value);
    require(status == std::errc() && end == part.data() + part.size(), "'{}' is not a number", text);
    return value;
}

Element parse_element(std::string_view text) {
    const std::string_view name = trimmed(text);
    for (const auto& [element, precision] : kPrecisions)
        if (name == precision || name == name_of(element)) return element;
    fail("unknown element type '{}'", text);
}

Shape parse_shape(std::string_view text) {
    if (trimmed(text) == "...") return Shape::unranked();
    std::vector<Dim> dims;
    for (auto part : split_list(text)) dims.push_back(parse_dim(part));
    return Shape(std::move(dims));
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> parts;
    if (trimmed(text).empty()) return parts;
    for (;;) {
        const auto comma = text.find(',');
        parts.push_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

std::vector<std::string> parse_names(std::string_view text) {
    std::vector<std::string> names;
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ',' || text[i + 1] == '\\')) {
            name += text[++i];
        } else if (text[i] == ',') {
            if (!name.empty()) names.push_back(std::move(name));
            name.clear();
        } else {
            name += text[i];
        }
    }
    if (!name.empty()) names.push_back(std::move(name));
    return names;
}

bool parse_field(FieldRef field, std::string_view text) { return std::visit(Parse{text}, field); }
std::string format_field(FieldRef field) { return std::visit(Format{}, field); }

std::string format_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        if (!text.empty()) text += ',';
        for (char c : name) {
            if (c == ',' || c == '\\') text += '\\';
            text += c;
        }
    }
    return text;
}

std::string format_shape(const Shape& shape) {
    if (!shape.ranked()) return "...";
    std::string text;
    for (Dim dim : shape.dims()) text += (text.empty() ? "" : ",") + to_string(dim);
    return text;
}

std::string_view precision_of(Element element) {
    return std::ranges::find(kPrecisions, element, &std::pair<Element, std::string_view>::first)->second;
}

}  // namespace octet::ir::xml
