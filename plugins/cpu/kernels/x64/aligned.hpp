#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace octet::cpu::x64 {

// `count` zeroed values at a cache line.
template <class T>
class Aligned {
public:
    Aligned() = default;
    explicit Aligned(std::size_t count)
        : data_(static_cast<T*>(::operator new (std::max<std::size_t>(count, 1) * sizeof(T), std::align_val_t{64}))),
          count_(count) {
        std::uninitialized_value_construct_n(data_.get(), count);
    }

    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }
    std::size_t size() const { return count_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

private:
    struct Free {
        void operator()(T* data) const { ::operator delete (data, std::align_val_t{64}); }
    };
    std::unique_ptr<T[], Free> data_;
    std::size_t count_ = 0;
};

}  // namespace octet::cpu::x64
