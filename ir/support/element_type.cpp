#include <octet/element_type.hpp>

#include <array>

namespace octet {
namespace {

struct Row {
    std::string_view name;
    std::size_t bits;
    char kind;  // b boolean, f float, i signed, u unsigned, - none
};
constexpr std::array kRows{Row{"undefined", 0, '-'}, Row{"boolean", 8, 'b'}, Row{"bf16", 16, 'f'}, Row{"f16", 16, 'f'},
                           Row{"f32", 32, 'f'},      Row{"f64", 64, 'f'},    Row{"i4", 4, 'i'},    Row{"i8", 8, 'i'},
                           Row{"i16", 16, 'i'},      Row{"i32", 32, 'i'},    Row{"i64", 64, 'i'},  Row{"u1", 1, 'u'},
                           Row{"u4", 4, 'u'},        Row{"u8", 8, 'u'},      Row{"u16", 16, 'u'},  Row{"u32", 32, 'u'},
                           Row{"u64", 64, 'u'}};

const Row& row(ElementType type) { return kRows[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view name_of(ElementType type) { return row(type).name; }

std::optional<ElementType> element_type_named(std::string_view name) {
    for (std::size_t i = 0; i < kRows.size(); ++i)
        if (kRows[i].name == name) return static_cast<ElementType>(i);
    return std::nullopt;
}

std::size_t bits_of(ElementType type) { return row(type).bits; }
std::size_t bytes_of(ElementType type, std::size_t count) { return (count * row(type).bits + 7) / 8; }
bool is_float(ElementType type) { return row(type).kind == 'f'; }
bool is_integer(ElementType type) { return row(type).kind == 'i' || row(type).kind == 'u'; }
bool is_signed(ElementType type) { return row(type).kind == 'i' || row(type).kind == 'f'; }

}  // namespace octet
