// Asynchronous inference: wait, callbacks, Busy, streams.
#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "runtime/src/streams.hpp"
#include "tests/runtime/support.hpp"

namespace octet::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

InferRequest request_of(const std::shared_ptr<Model>& model, int streams = 1) {
    return Core().compile_model(model, "REFERENCE", num_streams(streams)).create_infer_request();
}

TEST(Async, StartAndWait) {
    InferRequest request = request_of(relu_model());
    request.wait();
    EXPECT_TRUE(request.wait_for(0ms)) << "nothing was started";
    fill<float>(request.get_input_tensor(), {-1, 2, -3, 4, -5, 6});
    request.start_async();
    request.wait();
    EXPECT_EQ(values_of(request.get_output_tensor()), (std::vector<float>{0, 2, 0, 4, 0, 6}));
}

TEST(Async, ARequestEndsWithItsLastHandle) {
    for (int i = 0; i < 200; ++i) {
        InferRequest request = request_of(relu_model());
        std::thread::id ended_on;
        std::shared_ptr<void> noted(nullptr, [&](void*) { ended_on = std::this_thread::get_id(); });
        request.set_callback([keep = std::move(noted)](std::exception_ptr) {});
        fill<float>(request.get_input_tensor(), {-1, 2, -3, 4, -5, 6});
        request.start_async();
        request.wait();
        request = {};
        ASSERT_EQ(ended_on, std::this_thread::get_id()) << "in round " << i;
    }
}

TEST(Async, BusyWhileItRuns) {
    InferRequest request = request_of(slow_model());
    request.start_async();
    EXPECT_FALSE(request.wait_for(0ms));
    constexpr const char* kBusy = "the request is running, wait for it first";
    const auto message = [](auto f) {
        try {
            f();
        } catch (const Busy& e) {
            return std::string(e.what());
        }
        return std::string("not busy");
    };
    EXPECT_EQ(message([&] { request.start_async(); }), kBusy);
    EXPECT_EQ(message([&] { request.infer(); }), kBusy);
    EXPECT_EQ(message([&] { request.get_output_tensor(); }), kBusy);
    EXPECT_EQ(message([&] { request.set_input_tensor(Tensor(element::f32, {600, 600})); }), kBusy);
    EXPECT_EQ(message([&] { request.set_output_tensor(Tensor(element::f32, {600, 600})); }), kBusy);
    EXPECT_EQ(message([&] { request.set_callback({}); }), kBusy);
    EXPECT_EQ(message([&] { request.reset_state(); }), kBusy);
    request.wait();
    request.get_output_tensor();
}

TEST(Async, ErrorsReachEveryWaitAndTheCallback) {
    InferRequest request = request_of(failing_model());
    fill<std::int64_t>(request.get_input_tensor(1), {9, 9});
    std::exception_ptr seen;
    request.set_callback([&](std::exception_ptr error) { seen = error; });
    request.start_async();
    EXPECT_THROW(request.wait(), Error);
    EXPECT_THROW(request.wait_for(0ms), Error);
    EXPECT_THROW(std::rethrow_exception(seen), Error);
    fill<std::int64_t>(request.get_input_tensor(1), {2, 2});
    request.start_async();
    request.wait();
    EXPECT_EQ(seen, nullptr);
}

TEST(Async, WrongInputsAreSeenAtTheStart) {
    InferRequest request = request_of(dynamic_relu_model());
    EXPECT_THROW(request.start_async(), Error);
    request.wait();
}

TEST(Async, CallbackComesBeforeWaitReturns) {
    InferRequest request = request_of(relu_model());
    std::atomic<bool> called = false;
    request.set_callback([&](std::exception_ptr) {
        std::this_thread::sleep_for(20ms);
        called = true;
    });
    request.start_async();
    request.wait();
    EXPECT_TRUE(called);
}

TEST(Async, CallbackIsNotCalledByInfer) {
    InferRequest request = request_of(relu_model());
    int calls = 0;
    request.set_callback([&](std::exception_ptr) { ++calls; });
    request.infer();
    EXPECT_EQ(calls, 0);
    request.set_callback({});
    request.start_async();
    request.wait();
    EXPECT_EQ(calls, 0);
}

TEST(Async, CallbackMayUseTheRequestAndStartItAgain) {
    for (const int streams : {1, 2}) {
        InferRequest request = request_of(counter_model(), streams);
        fill<float>(request.get_input_tensor(), {1, 2});
        std::atomic<int> calls = 0;
        std::vector<float> seen;
        request.set_callback([&](std::exception_ptr) {
            seen.push_back(request.get_output_tensor().data<float>()[0]);
            if (++calls < 50) request.start_async();
        });
        request.start_async();
        request.wait();
        EXPECT_EQ(calls, 50);
        EXPECT_EQ(seen.front(), 1);
        EXPECT_EQ(seen.back(), 50);
    }
}

TEST(Async, CallbackMayInferSynchronously) {
    const CompiledModel compiled = Core().compile_model(relu_model(), "REFERENCE", num_streams(1));
    InferRequest first = compiled.create_infer_request(), second = compiled.create_infer_request(),
                 third = compiled.create_infer_request();
    std::atomic<int> runs = 0;
    first.set_callback([&](std::exception_ptr) {
        third.start_async();  // waits for this very thread
        second.infer();
        first.infer();
        first.wait();
        ++runs;
    });
    first.start_async();
    first.wait();
    third.wait();
    EXPECT_EQ(runs, 1);
}

