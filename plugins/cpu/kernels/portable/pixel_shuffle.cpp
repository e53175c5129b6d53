#include "plugins/cpu/kernels/portable/pixel_shuffle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "plugins/cpu/kernels/portable/interleave.hpp"
#include "plugins/cpu/kernels/portable/short_copy.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

// Bytes that are taken apart at once: loops are long also where there are few channels, and what is read and written still overlap.
constexpr std::size_t kChunkBytes = 2048;

template <class T, std::size_t Block>
class Shuffle {
public:
    Shuffle(const PixelShuffle& shuffle, const void* in, void* out)
        : s(shuffle), in_(static_cast<const T*>(in)), out_(static_cast<T*>(out)) {}

    void run(std::size_t begin, std::size_t end) {
        const std::size_t each = std::max<std::size_t>(kRoom / s.channels, 1);
        const std::size_t run = std::min(s.channels, kRoom);
        for (std::size_t line = begin; line < end; ++line)
            for (std::size_t pixel = 0; pixel < s.pixels; pixel += each)
                for (std::size_t c = 0; c < s.channels; c += run)
                    move(line, pixel, std::min(each, s.pixels - pixel), c, std::min(run, s.channels - c));
    }

private:
    static constexpr std::size_t kPlaces = Block * Block;
    // Values of a place of the block, in whole words of eight bytes.
    static constexpr std::size_t kRoom = kChunkBytes / kPlaces / 8 * 8 / sizeof(T);

    void move(std::size_t line, std::size_t pixel, std::size_t pixels, std::size_t channel, std::size_t channels) {
        const T* from = in_ + ((line * s.pixels + pixel) * s.channels + channel) * kPlaces;
        vectorized([&] { deinterleave<kPlaces>(from, places_.data(), kRoom, pixels * channels); });
        for (std::size_t i = 0; i < Block; ++i) {
            const T* row = places_.data() + i * Block * kRoom;
            T* to = out_ + ((line * Block + i) * s.pixels + pixel) * Block * s.channels + channel;
            if (s.channels * sizeof(T) > 8 || !std::has_single_bit(s.channels)) store(row, to, pixels, channels);
            else vectorized([&] { interleave_pixels(as_bytes(row), as_bytes(to), pixels); });
        }
    }

    static const std::byte* as_bytes(const T* values) { return reinterpret_cast<const std::byte*>(values); }
    static std::byte* as_bytes(T* values) { return reinterpret_cast<std::byte*>(values); }

    // Pixels as small as an element of a vector.
    void interleave_pixels(const std::byte* row, std::byte* to, std::size_t pixels) const {
        constexpr std::size_t kBytes = kRoom * sizeof(T);
        switch (s.channels * sizeof(T)) {
            case 1: return interleave_bytes<Block, 1>(row, kBytes, to, pixels);
            case 2: return interleave_bytes<Block, 2>(row, kBytes / 2, to, pixels);
            case 4: return interleave_bytes<Block, 4>(row, kBytes / 4, to, pixels);
            default: return interleave_bytes<Block, 8>(row, kBytes / 8, to, pixels);
        }
    }

    // Pixels of the block's row, from one place after the other.
    void store(const T* row, T* to, std::size_t pixels, std::size_t channels) const {
        vectorized([&] {
            with_short_copy(channels * sizeof(T), [&](const auto& copy) {
                for (std::size_t p = 0; p < pixels; ++p)
                    for (std::size_t j = 0; j < Block; ++j)
                        copy(to + (p * Block + j) * s.channels, row + j * kRoom + p * channels);
            });
        });
    }

    const PixelShuffle& s;
    const T* in_;
    T* out_;
    alignas(64) std::array<T, kRoom * kPlaces> places_;
};

template <std::size_t Block>
void shuffle_lines(const PixelShuffle& s, const void* in, void* out, std::size_t begin, std::size_t end) {
    switch (s.element_size) {
        case 1: return Shuffle<std::uint8_t, Block>(s, in, out).run(begin, end);
        case 2: return Shuffle<std::uint16_t, Block>(s, in, out).run(begin, end);
        case 4: return Shuffle<std::uint32_t, Block>(s, in, out).run(begin, end);
        default: return Shuffle<std::uint64_t, Block>(s, in, out).run(begin, end);
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
