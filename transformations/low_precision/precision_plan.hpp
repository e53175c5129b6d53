#pragma once
// Which values become integers, decided before any rewrite.
#include <string>
#include <unordered_map>
#include <vector>

#include "transformations/low_precision/alignment.hpp"
#include "transformations/low_precision/policy.hpp"
#include "transformations/low_precision/restrictions.hpp"
#include "transformations/low_precision/state.hpp"

namespace octet::low_precision {

// The answer for one layer, kept by name: nodes change, names stay.
struct LayerPrecision {
    std::string layer;
    ir::Origins origins;  // of the node that was asked about
    rewrite::Decision decision;
};

// What was chosen where there was more than one form, and what the forms cost.
struct Choice {
    enum class Form : std::uint8_t {
        scale_per_channel,  // of a Concat: its operands keep their grids, readers carry a scale for each channel
        sums,               // of a convolution or product: one sum for each scale of its data
        in_float,           // of the same, or of a Recurrence: on codes it costs more than in float
        one_grid            // of the same: its data share a grid and lose levels by it (Policy::align)
    };
    std::string layer;
    ir::Origins origins;
    Form form = Form::sums;
    std::size_t scales =
        0;  // of the layer's data, with their zero points; of a Concat: operands; of one grid: FakeQuantize
    double on_codes = 0;  // estimated nanoseconds of the sums and of the layer in float
    double in_float = 0;  // of one grid: of the cheapest exact form
};
// "2 sums for the 2 scales of its data: about 12.1 us, in float 40.2"
std::string to_string(const Choice& choice);

struct PrecisionPlan {
    // FakeQuantize that become quantize + dequantize: at least one reader works on the codes. Of the graph alone, not of its bodies.
    std::vector<ir::NodeId> integer;
    // Every op of the restrictions' rows: on codes, or why not. Those of bodies have no origins.
    std::vector<LayerPrecision> layers;
    std::vector<Choice> choices;
    // Grids that replace those of their members among `integer`, and what these lost. The former of the graph alone, not of its bodies.
    std::vector<CommonGrid> grids;
    std::vector<Alignment> alignments;
    // State that holds codes.
    std::vector<Variable> variables;
    // Names of layers that must stay float although their operands may carry codes.
    std::unordered_map<std::string, rewrite::Code> kept_float;
};

// The graph is canonical: weights are dequantized i8 constants.
PrecisionPlan make_plan(const ir::Graph& graph, const Restrictions& restrictions,
                        const Policy& policy = cheapest_policy());
// Adds what was decided for the body of one of the graph's nodes.
void add_body(PrecisionPlan& plan, PrecisionPlan body);

}  // namespace octet::low_precision
