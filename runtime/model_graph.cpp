#include "runtime/model_graph.hpp"

#include "runtime/src/model_access.hpp"

namespace octet {

const ir::Graph& graph_of(const Model& model) { return runtime::ModelAccess::graph(model); }

std::shared_ptr<Model> model_of(ir::Graph graph, std::string name) {
    return runtime::ModelAccess::make(std::move(graph), std::move(name));
}

}  // namespace octet
