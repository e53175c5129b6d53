#pragma once
// One <net> or body: its layers and edges become a Graph.
#include <optional>
#include <pugixml.hpp>
#include <unordered_map>

#include "ir/support/mapped_file.hpp"
#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml {

// An error whose place in the file is already named.
class PlacedError : public Error {
public:
    using Error::Error;
};

class Weights {
public:
    explicit Weights(std::filesystem::path file) : file_(std::move(file)) {}
    Weights(const Bytes& bytes, std::string_view name) : file_(name), bytes_(bytes) {}
    Tensor view(Element element, const Dims& dims, std::uint64_t offset, std::uint64_t size);

private:
    std::filesystem::path file_;
    std::optional<Bytes> bytes_;  // mapped when the first constant asks
};

struct Source {
    std::string name;
    std::string_view text;
    Weights weights;
    int version = 0;

    // Throws PlacedError: the sentence behind file and line.
    [[noreturn]] void fail_at(pugi::xml_node node, std::string_view sentence) const;
    // The attribute, which must be there.
    const char* attribute(pugi::xml_node node, const char* name) const;
    std::int64_t integer(pugi::xml_node node, const char* name) const;
};

Graph read_net(Source& source, pugi::xml_node net);
Body read_body(Source& source, pugi::xml_node body, int depth);

// The places of ports among a layer's inputs and outputs, by their numbers in the file.
struct Ports {
    std::vector<std::int64_t> inputs, outputs;
};

// The layer of a file behind a row's function.
class XmlLayer final : public LayerIn {
public:
    XmlLayer(Source& source, pugi::xml_node node, const Ports& ports, int depth, Edit& to, std::vector<Value> from,
             Types declares)
        : LayerIn(to, std::move(from), std::move(declares)),
          source_(source),
          node_(node),
          data_(node.child("data")),
          ports_(ports),
          depth_(depth) {}

    const char* attribute(const char* name) const override {
        const auto found = data_.attribute(name);
        return found ? found.value() : nullptr;
    }
    Body body(const char* element) override;
    std::vector<PortMap> inputs_of(const char* element, const Body& body, bool counted) override;
    std::vector<PortMap> outputs_of(const char* element, const Body& body, bool counted) override;
    std::vector<PortMap> back_edges(const Body& body) override;

private:
    std::vector<PortMap> port_map(pugi::xml_node map, const char* kind,
                                  const std::unordered_map<std::int64_t, std::int64_t>& inner,
                                  const std::vector<std::int64_t>& outer, bool counted);

    Source& source_;
    pugi::xml_node node_;
    pugi::xml_node data_;
    const Ports& ports_;
    int depth_;
};

}  // namespace octet::ir::xml
