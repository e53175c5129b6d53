#pragma once
// Where the operands of one layer come from: what a report's row does not hold.
#include <nlohmann/json.hpp>
#include <octet/report.hpp>
#include <string>

#include "ir/graph.hpp"

namespace octet::tools {

// Whether something in the graph says how to quantize it: a FakeQuantize, or constants of 8 bits.
bool is_quantized(const ir::Graph& graph);

// The operands of a layer and what quantizes each, the layers around it, all from the graph of the file: lines for people.
void print_surroundings(const Report& report, const ir::Graph& graph, const std::string& layer);
// The operands for scripts: [{"operand", "role": "data" | "weights", "layer", "type", "fake_quantize": null | {"layer", "levels",
// "intervals", "low", "high"}}].
nlohmann::ordered_json operands_json(const ir::Graph& graph, const std::string& layer);

// "conv1 (Convolution): u8, jit_dense_avx512_vnni"
std::string one_line(const LayerReport& row);
// Where a layer runs: its kernel, the layer it is part of, or nowhere.
std::string place(const LayerReport& row);

}  // namespace octet::tools
