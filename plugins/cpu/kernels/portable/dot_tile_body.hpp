#pragma once
// The body of dot_tile, for the dot_tile_*.cpp files only.
#include "plugins/cpu/kernels/portable/dot_tile.hpp"

namespace octet::cpu::portable {

// Spelled out for each width: GCC 12 converts no vectors whose width depends on a template parameter. Always inlined, so that no
// copy compiled for one instruction set is left to the linker.
template <std::size_t lanes>
struct DotTileVectors;

template <>
struct DotTileVectors<4> {
    typedef float Floats __attribute__((vector_size(16)));
    typedef std::int32_t Ints __attribute__((vector_size(16)));
    typedef std::int16_t Shorts __attribute__((vector_size(8)));

    [[gnu::always_inline]] static inline void load(const float* from, Floats& value) {
        __builtin_memcpy(&value, from, sizeof(value));
    }
    [[gnu::always_inline]] static inline void load(const std::int16_t* from, Floats& value) {
        Shorts codes;
        __builtin_memcpy(&codes, from, sizeof(codes));
        value = __builtin_convertvector(__builtin_convertvector(codes, Ints), Floats);
    }
};

template <>
struct DotTileVectors<8> {
    typedef float Floats __attribute__((vector_size(32)));
    typedef std::int32_t Ints __attribute__((vector_size(32)));
    typedef std::int16_t Shorts __attribute__((vector_size(16)));

    [[gnu::always_inline]] static inline void load(const float* from, Floats& value) {
        __builtin_memcpy(&value, from, sizeof(value));
    }
    [[gnu::always_inline]] static inline void load(const std::int16_t* from, Floats& value) {
        Shorts codes;
        __builtin_memcpy(&codes, from, sizeof(codes));
        value = __builtin_convertvector(__builtin_convertvector(codes, Ints), Floats);
    }
};

template <>
struct DotTileVectors<16> {
    typedef float Floats __attribute__((vector_size(64)));
    typedef std::int32_t Ints __attribute__((vector_size(64)));
    typedef std::int16_t Shorts __attribute__((vector_size(32)));

    [[gnu::always_inline]] static inline void load(const float* from, Floats& value) {
        __builtin_memcpy(&value, from, sizeof(value));
    }
    [[gnu::always_inline]] static inline void load(const std::int16_t* from, Floats& value) {
        Shorts codes;
        __builtin_memcpy(&codes, from, sizeof(codes));
        value = __builtin_convertvector(__builtin_convertvector(codes, Ints), Floats);
    }
};

template <Isa isa, class Weight>
struct DotTileBody {
    static constexpr std::size_t kLanes = isa >= Isa::avx512 ? 16 : isa >= Isa::avx2 ? 8 : 4;
    static constexpr std::size_t kVectors = kTileColumns / kLanes;
    // Rows at once: sums, one row of weights and a broadcast must fit the registers.
    static constexpr std::size_t kRows = isa >= Isa::avx512 ? 8 : isa >= Isa::avx2 ? 4 : 2;

    using Vectors = DotTileVectors<kLanes>;
    using Floats = typename Vectors::Floats;

    template <std::size_t count>
    [[gnu::always_inline]] static inline void rows(const float* a, const Weight* weights, std::size_t depth,
                                                   float* sums) {
        Floats acc[count][kVectors];
        for (std::size_t r = 0; r < count; ++r) {
            for (std::size_t v = 0; v < kVectors; ++v) {
                Vectors::load(sums + r * kTileColumns + v * kLanes, acc[r][v]);
            }
        }
        for (std::size_t k = 0; k < depth; ++k) {
            Floats w[kVectors];
            for (std::size_t v = 0; v < kVectors; ++v) {
                Vectors::load(weights + k * kTileColumns + v * kLanes, w[v]);
            }
            for (std::size_t r = 0; r < count; ++r) {
                const float x = a[r * kRowStride + k];
                for (std::size_t v = 0; v < kVectors; ++v) {
                    acc[r][v] += w[v] * x;
                }
            }
        }
        for (std::size_t r = 0; r < count; ++r) {
            for (std::size_t v = 0; v < kVectors; ++v) {
                __builtin_memcpy(sums + r * kTileColumns + v * kLanes, &acc[r][v], sizeof(Floats));
            }
        }
    }
};

template <Isa isa, class Weight>
void dot_tile(const float* rows, std::size_t row_count, const Weight* weights, std::size_t depth, float* sums) {
    using Body = DotTileBody<isa, Weight>;
    std::size_t r = 0;
    for (; r + Body::kRows <= row_count; r += Body::kRows) {
        Body::template rows<Body::kRows>(rows + r * kRowStride, weights, depth, sums + r * kTileColumns);
    }
    for (; r < row_count; ++r) {
        Body::template rows<1>(rows + r * kRowStride, weights, depth, sums + r * kTileColumns);
    }
}

}  // namespace octet::cpu::portable
