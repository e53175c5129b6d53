// The test of rules must itself fail where a rule or its file is wrong.
#include "tests/rules/rule_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/ops/all.hpp"

namespace octet::rewrite {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

bool is_one(const Match& m) {
    const ir::Tensor& c = m.constant("c");
    return c.size() == 1 && c.at(0) == 1;
}

// multiply(x, 1) -> x
Rule remove_multiply_by_one() {
    return Rule("remove-multiply-by-one")
        .match(op<ir::Multiply>("mul", any("x"), constant("c")))
        .decline(Code::value_unsupported, "the factor '{c}' is not one", [](const Match& m) { return !is_one(m); })
        .rewrite([](Edit&, const Match& m) { return m.value("x"); });
}

constexpr const char* kFile = R"(# what it is for
--- before
x : f32[2] = parameter() shape=[2]
one : f32[1] = constant() value=f32[1]{1}
y : f32[2] = multiply(x, one)
z : f32[2] = relu(y)
r : f32[2] = result(z)
--- after
x : f32[2] = parameter() shape=[2]
z : f32[2] = relu(x)
r : f32[2] = result(z)
--- declines: VALUE_UNSUPPORTED: the factor 'two' is not one
x : f32[2] = parameter() shape=[2]
two : f32[1] = constant() value=f32[1]{2}
y : f32[2] = multiply(x, two)
r : f32[2] = result(y)
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}
std::vector<std::string> check(const Rule& rule, const std::string& text) {
    return check_rule(rule, parse_rule_file(text));
}

TEST(RuleFile, RightRuleAndFilePass) {
    EXPECT_THAT(check(remove_multiply_by_one(), kFile), IsEmpty());
    EXPECT_EQ(print_rule_file(parse_rule_file(kFile)), kFile);
}

TEST(RuleFile, WrongTextFails) {
    const std::string wrong = replaced(kFile, "z : f32[2] = relu(x)", "z : f32[2] = tanh(x)");
    EXPECT_THAT(check(remove_multiply_by_one(), wrong), Contains(HasSubstr("instead of")));
}

TEST(RuleFile, MissingDeclineFails) {
    const std::string text(kFile);
    EXPECT_THAT(check(remove_multiply_by_one(), text.substr(0, text.find("--- declines"))),
                Contains(HasSubstr("no example declines")));
}

TEST(RuleFile, OtherReasonFails) {
    const std::string wrong = replaced(kFile, "the factor 'two' is not one", "the factor is odd");
    EXPECT_THAT(check(remove_multiply_by_one(), wrong),
                Contains(HasSubstr("but with 'VALUE_UNSUPPORTED: the factor 'two' is not one'")));
}

TEST(RuleFile, DeclineThatDoesNotMatchFails) {
    const std::string wrong = replaced(kFile, "multiply(x, two)", "divide(x, two)");
    EXPECT_THAT(check(remove_multiply_by_one(), wrong), Contains(HasSubstr("the pattern does not hold")));
}

TEST(RuleFile, RuleWithoutItsCheckFails) {
    const Rule careless = Rule("remove-multiply-by-one")
                              .match(op<ir::Multiply>("mul", any("x"), constant("c")))
                              .rewrite([](Edit&, const Match& m) { return m.value("x"); });
    EXPECT_THAT(check(careless, kFile), Contains(HasSubstr("it does not decline")));
}

TEST(RuleFile, OtherNumbersFail) {
    const Rule wrong = Rule("wrong").match(op<ir::Relu>("r", any("x"))).rewrite([](Edit& e, const Match& m) {
        return e.add(ir::Abs{}, {m.value("x")});
    });
    const std::string file =
        "--- before\nx : f32[2] = parameter() shape=[2]\ny : f32[2] = relu(x)\nr : f32[2] = result(y)\n"
        "--- after\nx : f32[2] = parameter() shape=[2]\ny : f32[2] = abs(x)\nr : f32[2] = result(y)\n";
    EXPECT_THAT(check(wrong, file), Contains(HasSubstr("other numbers in result 0")));
    EXPECT_THAT(check(wrong, "# numbers: none, they are wrong\n" + file), IsEmpty());
    EXPECT_THAT(check(wrong, "# tolerance: 100\n" + file), IsEmpty());
}

TEST(RuleFile, RuleThatGoesOnFails) {
    const Rule endless = Rule("endless").match(op<ir::Relu>("r", any("x"))).rewrite([](Edit& e, const Match& m) {
        return e.add(ir::Relu{}, {e.add(ir::Relu{}, {m.value("x")})});
    });
    const std::string file =
        "--- before\nx : f32[2] = parameter() shape=[2]\ny : f32[2] = relu(x)\nr : f32[2] = result(y)\n--- after\n";
    EXPECT_THAT(check(endless, file), Contains(HasSubstr("does not end")));
}

TEST(RuleFile, BlessWritesAfterAndReasons) {
    std::string stale = replaced(kFile, "z : f32[2] = relu(x)", "z : f32[2] = tanh(x)");
    stale = replaced(stale, "VALUE_UNSUPPORTED: the factor 'two' is not one", "?");
    EXPECT_EQ(print_rule_file(blessed(remove_multiply_by_one(), parse_rule_file(stale))), kFile);
}

TEST(RuleFile, NoFileFails) {
    EXPECT_THAT(check_rule_in_folder(remove_multiply_by_one(), "tests/rules"),
                Contains(HasSubstr("there is no tests/rules/remove")));
}

}  // namespace
}  // namespace octet::rewrite
