#pragma once
// Products of floats with weights that stay codes: nothing quantizes their data, so that the weights alone are small.
#include <optional>

#include "ir/graph.hpp"

namespace octet::low_precision {

// The weights of matmul(x, dequantize(codes)) or matmul(x, reshape(dequantize(codes))): a matrix [depth, columns], stored the other way
// around where the product transposes it.
struct CodedMatrix {
    ir::NodeId dequantize = 0;
    std::int64_t depth = 0;
    std::int64_t columns = 0;
    std::int64_t group = 0;  // neighbours along the depth with one scale and zero point
};

// Nothing where the product reads codes or other weights, or where their parameters vary in another way.
std::optional<CodedMatrix> coded_matrix(const ir::Graph& graph, const ir::Node& product);

// Whether this dequantize of a constant is read by such products alone, so that its codes need not be widened.
bool keeps_codes(const ir::Graph& graph, ir::NodeId dequantize);

// Whether it also does so in products whose shapes are known and not empty.
bool keeps_codes_of_known_shapes(const ir::Graph& graph, ir::NodeId dequantize);

}  // namespace octet::low_precision
