#pragma once
// Work that kernels need done before they run, such as packing weights and generating code. It goes on in other threads while the plan is
// still being made.
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace octet::cpu {

class Preparation {
public:
    using Job = std::function<void()>;

    // `threads` counts the caller of finish(); the others start when there is work for them.
    explicit Preparation(int threads);
    // Jobs that have not begun are dropped.
    ~Preparation();
    Preparation(const Preparation&) = delete;
    Preparation& operator=(const Preparation&) = delete;

    // Jobs run once each, in any order and at once, so that none may need another. What they read and write must not change until finish().
    // Where many wait, whose memory adds up, the caller does one of them.
    void add(Job job);
    // Does what is left, together with the threads. The first exception of a job reaches the caller.
    void finish();

    // What all jobs took, on whatever thread. After finish().
    double seconds() const { return seconds_; }

private:
    void work();
    void run_one(std::unique_lock<std::mutex>& lock);
    void end();

    const std::size_t most_threads_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> waiting_;
    std::vector<std::thread> threads_;
    std::exception_ptr error_;
    double seconds_ = 0;
    bool ended_ = false;
};

}  // namespace octet::cpu
