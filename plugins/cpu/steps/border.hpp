#pragma once
// Corrections of zero points, which differ at the border of an image, as shifts of the kernel that pads.
#if defined(__x86_64__)
#include <optional>

#include "plugins/cpu/kernels/x64/depthwise.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

struct BorderedProgram {
    Program program;
    x64::BorderShifts border;
};

// x * scale + shift, then plus a value of each place that is a spread table (Planner::keep_table): one scale_shift whose shifts are those
// of the table. Nothing where no operand is such a table.
std::optional<BorderedProgram> with_border_shifts(const Planner& planner, const Program& program,
                                                  const ir::Dims& result);

// The operand that is such a table, and the class of each row of the result.
struct ClassedOperand {
    std::uint32_t operand = 0;
    std::vector<std::int64_t> row_class;
};
std::optional<ClassedOperand> classed_operand(const Planner& planner, const Program& program, const ir::Dims& result);

}  // namespace octet::cpu
#endif
