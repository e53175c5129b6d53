#pragma once
/// Element types of tensors.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace octet {

enum class ElementType : std::uint8_t {
    undefined,
    boolean,
    bf16,
    f16,
    f32,
    f64,
    i4,
    i8,
    i16,
    i32,
    i64,
    u1,
    u4,
    u8,
    u16,
    u32,
    u64
};

namespace element {
inline constexpr ElementType undefined = ElementType::undefined;
inline constexpr ElementType boolean = ElementType::boolean;
inline constexpr ElementType bf16 = ElementType::bf16;
inline constexpr ElementType f16 = ElementType::f16;
inline constexpr ElementType f32 = ElementType::f32;
inline constexpr ElementType f64 = ElementType::f64;
inline constexpr ElementType i4 = ElementType::i4;
inline constexpr ElementType i8 = ElementType::i8;
inline constexpr ElementType i16 = ElementType::i16;
inline constexpr ElementType i32 = ElementType::i32;
inline constexpr ElementType i64 = ElementType::i64;
inline constexpr ElementType u1 = ElementType::u1;
inline constexpr ElementType u4 = ElementType::u4;
inline constexpr ElementType u8 = ElementType::u8;
inline constexpr ElementType u16 = ElementType::u16;
inline constexpr ElementType u32 = ElementType::u32;
inline constexpr ElementType u64 = ElementType::u64;
}  // namespace element

/// Short lower-case name: "f32", "i8", "boolean".
std::string_view name_of(ElementType type);
/// The type with this short name, if there is one.
std::optional<ElementType> element_type_named(std::string_view name);
/// Size of one element in bits: 1, 4, 8, 16, 32 or 64; 0 for undefined.
std::size_t bits_of(ElementType type);
/// Bytes that `count` elements take, rounded up to whole bytes.
std::size_t bytes_of(ElementType type, std::size_t count);
bool is_float(ElementType type);
bool is_integer(ElementType type);  ///< boolean excluded
bool is_signed(ElementType type);

}  // namespace octet
