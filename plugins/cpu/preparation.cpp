#include "plugins/cpu/preparation.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "plugins/cpu/thread_start.hpp"

namespace octet::cpu {

Preparation::Preparation(int threads) : most_threads_(static_cast<std::size_t>(std::max(threads, 1)) - 1) {}

Preparation::~Preparation() {
    {
        const std::scoped_lock lock(mutex_);
        waiting_.clear();
    }
    end();
}

void Preparation::add(Job job) {
    constexpr std::size_t kMostWaiting = 8;
    std::unique_lock lock(mutex_);
    waiting_.push_back(std::move(job));
    // One more where those there are do not keep up: a thread takes some 30 us of the caller's time.
    if (threads_.size() < most_threads_ && waiting_.size() > threads_.size()) {
        try {
            const WithoutSignals quiet;
            threads_.emplace_back([this] { work(); });
            pthread_setname_np(threads_.back().native_handle(), "octet");
            if (const auto cpus = processors_beside_caller())
                pthread_setaffinity_np(threads_.back().native_handle(), sizeof(*cpus), &*cpus);
        } catch (const std::system_error&) {
            // The system has no more; those there are, and finish(), do the work.
        }
    }
    wake_.notify_one();
    if (waiting_.size() > kMostWaiting) run_one(lock);
}

void Preparation::finish() {
    {
        std::unique_lock lock(mutex_);
        while (!waiting_.empty()) run_one(lock);
    }
    // The caller's processor is free now for a thread that waits for its own.
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        for (std::thread& thread : threads_) pthread_setaffinity_np(thread.native_handle(), sizeof(allowed), &allowed);
    end();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// There is one, and the lock is held; so it is afterwards.
void Preparation::run_one(std::unique_lock<std::mutex>& lock) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const auto start = std::chrono::steady_clock::now();
    std::exception_ptr error;
    try {
        job();
    } catch (...) {
        error = std::current_exception();
    }
    job = nullptr;  // what it owns goes before others wait for the lock
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    lock.lock();
    seconds_ += seconds;
    if (error && !error_) error_ = error;
}

void Preparation::work() {
    std::unique_lock lock(mutex_);
    while (!ended_) {
        if (waiting_.empty()) wake_.wait(lock);
        else run_one(lock);
    }
}

void Preparation::end() {
    {
        const std::scoped_lock lock(mutex_);
        ended_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace octet::cpu
