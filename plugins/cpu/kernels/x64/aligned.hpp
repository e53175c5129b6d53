#pragma once
#include <cstddef>
#include <memory>
#include <type_traits>

#include "plugins/cpu/kernels/packed_memory.hpp"

namespace octet::cpu::x64 {

// `count` zeroed values at a cache line, beside what else kernels read.
template <class T>
class Aligned {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    Aligned() = default;
    explicit Aligned(std::size_t count) : data_(packed_memory(count * sizeof(T))), count_(count) {}
    Aligned(Aligned&&) noexcept = default;
    Aligned& operator=(Aligned&&) noexcept = default;

    T* data() { return reinterpret_cast<T*>(data_.get()); }
    const T* data() const { return reinterpret_cast<const T*>(data_.get()); }
    std::size_t size() const { return count_; }
    T& operator[](std::size_t i) { return data()[i]; }
    const T& operator[](std::size_t i) const { return data()[i]; }

private:
    std::shared_ptr<std::byte> data_;
    std::size_t count_ = 0;
};

}  // namespace octet::cpu::x64
