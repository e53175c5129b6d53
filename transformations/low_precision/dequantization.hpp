#pragma once
// What the integers of a value mean, and what becomes of it below ops that only move data.
#include <optional>
#include <span>
#include <vector>

#include "ir/graph.hpp"
#include "ir/ops/convolution.hpp"
#include "ir/ops/quantization.hpp"
#include "transformations/rewrite/decision.hpp"

namespace octet::low_precision {

// value = (code - zero_point) * scale. Both are f32 tensors of full rank, every extent 1 or the data's.
struct Dequantization {
    ir::Tensor scale;
    ir::Tensor zero_point;
    bool operator==(const Dequantization&) const = default;
};

Dequantization dequantization_of(const ir::Dequantize& op);
ir::Dequantize op_of(const Dequantization& dequantization);

// One number for the whole tensor.
bool per_tensor(const ir::Tensor& parameter);
bool per_tensor(const Dequantization& dequantization);
// The axis along which the parameter varies in shape; nothing when per tensor or when several axes do.
std::optional<std::size_t> axis_of(const ir::Tensor& parameter);
// The parameter as one value per element of `axis`, which is its only extent that is not 1 (or it is per tensor).
std::vector<float> along(const ir::Tensor& parameter, std::size_t axis, std::size_t count);

// A zero point split into the nearest integer and the rest. A rest below 2^-14 counts as 0: it is the rounding of the
// interval's ends in the file.
struct SplitZeroPoint {
    std::int64_t integer = 0;
    float rest = 0;
};
SplitZeroPoint split_zero_point(float zero_point);

// The dequantization of each output of a data-moving op whose operands are dequantized codes, or why there is none.
struct Moved {
    std::vector<Dequantization> outputs;
    rewrite::Decision decision;
    std::optional<std::int64_t> pad = std::nullopt;  // of a pad that adds a constant: the code for it
};
// Whether the op is one of those at all.
bool moves_codes(const ir::Op& op);
// Operands of `node` that hold codes (the data; for Concat all operands).
std::size_t code_operands(const ir::Node& node);
// Whether some window of the pool may lie beyond its data, where its maximum is minus infinity, for which no code stands.
bool may_pool_nothing(const ir::MaxPool& pool, const ir::Shape& data);
// `element`: of the codes, which bounds what a pad can add.
Moved below(const ir::Graph& graph, const ir::Node& node, std::span<const Dequantization> operands,
            ir::Element element = ir::Element::u8);

}  // namespace octet::low_precision
