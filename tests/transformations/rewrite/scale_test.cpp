// Time must grow with the graph, not with its square.
#include <gtest/gtest.h>

#include <chrono>

#include "ir/ops/all.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

using namespace ir;

// n nodes add(chain, shared constant), on each of which the rule fires: the constant has n readers.
Graph chain(std::size_t n) {
    Graph graph;
    Edit edit(graph);
    Value v = edit.add(Parameter{Element::f32, Shape{1, 8}, {}}, {}, "x");
    const Value shared = edit.constant(Tensor::scalar(1.0f), "one");
    for (std::size_t i = 0; i < n; ++i) v = edit.add(Add{}, {v, shared}, fmt::format("n{}", i));
    edit.add(Result{}, {v}, "r");
    return graph;
}
Rule subtract_for_add() {
    return Rule("subtract-for-add").match(op<Add>("a", any("x"), constant("k"))).rewrite([](Edit& e, const Match& m) {
        return e.add(Subtract{}, {m.value("x"), m.value("k")});
    });
}
// relu(tanh(x)) -> tanh(relu(x)) over alternating chains: each relu travels over one tanh.
Graph pairs(std::size_t n) {
    Graph graph;
    Edit edit(graph);
    const Value x = edit.add(Parameter{Element::f32, Shape{1, 8}, {}}, {}, "x");
    std::vector<Value> ends;
    for (std::size_t i = 0; i < n / 2; ++i) {
        const Value tanh = edit.add(Tanh{}, {x}, fmt::format("t{}", i));
        edit.add(Result{}, {edit.add(Relu{}, {tanh}, fmt::format("n{}", i))}, fmt::format("r{}", i));
    }
    return graph;
}
Rule move_relu_up() {
    return Rule("move-relu-up").match(op<Relu>("r", op<Tanh>("t", any("x")))).rewrite([](Edit& e, const Match& m) {
        return e.add(Tanh{}, {e.add(Relu{}, {m.value("x")})});
    });
}

struct Sample {
    double seconds;
    std::size_t applications;
};
Sample best_of(std::size_t times, const Rule& rule, const Graph& graph) {
    Sample best{1e9, 0};
    for (std::size_t i = 0; i < times; ++i) {
        Graph copy = graph;
        const auto start = std::chrono::steady_clock::now();
        const RunLog log = run({{"s", "", {rule}}}, copy, {.verify = Verify::nothing});
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
        best = {std::min(best.seconds, time.count()), log.applications};
    }
    return best;
}

void expect_linear(const Rule& rule, Graph (*make)(std::size_t), std::size_t applied_to_ten_thousand) {
    // Another program on the machine can spoil a measurement, so the best of several attempts counts.
    double ratio = 1e9;
    Sample small{};
    Sample large{};
    for (int attempt = 0; attempt < 5 && ratio > 2.3; ++attempt) {
        small = best_of(5, rule, make(10'000));
        large = best_of(5, rule, make(20'000));
        ratio = std::min(ratio, large.seconds / small.seconds);
    }
    EXPECT_EQ(small.applications, applied_to_ten_thousand);
    EXPECT_EQ(large.applications, 2 * applied_to_ten_thousand);
    EXPECT_LE(ratio, 2.3) << small.seconds * 1e3 << " ms, " << large.seconds * 1e3 << " ms";
#ifdef NDEBUG
    // 50 ms are wanted of a quiet machine; this is a busy one.
    EXPECT_LT(small.seconds, 0.15);
#endif
    ::testing::Test::RecordProperty("ms_10000", std::to_string(small.seconds * 1e3));
}

TEST(Scale, SharedConstant) { expect_linear(subtract_for_add(), chain, 10'000); }
TEST(Scale, MovedOps) { expect_linear(move_relu_up(), pairs, 5'000); }

}  // namespace
}  // namespace octet::rewrite
