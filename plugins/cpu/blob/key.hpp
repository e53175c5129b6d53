#pragma once
// What a plan depends on, as two numbers.
#include <array>
#include <cstdint>
#include <string>

#include "ir/graph.hpp"
#include "plugins/cpu/machine.hpp"
#include "plugins/cpu/settings.hpp"

namespace octet::cpu::blob {

using Key = std::array<std::uint64_t, 2>;

// Of the model as it was read, the settings and the machine, this build and oneDNN's. Weights that lie in a mapped file stand for
// themselves by that file's identity (where it is, its size and times) and are not read; others count by their contents.
Key key_of(const ir::Graph& graph, const Settings& settings, const Machine& machine);

// 32 hexadecimal digits.
std::string name_of(const Key& key);

}  // namespace octet::cpu::blob
