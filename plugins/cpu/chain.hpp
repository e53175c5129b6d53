#pragma once
// Elementwise ops as the epilogue of a kernel: what can be one, and the program it becomes.
#include <functional>
#include <optional>
#include <vector>

#include "ir/graph.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/partition.hpp"

namespace octet::cpu {

DataType data_type(ir::Element element);
bool has_data_type(ir::Element element);

// Whether a kernel can apply this op to a value in flight.
bool chainable(const ir::Graph& graph, const ir::Node& node);
// The operand of an elementwise op that the others are applied to: of the result's shape, and `ready`.
std::optional<std::size_t> main_operand(const ir::Graph& graph, const ir::Node& node,
                                        const std::function<bool(ir::Value)>& ready);
// How operand `i`, not the main one, lies beside the result; nothing when in none of the ways of Spread. Fixes the channels where it
// must.
std::optional<Spread> operand_spread(const ir::Graph& graph, const ir::Node& node, std::size_t i, Channels& channels);
// Whether an epilogue can read operand `i` that way.
bool operand_fits(const ir::Graph& graph, const ir::Node& node, std::size_t i, Channels& channels);
// The same for the tensors in the op's fields.
bool parameters_fit(const ir::Graph& graph, const ir::Node& node, Channels& channels);

// An operand of an epilogue: a stored value, or a constant of the result's shape.
struct ProgramOperand {
    ir::Value value = {};
    std::optional<ir::Tensor> constant = std::nullopt;
};

struct Program {
    Epilogue epilogue;
    std::vector<ProgramOperand> operands;  // by EpilogueOp::operand
};

// What makes numbers of a part's sums: x * scale + shift, one or one per channel.
struct PartScale {
    std::vector<float> scale;
    std::vector<double> shift;
};
PartScale scale_of(const ir::Graph& graph, const SumPart& part);

// The epilogue of a group, of a sum with the shifts of its parts. Factors and summands are merged, clamps before a quantize become its range of codes.
Program program_of(const ir::Graph& graph, const Group& group);

}  // namespace octet::cpu
