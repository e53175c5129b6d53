#include "plugins/cpu/kernels/packed_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace octet::cpu {
namespace {

TEST(PackedMemory, IsZeroedAndInOrder) {
    const auto a = packed_memory(100), b = packed_memory(1), c = packed_memory(0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.get()) % 64, 0u);
    EXPECT_EQ(b.get() - a.get(), 128) << "one behind the other, each at a cache line";
    EXPECT_EQ(c.get() - b.get(), 64) << "of no bytes, still a place of its own";
    EXPECT_TRUE(std::all_of(a.get(), a.get() + 128, [](std::byte x) { return x == std::byte{0}; }));
}

TEST(PackedMemory, LargePiecesAndManyOfThem) {
    std::vector<PackedMemory> all;
    for (const std::size_t bytes : {std::size_t{9} << 20, std::size_t{5} << 20, std::size_t{5} << 20, std::size_t{3}}) {
        all.push_back(packed_memory(bytes));
        std::fill_n(all.back().get(), bytes, std::byte{static_cast<unsigned char>(all.size())});
    }
    EXPECT_EQ(all[0].get()[(9 << 20) - 1], std::byte{1});
    EXPECT_EQ(all[1].get()[0], std::byte{2});
    // What is freed is not handed out again while something beside it lives: it stays zeroed when it is new.
    all.erase(all.begin(), all.begin() + 3);
    const auto fresh = packed_memory(64);
    EXPECT_EQ(fresh.get()[0], std::byte{0});
    EXPECT_EQ(all[0].get()[2], std::byte{4});
}

TEST(PackedMemory, TheRestOfAPageComesBackZeroed) {
    const auto before = packed_memory(100);
    before.get()[99] = std::byte{1};
    give_back_unused();
    const auto after = packed_memory(std::size_t{3} << 20);
    EXPECT_EQ(before.get()[99], std::byte{1});
    EXPECT_EQ(after.get() - before.get(), 128);
    EXPECT_TRUE(std::all_of(after.get(), after.get() + after.bytes, [](std::byte x) { return x == std::byte{0}; }));
    std::fill_n(after.get(), after.bytes, std::byte{7});
    give_back_unused();
    EXPECT_TRUE(std::all_of(after.get(), after.get() + after.bytes, [](std::byte x) { return x == std::byte{7}; }));
}

TEST(PackedSession, HandsOutWhatItWasGiven) {
    std::vector<PackedMemory> stored;
    {
        const PackedSession first;
        EXPECT_FALSE(all_filled());
        packed_memory(100).get()[99] = std::byte{1};
        packed_memory(5).get()[0] = std::byte{2};
        for (PackedMemory block : first.blocks()) {
            EXPECT_FALSE(block.filled);
            block.filled = true;
            stored.push_back(block);
        }
    }
    ASSERT_EQ(stored.size(), 2u);
    {
        const PackedSession second(stored);
        const PackedMemory a = packed_memory(100);
        EXPECT_FALSE(second.all_stored());
        const PackedMemory b = packed_memory(5);
        EXPECT_TRUE(second.all_stored());
        EXPECT_TRUE(all_filled());
        EXPECT_TRUE(a.filled && b.filled);
        EXPECT_EQ(a.get()[99], std::byte{1});
        EXPECT_EQ(b.get(), stored[1].get());
        EXPECT_FALSE(packed_memory(1).filled) << "there is no third";
        EXPECT_FALSE(all_filled());
        EXPECT_FALSE(second.all_stored());
    }
    const PackedSession other(stored);
    EXPECT_FALSE(packed_memory(101).filled) << "another size";
    EXPECT_FALSE(packed_memory(5).filled) << "nothing after it is handed out";
    EXPECT_FALSE(other.all_stored());
}

}  // namespace
}  // namespace octet::cpu
