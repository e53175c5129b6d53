#include <algorithm>

#include "ir/xml/net.hpp"

namespace octet::ir::xml {
namespace {

std::int64_t place_in(const Source& source, pugi::xml_node node, const char* name,
                      const std::unordered_map<std::int64_t, std::int64_t>& places, std::string_view kind) {
    const std::int64_t id = source.integer(node, name);
    const auto found = places.find(id);
    if (found == places.end()) source.fail_at(node, fmt::format("the body has no {} with id {}", kind, id));
    return found->second;
}

}  // namespace

Body XmlLayer::body(const char* element) {
    const auto net = node_.child(element);
    require(!net.empty(), "it has no <{}>", element);
    return read_body(source_, net, depth_ + 1);
}

std::vector<PortMap> XmlLayer::port_map(pugi::xml_node map, const char* kind,
                                        const std::unordered_map<std::int64_t, std::int64_t>& inner,
                                        const std::vector<std::int64_t>& outer, bool counted) {
    std::vector<PortMap> ports;
    for (const auto node : map.children(kind)) {
        PortMap port;
        const std::int64_t id = source_.integer(node, "external_port_id");
        if (counted) port.outer = id >= 0 && id < static_cast<std::int64_t>(outer.size()) ? id : -1;
        else if (const auto found = std::ranges::find(outer, id); found != outer.end())
            port.outer = found - outer.begin();
        if (port.outer < 0 && id != -1) source_.fail_at(node, fmt::format("the layer has no {} port {}", kind, id));
        port.inner = place_in(source_, node, "internal_layer_id", inner,
                              kind == std::string_view("input") ? "Parameter" : "Result");
        for (const auto& [name, field] : {std::pair{"axis", &port.axis},
                                          {"start", &port.start},
                                          {"end", &port.end},
                                          {"stride", &port.stride},
                                          {"part_size", &port.part_size}})
            if (node.attribute(name)) *field = source_.integer(node, name);
        port.purpose = node.attribute("purpose").value();
        ports.push_back(std::move(port));
    }
    return ports;
}

std::vector<PortMap> XmlLayer::inputs_of(const char* element, const Body& body, bool counted) {
    return port_map(node_.child(element), "input", body.parameters, ports_.inputs, counted);
}

std::vector<PortMap> XmlLayer::outputs_of(const char* element, const Body& body, bool counted) {
    return port_map(node_.child(element), "output", body.results, ports_.outputs, counted);
}

std::vector<PortMap> XmlLayer::back_edges(const Body& body) {
    std::vector<PortMap> edges;
    for (const auto node : node_.child("back_edges").children("edge"))
        edges.push_back({.outer = place_in(source_, node, "from-layer", body.results, "Result"),
                         .inner = place_in(source_, node, "to-layer", body.parameters, "Parameter")});
    return edges;
}

}  // namespace octet::ir::xml
