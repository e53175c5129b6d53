#include "plugins/cpu/steps/border.hpp"

#if defined(__x86_64__)
#include <algorithm>

namespace octet::cpu {

namespace {

using Op = EpilogueOp;

std::size_t tables_op(const Planner& planner, const Program& program) {
    const auto& ops = program.epilogue.ops;
    const auto it = std::ranges::find_if(ops, [&](const Op& op) {
        return op.kind == Op::Kind::combine && op.combine == Combine::add && op.spread == Spread::full &&
               !program.operands[op.operand].constant && planner.table(program.operands[op.operand].value) != nullptr;
    });
    return static_cast<std::size_t>(it - ops.begin());
}

float at(const std::vector<float>& values, std::size_t channel, float absent) {
    return values.empty() ? absent : values[values.size() == 1 ? 0 : channel];
}

std::vector<std::int64_t> classes_of(const low_precision::SpreadTable& table, std::size_t axis, std::int64_t places) {
    if (!table.entries[axis].empty()) return table.entries[axis];
    std::vector<std::int64_t> each(static_cast<std::size_t>(places));
    for (std::size_t i = 0; i < each.size(); ++i) each[i] = static_cast<std::int64_t>(i);
    return each;
}

// Takes the operand out.
void remove_operand(Program& program, std::uint32_t operand) {
    program.operands.erase(program.operands.begin() + operand);
    for (Op& op : program.epilogue.ops)
        if (op.kind == Op::Kind::combine && op.operand > operand) --op.operand;
}

}  // namespace

std::optional<BorderedProgram> with_border_shifts(const Planner& planner, const Program& program,
                                                  const ir::Dims& result) {
    std::size_t at_op = tables_op(planner, program);
    if (at_op == program.epilogue.ops.size() || result.size() != 4) return std::nullopt;
    BorderedProgram bordered{program, {}};
    auto& ops = bordered.program.epilogue.ops;
    const Op sum = std::move(ops[at_op]);
    const low_precision::SpreadTable& table = *planner.table(program.operands[sum.operand].value);
    ops.erase(ops.begin() + static_cast<std::ptrdiff_t>(at_op));
    if (at_op > 0 && ops[at_op - 1].kind == Op::Kind::scale_shift) --at_op;
    else ops.insert(ops.begin() + static_cast<std::ptrdiff_t>(at_op), Op{.kind = Op::Kind::scale_shift});
    remove_operand(bordered.program, sum.operand);

    const ir::Tensor values = table.table->aligned();
    const ir::Dims dims = values.dims();
    const auto channels = static_cast<std::size_t>(dims[1]), places = static_cast<std::size_t>(dims[2] * dims[3]);
    bordered.border = {at_op, classes_of(table, 2, result[2]), classes_of(table, 3, result[3]),
                       std::vector<float>(channels * places)};
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t place = 0; place < places; ++place)
            bordered.border.shifts[place * channels + c] = at(ops[at_op].shift, c, 0) + at(sum.shift, c, 0) +
                                                           values.as<float>()[c * places + place] * at(sum.scale, c, 1);
    return bordered;
}

std::optional<ClassedOperand> classed_operand(const Planner& planner, const Program& program, const ir::Dims& result) {
    const std::size_t op = tables_op(planner, program);
    if (op == program.epilogue.ops.size() || result.size() != 4) return std::nullopt;
    const std::uint32_t operand = program.epilogue.ops[op].operand;
    return ClassedOperand{operand, classes_of(*planner.table(program.operands[operand].value), 2, result[2])};
}

}  // namespace octet::cpu
#endif
