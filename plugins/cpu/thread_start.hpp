#pragma once
// How threads of this library are started.
#include <sched.h>
#include <signal.h>

#include <cstddef>
#include <optional>

namespace octet::cpu {

// Signals of the application are for its own threads: none reach the threads that are started while this lives.
class WithoutSignals {
public:
    WithoutSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    WithoutSignals(const WithoutSignals&) = delete;
    WithoutSignals& operator=(const WithoutSignals&) = delete;

private:
    sigset_t before_{};
};

// The processors that the calling thread may use but for the one that it runs on, where schedulers like to wake the threads it wakes
// although it stays busy; nothing where it may use a single one.
inline std::optional<cpu_set_t> processors_beside_caller() {
    cpu_set_t allowed;
    const int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return std::nullopt;
    CPU_CLR(static_cast<std::size_t>(cpu), &allowed);
    return CPU_COUNT(&allowed) > 0 ? std::optional(allowed) : std::nullopt;
}

}  // namespace octet::cpu
