#pragma once
/// Tensors: dense arrays in row-major order.
#include <cstdint>
#include <memory>
#include <octet/element_type.hpp>
#include <octet/partial_shape.hpp>
#include <type_traits>

namespace octet {

/// The element type that a C++ type stands for. For f16 and bf16, which C++20 has no type for, use data() without a type.
template <class T>
constexpr ElementType element_type_of() {
    using U = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<U, bool>) return ElementType::boolean;
    else if constexpr (std::is_same_v<U, float>) return ElementType::f32;
    else if constexpr (std::is_same_v<U, double>) return ElementType::f64;
    else {
        static_assert(std::is_integral_v<U>, "no element type for this C++ type");
        constexpr bool is_signed = std::is_signed_v<U>;
        if constexpr (sizeof(U) == 1) return is_signed ? ElementType::i8 : ElementType::u8;
        else if constexpr (sizeof(U) == 2) return is_signed ? ElementType::i16 : ElementType::u16;
        else if constexpr (sizeof(U) == 4) return is_signed ? ElementType::i32 : ElementType::u32;
        else return is_signed ? ElementType::i64 : ElementType::u64;
    }
}

/// A handle: copies share the same memory and shape. A request and a caller that hold the same tensor see each other's changes.
class Tensor {
public:
    Tensor() = default;  ///< empty: only operator bool and assignment are of use
    /// New memory, aligned to 64 bytes, contents zero.
    Tensor(ElementType type, const Shape& shape);
    /// A view of memory of the caller, which must outlive every use and be aligned to the size of an element; it is never freed here.
    /// Throws Error for a null pointer (unless there are no elements) or a misaligned one.
    Tensor(ElementType type, const Shape& shape, void* host_memory);

    explicit operator bool() const { return static_cast<bool>(impl_); }
    ElementType get_element_type() const;
    const Shape& get_shape() const;
    std::size_t get_size() const;       ///< elements
    std::size_t get_byte_size() const;  ///< bytes
    /// Another shape. Memory of its own grows when needed (pointers then change, contents are lost); throws Error where memory of
    /// the caller is too small.
    void set_shape(const Shape& shape);

    /// The first byte, whatever the element type.
    void* data() const;
    /// The first byte; throws Error unless elements are of this type.
    void* data(ElementType type) const;
    /// The first element; throws Error unless T stands for the element type (boolean can be read as bool or as std::uint8_t).
    template <class T>
    T* data() const {
        if constexpr (std::is_same_v<std::remove_cv_t<T>, std::uint8_t>)
            if (get_element_type() == ElementType::boolean) return static_cast<T*>(data());
        return static_cast<T*>(data(element_type_of<T>()));
    }
    /// Copies the contents, and the shape, into another tensor of the same element type; throws Error as set_shape does.
    void copy_to(Tensor target) const;
    bool is_continuous() const { return true; }
    /// Whether both are handles of the same tensor.
    bool operator==(const Tensor& other) const { return impl_ == other.impl_; }

    struct Impl;

private:
    const Impl& get() const;
    std::shared_ptr<Impl> impl_;
};

}  // namespace octet
