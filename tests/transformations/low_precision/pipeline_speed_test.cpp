// Load time is what users see: all passes of a model together.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/pipelines.hpp"

namespace octet {
namespace {

// FakeQuantize, convolution with quantized weights, bias, relu, one after the other: each block repeats its constants, as files do.
ir::Graph chain(std::size_t nodes) {
    GraphBuilder b;
    ir::Value v = b.input({1, 2, 4, 4});
    for (std::size_t i = 0; b.graph.live() < nodes; ++i) {
        const float step = 0.25f + 0.001f * static_cast<float>(i % 100);
        v = b.fake_quantize(v, {0}, {255 * step}, 256, fmt::format("fq{}", i));
        const ir::Value w = b.weights({2, 2, 1, 1}, {1, -2, 3, 4}, Grid{255, {step, 2 * step}, 127},
                                      fmt::format("weights{}", i));
        v = b.edit.add(ir::Convolution{}, {v, w}, fmt::format("conv{}", i));
        v = b.edit.add(ir::Add{}, {v, b.numbers({1, 2, 1, 1}, {step, 1})}, fmt::format("bias{}", i));
        v = b.edit.add(ir::Relu{}, {v}, fmt::format("relu{}", i));
    }
    b.result(v, "r");
    return std::move(b.graph);
}

rewrite::Pipeline all_passes() {
    rewrite::Pipeline all = canonicalise();
    for (auto& step :
         low_precision_pipeline(low_precision::cpu_restrictions(), std::make_shared<low_precision::PrecisionPlan>()))
        all.push_back(step);
    for (auto& step : finish()) all.push_back(step);
    return all;
}

// 5 microseconds a node are wanted of an optimised build on a quiet machine.
[[maybe_unused]] constexpr double kMicrosecondsPerNode = 15;

// The best of several runs, in microseconds a node.
double best_of(const ir::Graph& graph, const rewrite::Pipeline& passes, rewrite::Verify verify, rewrite::RunLog& log) {
    double best = 1e9;
    for (int attempt = 0; attempt < 5; ++attempt) {
        ir::Graph copy = graph;
        const auto start = std::chrono::steady_clock::now();
        log = rewrite::run(passes, copy, {.verify = verify});
        const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
        best = std::min(best, time.count() / static_cast<double>(graph.live()));
    }
    return best;
}

TEST(PipelineSpeed, TimeForEachNode) {
    const ir::Graph graph = chain(10'000);
    const rewrite::Pipeline passes = all_passes();
    rewrite::RunLog log;
    const double verified = best_of(graph, passes, rewrite::Verify::steps, log);
    const double plain = best_of(graph, passes, rewrite::Verify::nothing, log);
    EXPECT_GT(log.applied("low-precision-convolution"), 800u);
    std::printf("%.2f microseconds a node of %zu nodes, %.2f with checks after each step\n%s", plain, graph.live(),
                verified, rewrite::statistics(log).c_str());
#ifdef NDEBUG
    EXPECT_LT(plain, kMicrosecondsPerNode);
#endif
}

}  // namespace
}  // namespace octet
