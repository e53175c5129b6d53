#include <octet/tensor.hpp>

#include <algorithm>
#include <cstring>
#include <new>

#include "ir/support/check.hpp"

namespace octet {

using ir::require;

struct Tensor::Impl {
    static constexpr std::align_val_t kAlignment{64};

    ElementType type = ElementType::undefined;
    Shape shape;
    std::size_t bytes = 0;
    std::size_t capacity = 0;
    void* memory = nullptr;
    bool owner = false;

    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        if (owner) ::operator delete(memory, kAlignment);
    }

    // At least one byte, so that a tensor without elements has a place too.
    void allocate(std::size_t wanted) {
        void* fresh = ::operator new(std::max<std::size_t>(wanted, 1), kAlignment, std::nothrow);
        require(fresh != nullptr, "there is not enough memory for a tensor of {} bytes", wanted);
        std::memset(fresh, 0, wanted);
        if (owner) ::operator delete(memory, kAlignment);
        memory = fresh;
        owner = true;
        capacity = wanted;
    }
};

namespace {

std::size_t checked_bytes(ElementType type, const Shape& shape) {
    require(type != ElementType::undefined, "a tensor needs an element type");
    std::size_t count = 1;
    for (const std::size_t extent : shape)
        require(!__builtin_mul_overflow(count, extent, &count) && count <= SIZE_MAX / 64,
                "a tensor of shape {} is too large", shape.to_string());
    return bytes_of(type, count);
}

}  // namespace

Tensor::Tensor(ElementType type, const Shape& shape) : impl_(std::make_shared<Impl>()) {
    impl_->type = type;
    impl_->shape = shape;
    impl_->bytes = checked_bytes(type, shape);
    impl_->allocate(impl_->bytes);
}

Tensor::Tensor(ElementType type, const Shape& shape, void* host_memory) : impl_(std::make_shared<Impl>()) {
    impl_->type = type;
    impl_->shape = shape;
    impl_->bytes = impl_->capacity = checked_bytes(type, shape);
    require(host_memory || impl_->bytes == 0, "a tensor over a null pointer, wanted {} bytes", impl_->bytes);
    const std::size_t alignment = std::max<std::size_t>(bits_of(type) / 8, 1);
    require(reinterpret_cast<std::uintptr_t>(host_memory) % alignment == 0,
            "the memory of a tensor of {} is not aligned to {} bytes", name_of(type), alignment);
    impl_->memory = host_memory;
}

const Tensor::Impl& Tensor::get() const {
    require(impl_ != nullptr, "the tensor is empty");
    return *impl_;
}

ElementType Tensor::get_element_type() const { return get().type; }
const Shape& Tensor::get_shape() const { return get().shape; }
std::size_t Tensor::get_size() const { return get().shape.elements(); }
std::size_t Tensor::get_byte_size() const { return get().bytes; }
void* Tensor::data() const { return get().memory; }

void Tensor::set_shape(const Shape& shape) {
    const std::size_t bytes = checked_bytes(get().type, shape);
    if (bytes > impl_->capacity) {
        require(impl_->owner, "shape {} takes {} bytes, the memory of the tensor has {}", shape.to_string(), bytes,
                impl_->capacity);
        impl_->allocate(bytes);
    }
    impl_->shape = shape;
    impl_->bytes = bytes;
}

void* Tensor::data(ElementType type) const {
    require(get().type == type, "the elements of a tensor of {} were asked for as {}", name_of(get().type),
            name_of(type));
    return impl_->memory;
}

void Tensor::copy_to(Tensor target) const {
    require(get().type == target.get().type, "a tensor of {} copied to one of {}", name_of(get().type),
            name_of(target.get().type));
    target.set_shape(get().shape);
    std::memmove(target.impl_->memory, impl_->memory, impl_->bytes);
}

}  // namespace octet
