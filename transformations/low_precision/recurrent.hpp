#pragma once
// Recurrences with weights in 8 bits: what the weights must be like, the same for the plan and for the rule.
#include <span>

#include "transformations/low_precision/dequantization.hpp"

namespace octet::low_precision {

struct RecurrentCheck {
    rewrite::Code code;
    std::string_view text;                    // {op} is the layer
    bool (*declines)(const Dequantization&);  // of R [D, gates * H, H], whose codes are i8
};
std::span<const RecurrentCheck> recurrent_checks();

}  // namespace octet::low_precision
