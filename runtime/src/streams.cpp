#include "runtime/src/streams.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace octet::runtime {

namespace {

// How often this process is the child of a fork; the parent's threads do not exist in the child, and what they waited on is of no use.
std::atomic<unsigned> g_forks{0};

unsigned forks() {
    static const int registered = pthread_atfork(nullptr, nullptr,
                                                 [] { g_forks.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(registered);
    return g_forks.load(std::memory_order_relaxed);
}

thread_local const void* t_works_for = nullptr;

}  // namespace

// The threads keep this alive: the last handle of a compiled model may end on one of them.
struct Streams::Shared {
    struct Entry {
        std::shared_ptr<Job> job;  // null: a caller that waits for `granted`
        int* granted = nullptr;
    };

    explicit Shared(int streams) : count(streams) {
        for (int s = streams; s-- > 0;) free.push_back(s);
    }

    int take(int preferred) {
        const auto it = std::ranges::find(free, preferred);
        const auto taken = it == free.end() ? free.end() - 1 : it;
        const int stream = *taken;
        free.erase(taken);
        return stream;
    }

    // Gives free streams to those at the head of the queue. With the mutex held.
    void serve() {
        bool granted = false;
        while (!free.empty() && !queue.empty() && !queue.front().job) {
            *queue.front().granted = take(-1);
            queue.pop_front();
            granted = true;
        }
        if (granted) callers.notify_all();
        if (!free.empty() && !queue.empty()) workers.notify_one();
    }

    const int count;
    std::mutex mutex;
    std::condition_variable workers, callers;
    std::vector<int> free;  // the one freed last, whose caches are warm, at the end
    std::deque<Entry> queue;
    std::vector<std::thread> threads;
    const unsigned forks_before = forks();
    bool stopping = false;
};

Streams::Streams(int count) : shared_(std::make_shared<Shared>(count)) {}

Streams::~Streams() {
    if (shared_->forks_before != forks()) return;
    std::vector<std::thread> threads;
    {
        const std::scoped_lock lock(shared_->mutex);
        shared_->stopping = true;
        threads.swap(shared_->threads);
    }
    shared_->workers.notify_all();
    for (std::thread& thread : threads)
        if (thread.get_id() == std::this_thread::get_id()) thread.detach();
        else thread.join();
}

Streams::Shared& Streams::shared() {
    if (shared_->forks_before != forks()) shared_ = std::make_shared<Shared>(shared_->count);
    return *shared_;
}

void Streams::work(Shared& shared) {
    t_works_for = &shared;
    std::unique_lock lock(shared.mutex);
    while (true) {
        shared.workers.wait(lock, [&] {
            return shared.stopping || (!shared.free.empty() && !shared.queue.empty() && shared.queue.front().job);
        });
        if (shared.stopping) return;
        std::shared_ptr<Job> job = std::move(shared.queue.front().job);
        shared.queue.pop_front();
        const int stream = shared.take(-1);
        shared.serve();
        lock.unlock();
        job->run(stream);
        lock.lock();
        shared.free.push_back(stream);
        shared.serve();
        lock.unlock();
        Job& finished = *job;
        finished.finish(std::move(job));  // which may be the last use of the compiled model: the mutex must be free
        lock.lock();
    }
}

void Streams::start(std::shared_ptr<Job> job) {
    Shared& now = shared();
    const std::scoped_lock lock(now.mutex);
    while (now.threads.size() < static_cast<std::size_t>(now.count))
        now.threads.emplace_back([keep = shared_] {
            pthread_setname_np(pthread_self(), "octet-stream");
            work(*keep);
        });
    now.queue.push_back({std::move(job), nullptr});
    now.serve();
}

int Streams::acquire(int preferred) {
    Shared& now = shared();
    std::unique_lock lock(now.mutex);
    const bool own_thread = t_works_for == &now;
    if (!now.free.empty() && (now.queue.empty() || own_thread)) return now.take(preferred);
    int granted = -1;
    if (own_thread) now.queue.push_front({nullptr, &granted});
    else now.queue.push_back({nullptr, &granted});
    now.serve();
    now.callers.wait(lock, [&] { return granted >= 0; });
    return granted;
}

void Streams::release(int stream) {
    Shared& now = shared();
    const std::scoped_lock lock(now.mutex);
    now.free.push_back(stream);
    now.serve();
}

}  // namespace octet::runtime
