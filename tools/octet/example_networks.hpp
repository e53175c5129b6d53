#pragma once
// Networks to try things with: the shapes of known ones, with made-up weights.
#include <span>
#include <string_view>

#include "ir/graph.hpp"

namespace octet::tools {

struct ExampleNetwork {
    std::string_view name;
    ir::Graph (*make)();
};
std::span<const ExampleNetwork> example_networks();

}  // namespace octet::tools
