#pragma once
// Five small models that stand for the kinds of networks the CPU is made for.
#include <string_view>
#include <vector>

#include "ir/graph.hpp"

namespace octet::guard {

struct Model {
    std::string_view name;
    ir::Graph (*make)();
};
const std::vector<Model>& models();

}  // namespace octet::guard
