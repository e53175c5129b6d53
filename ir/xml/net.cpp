#include "ir/xml/net.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <queue>

#include "ir/ops/core.hpp"

namespace octet::ir::xml {
namespace {

constexpr int kMaxDepth = 16;

struct From {
    std::size_t layer = SIZE_MAX;  // not connected
    std::size_t output = 0;
};

struct FileLayer {
    pugi::xml_node node;
    const char* name = "";
    const char* type = "";
    const char* version = "";
    Ports ports;
    std::vector<From> inputs;
    std::vector<std::vector<std::string>> names;  // of each output's tensor
    std::vector<bool> used;                       // of each output
    NodeId made = 0;
};

// "opset8" is 8; what is no operator set is 0.
int opset_of(std::string_view version) {
    int number = 0;
    if (!version.starts_with("opset")) return 0;
    version.remove_prefix(5);
    const auto [end, status] = std::from_chars(version.data(), version.data() + version.size(), number);
    return status == std::errc() && end == version.data() + version.size() ? number : 0;
}

class NetReader {
public:
    NetReader(Source& source, pugi::xml_node net, int depth) : source_(source), net_(net), depth_(depth) {}

    Graph graph() {
        if (depth_ > kMaxDepth) source_.fail_at(net_, fmt::format("bodies are nested more than {} deep", kMaxDepth));
        collect_layers();
        connect();
        name_tensors();
        std::vector<Layer> table;
        table.reserve(layers_.size());
        for (const FileLayer& layer : layers_) table.push_back({layer.name, layer.type, layer.version});
        Edit(graph_).set_layers(std::move(table));
        for (std::size_t i : order()) make(i);
        return std::move(graph_);
    }

    Body body() {
        Body body;
        body.graph = std::make_shared<const Graph>(graph());
        std::int64_t parameters = 0;
        std::int64_t results = 0;
        for (const FileLayer& layer : layers_) {
            const std::int64_t id = source_.integer(layer.node, "id");
            const Op& op = body.graph->node(layer.made).op;
            if (op.is<Parameter>()) body.parameters[id] = parameters++;
            else if (op.is<Result>()) body.results[id] = results++;
        }
        return body;
    }

private:
    void collect_layers() {
        for (const auto node : net_.child("layers").children("layer")) {
            FileLayer layer;
            layer.node = node;
            layer.name = source_.attribute(node, "name");
            layer.type = source_.attribute(node, "type");
            layer.version = node.attribute("version").value();
            const std::int64_t id = source_.integer(node, "id");
            const auto [at, fresh] = by_id_.emplace(id, layers_.size());
            if (!fresh)
                source_.fail_at(node, fmt::format("layers '{}' and '{}' have the same id {}", layers_[at->second].name,
                                                  layer.name, id));
            for (const auto port : node.child("input").children("port"))
                layer.ports.inputs.push_back(source_.integer(port, "id"));
            for (const auto port : node.child("output").children("port")) {
                layer.ports.outputs.push_back(source_.integer(port, "id"));
                layer.names.push_back(parse_names(port.attribute("names").value()));
            }
            layer.inputs.resize(layer.ports.inputs.size());
            layer.used.resize(layer.ports.outputs.size());
            layers_.push_back(std::move(layer));
        }
        if (layers_.empty()) source_.fail_at(net_, "there are no layers");
    }

    static bool is_result(const FileLayer& layer) { return layer.type == std::string_view("Result"); }

    std::size_t end_of(pugi::xml_node edge, const char* layer_name) const {
        const std::int64_t id = source_.integer(edge, layer_name);
        const auto found = by_id_.find(id);
        if (found == by_id_.end())
            source_.fail_at(edge, fmt::format("an edge names the layer {}, which does not exist", id));
        return found->second;
    }

    std::size_t port_of(pugi::xml_node edge, const char* port_name, const FileLayer& layer,
                        const std::vector<std::int64_t>& ports, std::string_view kind) const {
        const std::int64_t id = source_.integer(edge, port_name);
        const auto found = std::ranges::find(ports, id);
        if (found == ports.end())
            source_.fail_at(edge, fmt::format("an edge names the {} port {} of layer '{}', which does not exist", kind,
                                              id, layer.name));
        return static_cast<std::size_t>(found - ports.begin());
    }

    void connect() {
        for (const auto edge : net_.child("edges").children("edge")) {
            const std::size_t from = end_of(edge, "from-layer");
            FileLayer& to = layers_[end_of(edge, "to-layer")];
            if (is_result(layers_[from]))
                source_.fail_at(edge, fmt::format("an edge leaves layer '{}', which is a Result", layers_[from].name));
            const std::size_t output = port_of(edge, "from-port", layers_[from], layers_[from].ports.outputs, "output");
            const std::size_t input = port_of(edge, "to-port", to, to.ports.inputs, "input");
            if (to.inputs[input].layer != SIZE_MAX)
                source_.fail_at(edge, fmt::format("two edges lead to input {} of layer '{}'", input, to.name));
            to.inputs[input] = {from, output};
            layers_[from].used[output] = true;
        }
        for (const FileLayer& layer : layers_)
            for (std::size_t i = 0; i < layer.inputs.size(); ++i)
                if (layer.inputs[i].layer == SIZE_MAX)
                    source_.fail_at(layer.node, fmt::format("layer '{}': no edge leads to input {}", layer.name, i));
    }

