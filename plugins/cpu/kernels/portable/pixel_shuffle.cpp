#include "plugins/cpu/kernels/portable/pixel_shuffle.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace octet::cpu::portable {
namespace {

// Elements that are taken apart at once: they stay in the first cache, and loops are long also where there are few channels.
constexpr std::size_t kChunk = 2048;

// A length known to the compiler is copied in a register.
void copy_short(std::byte* to, const std::byte* from, std::size_t bytes) {
    switch (bytes) {
        case 1: *to = *from; break;
        case 2: std::memcpy(to, from, 2); break;
        case 4: std::memcpy(to, from, 4); break;
        case 8: std::memcpy(to, from, 8); break;
        case 16: std::memcpy(to, from, 16); break;
        default: std::memcpy(to, from, bytes);
    }
}

template <class T, std::size_t Block>
void shuffle(const PixelShuffle& s, const std::byte* in, std::byte* out, std::size_t line) {
    constexpr std::size_t kPlaces = Block * Block;
    const std::size_t each = std::max<std::size_t>(kChunk / s.channels, 1);
    const std::size_t run = std::min(s.channels, kChunk);
    std::array<T, kChunk> place;
    const auto source = [&](std::size_t element) { return in + element * sizeof(T); };
    for (std::size_t pixel = 0; pixel < s.pixels; pixel += each) {
        const std::size_t pixels = std::min(each, s.pixels - pixel);
        for (std::size_t c = 0; c < s.channels; c += run) {
            const std::size_t channels = std::min(run, s.channels - c);
            const std::byte* first = source(((line * s.pixels + pixel) * s.channels + c) * kPlaces);
            for (std::size_t k = 0; k < kPlaces; ++k) {
                for (std::size_t i = 0; i < pixels * channels; ++i)
                    std::memcpy(&place[i], first + (i * kPlaces + k) * sizeof(T), sizeof(T));
                const std::size_t row = (line * Block + k / Block) * s.pixels * Block + pixel * Block + k % Block;
                for (std::size_t p = 0; p < pixels; ++p)
                    copy_short(out + ((row + p * Block) * s.channels + c) * sizeof(T),
                               reinterpret_cast<const std::byte*>(&place[p * channels]), channels * sizeof(T));
            }
        }
    }
}

template <std::size_t Block>
void shuffle_lines(const PixelShuffle& s, const void* in, void* out, std::size_t begin, std::size_t end) {
    for (std::size_t line = begin; line < end; ++line) {
        const auto* from = static_cast<const std::byte*>(in);
        auto* to = static_cast<std::byte*>(out);
        switch (s.element_size) {
            case 1: shuffle<std::uint8_t, Block>(s, from, to, line); break;
            case 2: shuffle<std::uint16_t, Block>(s, from, to, line); break;
            case 4: shuffle<std::uint32_t, Block>(s, from, to, line); break;
            default: shuffle<std::uint64_t, Block>(s, from, to, line);
        }
    }
}

}  // namespace

void PixelShuffle::run(const void* in, void* out, std::size_t begin, std::size_t end) const {
    if (channels == 0 || pixels == 0) return;
    switch (block) {
        case 2: return shuffle_lines<2>(*this, in, out, begin, end);
        case 3: return shuffle_lines<3>(*this, in, out, begin, end);
        default: return shuffle_lines<4>(*this, in, out, begin, end);
    }
}

}  // namespace octet::cpu::portable
