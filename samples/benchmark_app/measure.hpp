#pragma once
// The measured loop.
#include <cstdint>
#include <functional>
#include <octet/infer_request.hpp>
#include <vector>

#include "samples/benchmark_app/options.hpp"

namespace octet::benchmark {

struct Limits {
    std::uint64_t iterations = 0;  // 0: no limit
    double ms = 0;                 // 0: no limit
};

struct Measurement {
    std::uint64_t iterations = 0;
    double duration_ms = 0;                 // from the first start to the last end
    std::vector<double> latencies_ms = {};  // one per iteration, in order of their ends
};

// Runs the requests until both limits are reached: `sync` one after the other on this thread, `async` all at once, each started again
// as soon as it is idle, and then on until every request has run equally often. A latency reaches from the start of an inference to its
// end; asynchronously it includes waiting for a stream. `each` is called after every iteration, on any thread. Throws what an inference
// throws, after all have ended.
Measurement measure(std::vector<InferRequest>& requests, Api api, Limits limits, const std::function<void()>& each);

}  // namespace octet::benchmark
