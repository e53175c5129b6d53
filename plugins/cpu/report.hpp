#pragma once
// The rows of the report, from a plan.
#include "plugins/cpu/lower.hpp"
#include "plugins/cpu/machine.hpp"
#include "plugins/cpu/plan.hpp"
#include "runtime/plugin.hpp"

namespace octet::cpu {

struct StepReport {
    Report report;
    std::vector<std::size_t> row_of_step;  // index into report.layers
};

StepReport report_of(const Lowered& lowered, const Plan& plan, const Machine& machine);

}  // namespace octet::cpu
