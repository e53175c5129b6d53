// What an application around the runtime may do: fork, and call it from OpenMP regions.
#include <omp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "tests/runtime/support.hpp"

namespace octet::test {
namespace {

// What a child process answers; 255 when it did not end in time.
template <class F>
int in_child(F&& f) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        int answer = 1;
        try {
            answer = f();
        } catch (const std::exception&) {}
        _exit(answer);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

class Processes : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Devices, Processes, ::testing::Values("CPU", "REFERENCE"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Processes, AChildInfersToo) {
    const CompiledModel compiled = Core().compile_model(slow_model(), GetParam(), num_streams(1),
                                                        inference_num_threads(2));
    InferRequest request = compiled.create_infer_request();
    std::ranges::fill(std::span(request.get_input_tensor().data<float>(), 600 * 600), 1.0f);
    request.infer();
    request.start_async();
    request.wait();
    const float wanted = request.get_output_tensor().data<float>()[7];
    const auto right = [&](InferRequest& r) {
        return std::abs(r.get_output_tensor().data<float>()[7] - wanted) <= 1e-4f * std::abs(wanted);
    };
    EXPECT_EQ(in_child([&] {
                  request.infer();
                  if (!right(request)) return 2;
                  request.start_async();
                  request.wait();
                  if (!right(request)) return 3;
                  InferRequest fresh = compiled.create_infer_request();
                  fresh.set_input_tensor(request.get_input_tensor());
                  fresh.infer();
                  return right(fresh) ? 0 : 4;
              }),
              0);
    request.infer();
    EXPECT_TRUE(right(request)) << "the parent goes on";
}

TEST_P(Processes, HandlesEndInAChild) {
    auto compiled = std::make_unique<CompiledModel>(Core().compile_model(relu_model(), GetParam()));
    auto request = std::make_unique<InferRequest>(compiled->create_infer_request());
    request->start_async();
    request->wait();
    EXPECT_EQ(in_child([&] {
                  request.reset();
                  compiled.reset();
                  return 0;
              }),
              0);
}

TEST_P(Processes, InsideAnOpenMpRegion) {
    const CompiledModel compiled = Core().compile_model(relu_model(), GetParam(), num_streams(2));
    std::atomic<int> right = 0;
    omp_set_num_threads(3);
#pragma omp parallel
    {
        InferRequest request = compiled.create_infer_request();
        const auto mine = static_cast<float>(omp_get_thread_num() + 1);
        std::ranges::fill(std::span(request.get_input_tensor().data<float>(), 6), mine);
        for (int i = 0; i < 20; ++i) request.infer();
        request.start_async();
        request.wait();
        if (request.get_output_tensor().data<float>()[5] == mine) ++right;
    }
    EXPECT_EQ(right, 3);
    EXPECT_EQ(omp_get_max_threads(), 3) << "the application's own setting stays";
}

// Threads that sleep must wake at once. A machine that others use may be slow now and then, so the best of several rests counts.
TEST(Rest, TheFirstInferenceAfterItTakesNoLonger) {
    using Clock = std::chrono::steady_clock;
    const CompiledModel compiled = Core().compile_model(slow_model(), "CPU", num_streams(1), inference_num_threads(2));
    InferRequest request = compiled.create_infer_request();
    const auto milliseconds = [&] {
        const auto start = Clock::now();
        request.infer();
        return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    };
    milliseconds();
    std::vector<double> busy(15);
    std::ranges::generate(busy, milliseconds);
    std::ranges::sort(busy);
    double after_rest = HUGE_VAL;
    for (int i = 0; i < 10; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        after_rest = std::min(after_rest, milliseconds());
    }
    EXPECT_LT(after_rest, 1.2 * busy[busy.size() / 2]);
}

}  // namespace
}  // namespace octet::test
