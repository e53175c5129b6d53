#include "plugins/cpu/pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace octet::cpu {
namespace {

struct Range {
    std::size_t begin;
    std::size_t end;
    int thread;
};

std::vector<Range> ranges_of(ThreadPool& pool, std::size_t units) {
    std::mutex lock;
    std::vector<Range> ranges;
    pool.parallel(units, [&](std::size_t begin, std::size_t end, int thread) {
        const std::lock_guard guard(lock);
        ranges.push_back({begin, end, thread});
    });
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    return ranges;
}

TEST(ThreadPool, SplitCoversAllUnitsOnceAndEvenly) {
    for (const int threads : {1, 2, 3, 5}) {
        ThreadPool pool(threads);
        for (const std::size_t units : {1u, 2u, 3u, 4u, 7u, 64u, 1001u}) {
            const std::vector<Range> ranges = ranges_of(pool, units);
            EXPECT_EQ(ranges.size(), std::min(units, static_cast<std::size_t>(threads)));
            std::size_t at = 0;
            for (std::size_t i = 0; i < ranges.size(); ++i) {
                EXPECT_EQ(ranges[i].begin, at);
                EXPECT_EQ(ranges[i].thread, static_cast<int>(i));
                EXPECT_LE(ranges[i].end - ranges[i].begin, units / ranges.size() + 1);
                EXPECT_GE(ranges[i].end - ranges[i].begin, units / ranges.size());
                at = ranges[i].end;
            }
            EXPECT_EQ(at, units);
        }
        EXPECT_TRUE(ranges_of(pool, 0).empty());
    }
}

TEST(ThreadPool, NonsenseCountsMeanTheCallerAlone) {
    for (const int threads : {0, -3}) {
        ThreadPool pool(threads);
        EXPECT_EQ(pool.threads(), 1);
        EXPECT_EQ(ranges_of(pool, 5).size(), 1u);
    }
}

TEST(ThreadPool, EachPartHasItsOwnThreadAndTheCallerTakesPart) {
    ThreadPool pool(3);
    std::vector<std::thread::id> ids(3);
    pool.parallel(3, [&](std::size_t, std::size_t, int thread) {
        ids[static_cast<std::size_t>(thread)] = std::this_thread::get_id();
    });
    EXPECT_EQ(ids[0], std::this_thread::get_id());
    EXPECT_EQ(std::set<std::thread::id>(ids.begin(), ids.end()).size(), 3u);
}

TEST(ThreadPool, ManyShortCallsLoseNothing) {
    ThreadPool pool(2);
    std::vector<long> sums(2, 0);
    for (int i = 0; i < 20000; ++i) {
        pool.parallel(2, [&](std::size_t begin, std::size_t, int) { sums[begin] += 1; });
    }
    EXPECT_EQ(sums[0], 20000);
    EXPECT_EQ(sums[1], 20000);
}

TEST(ThreadPool, WakesAfterEveryLengthOfRest) {
    ThreadPool pool(3);
    std::atomic<int> count{0};
    for (int i = 0; i < 60; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds(20 * i));
        pool.parallel(3, [&](std::size_t, std::size_t, int) { ++count; });
    }
    EXPECT_EQ(count, 180);
}

TEST(ThreadPool, WaitsForASlowPart) {
    ThreadPool pool(2);
    for (const int milliseconds : {0, 1, 5}) {
        std::atomic<bool> done{false};
        pool.parallel(2, [&](std::size_t, std::size_t, int thread) {
            if (thread == 1) {
                std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
                done = true;
            }
        });
        EXPECT_TRUE(done);
    }
}

