// What an inference costs besides the work of its kernels: 10,000 nodes that do next to nothing, a relu of eight numbers and a reshape
// in turn, none of which can be joined with its neighbours. The contract: below 100 ns a node.
#include <benchmark/benchmark.h>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"
#include "plugins/cpu/executable.hpp"

namespace octet::cpu {
namespace {

using namespace ir;

Graph chain(std::int64_t nodes) {
    Graph graph;
    Edit edit(graph);
    Value x = edit.add(Parameter{Element::f32, Shape{1, 8}, {}}, {});
    const std::vector<Value> shapes{edit.constant(Tensor::vector<std::int64_t>({8, 1})),
                                    edit.constant(Tensor::vector<std::int64_t>({1, 8}))};
    for (std::int64_t i = 0; i < nodes / 2; ++i) {
        x = edit.add(Relu{}, {x});
        x = edit.add(Reshape{}, {x, shapes[static_cast<std::size_t>(i % 2)]});
    }
    edit.add(Result{}, {x});
    return graph;
}

class Sink final : public OutputSink {
public:
    void* output(std::size_t, Element, const Dims&) override { return memory_.data(); }

private:
    std::array<float, 8> memory_{};
};

void nodes(benchmark::State& state) {
    Settings settings;
    settings.threads = static_cast<int>(state.range(1));
    const auto executable = std::make_shared<CpuExecutable>(chain(state.range(0)), detect_machine(), settings);
    const auto execution = executable->create_execution();
    std::array<float, 8> data{};
    const HostTensor input{Element::f32, {1, 8}, data.data()};
    Sink sink;
    execution->infer({&input, 1}, sink, 0);
    for (auto _ : state) execution->infer({&input, 1}, sink, 0);
    state.counters["per node"] = benchmark::Counter(static_cast<double>(state.range(0)),
                                                    benchmark::Counter::kIsIterationInvariantRate |
                                                        benchmark::Counter::kInvert);
    state.counters["steps"] = static_cast<double>(executable->report().steps);
}
BENCHMARK(nodes)->ArgNames({"nodes", "threads"})->Args({10'000, 1})->Args({10'000, 2})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace octet::cpu

BENCHMARK_MAIN();
