#include "tests/fuzz/isolated.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>

namespace octet::ir {
namespace {

// What the child tells while it runs.
struct Shared {
    std::atomic<std::uint64_t> current;
    char text[4096];
};

[[noreturn]] void child(Shared& shared, std::uint64_t end, const std::function<std::string(std::uint64_t)>& check,
                        const IsolatedLimits& limits) {
    [[maybe_unused]] const rlimit memory{limits.memory, limits.memory};
    const rlimit no_core{0, 0};
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    setrlimit(RLIMIT_AS, &memory);  // the sanitizers keep their books in terabytes of address space
#endif
    setrlimit(RLIMIT_CORE, &no_core);
    for (; shared.current < end; ++shared.current) {
        alarm(limits.seconds);
        std::string wrong;
        try {
            wrong = check(shared.current);
        } catch (const std::exception& e) {
            wrong = std::string("it throws ") + e.what();
        }
        if (wrong.empty()) continue;
        std::memcpy(shared.text, wrong.data(), std::min(wrong.size(), sizeof shared.text - 1));
        _exit(1);
    }
    _exit(0);
}

}  // namespace

std::vector<std::string> run_isolated(std::uint64_t first, std::uint64_t count,
                                      const std::function<std::string(std::uint64_t)>& check,
                                      const IsolatedLimits& limits) {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* shared = new (memory) Shared{};
    std::vector<std::string> wrong;
    for (shared->current = first; shared->current < first + count; ++shared->current) {
        std::memset(shared->text, 0, sizeof shared->text);
        const pid_t process = fork();
        if (process == 0) child(*shared, first + count, check, limits);
        int status = 0;
        waitpid(process, &status, 0);
        if (WIFSIGNALED(status))
            wrong.push_back(fmt::format("{}: {}", shared->current.load(),
                                        WTERMSIG(status) == SIGALRM
                                            ? fmt::format("it takes more than {} seconds", limits.seconds)
                                            : fmt::format("it ends with signal {}", WTERMSIG(status))));
        else if (shared->text[0] != 0) wrong.push_back(fmt::format("{}: {}", shared->current.load(), shared->text));
        else if (WEXITSTATUS(status) != 0)  // as sanitizers end a process
            wrong.push_back(fmt::format("{}: it ends with exit code {}", shared->current.load(), WEXITSTATUS(status)));
    }
    munmap(memory, sizeof(Shared));
    return wrong;
}

}  // namespace octet::ir