    // In version 10 layers name the tensors at the ends of the model.
    void name_tensors() {
        if (source_.version > 10 || depth_ > 0) return;
        const auto add = [](std::vector<std::string>& names, std::string name) {
            if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
        };
        for (FileLayer& layer : layers_) {
            if (layer.type == std::string_view("Parameter") && !layer.names.empty()) add(layer.names[0], layer.name);
            if (!is_result(layer) || layer.inputs.empty()) continue;
            const auto [from, output] = layer.inputs[0];
            FileLayer& maker = layers_[from];
            add(maker.names[output],
                maker.names.size() > 1 ? fmt::format("{}.{}", maker.name, output) : std::string(maker.name));
        }
    }

    // Operands first, as near as may be to the order of the file; results last and in its order.
    std::vector<std::size_t> order() const {
        std::vector<std::size_t> missing(layers_.size());
        std::vector<std::vector<std::size_t>> users(layers_.size());
        std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
        for (std::size_t i = 0; i < layers_.size(); ++i) {
            missing[i] = layers_[i].inputs.size();
            for (const From& from : layers_[i].inputs) users[from.layer].push_back(i);
            if (missing[i] == 0) ready.push(i);
        }
        std::vector<std::size_t> sorted;
        std::vector<std::size_t> results;
        while (!ready.empty()) {
            const std::size_t i = ready.top();
            ready.pop();
            (is_result(layers_[i]) ? results : sorted).push_back(i);
            for (std::size_t user : users[i])
                if (--missing[user] == 0) ready.push(user);
        }
        if (sorted.size() + results.size() < layers_.size()) fail_for_cycle(missing);
        std::ranges::sort(results);
        sorted.insert(sorted.end(), results.begin(), results.end());
        return sorted;
    }

    [[noreturn]] void fail_for_cycle(const std::vector<std::size_t>& missing) const {
        // Every layer left waits for another one that is left: going back along these leads into a cycle.
        const auto waits_for = [&](std::size_t i) {
            return std::ranges::find_if(layers_[i].inputs, [&](const From& from) { return missing[from.layer] > 0; })
                ->layer;
        };
        std::size_t at = static_cast<std::size_t>(std::ranges::find_if(missing, [](std::size_t n) { return n > 0; }) -
                                                  missing.begin());
        for (std::size_t step = 0; step < layers_.size(); ++step) at = waits_for(at);
        std::vector<std::size_t> cycle{at};
        for (std::size_t i = waits_for(at); i != at; i = waits_for(i)) cycle.push_back(i);
        std::ranges::reverse(cycle);
        std::rotate(cycle.begin(), std::ranges::min_element(cycle), cycle.end());
        std::string path;
        for (std::size_t i = 0; i < std::min<std::size_t>(cycle.size(), 4); ++i)
            path += fmt::format("'{}' -> ", layers_[cycle[i]].name);
        if (cycle.size() > 4) path += fmt::format("{} more -> ", cycle.size() - 4);
        source_.fail_at(layers_[cycle[0]].node,
                        fmt::format("the layers form a cycle: {}'{}'", path, layers_[cycle[0]].name));
    }

    void make(std::size_t index) {
        FileLayer& layer = layers_[index];
        try {
            Edit edit(graph_, layer.name, {static_cast<std::uint32_t>(index)});
            std::vector<Value> inputs;
            inputs.reserve(layer.inputs.size());
            for (const From& from : layer.inputs) inputs.push_back(output_of(from));
            layer.made = add(edit, layer, std::move(inputs));
        } catch (const PlacedError&) {
            throw;
        } catch (const InternalError&) {
            throw;
        } catch (const Error& e) {
            const std::string_view what = e.what();
            if (what.starts_with("layer '")) source_.fail_at(layer.node, what);
            source_.fail_at(layer.node, fmt::format("layer '{}': {}", layer.name, what));
        }
    }

    Value output_of(const From& from) const {
        const FileLayer& maker = layers_[from.layer];
        const std::size_t count = graph_.node(maker.made).outputs.size();
        require(from.output < count, "it reads output {} of layer '{}', which has {}", from.output, maker.name, count);
        return {maker.made, static_cast<std::uint32_t>(from.output)};
    }

