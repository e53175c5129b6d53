#pragma once
// FakeQuantize as quantize and dequantize.
#include "ir/graph.hpp"
#include "ir/ops/quantization.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/rewrite/decision.hpp"

namespace octet::low_precision {

// quantize{low = input_low, high = input_high, levels, qmin} gives the codes; with
//   scale = (output_high - output_low) / (levels - 1),  zero_point = qmin - output_low / scale
// dequantize gives the values of the FakeQuantize.
struct Decomposition {
    ir::Quantize quantize;
    Dequantization dequantize;
};

struct DecompositionOrReason {
    Decomposition value;
    rewrite::Decision decision;
};

inline constexpr std::int64_t kLevels8 = 256;
inline constexpr std::int64_t kLevels16 = 65536;

// Activations become u8 with qmin 0, u16 with more than 256 levels. `most_levels`: what the device takes; every count up to it is one
// it holds. Intervals must be constant and vary along one axis at most.
DecompositionOrReason decompose(const ir::Graph& graph, const ir::Node& fake_quantize,
                                std::int64_t most_levels = kLevels8);
// Weights become i8: 255 levels as -127..127, 256 as -128..127; i16 with more.
DecompositionOrReason decompose_weights(const ir::Graph& graph, const ir::Node& fake_quantize,
                                        std::int64_t most_levels = kLevels8);

// Adds every FakeQuantize that `v` comes from through ops that only move data, in order of operands, unless it is there.
void add_sources(const ir::Graph& graph, ir::Value v, std::vector<ir::NodeId>& sources);

}  // namespace octet::low_precision
