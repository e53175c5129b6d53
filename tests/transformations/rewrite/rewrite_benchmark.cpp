// Time of the rewrite engine; the contract: 10,000 applications below 50 ms, 20,000 nodes at most 2.3 times 10,000.
#include <benchmark/benchmark.h>

#include "tests/transformations/rewrite/sized_graphs.hpp"

namespace octet::rewrite {
namespace {

void rewrite_all(benchmark::State& state, const Rule& rule, Graph (*make)(std::size_t)) {
    const Graph graph = make(static_cast<std::size_t>(state.range(0)));
    const Pipeline pipeline{{"step", "", {rule}}};
    for (auto _ : state) {
        state.PauseTiming();
        Graph copy = graph;
        state.ResumeTiming();
        benchmark::DoNotOptimize(run(pipeline, copy, {.verify = Verify::nothing}).applications);
        state.PauseTiming();
        copy = Graph();
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(rewrite_all, chain, subtract_for_add(), chain)
    ->Arg(1'000)
    ->Arg(10'000)
    ->Arg(20'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(rewrite_all, fan, move_relu_up(), fan)
    ->Arg(1'000)
    ->Arg(10'000)
    ->Arg(20'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace octet::rewrite

BENCHMARK_MAIN();
