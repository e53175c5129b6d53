#pragma once
// Who runs when: a compiled model has a fixed number of streams; an inference holds one of them while it runs.
#include <memory>

namespace octet::runtime {

// Work for a stream. finish() comes after run(), when the stream is free again, with the last use of the job that the streams have.
class Job {
public:
    virtual ~Job() = default;
    virtual void run(int stream) noexcept = 0;
    virtual void finish(std::shared_ptr<Job> self) noexcept = 0;
};

// Serves in order of arrival. Threads, one a stream, start with the first asynchronous job, and anew in a child after fork(), where jobs
// that were running or waiting at the fork never end.
class Streams {
public:
    explicit Streams(int count);
    ~Streams();  // no job may be waiting
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    // Runs on a thread of the streams, later.
    void start(std::shared_ptr<Job> job);

    // A stream for the calling thread, once it is its turn; `preferred` where that one is free. On a thread that is itself one of the
    // streams' (a callback) it does not queue behind jobs that need this very thread.
    int acquire(int preferred);
    void release(int stream);

private:
    struct Shared;
    Shared& shared();  // made anew on first use in a child, which must be from one thread
    static void work(Shared& shared);
    std::shared_ptr<Shared> shared_;
};

}  // namespace octet::runtime
