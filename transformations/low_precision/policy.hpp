#pragma once
// How a plan answers where there is a choice. Functions without state; what they refuse stays float.
#include <span>
#include <string_view>

#include "transformations/low_precision/parts.hpp"

namespace octet::low_precision {

struct Policy {
    std::string_view name;
    // Whether a FakeQuantize with 8-bit codes may have them.
    rewrite::Decision (*quantizes)(const ir::Graph& graph, const ir::Node& node);
    // Whether codes with this meaning go through an op that only moves data.
    rewrite::Decision (*moves)(const ir::Graph& graph, const ir::Node& node, const Dequantization& data);
    // Whether a convolution or product that can be computed on codes may be; `sources` are the FakeQuantize that its data come from.
    rewrite::Decision (*computes)(const Weighted& w, std::span<const Part> parts, std::span<const ir::NodeId> sources);
    // How far a result of a convolution or product may be off before it is quantized, as a share of the quantization step: what the border
    // of an image, or zero points of weights that are nearly 0, may cost where exactness is not free. 0: nothing.
    double step_share = 1.0 / 16;
    // Whether a layer is computed on codes only where that takes less time, as the device's costs have it.
    bool cheapest = true;
    // Whether FakeQuantize whose data meet in one layer may be put on one grid where that computes more layers on codes, or the same in less
    // time. It loses levels: the results are no longer those of the model.
    bool align = false;
};

// The cheapest exact form of every layer.
const Policy& cheapest_policy();
// Integers wherever they are exact, also where float is faster.
const Policy& integers_policy();
// The cheapest form, with common grids where these pay.
const Policy& lossy_policy();
// As OpenVINO's transformations decide, for a CPU without AMX. It puts the operands of a Concat on one grid where a convolution needs one
// scale, which changes values; here such a layer is computed exactly, as sums.
const Policy& upstream_policy();

}  // namespace octet::low_precision
