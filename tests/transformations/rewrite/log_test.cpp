#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

using namespace ir;
using testing::HasSubstr;

Rule fuse_swish() {
    return Rule("fuse-swish")
        .match(op<Multiply>("mul", any("x"), op<Sigmoid>("gate", any("x"))))
        .decline(Code::used_elsewhere, "'{gate}' has {0} readers beside '{layer}'",
                 [](const Match& m) -> std::optional<Detail> {
                     const auto readers = m.graph().uses(m.value("gate")).size();
                     if (readers == 1) return std::nullopt;
                     return Detail{m.node("mul").name, {static_cast<double>(readers - 1)}};
                 })
        .rewrite([](Edit& e, const Match& m) { return e.add(Swish{}, {m.value("x")}); });
}

constexpr const char* kGraph = R"(
x : f32[2] = parameter() shape=[2]
s1 : f32[2] = sigmoid(x)
m1 : f32[2] = multiply(s1, x)
s2 : f32[2] = sigmoid(m1)
m2 : f32[2] = multiply(m1, s2)
out1 : f32[2] = result(m2)
out2 : f32[2] = result(s2)
)";

class Logged : public testing::Test {
protected:
    Logged() {
        Edit edit(graph_);
        edit.set_layers({{"file/gate", "Sigmoid", "opset1"}, {"file/product", "Multiply", "opset1"}});
        edit.set_origins(*graph_.find("s1"), {0});
        edit.set_origins(*graph_.find("m1"), {1});
        log_ = run({{"fuse", "plugins know swish", {fuse_swish()}}}, graph_);
    }
    Graph graph_ = parse(kGraph);
    RunLog log_;
};

TEST_F(Logged, DeclinesStandOnceWithTheirText) {
    ASSERT_EQ(log_.events.size(), 2u);
    EXPECT_EQ(describe(log_, graph_, log_.events[0]), "fuse: fuse-swish @ m1: applied");
    EXPECT_EQ(describe(log_, graph_, log_.events[1]),
              "fuse: fuse-swish @ m2: declined: USED_ELSEWHERE: 's2' has 1 readers beside 'm2'");
    EXPECT_EQ(log_.events[1].code, Code::used_elsewhere);
    EXPECT_EQ(log_.steps[0].rules[0].declined, 1u);
    EXPECT_EQ(log_.steps[0].rules[0].applied, 1u);
    EXPECT_GT(log_.steps[0].rules[0].matched, 2u);
}

TEST_F(Logged, ExplainGoesByNodeAndByLayerOfTheFile) {
    EXPECT_EQ(explain(log_, graph_, "m2"),
              "fuse: fuse-swish @ m2: declined: USED_ELSEWHERE: 's2' has 1 readers beside 'm2'\n");
    EXPECT_EQ(explain(log_, graph_, "file/product"), "fuse: fuse-swish @ m1: applied\n");
    EXPECT_EQ(explain(log_, graph_, "nothing"), "");
}

TEST_F(Logged, StatisticsNameRules) {
    EXPECT_THAT(statistics(log_), HasSubstr("fuse-swish"));
    EXPECT_EQ(log_.step("fuse")->applied, 1u);
    EXPECT_EQ(log_.step("other"), nullptr);
}

}  // namespace
}  // namespace octet::rewrite
