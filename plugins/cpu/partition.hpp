#pragma once
// Which nodes run as one step. A group is a core (a convolution, a pool, ..., or an elementwise op) and the elementwise ops below it
// that one kernel can apply to the core's results before they are stored. A convolution may be a sum of several.
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.hpp"
#include "plugins/cpu/sums.hpp"

namespace octet::cpu {

// Where the channels of a value lie in memory: along axis 1 of an image, along the last axis of anything else. An elementwise group
// without operands per channel does not care.
enum class Channels : std::uint8_t { any, axis1, last };

struct Group {
    enum class Kind : std::uint8_t {
        convolution,  // also grouped and backward
        matmul,
        pool,  // max, average, mean over the spatial axes
        elementwise,
        row,        // softmax or normalisation over the last axis
        attention,  // product, softmax and product of heads, with the transposes around them
        gate,       // squeeze-excite: the mean of a map, small products, the map times a factor for each channel
        other,      // a node alone
        dynamic     // a node alone whose shape depends on data
    };
    Kind kind = Kind::other;
    ir::NodeId core = 0;
    Sum sum;                        // of Kind::convolution, or empty; the core is the last of its parts that can run
    std::vector<ir::NodeId> chain;  // elementwise ops, in order; of Kind::elementwise it starts with the core
    ir::Value output;               // what is stored; of Kind::other and dynamic: the node's first output
    std::vector<ir::Value> inputs;  // stored values that are read, the core's data first; constants are not among them
    Channels channels = Channels::any;
    // The groups it stands for, in an order in which they can run: of Kind::attention and gate, and of Kind::row where it has several results.
    std::vector<Group> parts = {};
};

// A stored value behind `v`: a dequantize is not stored but applied by whoever reads it, and so is one value per pixel times one per
// channel where only sums read the product.
ir::Value stored(const ir::Graph& graph, ir::Value v);

// What the chain of a group is applied to: the core's result, or the sum.
ir::Value start_of(const Group& group);
// A sum as groups that follow each other, for when no kernel takes all of it.
std::vector<Group> one_by_one(const ir::Graph& graph, const Group& group);

// All groups, in an order in which they can run. Every live node that computes is in one group, or is a dequantize whose readers
// apply it.
std::vector<Group> partition(const ir::Graph& graph);

// A text for people: a line for each group.
std::string print(const ir::Graph& graph, const std::vector<Group>& groups);

}  // namespace octet::cpu
