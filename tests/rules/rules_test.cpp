// Every rule of all_rules() against its example file.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/rules/rule_file.hpp"
#include "transformations/all_rules.hpp"

namespace octet::rewrite {
namespace {

constexpr const char* kFolder = "tests/rules";

class EveryRule : public testing::TestWithParam<Rule> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryRule);

TEST_P(EveryRule, DoesWhatItsFileSays) {
    for (const std::string& failure : check_rule_in_folder(GetParam(), kFolder)) ADD_FAILURE() << failure;
}

INSTANTIATE_TEST_SUITE_P(All, EveryRule, testing::ValuesIn(all_rules()), [](const auto& rule_info) {
    std::string name = rule_info.param.name();
    std::ranges::replace(name, '-', '_');
    return name;
});

TEST(RuleFiles, EachBelongsToOneRule) {
    std::set<std::string> names;
    for (const Rule& rule : all_rules())
        EXPECT_TRUE(names.insert(rule.name()).second) << rule.name() << " stands twice";
    for (const auto& entry : std::filesystem::directory_iterator(kFolder))
        if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
            EXPECT_TRUE(names.contains(entry.path().stem())) << entry.path() << " belongs to no rule";
        }
}

}  // namespace
}  // namespace octet::rewrite
