#pragma once
// A graph is a value: nodes in a table, named by ids. Copying one keeps a "before"; constants share their storage. Only Edit
// (edit.hpp) changes a graph.
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.hpp"

namespace octet::ir {

using NodeId = std::uint32_t;

// One output of a node: the source of edges.
struct Value {
    NodeId node = 0;
    std::uint32_t port = 0;
    auto operator<=>(const Value&) const = default;
};

// One input of a node: the end of an edge.
struct Use {
    NodeId node = 0;
    std::uint32_t input = 0;
    bool operator==(const Use&) const = default;
};

struct Output {
    Type type;
    Partial partial = nullptr;
    std::vector<Use> uses = {};
};

// A layer of the file that was read. Reports speak of these; every node carries the ones it stands for.
struct Layer {
    std::string name;
    std::string type;     // the operator's name in the file
    std::string version;  // its operator set: "opset1"
    bool operator==(const Layer&) const = default;
};
using Origins = std::vector<std::uint32_t>;  // indices into Graph::layers(), sorted

struct Node {
    std::string name;
    Op op;
    std::vector<Value> inputs;
    std::vector<Output> outputs;
    Origins origins = {};
    bool alive = true;
    bool generated = false;                  // the name was made up; a value it replaces gives it its own
    std::vector<std::uint32_t> use_at = {};  // by input: its place in the use list of the value it reads
};

using Nodes = std::deque<Node>;  // references stay while nodes are added

// Live nodes by name: a table of hashes and ids. The names themselves stand in the nodes, which the caller passes along.
class NameIndex {
public:
    const NodeId* find(std::string_view name, const Nodes& nodes) const;
    void insert(std::string_view name, NodeId id);  // which must not be there
    void erase(std::string_view name, NodeId id);   // which must be there

private:
    static constexpr NodeId kFree = UINT32_MAX;
    static constexpr NodeId kErased = UINT32_MAX - 1;
    struct Entry {
        std::uint32_t hash = 0;
        NodeId id = kFree;
    };
    void grow();
    std::vector<Entry>
        entries_;  // a power of two of them, looked through from the hash on; never more than three quarters taken
    std::size_t taken_ = 0;  // erased ones included
    std::size_t live_ = 0;
};

class Graph {
public:
    const Node& node(NodeId id) const { return nodes_[id]; }
    const Node& node(Value v) const { return nodes_[v.node]; }
    const Op& op(Value v) const { return nodes_[v.node].op; }
    const Type& type(Value v) const { return nodes_[v.node].outputs[v.port].type; }
    const Shape& shape(Value v) const { return type(v).shape; }
    Element element(Value v) const { return type(v).element; }
    std::span<const Use> uses(Value v) const { return nodes_[v.node].outputs[v.port].uses; }
    // The constant tensor behind a value, null when it is not a constant.
    const Tensor* constant(Value v) const;

    std::size_t size() const { return nodes_.size(); }  // ids are below this; removed nodes included
    std::size_t live() const { return live_; }
    const std::vector<NodeId>& parameters() const { return parameters_; }  // in order of the model's inputs
    const std::vector<NodeId>& results() const { return results_; }        // in order of the model's outputs
    const std::vector<NodeId>& sinks() const { return sinks_; }
    std::vector<NodeId> order() const;                // live nodes, operands first; deterministic
    const NodeId* find(std::string_view name) const;  // null when no live node has this name

    const std::vector<Layer>& layers() const { return *layers_; }
    const std::string& source() const { return source_; }  // the file it was read from, for messages

    std::size_t hash() const;  // structural: ops, fields, edges; not names
    bool operator==(const Graph& other)
        const;  // ops, fields, edges and names, in topological order; ids and removed nodes do not count

private:
    friend class Edit;
    Nodes nodes_;
    std::vector<NodeId> parameters_, results_, sinks_;
    std::size_t live_ = 0;
    NameIndex names_;
    std::shared_ptr<const std::vector<Layer>> layers_ = std::make_shared<const std::vector<Layer>>();
    std::string source_;
};

}  // namespace octet::ir
