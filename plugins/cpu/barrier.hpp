#pragma once
// Where the tasks of one ThreadPool::parallel() wait for each other: far cheaper than to end it and begin the next.
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/spin.hpp"

namespace octet::cpu {

// A line of memory for each task, which it alone writes, so that a meeting costs one transfer between processors. What a task wrote
// before a meeting is seen by all after it. All tasks have to run at once, and come to each meeting.
class Barrier {
public:
    static constexpr std::size_t kLine = 64;

    static constexpr std::size_t bytes(std::size_t tasks) { return tasks * kLine; }
    // `memory` begins at a line.
    Barrier(std::byte* memory, std::size_t tasks) : memory_(memory), tasks_(tasks) {
        for (std::size_t task = 0; task < tasks; ++task) met(task).store(0, std::memory_order_relaxed);
    }

    // number: 1 for the first meeting, one more for each.
    void meet(std::size_t task, std::uint32_t number) const {
        met(task).store(number, std::memory_order_release);
        for (std::size_t other = 0; other < tasks_; ++other) {
            const auto there = [&] { return met(other).load(std::memory_order_acquire) >= number; };
            if (other != task) wait(there);
        }
    }

private:
    std::atomic_ref<std::uint32_t> met(std::size_t task) const {
        return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(memory_ + task * kLine));
    }
    template <class There>
    static void wait(const There& there) {
        constexpr int kTries = 64;  // before it looks at the clock
        for (int i = 0; i < kTries; ++i) {
            if (there()) return;
            relax();
        }
        while (!spin(std::chrono::microseconds{1000}, there)) {}
    }

    std::byte* memory_;
    std::size_t tasks_;
};

}  // namespace octet::cpu
