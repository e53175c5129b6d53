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
    std::vector<std::shared_ptr<std::byte>> all;
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

}  // namespace
}  // namespace octet::cpu
