#include "plugins/cpu/pool.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "plugins/cpu/spin.hpp"

namespace octet::cpu {
namespace {

// Longer than the serial steps between two parallel ones, short against the time a sleeping processor is worth.
constexpr std::chrono::microseconds kSpin{200};

// Waking takes 50-150 us; a caller that waits longer than this lost its partner's processor to someone else.
constexpr std::chrono::microseconds kSpinForEnd{2000};

std::atomic<int> forks{0};

// What the calling thread is in a pool at work.
struct Place {
    const ThreadPool* pool = nullptr;
    int thread = 0;
};
thread_local Place place;

class AtPlace {
public:
    AtPlace(const ThreadPool* pool, int thread) : before_(place) { place = {pool, thread}; }
    ~AtPlace() { place = before_; }
    AtPlace(const AtPlace&) = delete;
    AtPlace& operator=(const AtPlace&) = delete;

private:
    Place before_;
};

struct OpenMp {
    int (*get_max_threads)() = nullptr;
    void (*set_num_threads)(int) = nullptr;
};

// The functions that oneDNN is bound to, if it is built with OpenMP; found by name so that nothing links to OpenMP for it.
const OpenMp& open_mp() {
    static const OpenMp functions = [] {
        OpenMp found;
        found.get_max_threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
        found.set_num_threads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
        return found.set_num_threads == nullptr ? OpenMp{} : found;
    }();
    return functions;
}

}  // namespace

OneOpenMpThread::OneOpenMpThread() {
    const OpenMp& functions = open_mp();
    before_ = functions.get_max_threads == nullptr ? 1 : functions.get_max_threads();
    if (before_ != 1) {
        functions.set_num_threads(1);
    }
}

OneOpenMpThread::~OneOpenMpThread() {
    if (before_ != 1) {
        open_mp().set_num_threads(before_);
    }
}

// One thread and its mailbox. `state` says whose the mailbox is: the worker's while busy or awaited, the caller's otherwise.
struct alignas(64) ThreadPool::Worker {
    enum State : int { idle, asleep, busy, awaited, leave };
    std::atomic<int> state{idle};
    int index = 0;
    const ThreadPool* pool = nullptr;
    Task task;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::exception_ptr error;
    std::thread thread;

    // `cpus`: where a worker that sleeps may wake, or nullptr for where it may run already.
    void give(int next, const cpu_set_t* cpus) {
        if (state.exchange(next, std::memory_order_acq_rel) == asleep) {
            if (cpus != nullptr) {
                pthread_setaffinity_np(thread.native_handle(), sizeof(*cpus), cpus);
            }
            state.notify_one();
        }
    }

    void wait_for_end() {
        const auto ended = [this] { return state.load(std::memory_order_acquire) < busy; };
        if (spin(kSpinForEnd, ended)) {
            return;
        }
        int seen = busy;
        if (state.compare_exchange_strong(seen, awaited, std::memory_order_acq_rel)) {
            state.wait(awaited, std::memory_order_acquire);
        }
    }
};

struct ThreadPool::Team {
    explicit Team(std::size_t workers) : members(workers) {}

    void stop() {
        for (Worker& member : members) {
            if (!member.thread.joinable()) {
                break;
            }
            member.give(Worker::leave, nullptr);
            member.thread.join();
            member.state.store(Worker::idle, std::memory_order_relaxed);
        }
        started = false;
    }

    // Schedulers like to wake a thread on the processor of the waker, which is the one that stays busy: measured 1-2 ms until they
    // were apart, against 0.1. So a worker may not wake there, provided that processors for all threads remain.
    const cpu_set_t* cpus_without_caller() {
        const int cpu = sched_getcpu();
        if (!spread || cpu < 0 || cpu >= CPU_SETSIZE) {
            return nullptr;
        }
        others = allowed;
        CPU_CLR(static_cast<std::size_t>(cpu), &others);
        return &others;
    }

