#include "tools/support/npy.hpp"

#include <array>
#include <charconv>
#include <ostream>
#include <string_view>

#include "ir/support/mapped_file.hpp"
#include "tools/support/files.hpp"

namespace octet::tools {
namespace {

using ir::Element;

constexpr std::string_view kMagic = "\x93NUMPY";

struct ElementName {
    std::string_view descr;
    Element element;
};
constexpr std::array<ElementName, 12> kNames{{{"<f2", Element::f16},
                                              {"<f4", Element::f32},
                                              {"<f8", Element::f64},
                                              {"|i1", Element::i8},
                                              {"<i2", Element::i16},
                                              {"<i4", Element::i32},
                                              {"<i8", Element::i64},
                                              {"|u1", Element::u8},
                                              {"<u2", Element::u16},
                                              {"<u4", Element::u32},
                                              {"<u8", Element::u64},
                                              {"|b1", Element::boolean}}};

// The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }
class Header {
public:
    Header(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

    Element element() const {
        std::string_view value = after("'descr'");
        const std::size_t end = value.substr(0, 1) == "'" ? value.find('\'', 1) : std::string_view::npos;
        if (end == std::string_view::npos) ir::fail("'{}': an array of structures is not supported", file_);
        value = value.substr(1, end - 1);
        for (const ElementName& name : kNames)
            if (name.descr == value) return name.element;
        ir::fail("'{}': element type '{}' is not supported", file_, value);
    }

    void require_row_major() const {
        ir::require(after("'fortran_order'").starts_with("False"),
                    "'{}': the array is in column-major order, wanted row-major", file_);
    }

    ir::Dims dims() const {
        std::string_view value = after("'shape'");
        const std::size_t end = value.find(')');
        ir::require(value.starts_with('(') && end != std::string_view::npos, "'{}': the header has no shape", file_);
        ir::Dims dims;
        const char* at = value.data() + 1;
        const char* const stop = value.data() + end;
        while (at != stop) {
            if (*at == ' ' || *at == ',' || *at == 'L') {
                ++at;
                continue;
            }
            std::int64_t number = 0;
            const auto [next, error] = std::from_chars(at, stop, number);
            ir::require(error == std::errc{} && number >= 0, "'{}': '{}' is no shape", file_, value.substr(0, end + 1));
            dims.push_back(number);
            at = next;
        }
        return dims;
    }

private:
    std::string_view after(std::string_view key) const {
        std::size_t at = text_.find(key);
        ir::require(at != std::string_view::npos, "'{}': the header has no {}", file_, key);
        at = text_.find_first_not_of(" :", at + key.size());
        return at == std::string_view::npos ? std::string_view() : text_.substr(at);
    }
    std::string_view text_;
    std::string file_;
};

void check_size(const ir::Dims& dims, Element element, std::size_t limit, const std::string& file) {
    std::uint64_t count = 1;
    for (const std::int64_t d : dims) {
        const bool overflow = __builtin_mul_overflow(count, static_cast<std::uint64_t>(d), &count);
        ir::require(!overflow && count <= SIZE_MAX / 8, "'{}': shape {} is too large", file, ir::to_string(dims));
    }
    ir::require(bytes_of(element, count) <= limit, "'{}': {}{} takes {} bytes, the file holds {}", file,
                name_of(element), ir::to_string(dims), bytes_of(element, count), limit);
}

}  // namespace

ir::Tensor read_npy(const std::filesystem::path& path) {
    const ir::Bytes bytes = ir::map_file(path);
    const std::string file = path.string();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data), bytes.size);
    ir::require(text.starts_with(kMagic) && text.size() >= 10, "'{}': it is not a .npy file", file);
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
    const std::size_t version = byte(6);
    ir::require(version >= 1 && version <= 3, "'{}': version {} of the format is not known", file, version);
    const std::size_t prefix = version == 1 ? 10 : 12;
    ir::require(text.size() >= prefix, "'{}': the file ends within its header", file);
    const std::size_t length = version == 1 ? byte(8) | byte(9) << 8
                                            : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
    ir::require(text.size() - prefix >= length, "'{}': the file ends within its header", file);
    const Header header(text.substr(prefix, length), file);
    header.require_row_major();
    const Element element = header.element();
    ir::Dims dims = header.dims();
    check_size(dims, element, text.size() - prefix - length, file);
    return ir::Tensor(element, std::move(dims), bytes.data + prefix + length, bytes.owner).aligned();
}

void write_npy(const std::filesystem::path& file, Element element, const ir::Dims& dims, const void* data) {
    std::string_view descr;
    for (const ElementName& name : kNames)
        if (name.element == element) descr = name.descr;
    ir::require(!descr.empty(), "'{}': a .npy file cannot hold {}", file.string(), name_of(element));
    std::string shape;
    for (const std::int64_t d : dims) shape += fmt::format("{}, ", d);
    if (dims.size() > 1) shape.resize(shape.size() - 2);
    std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
    constexpr std::size_t kPrefix = 10, kAlignment = 64;
    header.resize((header.size() + 1 + kPrefix + kAlignment - 1) / kAlignment * kAlignment - kPrefix, ' ');
    header.back() = '\n';
    write_file(file, [&](std::ostream& out) {
        const char start[] = {1, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
        out.write(kMagic.data(), static_cast<std::streamsize>(kMagic.size())).write(start, sizeof start);
        out.write(header.data(), static_cast<std::streamsize>(header.size()));
        std::size_t count = 1;
        for (const std::int64_t d : dims) count *= static_cast<std::size_t>(d);
        out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes_of(element, count)));
    });
}

}  // namespace octet::tools
