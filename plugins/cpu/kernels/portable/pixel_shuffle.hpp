#pragma once
#include <cstddef>

namespace octet::cpu::portable {

// out[line * block + i, pixel * block + j, c] = in[line, pixel, (c * block + i) * block + j], dense: a depth_to_space whose channels lie
// last and whose depth comes first.
struct PixelShuffle {
    std::size_t lines = 0;         // of all images
    std::size_t pixels = 0;        // of a line
    std::size_t channels = 0;      // of the result
    std::size_t block = 2;         // 2, 3 or 4
    std::size_t element_size = 1;  // bytes: 1, 2, 4 or 8

    static bool takes(std::size_t block) { return block >= 2 && block <= 4; }
    std::size_t units() const { return lines; }
    void run(const void* in, void* out, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
