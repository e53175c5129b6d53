#pragma once
// Models in files: an OpenVINO IR of version 10 or 11 is read, version 11 is written.
#include <filesystem>
#include <string_view>

#include "ir/graph.hpp"
#include "ir/support/mapped_file.hpp"

namespace octet::ir::xml {

struct Info {
    int version = 0;  // of the file: 10 or 11
};

// Reads a model. Constants view the mapped weights file: `bin`, or the file beside `xml` that ends in ".bin"; it may be missing where
// no constant needs it. Ops are upgraded to their newest meaning; those not known become Opaque. Types are those of the file; in version
// 10 the names of layers become names of tensors. Throws Error that names file, line and layer.
Graph read(const std::filesystem::path& xml, const std::filesystem::path& bin = {}, Info* info = nullptr);
// The same from memory; `name` stands for the file in messages.
Graph read_memory(std::string_view xml, const Bytes& weights, std::string_view name = "model", Info* info = nullptr);

// Writes the newest form of every op, equal constants once. Both files are written beside and renamed. Throws Error for an op that has
// no form in the file (quantize, dequantize, products of integers).
void write(const Graph& graph, const std::filesystem::path& xml, const std::filesystem::path& bin = {});

}  // namespace octet::ir::xml
