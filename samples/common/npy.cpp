#include "samples/common/npy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <octet/error.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "samples/common/files.hpp"

namespace octet::samples {

namespace {

struct TypeCode {
    std::string_view code;  // as NumPy spells it, without the byte order
    ElementType element;
};
constexpr std::array kTypeCodes{
    TypeCode{"f4", ElementType::f32}, TypeCode{"f2", ElementType::f16}, TypeCode{"f8", ElementType::f64},
    TypeCode{"u1", ElementType::u8},  TypeCode{"i1", ElementType::i8},  TypeCode{"u2", ElementType::u16},
    TypeCode{"i2", ElementType::i16}, TypeCode{"u4", ElementType::u32}, TypeCode{"i4", ElementType::i32},
    TypeCode{"u8", ElementType::u64}, TypeCode{"i8", ElementType::i64}, TypeCode{"b1", ElementType::boolean},
};

constexpr std::string_view kMagic{"\x93NUMPY", 6};

// The text between the quotes, or brackets, that follow the key in the header's dictionary.
std::optional<std::string_view> entry(std::string_view header, std::string_view key, char open, char close) {
    const auto at = header.find(fmt::format("'{}'", key));
    if (at == std::string_view::npos) return std::nullopt;
    const auto begin = header.find(open, header.find(':', at));
    const auto end = begin == std::string_view::npos ? begin : header.find(close, begin + 1);
    if (end == std::string_view::npos) return std::nullopt;
    return header.substr(begin + 1, end - begin - 1);
}

std::optional<std::vector<std::size_t>> extents(std::string_view text) {
    std::vector<std::size_t> shape;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
        if (text.empty()) return shape;
        std::size_t extent = 0;
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), extent);
        if (status != std::errc()) return std::nullopt;
        shape.push_back(extent);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
}

// The number of bytes of such an array; nothing when it is more than an address can hold.
std::optional<std::size_t> byte_count(ElementType element, const std::vector<std::size_t>& shape) {
    std::size_t count = 1;
    for (std::size_t extent : shape)
        if (__builtin_mul_overflow(count, extent, &count)) return std::nullopt;
    if (__builtin_mul_overflow(count, bits_of(element) / 8, &count)) return std::nullopt;
    return count;
}

struct Header {
    std::string_view text;
    std::size_t data_offset = 0;
};

std::optional<Header> header_of(std::span<const std::byte> bytes) {
    if (bytes.size() < 12 || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
    const bool wide = std::to_integer<int>(bytes[6]) >= 2;  // from version 2 on the length has four bytes
    const std::size_t begin = wide ? 12 : 10;
    std::size_t length = 0;
    for (std::size_t i = begin; i > 8; --i) length = length << 8 | std::to_integer<std::size_t>(bytes[i - 1]);
    if (length > bytes.size() - begin) return std::nullopt;
    return Header{{reinterpret_cast<const char*>(bytes.data()) + begin, length}, begin + length};
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& file) {
    auto bytes = read_file(file);
    const auto fail = [&](const std::string& what) { throw Error(fmt::format("'{}': {}", file.string(), what)); };
    const auto header = header_of(bytes);
    if (!header) fail("not a NumPy array file");
    const auto code = entry(header->text, "descr", '\'', '\'');
    const auto shape = entry(header->text, "shape", '(', ')');
    const auto parsed = shape ? extents(*shape) : std::nullopt;
    if (!code || code->size() < 2 || !parsed) fail("header without 'descr' and 'shape'");
    if (header->text.find("'fortran_order': True") != std::string_view::npos) fail("got Fortran order, wanted C order");

    const auto known = std::ranges::find(kTypeCodes, code->substr(1), &TypeCode::code);
    if (known == kTypeCodes.end() || code->front() == '>')
        fail(fmt::format("element type '{}' is not supported", *code));
    const auto wanted = byte_count(known->element, *parsed);
    const std::size_t got = bytes.size() - header->data_offset;
    if (!wanted || got != *wanted)
        fail(fmt::format("got {} bytes of data, wanted {} of {} [{}]", got, wanted.value_or(0), name_of(known->element),
                         fmt::join(*parsed, ",")));

    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header->data_offset));
    return {known->element, *parsed, std::move(bytes)};
}

}  // namespace octet::samples
