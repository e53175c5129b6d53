#pragma once
#include <vector>

#include "transformations/rewrite/rule.hpp"

namespace octet::low_precision {

// fake_quantize(op(x)) -> op(fake_quantize(x)) for ops that only move data: what produces x rounds before it stores, and fewer bytes move.
std::vector<rewrite::Rule> move_fake_quantize_rules();

}  // namespace octet::low_precision
