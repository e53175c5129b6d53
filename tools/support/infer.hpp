#pragma once
// A graph on a device, in one call.
#include <string>

#include "ir/graph.hpp"

namespace octet::tools {

// Its results for these parameters, from a new request, as exact as the device can be. Throws what compiling and inferring throw.
ir::Tensors infer_on(const std::string& device, const ir::Graph& graph, const ir::Tensors& parameters);

}  // namespace octet::tools
