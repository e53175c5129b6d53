#pragma once
// Which values become integers, decided before any rewrite.
#include <string>
#include <unordered_map>
#include <vector>

#include "transformations/low_precision/restrictions.hpp"

namespace octet::low_precision {

// The answer for one layer, kept by name: nodes change, names stay.
struct LayerPrecision {
    std::string layer;
    ir::Origins origins;  // of the node that was asked about
    rewrite::Decision decision;
};

struct PrecisionPlan {
    // FakeQuantize that become quantize + dequantize: at least one reader works on the codes.
    std::vector<ir::NodeId> integer;
    // Every op of the restrictions' rows: on codes, or why not.
    std::vector<LayerPrecision> layers;
    // Names of layers that must stay float although their operands may carry codes.
    std::unordered_map<std::string, rewrite::Code> kept_float;
};

// The graph is canonical: weights are dequantized i8 constants.
PrecisionPlan make_plan(const ir::Graph& graph, const Restrictions& restrictions);

}  // namespace octet::low_precision
