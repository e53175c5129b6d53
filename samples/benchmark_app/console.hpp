#pragma once
// What the program prints: steps, lines with a prefix, and how far the measurement is.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace octet::benchmark {

void print_step(int number, std::string_view title, bool skipped = false);
void print_info(std::string_view text);
void print_warning(std::string_view text);
void print_error(std::string_view text);  // to standard error
void print_plain(std::string_view text);

// A share between 0 and 1 as a bar of fixed width with the count behind it.
std::string progress_bar(double share, std::uint64_t iterations);

// Shows how far a measurement is. A thread of its own wakes up a few times a second and reads one counter, so that what is measured
// only ever increments it. On a terminal a bar is drawn over itself; elsewhere a line appears every ten seconds.
class Progress {
public:
    struct Limits {
        std::uint64_t iterations = 0;
        double ms = 0;
    };
    explicit Progress(Limits limits);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void count() { done_.fetch_add(1, std::memory_order_relaxed); }

private:
    void watch();
    void show(double elapsed_ms, bool last) const;

    Limits limits_;
    bool terminal_;
    std::atomic<std::uint64_t> done_{0};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopped_ = false;
    std::thread thread_;
};

}  // namespace octet::benchmark
