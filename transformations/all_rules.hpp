#pragma once
// Every rule of every family: what the tests of rules and the tools go through.
#include "transformations/rewrite/rule.hpp"

namespace octet::rewrite {

std::vector<Rule> all_rules();

}  // namespace octet::rewrite
