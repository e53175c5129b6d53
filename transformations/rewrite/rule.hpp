#pragma once
// A rule: pattern, named reasons not to, replacement.
//
//   // max_pool(dequantize(x)) -> dequantize(max_pool(x))
//   Rule move_dequantize_below_max_pool() {
//       return Rule("move-dequantize-below-max-pool")
//           .match(op<MaxPool>("pool", op<Dequantize>("dq", any("x"))))
//           .decline(Code::negative_scale, "the scale of '{dq}' is negative", [](const Match& m) -> std::optional<Detail> {
//               if (has_negative_scale(m.get<Dequantize>("dq"))) return Detail{};
//               return std::nullopt;
//           })
//           .rewrite([](Edit& e, const Match& m) { return e.add(m.op("dq"), {e.add(m.op("pool"), {m.value("x")})}); });
//   }
//
// Nothing changes before the pattern and all checks have passed; the rewrite cannot fail. The engine replaces the root, removes what is
// no longer used, names the new nodes after the root and gives them the layers of all nodes matched.
#include <functional>
#include <optional>
#include <type_traits>

#include "ir/edit.hpp"
#include "transformations/rewrite/decision.hpp"
#include "transformations/rewrite/match.hpp"

namespace octet::rewrite {

using ir::Edit;
using ir::Graph;
using ir::NodeId;
using ir::Value;

class Rule {
public:
    struct Check {
        Code code;
        std::string text;
        std::function<std::optional<Detail>(const Match&)> declines;
    };
    using Rewrite = std::function<void(Edit&, const Match&, std::vector<Value>& with)>;

    explicit Rule(std::string name) : name_(std::move(name)) {}
    Rule& match(const Pattern& pattern);
    // Why the rule does not hold although the pattern does. The text may name bindings ('{dq}'), {layer} and the values {0}, {1} of the
    // detail. The check returns std::optional<Detail>, or a bool where there is nothing to add.
    template <class F>
    Rule& decline(Code code, std::string text, F check) {
        if constexpr (std::is_same_v<std::invoke_result_t<F, const Match&>, bool>)
            return add_check({code, std::move(text),
                              [check](const Match& m) { return check(m) ? std::optional(Detail{}) : std::nullopt; }});
        else return add_check({code, std::move(text), std::move(check)});
    }
    // `rewrite(Edit&, const Match&)` returns the Value that replaces the root's only output, or a vector with one for each output.
    template <class F>
    Rule& rewrite(F build) {
        if constexpr (std::is_same_v<std::invoke_result_t<F, Edit&, const Match&>, Value>)
            rewrite_ = [build](Edit& e, const Match& m, std::vector<Value>& with) { with.assign(1, build(e, m)); };
        else rewrite_ = [build](Edit& e, const Match& m, std::vector<Value>& with) { with = build(e, m); };
        return *this;
    }

    const std::string& name() const { return name_; }
    const Matcher& matcher() const { return matcher_; }
    const std::vector<Check>& checks() const { return checks_; }
    const Rewrite& rewrite() const { return rewrite_; }
    // The same rule without one of its checks: for the test that each of them is needed.
    Rule without(std::size_t check) const;

private:
    Rule& add_check(Check check);
    std::string name_;
    Matcher matcher_;
    std::vector<Check> checks_;
    Rewrite rewrite_;
};

}  // namespace octet::rewrite
