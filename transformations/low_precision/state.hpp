#pragma once
// Variables of ReadValue and Assign that hold codes. Devices show no state, so that only what reads and writes a variable must agree on
// what it holds: what it begins with and all that is assigned lie on one grid.
#include <span>
#include <string>
#include <vector>

#include "ir/graph.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/low_precision/policy.hpp"

namespace octet::low_precision {

struct Variable {
    std::string name;
    std::vector<ir::NodeId> reads;
    std::vector<ir::NodeId> assigns;
    std::vector<ir::NodeId> sources;  // every FakeQuantize whose codes it holds
    Dequantization meaning;           // of its codes
    ir::Element element = ir::Element::u8;
};

// Variables whose assigned values come from FakeQuantize through ops that move data, each with the grid of the first of these. Whether the
// others have it too is left to the caller.
std::vector<Variable> variables_of_codes(const ir::Graph& graph, std::int64_t most_levels, const Policy& policy);

// Whether codes stand for what the variable holds before anything is assigned, where that is constant.
bool begins_on_grid(const ir::Graph& graph, const ir::Node& read, const Variable& variable);

// The op that finds the codes of values on this grid: quantize_of(d, e) undoes op_of(d).
ir::Quantize quantize_of(const Dequantization& meaning, ir::Element element);

// read_value -> dequantize(read_value of codes), assign(x) -> assign(quantize(x)).
bool keep_codes_in_state(ir::Graph& graph, std::span<const Variable> variables);

}  // namespace octet::low_precision
