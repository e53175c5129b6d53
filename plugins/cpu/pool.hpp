#pragma once
// Threads for one stream of inferences: they spin for a short time between tasks, then sleep. No OpenMP region is ever opened.
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace octet::cpu {

class ThreadPool {
public:
    // `threads` counts the caller of parallel(). Threads start with the first parallel(); where `cpus` is not empty, thread i runs on
    // processor cpus[i] (the caller, thread 0, stays where the application put it).
    explicit ThreadPool(int threads, std::vector<int> cpus = {});
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return threads_; }

    // Calls fn(begin, end, thread) for consecutive ranges of [0, units), at most one for each thread, of sizes that differ by one at
    // most; returns when all are done. The split depends on `units` and threads() alone. The first exception of a task, in the order
    // of threads, reaches the caller after all have ended. Called from inside a task it runs fn(0, units, thread) there. Callers
    // from several threads take turns. Works in a child after fork(): its threads start anew.
    template <class Function>
    void parallel(std::size_t units, Function&& fn) {
        using Callable = std::remove_reference_t<Function>;
        run(units, Task{[](void* object, std::size_t begin, std::size_t end, int thread) {
                            (*static_cast<Callable*>(object))(begin, end, thread);
                        },
                        const_cast<void*>(static_cast<const void*>(std::addressof(fn)))});
    }

private:
    struct Task {
        void (*call)(void*, std::size_t, std::size_t, int) = nullptr;
        void* object = nullptr;
    };
    struct Worker;
    struct Team;
    void run(std::size_t units, Task task);
    void start();
    static void work(Worker& worker);

    int threads_;
    std::vector<int> cpus_;
    std::unique_ptr<Team> team_;
};

// While it lives, OpenMP code called from this thread (oneDNN's, in the builds that have it) sees a team of one. The thread's own
// setting comes back at the end; other threads do not notice.
class OneOpenMpThread {
public:
    OneOpenMpThread();
    ~OneOpenMpThread();
    OneOpenMpThread(const OneOpenMpThread&) = delete;
    OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

private:
    int before_ = 1;
};

}  // namespace octet::cpu
