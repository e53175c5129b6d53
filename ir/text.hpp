#pragma once
// The text form of a graph: one node a line, in topological order.
//
//   x : f32[1,3,?,1..8] = parameter() shape=[1,3,?,1..8]
//   s : f32[1,1,?,1..8], f32[1,2,?,1..8] = variadic_split(x, axis, lengths)
//   y : f32[1,2,?,1..8] = relu(s:1)
//   out : f32[1,2,?,1..8] = result(y) layer="y"
//
// Names are quoted when they are not made of letters, digits and `_./-`. Fields with their default value are left out. Constants
// stand inline: `value=f32[2]{0.5, -1}`; when reading, `value=f32[64,3] random(7)` gives uniform numbers of -1..1 from a seed (the
// full range for integers). Bodies stand in braces. parse(print(g)) == g.
#include <string>
#include <string_view>

#include "ir/graph.hpp"

namespace octet::ir {

struct PrintOptions {
    std::size_t elide_above =
        SIZE_MAX;          // constants with more elements are shown by a hash; the text can then not be read back
    bool origins = false;  // the file's layers behind each node, as a comment
};
std::string print(const Graph& graph, const PrintOptions& options = {});
std::string print(const Graph& graph, NodeId node, const PrintOptions& options = {});

// Throws Error with the line number. `extra`: ops private to a plugin.
Graph parse(std::string_view text, std::span<const OpDef* const> extra = {});

// The value of one field or of all fields that differ from their defaults, as in the text form: "axis=1 mode=linear".
std::string print_fields(const Op& op, const PrintOptions& options = {});

}  // namespace octet::ir
