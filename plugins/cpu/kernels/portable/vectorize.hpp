#pragma once
// One loop, compiled for several instruction sets and chosen when it runs. The loop is plain C++ that the compiler vectorises.
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::portable {

// The instruction set the portable loops use: the machine's, under the cap every kernel obeys; found once.
Isa vector_isa();

namespace detail {

// flatten pulls the whole body, helpers included, into a function of the wider instruction set.
#if defined(__x86_64__)
template <class F>
#if defined(__clang__)
[[gnu::target("arch=x86-64-v4"), gnu::flatten, gnu::noinline]]
#else
[[gnu::target("arch=x86-64-v4,prefer-vector-width=512"), gnu::flatten, gnu::noinline]]
#endif
void run_avx512(const F& body) {
    body();
}

template <class F>
[[gnu::target("arch=x86-64-v3"), gnu::flatten, gnu::noinline]] void run_avx2(const F& body) {
    body();
}
#endif

}  // namespace detail

// Runs `body` compiled for the best instruction set at hand. The results are the same under each: only explicit fused operations
// fuse. What the body calls must be visible to the compiler here, otherwise it stays as it was built.
template <class F>
void vectorized(const F& body) {
#if defined(__x86_64__)
    const Isa isa = vector_isa();
    if (isa >= Isa::avx512) {
        return detail::run_avx512(body);
    }
    if (isa >= Isa::avx2) {
        return detail::run_avx2(body);
    }
#endif
    body();
}

}  // namespace octet::cpu::portable
