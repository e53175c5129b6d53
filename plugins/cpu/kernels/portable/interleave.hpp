#pragma once
#include <cstddef>
#include <cstring>

namespace octet::cpu::portable {

// out[i * streams + s] = in[s * in_stride + i]. A constant number of streams is what lets the compiler use shuffles; the memory
// must not overlap.
template <std::size_t streams, class T>
void interleave(const T* __restrict in, std::size_t in_stride, T* __restrict out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t s = 0; s < streams; ++s) {
            out[i * streams + s] = in[s * in_stride + i];
        }
    }
}

// The same for elements of `bytes` that lie anywhere; the stride counts elements.
template <std::size_t streams, std::size_t bytes>
void interleave_bytes(const std::byte* __restrict in, std::size_t in_stride, std::byte* __restrict out,
                      std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t s = 0; s < streams; ++s) {
            std::memcpy(out + (i * streams + s) * bytes, in + (s * in_stride + i) * bytes, bytes);
        }
    }
}

// The way back: out[s * out_stride + i] = in[i * streams + s].
template <std::size_t streams, class T>
void deinterleave(const T* __restrict in, T* __restrict out, std::size_t out_stride, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t s = 0; s < streams; ++s) {
            out[s * out_stride + i] = in[i * streams + s];
        }
    }
}

}  // namespace octet::cpu::portable
