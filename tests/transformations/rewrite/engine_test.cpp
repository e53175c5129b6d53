#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

using namespace ir;
using testing::HasSubstr;

// tanh(relu(x)) -> relu(tanh(x)): both keep the sign.
Rule move_relu_down() {
    return Rule("move-relu-down").match(op<Tanh>("t", op<Relu>("r", any("x")))).rewrite([](Edit& e, const Match& m) {
        return e.add(Relu{}, {e.add(Tanh{}, {m.value("x")})});
    });
}
// relu(relu(x)) -> relu(x)
Rule merge_relu() {
    return Rule("merge-relu")
        .match(op<Relu>("outer", op<Relu>("inner", any("x"))))
        .rewrite([](Edit& e, const Match& m) { return e.add(Relu{}, {m.value("x")}); });
}
// add(x, x) -> multiply(x, 2)
Rule double_by_product() {
    return Rule("double-by-product").match(op<Add>("a", any("x"), any("x"))).rewrite([](Edit& e, const Match& m) {
        return e.add(Multiply{}, {m.value("x"), e.constant(Tensor::scalar(2.0f))});
    });
}

constexpr const char* kChain = R"(
x : f32[2] = parameter() shape=[2]
a : f32[2] = relu(x)
b : f32[2] = tanh(a)
c : f32[2] = tanh(b)
d : f32[2] = relu(c)
e : f32[2] = add(d, d)
r : f32[2] = result(e)
)";
Pipeline pipeline() {
    return {{"sink", "relu meets relu at the end", {move_relu_down(), merge_relu()}},
            {"double", "needs one value", {double_by_product()}}};
}
Options strict() { return {.verify = Verify::applications}; }

std::string ops_of(const Graph& graph) {
    std::string text;
    for (const NodeId id : graph.order()) text += std::string(graph.node(id).op.name()) + " ";
    return text;
}

template <class F>
std::string error_of(F run_it) {
    try {
        run_it();
    } catch (const InternalError& e) {
        return e.what();
    }
    return "";
}

TEST(Engine, RunsToAFixedPoint) {
    Graph graph = parse(kChain);
    const RunLog log = run(pipeline(), graph, strict());
    EXPECT_EQ(log.applications, 4u);
    EXPECT_EQ(log.applied("move-relu-down"), 2u);
    EXPECT_EQ(log.applied("merge-relu"), 1u);
    EXPECT_FALSE(log.stopped);
    EXPECT_EQ(print(graph),
              "x : f32[2] = parameter() shape=[2]\n"
              "b.tanh : f32[2] = tanh(x)\n"
              "c.tanh : f32[2] = tanh(b.tanh)\n"
              "d : f32[2] = relu(c.tanh)\n"
              "e.constant : f32[] = constant() value=f32[]{2}\n"
              "e : f32[2] = multiply(d, e.constant)\n"
              "r : f32[2] = result(e)\n");
    Graph again = graph;
    EXPECT_EQ(run(pipeline(), again, strict()).applications, 0u);
}

TEST(Engine, StopsAfterAnyNumberOfApplications) {
    for (std::size_t n = 0; n <= 5; ++n) {
        Graph graph = parse(kChain);
        Options options = strict();
        options.stop_after = n;
        const RunLog log = run(pipeline(), graph, options);
        EXPECT_EQ(log.applications, std::min<std::size_t>(n, 4));
        EXPECT_EQ(log.stopped, n < 4);
        EXPECT_TRUE(verify(graph).empty());
    }
}

TEST(Engine, RulesAndStepsCanBeDisabled) {
    Graph graph = parse(kChain);
    EXPECT_EQ(run(pipeline(), graph, {.disabled = {"move-*"}}).applied("move-relu-down"), 0u);
    EXPECT_EQ(ops_of(graph), "parameter relu tanh tanh relu constant multiply result ");
    graph = parse(kChain);
    const RunLog log = run(pipeline(), graph, {.disabled = {"double"}});
    EXPECT_EQ(log.steps.size(), 1u);
    graph = parse(kChain);
    EXPECT_EQ(run(pipeline(), graph, {.only = {"double"}}).applications, 1u);
}

TEST(Engine, OnceOffersEveryNodeOnce) {
    const std::string text =
        "x : f32[2] = parameter() shape=[2]\na : f32[2] = relu(x)\nb : f32[2] = tanh(a)\nr : f32[2] = result(b)\n";
    const Rule swap_back =
        Rule("move-tanh-down").match(op<Relu>("r", op<Tanh>("t", any("x")))).rewrite([](Edit& e, const Match& m) {
            return e.add(Tanh{}, {e.add(Relu{}, {m.value("x")})});
        });
    Graph graph = parse(text);
    EXPECT_EQ(run({{"swap", "", {move_relu_down(), swap_back}, Repeat::once}}, graph, strict()).applications, 1u);
    const std::string error = error_of([&] { run({{"swap", "", {move_relu_down(), swap_back}}}, graph); });
    EXPECT_THAT(error, HasSubstr("step 'swap' does not end"));
    EXPECT_THAT(error, HasSubstr("'move-relu-down'"));
    EXPECT_THAT(error, HasSubstr("'move-tanh-down'"));
}

