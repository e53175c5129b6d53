// Every decline is needed: a rule without it is caught by its file, and what it then does to the example is wrong. A rule without a
// check may do anything, so each runs in a process of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#include "ir/eval/eval.hpp"
#include "tests/fuzz/isolated.hpp"
#include "tests/rules/rule_file.hpp"
#include "transformations/all_rules.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

RuleFile file_of(const Rule& rule) {
    std::ifstream in("tests/rules/" + rule.name() + ".txt");
    std::stringstream text;
    text << in.rdbuf();
    return parse_rule_file(text.str());
}

RunLog run_alone(const Rule& rule, ir::Graph& graph) {
    return run({{rule.name(), "alone", std::vector<Rule>{rule}}}, graph, {.verify = Verify::applications});
}

bool declines_with(const Rule& rule, std::size_t check, ir::Graph graph) {
    const RunLog log = run_alone(rule, graph);
    return log.applications == 0 && std::ranges::any_of(log.events, [&](const Event& e) { return e.text == check; });
}

bool same_numbers(const ir::Graph& before, const ir::Graph& after) {
    for (unsigned seed = 0; seed < 8; ++seed) {
        const ir::Tensors inputs = random_parameters(before, seed);
        ir::eval::State one, two;
        const ir::Tensors a = ir::eval::evaluate(before, inputs, &one);
        const ir::Tensors b = ir::eval::evaluate(after, inputs, &two);
        for (std::size_t r = 0; r < a.size(); ++r) {
            if (a[r].type() != b[r].type()) return false;
            for (std::size_t i = 0; i < a[r].size(); ++i) {
                const double x = a[r].at(i), y = b[r].at(i);
                if (x != y && !(std::isnan(x) && std::isnan(y))) return false;
            }
        }
    }
    return true;
}

// What the rule does to an example when the check is left out.
std::string without_check(const Rule& rule, std::size_t check, const ir::Graph& example) {
    ir::Graph graph = example;
    try {
        const RunLog log = run_alone(rule.without(check), graph);
        if (log.applications == 0) return "another check declines";
        return same_numbers(example, graph) ? "harmless" : "other numbers";
    } catch (const std::exception&) {
        return "an error";
    }
}

class EveryDecline : public testing::TestWithParam<Rule> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryDecline);

// What goes on when a check is left out; crashes and hangs included.
std::string isolated(const std::function<std::string()>& outcome) {
    const auto told = ir::run_isolated(0, 1, [&](std::uint64_t) { return outcome(); }, {.seconds = 10});
    return told.empty() ? "" : told[0].substr(3);
}

TEST_P(EveryDecline, IsMissedByItsFile) {
    const RuleFile file = file_of(GetParam());
    for (std::size_t i = 0; i < GetParam().checks().size(); ++i) {
        const auto failures = [&] {
            return std::string(check_rule(GetParam().without(i), file).empty() ? "" : "missed");
        };
        EXPECT_NE(isolated(failures), "") << "nothing notices when '" << GetParam().checks()[i].text << "' is left out";
    }
}

// Reasons that keep a rule from what would be right and not worth it, or that the plan gives.
bool is_policy(Code code) {
    return code == Code::used_elsewhere || code == Code::not_profitable || code == Code::plugin_veto ||
           code == Code::not_constant;
}

// Declines of what would be right: kernels do not take it, another rule does it better, or random numbers do not reach it.
constexpr std::array<std::pair<std::string_view, Code>, 10> kRight{{
    {"low-precision-*", Code::type_unsupported},
    {"low-precision-*", Code::shape_unsupported},
    {"low-precision-*", Code::zp_out_of_range},
    {"low-precision-*", Code::acc_overflow},                           // sums of 2^31
    {"low-precision-matmul-of-activations", Code::value_unsupported},  // constants are weights
    {"gather-rows-before-dequantize", Code::shape_unsupported},        // nothing gets smaller
    {"recognise-quantize", Code::inexact},               // rounding of values that random numbers do not hit
    {"fuse-*", Code::inexact},                           // rounding of ends and values, at ties
    {"move-fake-quantize-above-*", Code::dynamic_rank},  // no codes without a rank
    {"normalize-codes-by-l2", Code::zp_with_mvn},        // kernels subtract one zero point
}};

bool is_right(const Rule& rule, Code code) {
    return std::ranges::any_of(kRight, [&](const auto& right) {
        return right.second == code && matches(rule.name(), {std::string(right.first)});
    });
}

TEST_P(EveryDecline, PreventsSomething) {
    const Rule& rule = GetParam();
    const RuleFile file = file_of(rule);
    for (std::size_t i = 0; i < rule.checks().size(); ++i) {
        if (is_policy(rule.checks()[i].code) || is_right(rule, rule.checks()[i].code)) continue;
        std::string outcomes;
        bool needed = false;
        for (const auto& section : file.sections) {
            if (!section.title.starts_with("declines: ")) continue;
            const ir::Graph example = ir::parse(section.text);
            if (!declines_with(rule, i, example)) continue;
            const std::string outcome = isolated([&] { return without_check(rule, i, example); });
            needed |= outcome != "harmless";
            outcomes += outcome + "; ";
        }
        EXPECT_TRUE(needed) << rule.name() << ": without '" << name_of(rule.checks()[i].code) << ": "
                            << rule.checks()[i].text << "' its examples give: " << outcomes;
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryDecline, testing::ValuesIn(all_rules()), [](const auto& info_of_rule) {
    std::string name = info_of_rule.param.name();
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace octet::rewrite
