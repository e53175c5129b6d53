#pragma once
// Waiting without sleeping, for what another processor does within microseconds.
#include <sched.h>

#include <chrono>
#include <thread>

namespace octet::cpu {

// From then on a spinning thread offers its processor to others, among them the very thread it waits for.
inline constexpr std::chrono::microseconds kSpinAlone{20};

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

// Whether `done` became true while spinning for `time`.
template <class Done>
bool spin(std::chrono::microseconds time, Done done) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::chrono::nanoseconds passed{0}; passed < time; passed = std::chrono::steady_clock::now() - begin) {
        for (int i = 0; i < 64; ++i) {
            if (done()) {
                return true;
            }
            relax();
        }
        if (passed > kSpinAlone) {
            sched_yield();
        }
    }
    return done();
}

}  // namespace octet::cpu
