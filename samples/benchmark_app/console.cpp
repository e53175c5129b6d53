#include "samples/benchmark_app/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace octet::benchmark {

namespace {

constexpr int kSteps = 11;
constexpr std::size_t kBarWidth = 40;
constexpr auto kRedraw = std::chrono::milliseconds(250);
constexpr auto kLineEvery = std::chrono::seconds(10);

void print(std::FILE* stream, std::string_view prefix, std::string_view text) {
    fmt::print(stream, "{}{}\n", prefix, text);
    std::fflush(stream);
}

}  // namespace

void print_step(int number, std::string_view title, bool skipped) {
    print(stdout, fmt::format("[Step {}/{}] ", number, kSteps),
          fmt::format("{}{}", title, skipped ? " (skipped)" : ""));
}
void print_info(std::string_view text) { print(stdout, "[ INFO ] ", text); }
void print_warning(std::string_view text) { print(stdout, "[ WARNING ] ", text); }
void print_error(std::string_view text) { print(stderr, "[ ERROR ] ", text); }
void print_plain(std::string_view text) { print(stdout, "", text); }

std::string progress_bar(double share, std::uint64_t iterations) {
    const double clamped = std::clamp(share, 0.0, 1.0);
    const auto filled = static_cast<std::size_t>(clamped * static_cast<double>(kBarWidth));
    return fmt::format("[{:<{}}] {:3.0f}% {} iterations", std::string(filled, '='), kBarWidth, clamped * 100,
                       iterations);
}

Progress::Progress(Limits limits)
    : limits_(limits), terminal_(isatty(STDOUT_FILENO) == 1), thread_([this] { watch(); }) {}

Progress::~Progress() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Progress::watch() {
    const auto start = std::chrono::steady_clock::now();
    const auto elapsed_ms = [&] {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    };
    const std::chrono::milliseconds period = terminal_ ? kRedraw : std::chrono::milliseconds(kLineEvery);
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period, [&] { return stopped_; })) show(elapsed_ms(), false);
    if (terminal_) show(elapsed_ms(), true);
}

void Progress::show(double elapsed_ms, bool last) const {
    const std::uint64_t done = done_.load(std::memory_order_relaxed);
    // Every limit has to be reached, so the one that is farthest away counts.
    double share = 1;
    if (limits_.iterations > 0)
        share = std::min(share, static_cast<double>(done) / static_cast<double>(limits_.iterations));
    if (limits_.ms > 0) share = std::min(share, elapsed_ms / limits_.ms);
    if (!terminal_) {
        print_info(fmt::format("{} iterations in {:.0f} s, {:.0f}% done", done, elapsed_ms / 1000,
                               std::min(share, 1.0) * 100));
        return;
    }
    fmt::print("\r{}{}", progress_bar(last ? 1 : share, done), last ? "\n" : "");
    std::fflush(stdout);
}

}  // namespace octet::benchmark