TEST(Async, OthersFindARequestInItsCallbackBusy) {
    InferRequest request = request_of(relu_model());
    std::latch inside(1), go_on(1);
    request.set_callback([&](std::exception_ptr) {
        inside.count_down();
        go_on.wait();
    });
    request.start_async();
    inside.wait();
    EXPECT_THROW(request.infer(), Busy);
    EXPECT_FALSE(request.wait_for(1ms));
    go_on.count_down();
    request.wait();
    request.infer();
}

TEST(Async, WhatACallbackThrowsReachesWait) {
    InferRequest request = request_of(relu_model());
    request.set_callback([](std::exception_ptr) { throw std::runtime_error("from the callback"); });
    request.start_async();
    EXPECT_THROW(request.wait(), std::runtime_error);
    request.set_callback({});
    request.start_async();
    request.wait();
}

TEST(Async, TheLastHandleWaits) {
    std::atomic<bool> done = false;
    {
        InferRequest request = request_of(slow_model());
        request.set_callback([&](std::exception_ptr) { done = true; });
        request.start_async();
    }
    EXPECT_TRUE(done);
}

TEST(Async, EverythingMayEndInsideACallback) {
    std::promise<void> ended;
    {
        auto compiled = std::make_shared<CompiledModel>(Core().compile_model(relu_model(), "REFERENCE"));
        auto request = std::make_shared<InferRequest>(compiled->create_infer_request());
        std::latch handed_over(1);
        request->set_callback([&ended, &handed_over, compiled, request](std::exception_ptr) mutable {
            handed_over.wait();
            compiled.reset();
            request->set_callback({});
            request.reset();
            ended.set_value();
        });
        request->start_async();
        request.reset();
        compiled.reset();
        handed_over.count_down();
        ended.get_future().wait();
    }
}

TEST(Async, RequestsOfOneModelFromManyThreads) {
    for (const char* device : {"CPU", "REFERENCE"}) {
        const CompiledModel compiled = Core().compile_model(counter_model(), device, num_streams(2));
        std::vector<std::thread> threads;
        std::atomic<int> right = 0;
        for (int t = 1; t <= 6; ++t)
            threads.emplace_back([&, t] {
                InferRequest request = compiled.create_infer_request();
                fill<float>(request.get_input_tensor(), {static_cast<float>(t), 0});
                for (int i = 0; i < 100; ++i) {
                    if (i % 2) request.infer();
                    else request.start_async(), request.wait();
                }
                if (request.get_output_tensor().data<float>()[0] == static_cast<float>(100 * t)) ++right;
            });
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(right, 6) << device;
    }
}

// A job that notes its stream and waits to be let go.
struct FakeJob final : runtime::Job {
    void run(int stream) noexcept override {
        stream_used = stream;
        began.count_down();
        if (hold) let_go.wait();
    }
    void finish(std::shared_ptr<Job>) noexcept override { ended.count_down(); }
    std::atomic<int> stream_used = -1;
    bool hold = false;
    std::latch began{1}, let_go{1}, ended{1};
};

TEST(Streams, AsManyAtOnceAsThereAre) {
    runtime::Streams streams(2);
    std::vector<std::shared_ptr<FakeJob>> jobs;
    for (int i = 0; i < 3; ++i) {
        jobs.push_back(std::make_shared<FakeJob>());
        jobs.back()->hold = true;
        streams.start(jobs.back());
    }
    jobs[0]->began.wait();
    jobs[1]->began.wait();
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(jobs[2]->stream_used, -1) << "both streams are taken";
    EXPECT_THAT((std::vector<int>{jobs[0]->stream_used, jobs[1]->stream_used}), ::testing::UnorderedElementsAre(0, 1));
    jobs[1]->let_go.count_down();
    jobs[2]->began.wait();
    EXPECT_EQ(jobs[2]->stream_used, jobs[1]->stream_used);
    jobs[0]->let_go.count_down();
    jobs[2]->let_go.count_down();
    for (const auto& job : jobs) job->ended.wait();
}

TEST(Streams, CallersKeepTheirPlaceInTheQueue) {
    runtime::Streams streams(1);
    auto first = std::make_shared<FakeJob>();
    first->hold = true;
    streams.start(first);
    first->began.wait();
    auto second = std::make_shared<FakeJob>();
    std::atomic<bool> caller_ran = false;
    std::thread caller([&] {
        const int stream = streams.acquire(0);
        caller_ran = true;
        std::this_thread::sleep_for(20ms);
        streams.release(stream);
    });
    std::this_thread::sleep_for(50ms);
    streams.start(second);
    EXPECT_FALSE(caller_ran);
    first->let_go.count_down();
    second->ended.wait();
    EXPECT_TRUE(caller_ran) << "the caller came before the second job";
    caller.join();
}

TEST(Streams, ACallerGetsTheStreamItPrefers) {
    runtime::Streams streams(3);
    EXPECT_EQ(streams.acquire(2), 2);
    EXPECT_EQ(streams.acquire(1), 1);
    EXPECT_EQ(streams.acquire(1), 0);
    streams.release(2);
    EXPECT_EQ(streams.acquire(-1), 2);
    for (const int stream : {0, 1, 2}) streams.release(stream);
}

}  // namespace
}  // namespace octet::test
