#pragma once
// The example file of a rule: what it does, and every reason why not. The text is documentation and test at once.
//
//   # tolerance: 1e-5              optional: results may differ by this, relative above 1; without it they must be equal
//   # numbers: none, <reason>      optional: the graphs cannot be evaluated
//   --- before
//   x : f32[4] = parameter() shape=[4]
//   ...
//   --- after
//   ...
//   --- declines: NEGATIVE_SCALE: the scale of 'dq' is negative
//   ...
//
// There may be several pairs of before and after ("--- before: with a bias"). Every check of the rule needs a `declines` section.
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "ir/text.hpp"
#include "transformations/rewrite/rule.hpp"

namespace octet::rewrite {

// For the messages of parametrised tests.
inline void PrintTo(const Rule& rule, std::ostream* out) { *out << rule.name(); }

struct RuleFile {
    struct Section {
        std::string title;  // "before", "after", "declines: ..."
        std::string text;
    };
    std::string header;
    std::optional<double> tolerance = std::nullopt;
    bool numbers = true;
    std::vector<Section> sections = {};
};
RuleFile parse_rule_file(const std::string& text);
std::string print_rule_file(const RuleFile& file);

// What does not hold, one sentence each. `extra`: ops private to a plugin.
std::vector<std::string> check_rule(const Rule& rule, const RuleFile& file,
                                    std::span<const ir::OpDef* const> extra = {});
// The file with its `after` sections and its reasons as the rule gives them now.
RuleFile blessed(const Rule& rule, RuleFile file, std::span<const ir::OpDef* const> extra = {});

// The parameters of a graph with random contents: multiples of 1/16 in -8..8, all numbers of 8-bit integers, small other integers;
// unknown dimensions become 3 where their bounds allow it.
ir::Tensors random_parameters(const ir::Graph& graph, unsigned seed);

// The test of a list of rules against the files `folder/<rule>.txt`; with BLESS=1 in the environment the files are rewritten first.
std::vector<std::string> check_rule_in_folder(const Rule& rule, const std::string& folder,
                                              std::span<const ir::OpDef* const> extra = {});

}  // namespace octet::rewrite