TEST(ThreadPool, NestedCallsRunInPlace) {
    ThreadPool pool(2);
    ThreadPool other(2);
    std::atomic<int> calls{0};
    std::atomic<int> wrong{0};
    pool.parallel(2, [&](std::size_t, std::size_t, int outer) {
        const auto id = std::this_thread::get_id();
        pool.parallel(10, [&](std::size_t begin, std::size_t end, int inner) {
            ++calls;
            wrong += begin != 0 || end != 10 || inner != outer || std::this_thread::get_id() != id;
        });
        other.parallel(10, [&](std::size_t begin, std::size_t end, int inner) {
            ++calls;
            wrong += begin != 0 || end != 10 || inner != 0 || std::this_thread::get_id() != id;
        });
    });
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, ExceptionsReachTheCallerAndThePoolLivesOn) {
    ThreadPool pool(3);
    for (int thrower = 0; thrower < 3; ++thrower) {
        std::atomic<int> finished{0};
        try {
            pool.parallel(3, [&](std::size_t, std::size_t, int thread) {
                if (thread == thrower) {
                    throw std::runtime_error("part " + std::to_string(thread));
                }
                ++finished;
            });
            FAIL() << "no exception";
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(error.what(), "part " + std::to_string(thrower));
        }
        EXPECT_EQ(finished, 2) << "the others ended before the caller went on";
    }
    try {
        pool.parallel(3, [](std::size_t, std::size_t, int thread) { throw thread; });
        FAIL() << "no exception";
    } catch (const int first) {
        EXPECT_EQ(first, 0);
    }
    EXPECT_EQ(ranges_of(pool, 3).size(), 3u);
}

TEST(ThreadPool, CallersTakeTurns) {
    ThreadPool pool(2);
    std::atomic<int> inside{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
        callers.emplace_back([&] {
            for (int k = 0; k < 500; ++k) {
                pool.parallel(2, [&](std::size_t, std::size_t, int thread) {
                    if (thread == 0) {
                        wrong += inside.fetch_add(1) != 0;
                        inside.fetch_sub(1);
                    }
                });
            }
        });
    }
    for (std::thread& caller : callers) {
        caller.join();
    }
    EXPECT_EQ(wrong, 0);
}

// The child does its work and leaves without destructors of the test program; the alarm ends a child that hangs.
int status_of_child(const std::function<bool()>& work) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(work() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

TEST(ThreadPool, WorksInAForkedChild) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer does not follow threads that a forked child starts";
#endif
    auto pool = std::make_unique<ThreadPool>(2);
    EXPECT_EQ(ranges_of(*pool, 2).size(), 2u);
    const auto use = [&] {
        const bool all = ranges_of(*pool, 2).size() == 2 && ranges_of(*pool, 2).size() == 2;
        pool.reset();
        return all;
    };
    EXPECT_EQ(status_of_child(use), 0) << "fork while the threads spin";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(status_of_child(use), 0) << "fork while the threads sleep";
    EXPECT_EQ(status_of_child([&] {
                  pool.reset();
                  return true;
              }),
              0)
        << "destroyed in the child without use";
    EXPECT_EQ(status_of_child([&] {
                  return use() && status_of_child(
                                      [] { return ranges_of(*std::make_unique<ThreadPool>(2), 2).size() == 2; }) == 0;
              }),
              0);
    EXPECT_EQ(ranges_of(*pool, 2).size(), 2u) << "the parent's threads are still there";
}

TEST(ThreadPool, FirstCallAfterRestIsPrompt) {
    ThreadPool pool(2);
    const auto call = [&] {
        const auto begin = std::chrono::steady_clock::now();
        pool.parallel(2, [](std::size_t, std::size_t, int) {});
        return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    };
    std::vector<double> hot;
    std::vector<double> rested;
    for (int i = 0; i < 1000; ++i) {
        hot.push_back(call());
    }
    for (int i = 0; i < 11; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        rested.push_back(call());
    }
    std::nth_element(hot.begin(), hot.begin() + 500, hot.end());
    const double best_rested = std::ranges::min(rested);
    RecordProperty("hot_us", std::to_string(hot[500]));
    RecordProperty("rested_us", std::to_string(best_rested));
    std::cout << "fork-join, us: hot " << hot[500] << ", after 50 ms of rest " << best_rested << '\n';
    // OpenMP takes 6000-8000 here, every time; on a loaded machine ours is late now and then, never always.
    EXPECT_LT(best_rested, 2000);
}

}  // namespace
}  // namespace octet::cpu
