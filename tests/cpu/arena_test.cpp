#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "plugins/cpu/plan.hpp"

namespace octet::cpu {
namespace {

std::vector<Buffer> random_buffers(unsigned seed) {
    std::mt19937 random(seed);
    const int steps = 1 + static_cast<int>(random() % 40);
    std::vector<Buffer> buffers(1 + random() % 60);
    for (Buffer& b : buffers) {
        b.bytes = random() % 10 == 0 ? 1 + random() % 100000 : 1 + random() % 500;
        b.first = static_cast<int>(random() % static_cast<unsigned>(steps));
        b.last = b.first + static_cast<int>(random() % 8);
        if (random() % 8 == 0) b.home = Buffer::Home::constant;
    }
    return buffers;
}

TEST(Arena, BuffersThatLiveAtTheSameTimeDoNotOverlap) {
    for (unsigned seed = 0; seed < 500; ++seed) {
        auto buffers = random_buffers(seed);
        const std::size_t total = place_in_arena(buffers);
        std::erase_if(buffers, [](const Buffer& b) { return b.home != Buffer::Home::arena; });
        for (const Buffer& a : buffers) {
            ASSERT_EQ(a.offset % 64, 0u);
            ASSERT_LE(a.offset + a.bytes, total) << "seed " << seed;
            for (const Buffer& b : buffers) {
                const bool together = &a != &b && a.first <= b.last && b.first <= a.last;
                ASSERT_FALSE(together && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes)
                    << "seed " << seed;
            }
        }
    }
}

TEST(Arena, MemoryIsUsedAgain) {
    std::vector<Buffer> chain(10);
    for (int i = 0; i < 10; ++i) {
        chain[static_cast<std::size_t>(i)].bytes = 6400;
        chain[static_cast<std::size_t>(i)].first = i;
        chain[static_cast<std::size_t>(i)].last = i + 1;
    }
    EXPECT_LE(place_in_arena(chain), 2 * (6400 + 64u));
}

TEST(Arena, WhatNoStepTouchesTakesNoRoom) {
    std::vector<Buffer> buffers(1);
    buffers[0].bytes = 1000;
    EXPECT_EQ(place_in_arena(buffers), 0u);
}

}  // namespace
}  // namespace octet::cpu
