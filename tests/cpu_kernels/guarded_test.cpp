#include "tests/cpu_kernels/guarded.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace octet::cpu::testing {
namespace {

TEST(GuardedDeathTest, AccessBesideTheTensorFaults) {
    Guarded<std::uint16_t> after(33, Guard::after);
    Guarded<std::uint16_t> before(33, Guard::before);
    volatile std::uint16_t* end = after.data() + after.size();
    volatile std::uint16_t* front = before.data() - 1;
    EXPECT_DEATH(*end = 1, "");
    EXPECT_DEATH(*front = 1, "");
}

TEST(GuardedDeathTest, DamagedSentinelIsSeen) {
    EXPECT_DEATH(
        {
            Guarded<std::uint8_t> memory(33, Guard::before);
            memory.data()[33] = 0;
        },
        "");
    Guarded<std::uint8_t> memory(33, Guard::after);
    EXPECT_TRUE(memory.intact());
    memory.data()[-1] = 0;
    EXPECT_FALSE(memory.intact());
    memory.data()[-1] = 0xA5;
}

TEST(Guarded, RandomValuesReachTheExtremes) {
    Guarded<std::int8_t> memory = random_guarded<std::int8_t>(64, Guard::after, 7);
    EXPECT_EQ(*std::min_element(memory.begin(), memory.end()), -128);
    EXPECT_EQ(*std::max_element(memory.begin(), memory.end()), 127);
}

}  // namespace
}  // namespace octet::cpu::testing
