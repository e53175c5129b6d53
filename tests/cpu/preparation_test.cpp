// Work that goes on beside planning.
#include "plugins/cpu/preparation.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace octet::cpu {
namespace {

TEST(Preparation, DoesEveryJobOnce) {
    for (const int threads : {1, 2, 5}) {
        Preparation preparation(threads);
        std::vector<std::atomic<int>> done(200);
        for (auto& job : done) preparation.add([&job] { ++job; });
        preparation.finish();
        for (const auto& job : done) EXPECT_EQ(job, 1);
        EXPECT_GT(preparation.seconds(), 0);
    }
}

TEST(Preparation, BeginsBeforeItIsWaitedFor) {
    Preparation preparation(2);
    std::atomic<bool> begun = false;
    preparation.add([&] { begun = true; });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!begun && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_TRUE(begun);
}

TEST(Preparation, AFailureReachesTheCallerAfterTheOthers) {
    for (const int threads : {1, 3}) {
        Preparation preparation(threads);
        std::atomic<int> done = 0;
        for (int i = 0; i < 20; ++i)
            preparation.add([&, i] {
                if (i == 3) throw std::runtime_error("no memory for it");
                ++done;
            });
        try {
            preparation.finish();
            FAIL() << "nothing was thrown";
        } catch (const std::runtime_error& e) {
            EXPECT_STREQ(e.what(), "no memory for it");
        }
        EXPECT_EQ(done, 19);
    }
}

// What planning throws ends it while jobs run and wait.
TEST(Preparation, EndsWithoutDoingWhatHasNotBegun) {
    std::atomic<bool> go = false;
    std::atomic<int> done = 0;
    {
        Preparation preparation(2);
        std::atomic<bool> begun = false;
        preparation.add([&] {
            begun = true;
            while (!go) std::this_thread::yield();
        });
        while (!begun) std::this_thread::yield();
        for (int i = 0; i < 100; ++i) preparation.add([&] { ++done; });
        go = true;
    }
    EXPECT_LE(done, 100);
    int alone = 0;
    {
        Preparation preparation(1);
        for (int i = 0; i < 100; ++i) preparation.add([&] { ++alone; });
        EXPECT_LT(alone, 100) << "some always wait";
        EXPECT_GT(alone, 50) << "not all wait, since what they hold adds up";
    }
    EXPECT_LT(alone, 100);
}

}  // namespace
}  // namespace octet::cpu
