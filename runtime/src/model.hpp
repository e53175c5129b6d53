#pragma once
// Conversions between the public vocabulary and ir's, and the search for ports.
#include <octet/model.hpp>
#include <octet/tensor.hpp>
#include <span>
#include <string_view>

#include "ir/graph.hpp"

namespace octet::runtime {

ir::Shape shape_of(const PartialShape& shape);
PartialShape shape_of(const ir::Shape& shape);

struct Ports {
    std::vector<Port> inputs, outputs;
};
Ports ports_of(const ir::Graph& graph);

// Throw Error that says what there is. `kind`: "input" or "output".
const Port& only_port(const std::vector<Port>& ports, std::string_view kind);
const Port& port_at(const std::vector<Port>& ports, std::size_t index, std::string_view kind);
const Port& port_named(const std::vector<Port>& ports, std::string_view name, std::string_view kind);

// "'a', 'b'": for messages.
std::string quoted_list(std::span<const std::string> names);
// " did you mean 'a'?" with the known name that is nearest, or nothing when none is near.
std::string nearest_hint(std::string_view name, std::span<const std::string> known);

}  // namespace octet::runtime
