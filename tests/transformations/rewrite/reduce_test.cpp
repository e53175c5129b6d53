#include "transformations/rewrite/reduce.hpp"

#include <gtest/gtest.h>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "tests/transformations/random_graph.hpp"
#include "transformations/pipelines.hpp"

namespace octet::rewrite {
namespace {

std::size_t count(const ir::Graph& graph, std::uint64_t op) {
    std::size_t n = 0;
    for (const ir::NodeId id : graph.order()) n += graph.node(id).op.id() == op;
    return n;
}

// Deliberately wrong: clamp(x) -> relu(x) whatever its bounds are.
Rule careless_clamp() {
    return Rule("careless-clamp").match(op<ir::Clamp>("clamp", any("x"))).rewrite([](ir::Edit& e, const Match& m) {
        return e.add(ir::Relu{}, {m.value("x")});
    });
}

std::string changes_results(const ir::Graph& graph) {
    ir::Graph after = graph;
    run({{"careless", "a test", std::vector<Rule>{careless_clamp()}}}, after);
    const ir::Tensors inputs = random_inputs(graph, 1);
    return ir::eval::evaluate(graph, inputs) == ir::eval::evaluate(after, inputs) ? "" : "other numbers";
}

// What a wrong rule breaks is found in large graphs, and little else is left.
TEST(Reduce, FindsWhatAWrongRuleBreaks) {
    std::size_t found = 0;
    for (unsigned seed = 0; seed < 120; ++seed) {
        const ir::Graph graph = random_graph(seed);
        if (changes_results(graph).empty()) continue;
        ++found;
        const Reduction reduction = reduce(graph, changes_results);
        SCOPED_TRACE(ir::print(reduction.graph));
        EXPECT_EQ(reduction.fault, "other numbers");
        EXPECT_EQ(changes_results(reduction.graph), "other numbers");
        EXPECT_LE(reduction.graph.live(), 3u);  // parameter, clamp, result
        EXPECT_EQ(count(reduction.graph, ir::kOp<ir::Clamp>.id), 1u);
        EXPECT_LE(reduction.graph.shape({reduction.graph.parameters()[0], 0}).elements(), 4);
        EXPECT_TRUE(ir::parse(ir::print(reduction.graph)) == reduction.graph);
    }
    EXPECT_GT(found, 3u);
}

TEST(Reduce, ShrinksDimensionsThatGoTogether) {
    const ir::Graph graph = ir::parse(R"(
x : f32[1,16,8,8] = parameter() shape=[1,16,8,8]
w : f32[24,16,3,3] = constant() value=f32[24,16,3,3] random(1)
y : f32[1,24,6,6] = convolution(x, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
shape : i64[2] = constant() value=i64[2]{24, 36}
z : f32[24,36] = reshape(y, shape)
a : f32[24,36] = relu(z)
out : f32[24,36] = result(a)
)");
    const auto has_both = [](const ir::Graph& g) -> std::string {
        return count(g, ir::kOp<ir::Convolution>.id) == 1 && count(g, ir::kOp<ir::Relu>.id) == 1 ? "both" : "";
    };
    const ir::Graph small = reduce(graph, has_both).graph;
    std::int64_t elements = 0;
    for (const ir::NodeId id : small.order()) elements += small.shape({id, 0}).elements();
    EXPECT_LE(elements, 8) << ir::print(small);
    EXPECT_EQ(count(small, ir::kOp<ir::Reshape>.id), 0u) << ir::print(small);
}

// A fault is kept, not exchanged for another.
TEST(Reduce, KeepsTheFault) {
    const ir::Graph graph = ir::parse(R"(
x : f32[4] = parameter() shape=[4]
a : f32[4] = abs(x)
b : f32[4] = relu(a)
out : f32[4] = result(b)
)");
    const auto fault = [](const ir::Graph& g) -> std::string {
        return count(g, ir::kOp<ir::Abs>.id) == 1 ? "first" : "second";
    };
    EXPECT_EQ(reduce(graph, fault).fault, "first");
    EXPECT_EQ(count(reduce(graph, fault).graph, ir::kOp<ir::Abs>.id), 1u);
    EXPECT_EQ(count(reduce(graph, fault).graph, ir::kOp<ir::Relu>.id), 0u);
}

TEST(Reduce, StopsAtItsLimit) {
    const ir::Graph graph = random_graph(3);
    const Reduction reduction = reduce(
        graph, [](const ir::Graph&) { return "always"; }, 5);
    EXPECT_EQ(reduction.tries, 5u);
}

TEST(Reduce, NeedsAFault) {
    try {
        reduce(random_graph(3), [](const ir::Graph&) { return ""; });
        FAIL();
    } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "the graph has no fault, there is nothing to reduce");
    }
}

}  // namespace
}  // namespace octet::rewrite
