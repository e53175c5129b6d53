#pragma once
// A pattern made ready for matching, and what it found.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/support/check.hpp"
#include "transformations/rewrite/pattern.hpp"

namespace octet::rewrite {

// A pattern with its names resolved to small integers ("slots") and its tree laid out flat, the root first.
class Matcher {
public:
    static constexpr std::size_t kMaxSlots = 32;
    struct Node {
        Pattern pattern;                      // without its operands
        std::vector<std::uint64_t> ids = {};  // of Kind::op
        std::vector<std::uint16_t> operands = {};
        std::size_t required = 0;  // operands that are neither optional nor each
        std::uint8_t slot = 0;
        bool list = false;  // under an `each`: binds a list
    };
    Matcher() = default;
    explicit Matcher(const Pattern& pattern);

    const std::vector<Node>& nodes() const { return nodes_; }
    const std::vector<std::string>& slots() const { return slots_; }  // names; "" for those without
    std::span<const ir::OpDef* const> root_ops() const { return nodes_[0].pattern.ops; }
    std::size_t height() const { return height_; }  // levels of the tree, the root included
    int slot(std::string_view name) const;          // -1: none

private:
    std::uint16_t add(const Pattern& pattern, std::size_t level, bool list);
    std::vector<Node> nodes_;
    std::vector<std::string> slots_;
    std::size_t height_ = 0;
};

// The values a pattern bound. Lives no longer than the attempt.
class Match {
public:
    explicit Match(const ir::Graph& graph) : graph_(&graph) {}
    // Whether the pattern holds at this root. The object may be used again.
    bool find(const Matcher& matcher, ir::NodeId root);

    const ir::Graph& graph() const { return *graph_; }
    ir::NodeId root() const { return root_; }
    bool has(std::string_view name) const;
    ir::Value value(std::string_view name) const;
    std::span<const ir::Value> values(std::string_view name) const;  // of a name under `each`
    const ir::Node& node(std::string_view name) const { return graph_->node(value(name)); }
    const ir::Op& op(std::string_view name) const { return node(name).op; }
    const ir::Type& type(std::string_view name) const { return graph_->type(value(name)); }
    const ir::Shape& shape(std::string_view name) const { return type(name).shape; }
    ir::Element element(std::string_view name) const { return type(name).element; }
    template <ir::OpStruct T>
    const T& get(std::string_view name) const {
        return op(name).get<T>();
    }
    const ir::Tensor& constant(std::string_view name) const {
        const ir::Tensor* tensor = graph_->constant(value(name));
        ir::check(tensor != nullptr, "'{}' is not bound to a constant", name);
        return *tensor;
    }
    // The node bound to a slot (of a list: the first); false when the slot is empty.
    bool bound(std::size_t slot, ir::Value& value) const;
    // Sorted union of the layers behind all nodes that were matched as ops or constants.
    ir::Origins origins() const;

private:
    struct Goal;
    bool solve(const Goal* goals);
    bool solve_value(const Goal& goal);
    bool solve_operands(const Goal& goal, ir::Value value, bool swapped);
    bool bind(const Matcher::Node& node, ir::Value value);
    void unbind(const Matcher::Node& node);
    int slot_of(std::string_view name) const;

    const ir::Graph* graph_;
    const Matcher* matcher_ = nullptr;
    ir::NodeId root_ = 0;
    std::array<ir::Value, Matcher::kMaxSlots> single_ = {};
    std::array<std::uint8_t, Matcher::kMaxSlots> count_ = {};  // how often a slot was bound, to undo it
    std::vector<std::vector<ir::Value>> lists_;
};

}  // namespace octet::rewrite