TEST(Engine, NodeThatBecameSolelyReadIsOfferedAgain) {
    // The relu is read twice until the add is gone: only then does the tanh above it match.
    const Rule sole =
        Rule("sole").match(op<Tanh>("t", one_use(op<Relu>("r", any("x"))))).rewrite([](Edit& e, const Match& m) {
            return e.add(Sigmoid{}, {m.value("x")});
        });
    const Rule drop = Rule("drop").match(op<Add>("a", any("x"), constant())).rewrite([](Edit& e, const Match& m) {
        return e.add(Abs{}, {m.graph().node(m.value("x")).inputs[0]});
    });
    Graph graph = parse(
        "x : f32[1] = parameter() shape=[1]\nr : f32[1] = relu(x)\nt : f32[1] = tanh(r)\nk : f32[1] = constant() "
        "value=f32[1]{1}\n"
        "a : f32[1] = add(r, k)\no1 : f32[1] = result(t)\no2 : f32[1] = result(a)\n");
    EXPECT_EQ(run({{"s", "", {sole, drop}}}, graph, strict()).applications, 2u);
    EXPECT_EQ(ops_of(graph), "parameter abs sigmoid result result ");
}

TEST(Engine, SeveralOutputsAreReplacedTogether) {
    const Rule split =
        Rule("split-by-hand").match(op<Split>("s", any("x"), constant("axis"))).rewrite([](Edit& e, const Match& m) {
            const Value lengths = e.constant(Tensor::vector<std::int64_t>({2, 2}));
            return e.outputs(e.add(VariadicSplit{}, {m.value("x"), m.value("axis"), lengths}).node);
        });
    Graph graph = parse(
        "x : f32[1,4] = parameter() shape=[1,4]\naxis : i64[] = constant() value=i64[]{1}\n"
        "s : f32[1,2], f32[1,2] = split(x, axis) parts=2\ny : f32[1,2] = subtract(s:1, s)\nr : f32[1,2] = result(y)\n");
    EXPECT_EQ(run({{"s", "", {split}}}, graph, strict()).applications, 1u);
    const Node& y = graph.node(*graph.find("y"));
    EXPECT_EQ(graph.op(y.inputs[0]).name(), "variadic_split");
    EXPECT_EQ(y.inputs[0].port, 1u);
    EXPECT_EQ(y.inputs[1].port, 0u);
}

TEST(Engine, NewNodesStandForAllLayersMatched) {
    Graph graph = parse(kChain);
    Edit edit(graph);
    edit.set_layers({{"A", "ReLU", "opset1"}, {"B", "Tanh", "opset1"}, {"X", "Parameter", "opset1"}});
    edit.set_origins(*graph.find("x"), {2});
    edit.set_origins(*graph.find("a"), {0});
    edit.set_origins(*graph.find("b"), {1});
    run({{"sink", "", {move_relu_down()}}}, graph, {.stop_after = 1});
    EXPECT_EQ(graph.node(*graph.find("b")).origins, (Origins{0, 1}));
    EXPECT_EQ(graph.node(*graph.find("b.tanh")).origins, (Origins{0, 1}));
}

TEST(Engine, WhatARewriteMadeInVainIsRemoved) {
    const Rule wasteful =
        Rule("wasteful").match(op<Relu>("r", op<Relu>("s", any("x")))).rewrite([](Edit& e, const Match& m) {
            e.add(Tanh{}, {m.value("x")});
            return m.value("s");
        });
    Graph graph = parse(
        "x : f32[1] = parameter() shape=[1]\ns : f32[1] = relu(x)\nr : f32[1] = relu(s)\no : f32[1] = result(r)\n");
    run({{"s", "", {wasteful}}}, graph, strict());
    EXPECT_EQ(ops_of(graph), "parameter relu result ");
}

TEST(Engine, RulesThatBreakTheirWordAreNamed) {
    const auto message = [](auto rewrite) {
        const Rule rule = Rule("bad").match(op<Relu>("r", any("x"))).rewrite(rewrite);
        Graph graph = parse("x : f32[2] = parameter() shape=[2]\na : f32[2] = relu(x)\nr : f32[2] = result(a)\n");
        return error_of([&] { run({{"s", "", {rule}}}, graph, strict()); });
    };
    EXPECT_THAT(message([](Edit&, const Match& m) { return m.value("r"); }),
                HasSubstr("rule 'bad' at 'a': the replacement is the node itself"));
    EXPECT_THAT(message([](Edit&, const Match& m) {
                    return std::vector<Value>{m.value("x"), m.value("x")};
                }),
                HasSubstr("rule 'bad' at 'a': 2 values replace 1 outputs"));
    EXPECT_THAT(message([](Edit& e, const Match& m) { return e.add(Concat{7}, {m.value("x")}); }),
                HasSubstr("rule 'bad' at 'a': layer 'a.concat'"));
    EXPECT_THAT(message([](Edit& e, const Match& m) { return e.add(Tanh{}, {e.add(Abs{}, {m.value("r")})}); }),
                HasSubstr("a node above the replacement reads what is replaced"));
    EXPECT_THAT(message([](Edit& e, const Match& m) { return e.add(Relu{}, {m.value("x")}); }),
                HasSubstr("was applied and the graph is the same"));
}

