#pragma once
// Memory for kernel tests: every tensor touches an inaccessible page, so that a read or write past its edge faults at once, and
// the bytes between the tensor and the mapping's other end hold sentinels. Sanitizers do not see generated code; this does.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace octet::cpu::testing {

// Where the inaccessible page lies: right after the last element, or right before the first.
enum class Guard : std::uint8_t { after, before };
inline constexpr Guard kGuards[] = {Guard::after, Guard::before};

// splitmix64: the whole state is one counter, so a test names its data by one number.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15u;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }

    // In [0, count).
    std::uint64_t below(std::uint64_t count) { return next() % count; }

    // In [low, high), with 24 random bits.
    float uniform(float low, float high) { return low + (high - low) * (static_cast<float>(next() >> 40) * 0x1p-24F); }

private:
    std::uint64_t state_;
};

template <class T>
class Guarded {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    explicit Guarded(std::size_t count, Guard guard = Guard::after) : count_(count) {
        const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t bytes = count * sizeof(T);
        usable_ = (bytes + page - 1) / page * page;
        mapped_ = usable_ + 2 * page;
        void* base = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED) {
            throw std::runtime_error("cannot map guarded memory");
        }
        base_ = static_cast<std::byte*>(base);
        if (mprotect(base_, page, PROT_NONE) != 0 || mprotect(base_ + page + usable_, page, PROT_NONE) != 0) {
            munmap(base_, mapped_);
            throw std::runtime_error("cannot protect guard pages");
        }
        usable_begin_ = base_ + page;
        std::memset(usable_begin_, kSentinel, usable_);
        data_ = guard == Guard::after ? usable_begin_ + (usable_ - bytes) : usable_begin_;
    }

    Guarded(Guarded&& other) noexcept { swap(other); }
    Guarded& operator=(Guarded&& other) noexcept {
        swap(other);
        return *this;
    }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    ~Guarded() {
        if (base_ == nullptr) {
            return;
        }
        const bool whole = intact();
        munmap(base_, mapped_);
        if (!whole) {
            __builtin_trap();  // a test that forgot to ask intact() must fail all the same
        }
    }

    // Whether the bytes outside the tensor are as they were.
    bool intact() const {
        const auto* first = reinterpret_cast<const unsigned char*>(usable_begin_);
        const std::size_t offset = static_cast<std::size_t>(data_ - usable_begin_);
        for (std::size_t i = 0; i < usable_; ++i) {
            const bool inside = i >= offset && i < offset + count_ * sizeof(T);
            if (!inside && first[i] != kSentinel) {
                return false;
            }
        }
        return true;
    }

    T* data() { return reinterpret_cast<T*>(data_); }
    const T* data() const { return reinterpret_cast<const T*>(data_); }
    std::size_t size() const { return count_; }
    T& operator[](std::size_t i) { return data()[i]; }
    const T& operator[](std::size_t i) const { return data()[i]; }
    T* begin() { return data(); }
    T* end() { return data() + count_; }
    const T* begin() const { return data(); }
    const T* end() const { return data() + count_; }
    std::span<T> span() { return {data(), count_}; }
    std::span<const T> span() const { return {data(), count_}; }

private:
    static constexpr unsigned char kSentinel = 0xA5;

    void swap(Guarded& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(usable_begin_, other.usable_begin_);
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
        std::swap(usable_, other.usable_);
        std::swap(mapped_, other.mapped_);
    }

    std::byte* base_ = nullptr;
    std::byte* usable_begin_ = nullptr;
    std::byte* data_ = nullptr;
    std::size_t count_ = 0;
    std::size_t usable_ = 0;
    std::size_t mapped_ = 0;
};

// Full-range values for integers, [-1, 1) for floats; the extremes of an integer type always occur where there is room.
template <class T>
void fill_random(std::span<T> values, std::uint64_t seed) {
    Random random(seed);
    for (T& value : values) {
        if constexpr (std::is_floating_point_v<T>) {
            value = static_cast<T>(random.uniform(-1.0F, 1.0F));
        } else {
            value = static_cast<T>(random.next() >> 17);
        }
    }
    if constexpr (std::is_integral_v<T>) {
        if (values.size() >= 2) {
            const std::size_t at = random.below(values.size());
            values[at] = std::numeric_limits<T>::max();
            values[(at + 1) % values.size()] = std::numeric_limits<T>::min();
        }
    }
}

inline void fill_uniform(std::span<float> values, std::uint64_t seed, float low, float high) {
    Random random(seed);
    for (float& value : values) {
        value = random.uniform(low, high);
    }
}

template <class T>
Guarded<T> random_guarded(std::size_t count, Guard guard, std::uint64_t seed) {
    Guarded<T> memory(count, guard);
    fill_random(memory.span(), seed);
    return memory;
}

}  // namespace octet::cpu::testing
