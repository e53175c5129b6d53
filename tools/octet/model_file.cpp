#include "tools/octet/model_file.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "ir/edit.hpp"
#include "ir/ops/core.hpp"
#include "runtime/src/model_access.hpp"
#include "tools/octet/graph_file.hpp"

namespace octet::tools {

using runtime::ModelAccess;

std::shared_ptr<Model> read_model(const Core& core, const std::string& file) {
    const std::filesystem::path path(file);
    return path.extension() == ".txt" ? ModelAccess::make(read_graph(path), path.stem().string())
                                      : core.read_model(path);
}

std::vector<Origin> outputs_of(const Model& model) {
    const ir::Graph& graph = ModelAccess::graph(model);
    std::vector<Origin> origins;
    for (const ir::NodeId id : graph.results()) {
        const ir::Node& node = graph.node(id);
        const auto& result = node.op.get<ir::Result>();
        // A graph that was not read from a model file may leave this open.
        if (result.layer.empty()) origins.push_back({graph.node(node.inputs[0]).name, node.inputs[0].port});
        else origins.push_back({result.layer, result.port});
    }
    return origins;
}

std::shared_ptr<Model> with_taps(const Model& model, const std::vector<Origin>& taps) {
    ir::Graph graph = ModelAccess::graph(model);
    ir::Edit edit(graph);
    for (const Origin& tap : taps) {
        const ir::NodeId* node = graph.find(tap.layer);
        ir::require(node != nullptr, "the model has no layer '{}'", tap.layer);
        const auto outputs = static_cast<std::int64_t>(graph.node(*node).outputs.size());
        ir::require(tap.port >= 0 && tap.port < outputs, "layer '{}' has {} outputs, there is no output {}", tap.layer,
                    outputs, tap.port);
        edit.add(ir::Result{{}, tap.layer, tap.port, true}, {{*node, static_cast<std::uint32_t>(tap.port)}},
                 fmt::format("{}/tap{}", tap.layer, tap.port));
    }
    return ModelAccess::make(std::move(graph), model.get_friendly_name());
}

std::size_t input_named(const Model& model, const std::string& name) {
    const auto& inputs = model.inputs();
    auto found = std::ranges::find(inputs, name, &Port::get_node_name);
    if (found == inputs.end()) found = std::ranges::find_if(inputs, [&](const Port& p) { return p.is_named(name); });
    if (found != inputs.end()) return found->get_index();
    std::string known;
    for (const Port& p : inputs) known += (known.empty() ? "'" : ", '") + p.get_node_name() + "'";
    ir::fail("the model has no input '{}', only {}", name, known);
}

Tensor random_input(const Port& port, std::uint64_t seed) {
    ir::require(port.get_partial_shape().rank_is_static(), "input '{}' has an unknown rank, so it needs a file",
                port.get_node_name());
    ir::Dims dims;
    for (const Dimension& d : port.get_partial_shape()) dims.push_back(std::max<std::int64_t>(d.get_min_length(), 1));
    const ir::Tensor values = random_tensor({port.get_element_type(), ir::Shape(dims)}, seed);
    Tensor tensor(port.get_element_type(), Shape(dims.begin(), dims.end()));
    std::memcpy(tensor.data(), values.data(), values.bytes());
    return tensor;
}

}  // namespace octet::tools
