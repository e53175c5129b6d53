#pragma once
// Models as graphs and back, for applications that transform them (the component octet::transformations).
#include <memory>
#include <octet/model.hpp>
#include <string>

#include "ir/graph.hpp"

namespace octet {

// The graph behind a model. A copy of it may be changed (ir/edit.hpp); the model keeps its own.
const ir::Graph& graph_of(const Model& model);

// A model of any graph; `name` is its friendly name.
std::shared_ptr<Model> model_of(ir::Graph graph, std::string name);

}  // namespace octet
