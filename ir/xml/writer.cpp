#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <pugixml.hpp>
#include <system_error>
#include <unordered_map>

#include "ir/ops/core.hpp"
#include "ir/xml/upgrade.hpp"
#include "ir/xml/xml.hpp"

namespace octet::ir::xml {
namespace {

// A file that appears under its name only when it is complete.
class PendingFile {
public:
    explicit PendingFile(std::filesystem::path target)
        : target_(std::move(target)),
          beside_(fmt::format("{}.{}.partial", target_.string(), ::getpid())),
          stream_(beside_, std::ios::binary) {
        if (!stream_) fail_now();
    }
    PendingFile(const PendingFile&) = delete;
    PendingFile& operator=(const PendingFile&) = delete;
    ~PendingFile() {
        std::error_code ignored;
        if (!beside_.empty()) std::filesystem::remove(beside_, ignored);
    }
    std::ofstream& stream() { return stream_; }
    void close() {
        stream_.close();
        if (!stream_) fail_now();
    }
    void rename() {
        std::error_code error;
        std::filesystem::rename(beside_, target_, error);
        require(!error, "'{}': it cannot be written: {}", target_.string(), error.message());
        beside_.clear();
    }

private:
    [[noreturn]] void fail_now() const {
        fail("'{}': it cannot be written: {}", target_.string(), std::generic_category().message(errno));
    }
    std::filesystem::path target_;
    std::filesystem::path beside_;
    std::ofstream stream_;
};

// Constants one behind the other, equal ones once.
class WeightsFile {
public:
    explicit WeightsFile(std::filesystem::path file) : file_(std::move(file)) {}

    std::uint64_t place(const Tensor& tensor) {
        const auto bytes = tensor.raw();
        if (bytes.empty()) return 0;
        const std::string_view key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        const auto [at, fresh] = places_.emplace(key, size_);
        if (!fresh) return at->second;
        constexpr std::uint64_t kAlignment = 64;
        const std::uint64_t start = (size_ + kAlignment - 1) / kAlignment * kAlignment;
        static constexpr char kZeros[kAlignment] = {};
        file_.stream().write(kZeros, static_cast<std::streamsize>(start - size_));
        file_.stream().write(key.data(), static_cast<std::streamsize>(key.size()));
        size_ = start + key.size();
        return at->second = start;
    }
    PendingFile& file() { return file_; }

private:
    PendingFile file_;
    std::unordered_map<std::string_view, std::uint64_t> places_;  // views of the graph's constants
    std::uint64_t size_ = 0;
};

// The ids of a graph's layers in the file: their places in order.
std::unordered_map<NodeId, std::size_t> ids_of(const std::vector<NodeId>& order) {
    std::unordered_map<NodeId, std::size_t> ids;
    for (std::size_t i = 0; i < order.size(); ++i) ids[order[i]] = i;
    return ids;
}

void write_net(const Graph& graph, pugi::xml_node net, WeightsFile& weights);

class XmlLayerOut final : public LayerOut {
public:
    XmlLayerOut(const Node& node, pugi::xml_node layer, WeightsFile& weights)
        : node_(node), layer_(layer), data_(layer.append_child("data")), weights_(weights) {}

    void attribute(const char* name, std::string_view value) override {
        data_.append_attribute(name) = std::string(value).c_str();
    }

    void body(const char* element, const Graph& graph) override {
        write_net(graph, layer_.append_child(element), weights_);
    }

    void inputs_of(const char* element, const Graph& body, std::span<const PortMap> ports) override {
        ports_of(element, "input", body, body.parameters(), ports, 0);
    }

    void outputs_of(const char* element, const Graph& body, std::span<const PortMap> ports, bool counted) override {
        ports_of(element, "output", body, body.results(), ports,
                 counted ? 0 : static_cast<std::int64_t>(node_.inputs.size()));
    }

