#pragma once
#include <cstddef>
#include <cstring>

namespace octet::cpu::portable {

template <std::size_t kBytes>
struct ShortCopy {
    void operator()(void* to, const void* from) const { std::memcpy(to, from, kBytes); }
};

// Calls use(copy), where copy(to, from) moves `bytes`: a length that the compiler knows is moved in registers, without a call.
template <std::size_t... kBytes, class Use>
void with_copy_of(std::size_t bytes, const Use& use) {
    const bool known = ((bytes == kBytes && (use(ShortCopy<kBytes>{}), true)) || ...);
    if (!known) use([bytes](void* to, const void* from) { std::memcpy(to, from, bytes); });
}

// The lengths of pixels of few channels.
template <class Use>
void with_short_copy(std::size_t bytes, const Use& use) {
    with_copy_of<1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128>(bytes, use);
}

}  // namespace octet::cpu::portable
