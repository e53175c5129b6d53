#pragma once
// Constants that can be computed before anything runs.
#include <functional>

#include "transformations/rewrite/pipeline.hpp"

namespace octet::common {

// Which ops are left alone: dequantize and FakeQuantize on a constant say how weights are quantized.
enum class Fold : std::uint8_t { all_but_quantization, everything };

// Replaces every node whose operands are constants, and every value whose numbers are known from shapes, by a constant. Results
// above 64 MiB that are larger than their operands stay computed, and so does what `keep` names.
bool fold_constants(ir::Graph& graph, Fold fold,
                    const std::function<bool(const ir::Graph&, ir::NodeId)>& keep = nullptr);

}  // namespace octet::common
