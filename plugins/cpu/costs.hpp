#pragma once
// How fast the processor is on integers and in float, for the choice between them.
#include "plugins/cpu/machine.hpp"
#include "transformations/low_precision/cost.hpp"

namespace octet::cpu {

// `bf16`: whether float layers compute in it.
low_precision::Costs costs_of(const Machine& machine, bool bf16);

}  // namespace octet::cpu
