#include "runtime/src/model.hpp"

#include <algorithm>
#include <numeric>

#include "ir/edit.hpp"
#include "ir/ops/core.hpp"
#include "ir/support/check.hpp"
#include "runtime/src/model_access.hpp"

namespace octet {

using ir::fail;
using ir::require;

struct Model::Impl {
    ir::Graph graph;
    std::string name;
    runtime::Ports ports;
};

namespace {

using ShapeByInput = std::map<std::size_t, PartialShape>;

// The graph with other shapes of its parameters; all types are inferred anew.
ir::Graph reshaped(const ir::Graph& graph, const ShapeByInput& shapes) {
    std::map<ir::NodeId, const PartialShape*> wanted;
    for (const auto& [index, shape] : shapes) wanted[graph.parameters()[index]] = &shape;
    ir::Graph result;
    ir::Edit edit(result);
    edit.set_layers(graph.layers());
    edit.set_source(graph.source());
    std::vector<ir::NodeId> to(graph.size());
    for (const ir::NodeId id : graph.order()) {
        const ir::Node& node = graph.node(id);
        ir::Op op = node.op;
        if (const auto it = wanted.find(id); it != wanted.end()) {
            ir::Parameter parameter = op.get<ir::Parameter>();
            parameter.shape = runtime::shape_of(*it->second);
            op = std::move(parameter);
        }
        std::vector<ir::Value> inputs;
        for (const ir::Value v : node.inputs) inputs.push_back({to[v.node], v.port});
        to[id] = edit.add(std::move(op), std::move(inputs), node.name).node;
        edit.set_origins(to[id], node.origins);
    }
    return result;
}

}  // namespace

namespace runtime {

ir::Shape shape_of(const PartialShape& shape) {
    if (!shape.rank_is_static()) return ir::Shape::unranked();
    std::vector<ir::Dim> dims;
    for (const Dimension& d : shape)
        dims.emplace_back(d.get_min_length(), d.get_max_length() == -1 ? ir::Dim::kUnbounded : d.get_max_length());
    return ir::Shape(std::move(dims));
}

PartialShape shape_of(const ir::Shape& shape) {
    if (!shape.ranked()) return PartialShape::dynamic();
    PartialShape result;
    for (const ir::Dim d : shape.dims()) result.emplace_back(d.low, d.high == ir::Dim::kUnbounded ? -1 : d.high);
    return result;
}

Ports ports_of(const ir::Graph& graph) {
    Ports ports;
    for (const ir::NodeId id : graph.parameters()) {
        const ir::Node& node = graph.node(id);
        const ir::Type& type = node.outputs[0].type;
        ports.inputs.emplace_back(true, ports.inputs.size(), node.op.get<ir::Parameter>().tensor_names, node.name,
                                  type.element, shape_of(type.shape));
    }
    for (const ir::NodeId id : graph.results()) {
        const ir::Node& node = graph.node(id);
        const auto& result = node.op.get<ir::Result>();
        const ir::Type& type = node.outputs[0].type;
        ports.outputs.emplace_back(false, ports.outputs.size(), result.tensor_names,
                                   result.layer.empty() ? node.name : result.layer, type.element, shape_of(type.shape));
    }
    return ports;
}

std::string quoted_list(std::span<const std::string> names) {
    std::string text;
    for (const std::string& name : names) text += fmt::format("{}'{}'", text.empty() ? "" : ", ", name);
    return text;
}

namespace {

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const bool same = std::tolower(static_cast<unsigned char>(a[i])) ==
                              std::tolower(static_cast<unsigned char>(b[j]));
            const std::size_t change = diagonal + (same ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string nearest_hint(std::string_view name, std::span<const std::string> known) {
    const std::string* best = nullptr;
    std::size_t least = name.size() / 2 + 1;  // at most half of the name is wrong
    for (const std::string& candidate : known)
        if (const std::size_t d = distance(name, candidate); d < least) {
            least = d;
            best = &candidate;
        }
    return best ? fmt::format("; did you mean '{}'?", *best) : "";
}

const Port& only_port(const std::vector<Port>& ports, std::string_view kind) {
    require(ports.size() == 1, "the {} was asked for, the model has {}", kind, ports.size());
    return ports[0];
}

const Port& port_at(const std::vector<Port>& ports, std::size_t index, std::string_view kind) {
    require(index < ports.size(), "{} {} was asked for, the model has {}", kind, index, ports.size());
    return ports[index];
}

const Port& port_named(const std::vector<Port>& ports, std::string_view name, std::string_view kind) {
    const auto it = std::ranges::find_if(ports, [&](const Port& port) { return port.is_named(name); });
    if (it != ports.end()) return *it;
    std::vector<std::string> known;
    for (const Port& port : ports)
        known.push_back(port.get_names().empty() ? port.get_node_name() : port.get_any_name());
    fail("the model has no {} '{}'; it has {}{}", kind, name, known.empty() ? "none" : quoted_list(known),
         nearest_hint(name, known));
}

const ir::Graph& ModelAccess::graph(const Model& model) { return model.impl_->graph; }

std::shared_ptr<Model> ModelAccess::make(ir::Graph graph, std::string name) {
    Ports ports = ports_of(graph);
    return std::shared_ptr<Model>(
        new Model(std::make_unique<Model::Impl>(Model::Impl{std::move(graph), std::move(name), std::move(ports)})));
}

}  // namespace runtime

const std::string& Port::get_any_name() const {
    require(!names_.empty(), "the tensor of layer '{}' has no name", node_name_);
    return names_[0];
}

bool Port::is_named(std::string_view name) const {
    return names_.empty() ? node_name_ == name : std::ranges::find(names_, name) != names_.end();
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

const std::vector<Port>& Model::inputs() const { return impl_->ports.inputs; }
const std::vector<Port>& Model::outputs() const { return impl_->ports.outputs; }
const Port& Model::input() const { return runtime::only_port(inputs(), "input"); }
const Port& Model::input(std::size_t index) const { return runtime::port_at(inputs(), index, "input"); }
const Port& Model::input(const std::string& tensor_name) const {
    return runtime::port_named(inputs(), tensor_name, "input");
}
const Port& Model::output() const { return runtime::only_port(outputs(), "output"); }
const Port& Model::output(std::size_t index) const { return runtime::port_at(outputs(), index, "output"); }
const Port& Model::output(const std::string& tensor_name) const {
    return runtime::port_named(outputs(), tensor_name, "output");
}

void Model::reshape(const std::map<std::size_t, PartialShape>& shapes) {
    for (const auto& [index, shape] : shapes) input(index);
    ir::Graph graph = reshaped(impl_->graph, shapes);
    impl_->ports = runtime::ports_of(graph);
    impl_->graph = std::move(graph);
}

void Model::reshape(const std::map<std::string, PartialShape>& shapes) {
    ShapeByInput by_index;
    for (const auto& [name, shape] : shapes) by_index[input(name).get_index()] = shape;
    reshape(by_index);
}

void Model::reshape(const PartialShape& shape) { reshape(ShapeByInput{{input().get_index(), shape}}); }

bool Model::is_dynamic() const {
    const auto dynamic = [](const Port& port) { return port.get_partial_shape().is_dynamic(); };
    return std::ranges::any_of(inputs(), dynamic) || std::ranges::any_of(outputs(), dynamic);
}

std::shared_ptr<Model> Model::clone() const { return runtime::ModelAccess::make(impl_->graph, impl_->name); }
const std::string& Model::get_friendly_name() const { return impl_->name; }
void Model::set_friendly_name(std::string name) { impl_->name = std::move(name); }

}  // namespace octet
