#include <gtest/gtest.h>

#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "transformations/rewrite/rule.hpp"

namespace octet::rewrite {
namespace {

using namespace ir;

constexpr const char* kGraph = R"(
x : f32[2,4] = parameter() shape=[2,4]
y : f32[2,4] = parameter() shape=[2,4]
c : f32[1] = constant() value=f32[1]{2}
axis : i64[] = constant() value=i64[]{1}
rx : f32[2,4] = relu(x)
ry : f32[2,4] = relu(y)
tx : f32[2,4] = tanh(x)
scaled : f32[2,4] = multiply(c, rx)
divided : f32[2,4] = divide(c, rx)
twice : f32[2,4] = add(scaled, scaled)
mixed : f32[2,4] = add(tx, rx)
s : f32[2,2], f32[2,2] = split(mixed, axis) parts=2
first : f32[2,2] = relu(s)
second : f32[2,2] = relu(s:1)
swish1 : f32[2,4] = swish(ry)
beta : f32[] = constant() value=f32[]{1}
swish2 : f32[2,4] = swish(ry, beta)
cat : f32[6,4] = concat(rx, ry, rx)
cat2 : f32[4,4] = concat(rx, tx)
half : f16[2,4] = convert(rx) element=f16
back : f32[2,4] = convert(half) element=f32
p : f32[2,4] = multiply(back, c)
q : f32[2,4] = multiply(tx, c)
end : f32[6,4] = result(cat)
tap : f32[2,4] = result(ry) tap=true
)";

class Matching : public testing::Test {
protected:
    bool find(const Pattern& pattern, std::string_view root) {
        matcher_ = Matcher(pattern);
        return match_.find(matcher_, *graph_.find(root));
    }
    std::string bound(std::string_view name) const { return match_.node(name).name; }
    Graph graph_ = parse(kGraph);
    Matcher matcher_;
    Match match_{graph_};
};

TEST_F(Matching, BindsNames) {
    ASSERT_TRUE(find(op<Relu>("r", any("in")), "rx"));
    EXPECT_EQ(bound("in"), "x");
    EXPECT_EQ(bound("r"), "rx");
    EXPECT_EQ(match_.shape("in"), Shape({2, 4}));
    EXPECT_THROW(match_.value("other"), InternalError);
    EXPECT_FALSE(find(op<Relu>("r", any("in")), "tx"));
    EXPECT_FALSE(find(op<Relu>("r", op<Relu>("r2")), "rx"));
}

TEST_F(Matching, CommutativeOperandsComeInAnyOrder) {
    for (const Pattern& p :
         {op<Multiply>("m", constant("k"), op<Relu>("r")), op<Multiply>("m", op<Relu>("r"), constant("k"))}) {
        ASSERT_TRUE(find(p, "scaled"));
        EXPECT_EQ(bound("k"), "c");
        EXPECT_EQ(bound("r"), "rx");
    }
    EXPECT_TRUE(find(op<Divide>("d", constant("k"), op<Relu>("r")), "divided"));
    EXPECT_FALSE(find(op<Divide>("d", op<Relu>("r"), constant("k")), "divided"));
}

TEST_F(Matching, ChoiceOfOrderIsTakenBackWhenALaterOperandFails) {
    // The inner product fits in both orders; only one lets the outer operand be the same value.
    Edit e(graph_);
    const Value rx{*graph_.find("rx"), 0};
    const Value tx{*graph_.find("tx"), 0};
    const Value inner = e.add(Multiply{}, {rx, tx}, "inner");
    e.add(Add{}, {inner, tx}, "outer");
    ASSERT_TRUE(find(op<Add>("a", op<Multiply>("m", any("same"), any("other")), any("same")), "outer"));
    EXPECT_EQ(bound("same"), "tx");
    EXPECT_EQ(bound("other"), "rx");
}

TEST_F(Matching, SameNameMeansSameValue) {
    EXPECT_TRUE(find(op<Add>("a", any("v"), any("v")), "twice"));
    EXPECT_FALSE(find(op<Add>("a", any("v"), any("v")), "mixed"));
    EXPECT_FALSE(find(op<Concat>("c", any("v"), any("v")), "cat2"));
}

TEST_F(Matching, OneOfSeveralOps) {
    const Pattern p = one_of<Relu, Tanh>("f", any("in"));
    EXPECT_TRUE(find(p, "rx"));
    EXPECT_TRUE(find(p, "tx"));
    EXPECT_FALSE(find(p, "scaled"));
    ASSERT_TRUE(find(one_of<Add, Subtract>("s", op<Relu>("r"), op<Tanh>("t")), "mixed"));
}

TEST_F(Matching, NumberOfOperandsCounts) {
    EXPECT_TRUE(find(op<Concat>("c"), "cat"));
    EXPECT_TRUE(find(op<Concat>("c", any(), any(), any()), "cat"));
    EXPECT_FALSE(find(op<Concat>("c", any(), any()), "cat"));
    EXPECT_FALSE(find(op<Concat>("c", any(), any(), any(), any()), "cat"));
}

TEST_F(Matching, OptionalOperand) {
    const Pattern p = op<Swish>("s", any("in"), optional(constant("b")));
    ASSERT_TRUE(find(p, "swish1"));
    EXPECT_FALSE(match_.has("b"));
    ASSERT_TRUE(find(p, "swish2"));
    EXPECT_TRUE(match_.has("b"));
    EXPECT_EQ(bound("b"), "beta");
    EXPECT_FALSE(find(op<Swish>("s", any("in"), optional(op<Relu>("b"))), "swish2"));
}

TEST_F(Matching, EachOperandOfAVariadicOp) {
    const Pattern p = op<Concat>("c", each(op<Relu>("r", any("in"))));
    ASSERT_TRUE(find(p, "cat"));
    ASSERT_EQ(match_.values("in").size(), 3u);
    EXPECT_EQ(graph_.node(match_.values("in")[1]).name, "y");
    EXPECT_EQ(graph_.node(match_.values("r")[2]).name, "rx");
    EXPECT_FALSE(find(p, "cat2"));
    ASSERT_TRUE(find(op<Concat>("c", any("head"), each(any("tail"))), "cat"));
    EXPECT_EQ(match_.values("tail").size(), 2u);
    EXPECT_EQ(bound("head"), "rx");
    ASSERT_TRUE(find(op<Relu>("r", any("in"), each(any("rest"))), "rx"));
    EXPECT_FALSE(match_.has("rest"));
}

TEST_F(Matching, OneUseDoesNotCountTaps) {
    EXPECT_FALSE(find(op<Multiply>("m", constant(), one_use(op<Relu>("r"))), "scaled"));
    EXPECT_TRUE(find(op<Relu>("f", one_use(op<Split>("s"))), "first"));
    Graph graph = parse(
        "x : f32[1] = parameter() shape=[1]\na : f32[1] = relu(x)\nb : f32[1] = tanh(a)\nt : f32[1] = result(a) "
        "tap=true\n");
    Match match(graph);
    EXPECT_TRUE(match.find(Matcher(op<Tanh>("t", one_use(op<Relu>("r")))), *graph.find("b")));
}

TEST_F(Matching, Ports) {
    EXPECT_TRUE(find(op<Relu>("r", port(1, op<Split>("s"))), "second"));
    EXPECT_FALSE(find(op<Relu>("r", port(1, op<Split>("s"))), "first"));
    EXPECT_TRUE(find(op<Relu>("r", op<Split>("s")), "second"));
    EXPECT_EQ(match_.value("s").port, 1u);
}

TEST_F(Matching, Types) {
    EXPECT_TRUE(find(op<Convert>("c", element(Element::f16, any("h"))), "back"));
    EXPECT_FALSE(find(op<Convert>("c", element({Element::f16, Element::bf16}, any("h"))), "half"));
    EXPECT_TRUE(find(op<Relu>("r", rank(2, any())), "rx"));
    EXPECT_FALSE(find(op<Relu>("r", rank(4, any())), "rx"));
    EXPECT_TRUE(find(op<Relu>("r", static_shape(any())), "rx"));
    EXPECT_TRUE(find(op<Relu>("r", typed([](const Type& t) { return t.shape[0] == Dim(2); }, any())), "rx"));
}

TEST_F(Matching, OpThatMayBeAbsent) {
    const Pattern p = op<Multiply>("m", maybe<Convert>("convert", any("v")), constant("k"));
    ASSERT_TRUE(find(p, "p"));
    EXPECT_TRUE(match_.has("convert"));
    EXPECT_EQ(bound("v"), "half");
    ASSERT_TRUE(find(p, "q"));
    EXPECT_FALSE(match_.has("convert"));
    EXPECT_EQ(bound("v"), "tx");
}

TEST_F(Matching, FoundAgainAfterAFailure) {
    const Pattern p = op<Concat>("c", each(op<Relu>("r")));
    EXPECT_FALSE(find(p, "cat2"));
    ASSERT_TRUE(find(p, "cat"));
    EXPECT_EQ(match_.values("r").size(), 3u);
}

TEST(Matcher, RejectsPatternsWithoutMeaning) {
    EXPECT_THROW(Matcher(any("x")), InternalError);
    EXPECT_THROW(Matcher(op<Concat>("c", each(any("x")), any("y"))), InternalError);
    EXPECT_THROW(Matcher(op<Concat>("c", optional(any("x")), any("y"))), InternalError);
}

TEST(Matcher, HeightCountsLevels) {
    EXPECT_EQ(Matcher(op<Relu>("r")).height(), 1u);
    EXPECT_EQ(Matcher(op<Relu>("r", op<Add>("a", any(), op<Tanh>("t")))).height(), 3u);
}

}  // namespace
}  // namespace octet::rewrite
