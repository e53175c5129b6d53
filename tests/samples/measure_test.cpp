// The measured loop on a real device.
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <octet/core.hpp>

#include "samples/benchmark_app/measure.hpp"
#include "tests/samples/command.hpp"

namespace octet::benchmark {
namespace {

std::vector<InferRequest> requests_of(const CompiledModel& compiled, std::size_t count) {
    std::vector<InferRequest> requests;
    for (std::size_t i = 0; i < count; ++i) requests.push_back(compiled.create_infer_request());
    return requests;
}

CompiledModel compiled_model(const std::string& shape) {
    const samples::ModelFolder folder;
    folder.write("model.xml", samples::small_model(shape));
    return Core().compile_model(folder.path / "model.xml", "REFERENCE");
}

TEST(Measure, CountsEveryIterationOnce) {
    for (const Api api : {Api::sync, Api::async}) {
        auto requests = requests_of(compiled_model("1,3,8,8"), 3);
        std::atomic<int> seen = 0;
        const Measurement result = measure(requests, api, {.iterations = 7, .ms = 0}, [&] { ++seen; });
        const std::size_t wanted = api == Api::sync ? 7 : 9;
        EXPECT_EQ(result.iterations, wanted);
        EXPECT_EQ(result.latencies_ms.size(), wanted);
        EXPECT_EQ(static_cast<std::size_t>(seen), wanted);
        for (double latency : result.latencies_ms) EXPECT_GE(latency, 0);
        EXPECT_GT(result.duration_ms, 0);
    }
}

TEST(Measure, LatenciesOfOneRequestFitIntoTheDuration) {
    for (const Api api : {Api::sync, Api::async}) {
        auto requests = requests_of(compiled_model("1,3,128,128"), 1);
        const Measurement result = measure(requests, api, {.iterations = 20, .ms = 50}, [] {});
        EXPECT_GE(result.duration_ms, 49);
        EXPECT_GE(result.iterations, 20u);
        const double sum = std::accumulate(result.latencies_ms.begin(), result.latencies_ms.end(), 0.0);
        EXPECT_LE(sum, result.duration_ms * 1.001);
        EXPECT_GT(sum, 0.1 * result.duration_ms);
    }
}

TEST(Measure, ErrorsReachTheCallerAndLeaveTheRequestsUsable) {
    const CompiledModel compiled = compiled_model("?,3,8,8");
    for (const Api api : {Api::sync, Api::async}) {
        auto requests = requests_of(compiled, 2);
        EXPECT_THROW(measure(requests, api, {.iterations = 8, .ms = 0}, [] {}), Error);
        for (auto& request : requests) request.set_input_tensor(Tensor(element::f32, {1, 3, 8, 8}));
        EXPECT_EQ(measure(requests, api, {.iterations = 8, .ms = 0}, [] {}).iterations, 8u);
    }
}

}  // namespace
}  // namespace octet::benchmark
