#include "samples/benchmark_app/measure.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>

namespace octet::benchmark {

namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point begin, Clock::time_point end) {
    return std::chrono::duration<double, std::milli>(end - begin).count();
}

bool goes_on(const Limits& limits, std::uint64_t started, Clock::time_point begin) {
    return started < limits.iterations || (limits.ms > 0 && ms_between(begin, Clock::now()) < limits.ms);
}

Measurement measure_sync(std::vector<InferRequest>& requests, Limits limits, const std::function<void()>& each) {
    Measurement result;
    const auto begin = Clock::now();
    auto end = begin;
    while (goes_on(limits, result.iterations, begin)) {
        auto& request = requests[result.iterations % requests.size()];
        const auto start = Clock::now();
        request.infer();
        end = Clock::now();
        result.latencies_ms.push_back(ms_between(start, end));
        ++result.iterations;
        each();
    }
    result.duration_ms = ms_between(begin, end);
    return result;
}

class AsyncLoop {
public:
    AsyncLoop(std::vector<InferRequest>& requests, const std::function<void()>& each)
        : requests_(requests), each_(each), starts_(requests.size()) {
        for (std::size_t i = 0; i < requests.size(); ++i) {
            idle_.push_back(i);
            requests[i].set_callback([this, i](std::exception_ptr error) { ended(i, std::move(error)); });
        }
    }
    // No callback may run after the members it uses are gone, and a request takes no other callback before its own has returned.
    ~AsyncLoop() {
        for (auto& request : requests_) {
            try {
                request.wait();
                request.set_callback({});
            } catch (const std::exception&) {  // an error of an inference: `run` has thrown it
                request.set_callback({});
            }
        }
    }
    AsyncLoop(const AsyncLoop&) = delete;
    AsyncLoop& operator=(const AsyncLoop&) = delete;

    Measurement run(Limits limits) {
        const auto begin = Clock::now();
        while (goes_on(limits, result_.iterations, begin) || result_.iterations % requests_.size() != 0) {
            start(take_idle());
            ++result_.iterations;
        }
        wait_for_all();
        if (error_) std::rethrow_exception(error_);
        result_.duration_ms = result_.iterations == 0 ? 0 : ms_between(begin, last_end_);
        return std::move(result_);
    }

private:
    std::size_t take_idle() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !idle_.empty() || error_; });
        if (error_) std::rethrow_exception(error_);
        const std::size_t index = idle_.front();
        idle_.pop_front();
        ++running_;
        return index;
    }

    void start(std::size_t index) {
        try {
            // The callback is not the end of an inference for the request itself: it may still be busy for a moment.
            requests_[index].wait();
            starts_[index] = Clock::now();
            requests_[index].start_async();
        } catch (...) {
            ended(index, std::current_exception());
        }
    }

    void ended(std::size_t index, std::exception_ptr error) {
        const auto now = Clock::now();
        const std::lock_guard lock(mutex_);
        last_end_ = std::max(last_end_, now);
        if (error && !error_) error_ = std::move(error);
        result_.latencies_ms.push_back(ms_between(starts_[index], now));
        idle_.push_back(index);
        --running_;
        each_();
        changed_.notify_one();
    }

    void wait_for_all() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return running_ == 0; });
    }

    std::vector<InferRequest>& requests_;
    const std::function<void()>& each_;
    std::vector<Clock::time_point> starts_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::size_t> idle_;
    std::size_t running_ = 0;
    std::exception_ptr error_;
    Clock::time_point last_end_{};
    Measurement result_;
};

}  // namespace

Measurement measure(std::vector<InferRequest>& requests, Api api, Limits limits, const std::function<void()>& each) {
    if (api == Api::sync) return measure_sync(requests, limits, each);
    return AsyncLoop(requests, each).run(limits);
}

}  // namespace octet::benchmark
