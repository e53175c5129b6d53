#pragma once
// The only way to change a graph.
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.hpp"

namespace octet::ir {

class Edit {
public:
    explicit Edit(Graph& graph) : graph_(graph) {}
    // New nodes without a name are called "<prefix>.<op>" and carry `origins`.
    Edit(Graph& graph, std::string prefix, Origins origins)
        : graph_(graph), prefix_(std::move(prefix)), origins_(std::move(origins)) {}

    const Graph& graph() const { return graph_; }
    const Type& type(Value v) const { return graph_.type(v); }

    // A new node; its types come from the op's `infer`, whose errors are thrown again with the node's name in front.
    Value add(Op op, std::vector<Value> inputs, std::string_view name = {});
    Value constant(Tensor tensor, std::string_view name = {});
    // All outputs of a node.
    std::vector<Value> outputs(NodeId node) const;

    // Every use of `from` becomes a use of `to`. Elements must agree and shapes be compatible; types below are inferred again
    // where the shape is known better than before. `to` takes the name of `from` when its own was generated. What is no longer
    // used is removed.
    void replace(Value from, Value to);
    void replace(NodeId node, std::span<const Value> with);  // one value per output
    void replace_input(NodeId node, std::size_t input, Value with);
    void remove_unused(NodeId node);  // and its operands, as far as nothing uses them

    // The same node with another op: fields changed, or a body. Types are inferred again.
    void set_op(NodeId node, Op op);

    // Nodes whose surroundings changed through this object: new, reading another value, of another type, or with one reader left of
    // several. Removed ones may be among them, and some more than once.
    const std::vector<NodeId>& touched() const { return touched_; }

    void set_name(NodeId node, std::string_view name);
    void set_origins(NodeId node, Origins origins);
    void add_origins(NodeId node, const Origins& origins);
    void set_layers(std::vector<Layer> layers);
    void set_source(std::string source);

private:
    std::string unique(std::string_view wanted) const;
    void infer(Node& node) const;
    void infer_users(NodeId node);
    void connect(NodeId id);
    bool infer_again(NodeId id);
    void add_use(Value v, Use use);
    void drop_use(Use use);
    void rename(NodeId id, std::string name);

    Graph& graph_;
    std::string prefix_;
    Origins origins_;
    std::vector<NodeId> touched_;
};

// Sorted union.
Origins united(const Origins& a, const Origins& b);

}  // namespace octet::ir