    void back_edges(const Graph& body, std::span<const PortMap> edges) override {
        const auto ids = ids_of(body.order());
        auto list = layer_.append_child("back_edges");
        for (const PortMap& m : edges) {
            auto edge = list.append_child("edge");
            edge.append_attribute("from-layer") = ids.at(body.results()[static_cast<std::size_t>(m.outer)]);
            edge.append_attribute("to-layer") = ids.at(body.parameters()[static_cast<std::size_t>(m.inner)]);
        }
    }

    // Readers of this format refuse an empty <data/> nowhere, but nobody writes it.
    void finish() {
        if (data_.attributes().begin() == data_.attributes().end()) layer_.remove_child(data_);
    }

private:
    void ports_of(const char* element, const char* kind, const Graph& body, const std::vector<NodeId>& inner,
                  std::span<const PortMap> ports, std::int64_t first) {
        auto map = layer_.child(element);
        if (!map) map = layer_.append_child(element);
        const auto ids = ids_of(body.order());
        for (const PortMap& m : ports) {
            auto port = map.append_child(kind);
            port.append_attribute("external_port_id") = static_cast<long long>(m.outer < 0 ? -1 : m.outer + first);
            port.append_attribute("internal_layer_id") = ids.at(inner[static_cast<std::size_t>(m.inner)]);
            if (m.axis >= 0)
                for (const auto& [name, value] : {std::pair{"axis", m.axis},
                                                  {"start", m.start},
                                                  {"end", m.end},
                                                  {"stride", m.stride},
                                                  {"part_size", m.part_size}})
                    port.append_attribute(name) = static_cast<long long>(value);
            if (!m.purpose.empty()) port.append_attribute("purpose") = m.purpose.c_str();
        }
    }

    const Node& node_;
    pugi::xml_node layer_;
    pugi::xml_node data_;
    WeightsFile& weights_;
};

void write_fields(const Row& row, const Op& op, LayerOut& layer) {
    const auto fresh = op.def().make();
    for (const FieldDef& field : op.def().fields) {
        const Name name = name_of_field(row, field.name);
        if (name.place == Place::elsewhere) continue;
        auto* data = const_cast<void*>(op.data());
        if (name.place == Place::nowhere) {
            OpDef one = op.def();
            one.fields = std::span(&field, 1);
            require(equal_fields(one, data, fresh.get()), "'{}' with {} has no form in the model file", op.name(),
                    field.name);
            continue;
        }
        layer.attribute(name.attribute.data(), format_field(field.at(data)));
    }
    if (row.write) row.write(op.data(), layer);
}

class NetWriter {
public:
    NetWriter(const Graph& graph, pugi::xml_node net, WeightsFile& weights)
        : graph_(graph), net_(net), weights_(weights), order_(graph.order()), ids_(ids_of(order_)) {}

    void write() {
        auto layers = net_.append_child("layers");
        for (NodeId id : order_) {
            try {
                write_layer(layers.append_child("layer"), graph_.node(id));
            } catch (const InternalError&) {
                throw;
            } catch (const Error& e) {
                fail("layer '{}': {}", graph_.node(id).name, e.what());
            }
        }
        auto edges = net_.append_child("edges");
        for (NodeId id : order_)
            for (std::size_t i = 0; i < graph_.node(id).inputs.size(); ++i) {
                const Value from = graph_.node(id).inputs[i];
                auto edge = edges.append_child("edge");
                edge.append_attribute("from-layer") = ids_.at(from.node);
                edge.append_attribute("from-port") = graph_.node(from).inputs.size() + from.port;
                edge.append_attribute("to-layer") = ids_.at(id);
                edge.append_attribute("to-port") = i;
            }
    }

private:
    void write_layer(pugi::xml_node layer, const Node& node) {
        layer.append_attribute("id") = ids_.at(*graph_.find(node.name));
        layer.append_attribute("name") = node.name.c_str();
        const auto kind = [&](const std::string& type, const std::string& version) {
            layer.append_attribute("type") = type.c_str();
            layer.append_attribute("version") = version.c_str();
        };
        XmlLayerOut out(node, layer, weights_);
        if (const auto* parameter = node.op.as<Parameter>()) {
            kind("Parameter", "opset1");
            out.attribute("shape", format_shape(parameter->shape));
            out.attribute("element_type", name_of(parameter->element));
        } else if (const auto* constant = node.op.as<Constant>()) {
            kind("Const", "opset1");
            const Tensor& value = constant->value;
            out.attribute("element_type", name_of(value.element()));
            out.attribute("shape", format_shape(value.type().shape));
            out.attribute("offset", std::to_string(weights_.place(value)));
            out.attribute("size", std::to_string(value.bytes()));
        } else if (const auto* result = node.op.as<Result>()) {
            kind("Result", "opset1");
            if (result->tensor_names != names_of(node.inputs[0]))
                layer.append_attribute("output_names") = format_names(result->tensor_names).c_str();
        } else if (const auto* opaque = node.op.as<Opaque>()) {
            kind(opaque->type, opaque->version);
            for (const auto& [name, value] : opaque->attributes) out.attribute(name.c_str(), value);
        } else {
            const Row* row = row_to_write(node.op.def());
            require(row, "'{}' has no form in the model file", node.op.name());
            kind(std::string(row->type), fmt::format("opset{}", row->since));
            write_fields(*row, node.op, out);
        }
        out.finish();
        write_ports(layer, node);
    }