TEST(Engine, PassesAreSteps) {
    const auto rename_all = [](Graph& graph, Notes& notes) {
        bool changed = false;
        for (const NodeId id : graph.order()) {
            if (!graph.op({id, 0}).is<Relu>()) continue;
            notes.applied(id, "made it absolute");
            Edit(graph).set_op(id, Abs{});
            changed = true;
        }
        return changed;
    };
    Graph graph = parse(kChain);
    const RunLog log = run({{"abs", "", rename_all}, {"again", "", rename_all, Repeat::to_fixed_point}}, graph,
                           strict());
    EXPECT_EQ(log.applications, 1u);
    EXPECT_TRUE(log.steps[0].changed);
    EXPECT_FALSE(log.steps[1].changed);
    EXPECT_EQ(ops_of(graph), "parameter abs tanh tanh abs add result ");
    EXPECT_EQ(describe(log, graph, log.events[0]), "abs: @ a: applied: made it absolute");

    const auto liar = [](Graph& g) {
        Edit(g).set_op(*g.find("a"), Tanh{});
        return false;
    };
    EXPECT_THAT(error_of([&] {
                    run({{"liar", "", liar}}, graph);
                }),
                HasSubstr("pass 'liar' changed the graph and reported no change"));
    EXPECT_THAT(error_of([&] {
                    run({{"busy", "", [](Graph&) { return true; }, Repeat::to_fixed_point}}, graph);
                }),
                HasSubstr("pass 'busy'"));
}

TEST(Engine, StepsThatChangedAreDumped) {
    std::vector<std::string> dumped;
    Graph graph = parse(kChain);
    Pipeline steps = pipeline();
    steps.push_back({"idle", "", {merge_relu()}});
    run(steps, graph,
        {.dump = {"*"}, .dumped = [&](std::string_view step, const Graph&) { dumped.emplace_back(step); }});
    EXPECT_EQ(dumped, (std::vector<std::string>{"sink", "double"}));
}

TEST(Engine, BodiesAreGraphsToo) {
    Graph graph = parse(
        "c : boolean[] = parameter() element=boolean shape=[]\nx : f32[2] = parameter() shape=[2]\n"
        "i : f32[2] = if(c, x) then_body={\n"
        "p : f32[2] = parameter() shape=[2]\na : f32[2] = relu(p)\nb : f32[2] = relu(a)\no : f32[2] = result(b)\n"
        "} else_body={\nq : f32[2] = parameter() shape=[2]\nz : f32[2] = result(q)\n"
        "} then_inputs=[(1,0,-1,0,-1,1,1,\"\")] else_inputs=[(1,0,-1,0,-1,1,1,\"\")] "
        "then_outputs=[(0,0,-1,0,-1,1,1,\"\")] "
        "else_outputs=[(0,0,-1,0,-1,1,1,\"\")]\nr : f32[2] = result(i)\n");
    const RunLog log = run({{"merge", "", {merge_relu()}}}, graph, strict());
    EXPECT_EQ(log.applications, 1u);
    EXPECT_EQ(describe(log, graph, log.events.at(0)), "merge: merge-relu @ i/then_body/b: applied");
    EXPECT_EQ(ops_of(*graph.node(*graph.find("i")).op.get<If>().then_body), "parameter relu result ");
    EXPECT_TRUE(verify(graph).empty());
}

TEST(Bisect, FindsTheApplicationThatBreaks) {
    const Graph graph = parse(kChain);
    const auto no_product = [](const Graph& g) { return ops_of(g).find("multiply") == std::string::npos; };
    const auto culprit = bisect(pipeline(), graph, no_product);
    ASSERT_TRUE(culprit);
    EXPECT_EQ(culprit->application, 4u);
    EXPECT_EQ(culprit->text, "double: double-by-product @ e: applied");
    EXPECT_FALSE(bisect(pipeline(), graph, [](const Graph&) { return true; }));
    EXPECT_EQ(bisect(pipeline(), graph, [](const Graph&) { return false; })->application, 0u);

    const auto not_moved = [](const Graph& g) { return !g.find("b.tanh"); };
    EXPECT_EQ(bisect(pipeline(), graph, not_moved)->text, "sink: move-relu-down @ b: applied");

    Pipeline with_pass = pipeline();
    with_pass.push_back({"spoil", "", [](Graph& g) {
                             Edit(g).set_op(*g.find("d"), Abs{});
                             return true;
                         }});
    const auto no_abs = [](const Graph& g) { return ops_of(g).find("abs") == std::string::npos; };
    EXPECT_EQ(bisect(with_pass, graph, no_abs)->text, "spoil: applied");
}

}  // namespace
}  // namespace octet::rewrite
