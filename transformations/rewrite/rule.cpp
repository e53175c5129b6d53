#include "transformations/rewrite/rule.hpp"

namespace octet::rewrite {

Rule& Rule::match(const Pattern& pattern) {
    matcher_ = Matcher(pattern);
    return *this;
}

Rule& Rule::add_check(Check check) {
    fill(check.text, [&](std::string_view placeholder) {
        bool known = false;
        detail_text({}, placeholder, known);
        ir::check(known || matcher_.slot(placeholder) >= 0, "rule '{}': its pattern has no '{}', which a reason names",
                  name_, placeholder);
        return std::string();
    });
    checks_.push_back(std::move(check));
    return *this;
}

Rule Rule::without(std::size_t check) const {
    Rule rule = *this;
    rule.checks_.erase(rule.checks_.begin() + static_cast<std::ptrdiff_t>(check));
    return rule;
}

}  // namespace octet::rewrite
