#include "transformations/all_rules.hpp"

namespace octet::rewrite {

std::vector<Rule> all_rules() { return {}; }

}  // namespace octet::rewrite
