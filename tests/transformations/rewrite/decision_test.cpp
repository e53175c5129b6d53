#include "transformations/rewrite/decision.hpp"

#include <gtest/gtest.h>

#include "ir/ops/all.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

TEST(Decision, TextNamesCodeLayerAndValues) {
    EXPECT_EQ(to_string(Decision::yes()), "yes");
    EXPECT_EQ(to_string(Decision::no(Code::levels_unsupported, "'{layer}' has {0} levels, {1} are needed",
                                     {"fq1", {300, 256}})),
              "LEVELS_UNSUPPORTED: 'fq1' has 300 levels, 256 are needed");
    EXPECT_EQ(to_string(Decision::no(Code::inexact, "a set {{{0}}} of {5}", {"", {0.5}})), "INEXACT: a set {0.5} of ?");
    EXPECT_EQ(name_of(Code::not_profitable), "NOT_PROFITABLE");
}

TEST(Decision, ReasonMayOnlyNameWhatThePatternHas) {
    Rule rule("r");
    rule.match(op<ir::Relu>("relu", any("x")));
    const auto never = [](const Match&) { return false; };
    EXPECT_NO_THROW(rule.decline(Code::inexact, "'{x}', {layer}, {0}", never));
    EXPECT_THROW(rule.decline(Code::inexact, "'{y}'", never), InternalError);
}

TEST(Options, AreParsed) {
    const Options options = Options::parse(
        "dump=fuse*,disable=a,disable=b,stop-after=17,explain=conv1,only=fold,verify=applications");
    EXPECT_EQ(options.dump, std::vector<std::string>{"fuse*"});
    EXPECT_EQ(options.disabled, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(options.stop_after, 17u);
    EXPECT_EQ(options.explain, std::vector<std::string>{"conv1"});
    EXPECT_EQ(options.only, std::vector<std::string>{"fold"});
    EXPECT_EQ(options.verify, Verify::applications);
    EXPECT_EQ(Options::parse("").stop_after, SIZE_MAX);
}

TEST(Options, ErrorsNameTheKey) {
    const auto message = [](std::string_view text) -> std::string {
        try {
            Options::parse(text);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(message("dmup=1"),
              "OCTET_DEBUG: unknown key 'dmup', wanted 'dump', 'disable', 'only', 'explain', 'stop-after' or 'verify'");
    EXPECT_EQ(message("stop-after=x"), "OCTET_DEBUG: 'stop-after' is 'x', wanted a number");
    EXPECT_EQ(message("dump"), "OCTET_DEBUG: got 'dump', wanted 'key=value'");
    EXPECT_EQ(message("verify=all"), "OCTET_DEBUG: 'verify' is 'all', wanted 'nothing', 'steps' or 'applications'");
}

TEST(Options, ComeFromTheEnvironment) {
    ASSERT_EQ(setenv("OCTET_DEBUG", "stop-after=3", 1), 0);
    EXPECT_EQ(Options::from_environment().stop_after, 3u);
    ASSERT_EQ(unsetenv("OCTET_DEBUG"), 0);
    EXPECT_EQ(Options::from_environment().stop_after, SIZE_MAX);
}

TEST(Options, NamesMayEndInAStar) {
    EXPECT_TRUE(matches("fuse-swish", {"x", "fuse*"}));
    EXPECT_TRUE(matches("fuse", {"fuse"}));
    EXPECT_FALSE(matches("fuse-swish", {"fuse"}));
    EXPECT_FALSE(matches("fold", {}));
}

}  // namespace
}  // namespace octet::rewrite