    NodeId add(Edit& edit, FileLayer& layer, std::vector<Value> inputs) {
        const std::string_view type = layer.type;
        const bool ends = type == "Parameter" || type == "Const" || type == "Constant";
        require(!ends || inputs.empty(), "got {} inputs, wanted none", inputs.size());
        if (type == "Parameter") return edit.add(parameter(layer), {}, layer.name).node;
        if (type == "Const" || type == "Constant") return edit.add(Constant{weights(layer)}, {}, layer.name).node;
        if (type == "Result") return edit.add(result(layer, inputs), inputs, layer.name).node;
        const Row* row = row_to_read(type, opset_of(layer.version));
        if (row) {
            XmlLayer in(source_, layer.node, layer.ports, depth_, edit, inputs, declared(layer));
            const auto data = row->op->make();
            if (read_fields(*row, in, data.get()) && (!row->read || row->read(in, data.get()))) {
                const NodeId node = edit.add(Op(row->op, data), std::move(in.inputs), layer.name).node;
                compare(layer, in.declared, graph_.node(node));
                return node;
            }
        }
        Opaque op{.type = layer.type, .version = layer.version, .attributes = {}, .outputs = declared(layer)};
        for (const auto attribute : layer.node.child("data").attributes())
            op.attributes[attribute.name()] = attribute.value();
        return edit.add(std::move(op), std::move(inputs), layer.name).node;
    }

    bool read_fields(const Row& row, const LayerIn& in, void* data) const {
        for (const FieldDef& field : row.op->fields) {
            const Name name = name_of_field(row, field.name);
            if (name.place == Place::nowhere || name.place == Place::elsewhere) continue;
            const char* text = in.attribute(name.attribute.data());
            require(text || name.place != Place::required, "it has no attribute '{}'", name.attribute);
            if (!text) continue;
            try {
                if (!parse_field(field.at(data), text)) return false;
            } catch (const InternalError&) {
                throw;
            } catch (const Error& e) {
                fail("attribute '{}': {}", name.attribute, e.what());
            }
        }
        return true;
    }

    Types declared(const FileLayer& layer) const {
        Types types;
        for (const auto port : layer.node.child("output").children("port")) {
            std::vector<Dim> dims;
            for (const auto dim : port.children("dim")) {
                const std::int64_t size = parse_integer(dim.child_value());
                require(size >= -1, "a dimension is {}", size);
                dims.push_back(size < 0 ? Dim() : Dim(size));
            }
            const auto precision = port.attribute("precision");
            types.push_back(
                {precision ? parse_element(precision.value()) : Element::undefined, Shape(std::move(dims))});
        }
        return types;
    }

    // What the file says of a known op is checked, not believed. Files are loose about shapes inside bodies and about outputs that
    // nothing uses, those of version 10 also about float types. A port without an element type says nothing.
    void compare(const FileLayer& layer, const Types& types, const Node& node) const {
        require(types.size() <= node.outputs.size(), "the file gives it {} outputs, it has {}", types.size(),
                node.outputs.size());
        if (depth_ > 0) return;
        for (std::size_t i = 0; i < types.size(); ++i) {
            const Type& got = node.outputs[i].type;
            const Type& said = types[i];
            if (!layer.used[i] || said.element == Element::undefined || got.element == Element::undefined) continue;
            const bool loose = source_.version < 11 && is_float(said.element) && is_float(got.element);
            if ((loose || said.element == got.element) && compatible(said.shape, got.shape)) continue;
            fail("output {} is {}, the file declares {} (operator {} of {})", i, to_string(got), to_string(said),
                 layer.type, layer.version);
        }
    }

    Parameter parameter(const FileLayer& layer) const {
        const auto data = layer.node.child("data");
        Parameter op;
        op.element = parse_element(text_of(data, "element_type"));
        op.shape = parse_shape(text_of(data, "shape"));
        if (!layer.names.empty()) op.tensor_names = layer.names[0];
        return op;
    }

    Tensor weights(const FileLayer& layer) const {
        const auto data = layer.node.child("data");
        const Element element = parse_element(text_of(data, "element_type"));
        const Shape shape = parse_shape(text_of(data, "shape"));
        if (!shape.is_static()) fail("the shape {} of a constant must be known", to_string(shape));
        const auto size_of = [&](const char* name) {
            const std::int64_t value = parse_integer(text_of(data, name));
            require(value >= 0, "attribute '{}' is {}", name, value);
            return static_cast<std::uint64_t>(value);
        };
        const std::uint64_t offset = size_of("offset");
        return source_.weights.view(element, shape.sizes(), offset, size_of("size"));
    }

    static const char* text_of(pugi::xml_node data, const char* name) {
        const auto found = data.attribute(name);
        require(!found.empty(), "it has no attribute '{}'", name);
        return found.value();
    }

    Result result(const FileLayer& layer, const std::vector<Value>& inputs) const {
        Result op;
        require(inputs.size() == 1, "got {} inputs, wanted 1", inputs.size());
        const auto [from, output] = layer.inputs[0];
        const auto names = layer.node.attribute("output_names");
        op.tensor_names = names ? parse_names(names.value()) : layers_[from].names[output];
        op.layer = graph_.node(inputs[0]).name;
        op.port = static_cast<std::int64_t>(output);
        return op;
    }

    Source& source_;
    pugi::xml_node net_;
    int depth_;
    std::vector<FileLayer> layers_;
    std::unordered_map<std::int64_t, std::size_t> by_id_;
    Graph graph_;
};

}  // namespace

Graph read_net(Source& source, pugi::xml_node net) { return NetReader(source, net, 0).graph(); }
Body read_body(Source& source, pugi::xml_node body, int depth) { return NetReader(source, body, depth).body(); }

}  // namespace octet::ir::xml
