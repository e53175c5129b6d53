#pragma once
// Graphs in files: models (.xml) and the text form (.txt).
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "ir/graph.hpp"

namespace octet::tools {

// The graph of a model as Core::read_model makes it, or one in text form.
ir::Graph read_graph(const std::filesystem::path& file);
// By the ending of the name. Constants of more than `elide_above` elements are shown by a hash in the text form.
void write_graph(const ir::Graph& graph, const std::filesystem::path& file, std::size_t elide_above);

// Numbers for a value: floats of -1..1, integers over their full range (64-bit ones 0..1: they count or select), the same for the same seed.
// An unknown dimension becomes the least it may be, but 1 at least.
ir::Tensor random_tensor(const ir::Type& type, std::uint64_t seed);

}  // namespace octet::tools