    std::mutex turn;
    bool spread = false;
    cpu_set_t allowed{};
    cpu_set_t others{};
    std::vector<Worker> members;
    std::atomic<bool> started = false;  // read by callers that do not hold `turn`
    std::atomic<int> born = 0;          // value of `forks` in the process that started the threads
};

void ThreadPool::work(Worker& worker) {
    const OneOpenMpThread single;
    for (;;) {
        const auto called = [&worker] { return worker.state.load(std::memory_order_acquire) >= Worker::busy; };
        if (!spin(kSpin, called)) {
            int seen = Worker::idle;
            if (worker.state.compare_exchange_strong(seen, Worker::asleep, std::memory_order_acq_rel)) {
                worker.state.wait(Worker::asleep, std::memory_order_acquire);
            }
        }
        const int state = worker.state.load(std::memory_order_acquire);
        if (state == Worker::leave) {
            return;
        }
        if (state < Worker::busy) {
            continue;
        }
        try {
            const AtPlace here(worker.pool, worker.index);
            worker.task.call(worker.task.object, worker.begin, worker.end, worker.index);
        } catch (...) {
            worker.error = std::current_exception();
        }
        if (worker.state.exchange(Worker::idle, std::memory_order_acq_rel) == Worker::awaited) {
            worker.state.notify_one();
        }
    }
}

ThreadPool::ThreadPool(int threads, std::vector<int> cpus)
    : threads_(std::max(threads, 1)),
      cpus_(std::move(cpus)),
      team_(std::make_unique<Team>(static_cast<std::size_t>(threads_ - 1))) {
    static const bool registered = pthread_atfork(nullptr, nullptr,
                                                  [] { forks.fetch_add(1, std::memory_order_relaxed); }) == 0;
    static_cast<void>(registered);
}

ThreadPool::~ThreadPool() {
    if (team_->started && team_->born != forks.load(std::memory_order_relaxed)) {
        static_cast<void>(team_.release());  // its threads live in the parent; there is nothing here to join
    } else {
        team_->stop();
    }
}

void ThreadPool::start() {
    team_->born = forks.load(std::memory_order_relaxed);
    team_->started = true;
    team_->spread = cpus_.empty() && sched_getaffinity(0, sizeof(team_->allowed), &team_->allowed) == 0 &&
                    CPU_COUNT(&team_->allowed) >= threads_;
    const cpu_set_t* cpus = team_->cpus_without_caller();
    // Signals of the application are for its own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (std::size_t i = 0; i < team_->members.size(); ++i) {
        Worker& worker = team_->members[i];
        worker.index = static_cast<int>(i) + 1;
        worker.pool = this;
        try {
            worker.thread = std::thread([&worker] { work(worker); });
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            team_->stop();
            throw;
        }
        pthread_setname_np(worker.thread.native_handle(), "octet");
        if (i + 1 < cpus_.size() && cpus_[i + 1] >= 0 && cpus_[i + 1] < CPU_SETSIZE) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(static_cast<std::size_t>(cpus_[i + 1]), &set);
            pthread_setaffinity_np(worker.thread.native_handle(), sizeof(set), &set);
        } else if (cpus != nullptr) {
            pthread_setaffinity_np(worker.thread.native_handle(), sizeof(*cpus), cpus);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::run(std::size_t units, Task task) {
    if (units == 0) {
        return;
    }
    if (place.pool != nullptr) {
        task.call(task.object, 0, units, place.pool == this ? place.thread : 0);
        return;
    }
    const AtPlace here(this, 0);
    if (team_->started && team_->born != forks.load(std::memory_order_relaxed)) {
        // A lock that some thread of the parent held at the fork stays locked in the child for ever, so all of it is left behind.
        const std::size_t count = team_->members.size();
        static_cast<void>(team_.release());
        team_ = std::make_unique<Team>(count);
    }
    const std::lock_guard turn(team_->turn);
    const std::size_t active = std::min(units, static_cast<std::size_t>(threads_));
    if (active > 1 && !team_->started) {
        start();
    }
    const cpu_set_t* cpus = nullptr;
    for (std::size_t i = 1; i < active; ++i) {
        Worker& worker = team_->members[i - 1];
        if (cpus == nullptr && worker.state.load(std::memory_order_relaxed) == Worker::asleep) {
            cpus = team_->cpus_without_caller();
        }
        worker.task = task;
        worker.begin = units * i / active;
        worker.end = units * (i + 1) / active;
        worker.give(Worker::busy, cpus);
    }
    std::exception_ptr error;
    try {
        task.call(task.object, 0, units / active, 0);
    } catch (...) {
        error = std::current_exception();
    }
    for (std::size_t i = 1; i < active; ++i) {
        Worker& worker = team_->members[i - 1];
        worker.wait_for_end();
        if (worker.error && !error) {
            error = worker.error;
        }
        worker.error = nullptr;
    }
    if (error) {
        std::rethrow_exception(error);
    }
}

}  // namespace octet::cpu
