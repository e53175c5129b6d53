#include "ir/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <utility>

namespace octet::ir {
namespace {

constexpr std::size_t kAlignment = 64;

// More elements than any machine has memory for, and few enough that their bytes can be counted.
constexpr std::size_t kMostElements = std::size_t{1} << 56;

template <class T>
T load(const std::byte* data, std::size_t index) {
    T value;
    std::memcpy(&value, data + index * sizeof(T), sizeof(T));
    return value;
}

unsigned bits_at(const std::byte* data, std::size_t index, std::size_t width) {
    // Four-bit elements are stored low half first, one-bit elements from the most significant bit down.
    const auto byte = std::to_integer<unsigned>(data[index * width / 8]);
    return width == 4 ? (byte >> (index % 2 * 4)) & 15u : (byte >> (7 - index % 8)) & 1u;
}

// Calls f with a value of the C++ type that stores `element`.
template <class F>
auto with_storage(Element element, F f) {
    switch (element) {
        case Element::boolean:
        case Element::u8: return f(std::uint8_t{});
        case Element::bf16: return f(bfloat16{});
        case Element::f16: return f(float16{});
        case Element::f32: return f(float{});
        case Element::f64: return f(double{});
        case Element::i8: return f(std::int8_t{});
        case Element::i16: return f(std::int16_t{});
        case Element::i32: return f(std::int32_t{});
        case Element::i64: return f(std::int64_t{});
        case Element::u16: return f(std::uint16_t{});
        case Element::u32: return f(std::uint32_t{});
        case Element::u64: return f(std::uint64_t{});
        default:
            throw InternalError("internal error: no storage for elements of type " + std::string(name_of(element)));
    }
}

template <class To, class From>
To convert(From from) {
    if constexpr (std::is_same_v<From, float16> || std::is_same_v<From, bfloat16>) {
        return convert<To>(static_cast<float>(from));
    } else if constexpr (std::is_same_v<To, float16> || std::is_same_v<To, bfloat16>) {
        return To(static_cast<float>(from));
    } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
        if (std::isnan(from)) return To{};
        if (from <= static_cast<From>(std::numeric_limits<To>::lowest())) return std::numeric_limits<To>::lowest();
        if (from >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
        return static_cast<To>(from);
    } else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
        if (std::cmp_less(from, std::numeric_limits<To>::lowest())) return std::numeric_limits<To>::lowest();
        if (std::cmp_greater(from, std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
        return static_cast<To>(from);
    } else {
        return static_cast<To>(from);
    }
}

}  // namespace

Tensor::Tensor(Element element, Dims dims) : element_(element), dims_(std::move(dims)), writable_(true) {
    size_ = static_cast<std::size_t>(product(dims_));
    require(size_ <= kMostElements, "a tensor of {} is too large", to_string(type()));
    const std::size_t room = std::max<std::size_t>(bytes(), 1);
    auto* memory = static_cast<std::byte*>(::operator new(room, std::align_val_t(kAlignment), std::nothrow));
    require(memory != nullptr, "there is not enough memory for a tensor of {}", to_string(type()));
    std::memset(memory, 0, room);
    data_ = memory;
    owner_ = std::shared_ptr<const void>(memory, [](const void* p) {
        ::operator delete(const_cast<void*>(p), std::align_val_t(kAlignment));
    });
}

Tensor::Tensor(Element element, Dims dims, const std::byte* data, std::shared_ptr<const void> owner)
    : element_(element),
      dims_(std::move(dims)),
      size_(static_cast<std::size_t>(product(dims_))),
      data_(data),
      owner_(std::move(owner)) {}

Tensor Tensor::filled(Element element, Dims dims, double value) {
    Tensor t(element, std::move(dims));
    with_storage(element, [&](auto sample) {
        auto* out = reinterpret_cast<decltype(sample)*>(t.write_raw().data());
        std::fill_n(out, t.size(), convert<decltype(sample)>(value));
    });
    return t;
}

std::span<std::byte> Tensor::write_raw() {
    check(writable_, "a tensor that views other storage was written");
    return {const_cast<std::byte*>(data_), bytes()};
}

Tensor Tensor::aligned() const {
    const std::size_t step = std::max<std::size_t>(bits_of(element_) / 8, 1);
    if (reinterpret_cast<std::uintptr_t>(data_) % step == 0) return *this;
    Tensor copy(element_, dims_);
    std::memcpy(copy.write_raw().data(), data_, bytes());
    return copy;
}

Tensor Tensor::reshaped(Dims dims) const {
    check(static_cast<std::size_t>(product(dims)) == size_, "{} reshaped to {}", to_string(dims_), to_string(dims));
    Tensor t = *this;
    t.dims_ = std::move(dims);
    return t;
}

Tensor Tensor::converted(Element element) const {
    if (element == element_) return *this;
    Tensor t(element, dims_);
    with_storage(element, [&](auto to) {
        using To = decltype(to);
        auto* out = reinterpret_cast<To*>(t.write_raw().data());
        if (bits_of(element_) < 8) {
            for (std::size_t i = 0; i < size_; ++i) out[i] = convert<To>(integer_at(i));
            return;
        }
        with_storage(element_, [&](auto from) {
            for (std::size_t i = 0; i < size_; ++i) {
                const auto value = load<decltype(from)>(data_, i);
                if (element == Element::boolean) out[i] = convert<To>(static_cast<int>(convert<double>(value) != 0));
                else out[i] = convert<To>(value);
            }
        });
    });
    return t;
}

double Tensor::at(std::size_t index) const {
    check(index < size_, "element {} of a tensor of {}", index, size_);
    if (bits_of(element_) < 8) return static_cast<double>(integer_at(index));
    return with_storage(element_, [&](auto sample) { return convert<double>(load<decltype(sample)>(data_, index)); });
}

std::int64_t Tensor::integer_at(std::size_t index) const {
    check(index < size_, "element {} of a tensor of {}", index, size_);
    if (const std::size_t width = bits_of(element_); width < 8) {
        const auto value = static_cast<std::int64_t>(bits_at(data_, index, width));
        return element_ == Element::i4 && value > 7 ? value - 16 : value;
    }
    return with_storage(element_,
                        [&](auto sample) { return convert<std::int64_t>(load<decltype(sample)>(data_, index)); });
}

std::vector<float> Tensor::floats() const {
    std::vector<float> values(size_);
    if (bits_of(element_) < 8) {
        for (std::size_t i = 0; i < size_; ++i) values[i] = static_cast<float>(integer_at(i));
        return values;
    }
    with_storage(element_, [&](auto sample) {
        for (std::size_t i = 0; i < size_; ++i) values[i] = convert<float>(load<decltype(sample)>(data_, i));
    });
    return values;
}

std::vector<std::int64_t> Tensor::integers() const {
    std::vector<std::int64_t> values(size_);
    for (std::size_t i = 0; i < size_; ++i) values[i] = integer_at(i);
    return values;
}

bool Tensor::operator==(const Tensor& other) const {
    return element_ == other.element_ && dims_ == other.dims_ &&
           (data_ == other.data_ || std::memcmp(data_, other.data_, bytes()) == 0);
}

std::size_t Tensor::hash() const {
    // A sample is enough: the hash only has to tell most different tensors apart.
    std::size_t h = size_ * 31 + static_cast<std::size_t>(element_);
    const std::size_t total = bytes();
    const std::size_t step = std::max<std::size_t>(total / 64, 1);
    for (std::size_t i = 0; i < total; i += step) h = h * 1099511628211u ^ std::to_integer<std::size_t>(data_[i]);
    return h;
}

}  // namespace octet::ir
