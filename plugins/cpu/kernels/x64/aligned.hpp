#pragma once
#include <cstddef>
#include <memory>
#include <type_traits>

#include "plugins/cpu/kernels/packed_memory.hpp"

namespace octet::cpu::x64 {

// `count` values at a cache line, beside what else kernels read.
template <class T>
class Aligned {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    Aligned() = default;
    explicit Aligned(std::size_t count) : memory_(packed_memory(count * sizeof(T))), count_(count) {}
    Aligned(Aligned&&) noexcept = default;
    Aligned& operator=(Aligned&&) noexcept = default;

    // Whether the values are there already, so that nothing has to be written; else they are zero.
    bool filled() const { return memory_.filled; }
    T* data() { return reinterpret_cast<T*>(memory_.get()); }
    const T* data() const { return reinterpret_cast<const T*>(memory_.get()); }
    std::size_t size() const { return count_; }
    T& operator[](std::size_t i) { return data()[i]; }
    const T& operator[](std::size_t i) const { return data()[i]; }

private:
    PackedMemory memory_;
    std::size_t count_ = 0;
};

}  // namespace octet::cpu::x64