    // Tensors have the names of the model's inputs and outputs.
    std::vector<std::string> names_of(Value v) const {
        if (const auto* parameter = graph_.op(v).as<Parameter>()) return parameter->tensor_names;
        std::vector<std::string> names;
        for (const Use use : graph_.uses(v))
            if (const auto* result = graph_.node(use.node).op.as<Result>())
                for (const std::string& name : result->tensor_names)
                    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
        return names;
    }

    static void write_dims(pugi::xml_node port, const Shape& shape) {
        for (Dim dim : shape.dims())
            port.append_child("dim").text() = static_cast<long long>(dim.is_static() ? dim.low : -1);
    }

    void write_ports(pugi::xml_node layer, const Node& node) {
        std::size_t number = 0;
        pugi::xml_node input;
        if (!node.inputs.empty()) input = layer.append_child("input");
        for (Value v : node.inputs) {
            auto port = input.append_child("port");
            port.append_attribute("id") = number++;
            port.append_attribute("precision") = std::string(precision_of(graph_.element(v))).c_str();
            write_dims(port, graph_.shape(v));
        }
        if (node.op.is<Result>()) return;
        auto output = layer.append_child("output");
        for (std::uint32_t i = 0; i < node.outputs.size(); ++i) {
            auto port = output.append_child("port");
            port.append_attribute("id") = number++;
            port.append_attribute("precision") = std::string(precision_of(node.outputs[i].type.element)).c_str();
            const auto names = names_of({*graph_.find(node.name), i});
            if (!names.empty()) port.append_attribute("names") = format_names(names).c_str();
            write_dims(port, node.outputs[i].type.shape);
        }
    }

    const Graph& graph_;
    pugi::xml_node net_;
    WeightsFile& weights_;
    std::vector<NodeId> order_;
    std::unordered_map<NodeId, std::size_t> ids_;
};

void write_net(const Graph& graph, pugi::xml_node net, WeightsFile& weights) { NetWriter(graph, net, weights).write(); }

}  // namespace

void write(const Graph& graph, const std::filesystem::path& xml, const std::filesystem::path& bin) {
    std::filesystem::path weights_path = bin;
    if (bin.empty()) weights_path = std::filesystem::path(xml).replace_extension(".bin");
    WeightsFile weights(weights_path);
    pugi::xml_document document;
    auto net = document.append_child("net");
    net.append_attribute("name") = xml.stem().string().c_str();
    net.append_attribute("version") = 11;
    write_net(graph, net, weights);
    PendingFile text(xml);
    document.save(text.stream(), "\t");
    text.close();
    weights.file().close();
    weights.file().rename();
    text.rename();
}

}  // namespace octet::ir::xml
