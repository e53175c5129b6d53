#pragma once
// A tensor with contents: an immutable view of shared storage (a mapped file, or memory of its own).
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/support/check.hpp"
#include "ir/support/float16.hpp"
#include "ir/type.hpp"

namespace octet::ir {

template <class T>
constexpr Element element_of();
template <>
constexpr Element element_of<bool>() {
    return Element::boolean;
}
template <>
constexpr Element element_of<float16>() {
    return Element::f16;
}
template <>
constexpr Element element_of<bfloat16>() {
    return Element::bf16;
}
template <>
constexpr Element element_of<float>() {
    return Element::f32;
}
template <>
constexpr Element element_of<double>() {
    return Element::f64;
}
template <>
constexpr Element element_of<std::int8_t>() {
    return Element::i8;
}
template <>
constexpr Element element_of<std::int16_t>() {
    return Element::i16;
}
template <>
constexpr Element element_of<std::int32_t>() {
    return Element::i32;
}
template <>
constexpr Element element_of<std::int64_t>() {
    return Element::i64;
}
template <>
constexpr Element element_of<std::uint8_t>() {
    return Element::u8;
}
template <>
constexpr Element element_of<std::uint16_t>() {
    return Element::u16;
}
template <>
constexpr Element element_of<std::uint32_t>() {
    return Element::u32;
}
template <>
constexpr Element element_of<std::uint64_t>() {
    return Element::u64;
}

class Tensor {
public:
    Tensor() = default;  // undefined, no elements
    // New memory, 64-byte aligned, zeroed. It may be written through `write` until the tensor is shared. Throws Error where there is
    // not so much.
    Tensor(Element element, Dims dims);
    // A view of `bytes_of(element, product(dims))` bytes at `data`, kept alive by `owner`. Any alignment.
    Tensor(Element element, Dims dims, const std::byte* data, std::shared_ptr<const void> owner);

    template <class T>
    static Tensor of(Dims dims, std::span<const T> values) {
        Tensor t(element_of<T>(), std::move(dims));
        check(t.size() == values.size(), "{} values for {}", values.size(), to_string(t.dims()));
        std::ranges::copy(values, t.write<T>().begin());
        return t;
    }
    template <class T>
    static Tensor vector(const std::vector<T>& values) {
        return of<T>({static_cast<std::int64_t>(values.size())}, std::span<const T>(values));
    }
    template <class T>
    static Tensor scalar(T value) {
        return of<T>({}, std::span<const T>(&value, 1));
    }
    static Tensor filled(Element element, Dims dims, double value);

    Element element() const { return element_; }
    const Dims& dims() const { return dims_; }
    Type type() const { return {element_, Shape(dims_)}; }
    std::size_t size() const { return size_; }  // elements
    std::size_t bytes() const { return bytes_of(element_, size_); }
    std::span<const std::byte> raw() const { return {data_, bytes()}; }
    const std::byte* data() const { return data_; }
    std::span<std::byte> write_raw();  // only of memory made by Tensor(element, dims)
    const std::shared_ptr<const void>& owner() const { return owner_; }

    // The elements, which must be of type T and aligned (see `aligned`).
    template <class T>
    std::span<const T> as() const {
        check(element_of<T>() == element_, "a tensor of {} read as {}", name_of(element_), name_of(element_of<T>()));
        check(reinterpret_cast<std::uintptr_t>(data_) % alignof(T) == 0, "a tensor is not aligned");
        return {reinterpret_cast<const T*>(data_), size_};
    }
    template <class T>
    std::span<T> write() {
        check(element_of<T>() == element_, "a tensor of {} written as {}", name_of(element_), name_of(element_of<T>()));
        return {reinterpret_cast<T*>(write_raw().data()), size_};
    }
    Tensor aligned() const;            // this, or a copy where the data does not lie on a multiple of its element size
    Tensor reshaped(Dims dims) const;  // same elements
    Tensor converted(
        Element element) const;  // values converted: floats truncate towards zero, what is out of range saturates
    double at(std::size_t index) const;                // any element type, any alignment
    std::int64_t integer_at(std::size_t index) const;  // without the rounding of a double
    std::vector<float> floats() const;
    std::vector<std::int64_t> integers() const;

    bool operator==(const Tensor& other) const;  // type and bytes
    std::size_t hash() const;

private:
    Element element_ = Element::undefined;
    Dims dims_;
    std::size_t size_ = 0;
    const std::byte* data_ = nullptr;
    std::shared_ptr<const void> owner_;
    bool writable_ = false;
};

using Tensors = std::vector<Tensor>;

}  // namespace octet::ir
