#pragma once
// The graph behind a Model, for the runtime itself and for tools.
#include <memory>
#include <octet/model.hpp>

#include "ir/graph.hpp"

namespace octet::runtime {

struct ModelAccess {
    static const ir::Graph& graph(const Model& model);
    // `name`: the model's friendly name.
    static std::shared_ptr<Model> make(ir::Graph graph, std::string name);
};

}  // namespace octet::runtime
