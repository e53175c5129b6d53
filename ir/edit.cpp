#include "ir/edit.hpp"

#include <algorithm>
#include <deque>
#include <iterator>

#include "ir/ops/core.hpp"

namespace octet::ir {
namespace {

bool same(const Partial& a, const Partial& b) { return a == b || (a && b && *a == *b); }

}  // namespace

Origins united(const Origins& a, const Origins& b) {
    if (a.empty() || a == b) return b;
    if (b.empty()) return a;
    Origins result;
    std::ranges::set_union(a, b, std::back_inserter(result));
    return result;
}

std::string Edit::unique(std::string_view wanted) const {
    std::string name(wanted);
    for (int i = 2; graph_.find(name); ++i) name = fmt::format("{}.{}", wanted, i);
    return name;
}

void Edit::infer(Node& node) const {
    // Operands rarely number more than a few: no allocation for those.
    std::array<Input, 8> few;
    std::vector<Input> many;
    std::span<Input> inputs(few.data(), std::min(node.inputs.size(), few.size()));
    if (node.inputs.size() > few.size()) {
        many.resize(node.inputs.size());
        inputs = many;
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Output& source = graph_.nodes_[node.inputs[i].node].outputs[node.inputs[i].port];
        inputs[i] = {&source.type, &source.partial, graph_.constant(node.inputs[i])};
    }
    const OpDef& def = node.op.def();
    Types types;
    try {
        types = def.infer(node.op.data(), inputs);
    } catch (const InternalError&) {
        throw;
    } catch (const Error& e) {
        throw Error(fmt::format("layer '{}': {}: {}", node.name, def.name, e.what()));
    }
    Partials partials;
    if (def.partial) partials = def.partial(node.op.data(), inputs, types);
    node.outputs.resize(types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
        node.outputs[i].type = std::move(types[i]);
        node.outputs[i].partial = i < partials.size() ? partials[i] : nullptr;
    }
}

void Edit::connect(NodeId id) {
    Node& node = graph_.nodes_[id];
    node.use_at.resize(node.inputs.size());
    for (std::uint32_t i = 0; i < node.inputs.size(); ++i) add_use(node.inputs[i], {id, i});
    touched_.push_back(id);
}

Value Edit::add(Op op, std::vector<Value> inputs, std::string_view name) {
    for (Value v : inputs)
        check(v.node < graph_.nodes_.size() && graph_.nodes_[v.node].alive &&
                  v.port < graph_.nodes_[v.node].outputs.size(),
              "'{}' reads a value that does not exist", name);
    Node node;
    node.generated = name.empty();
    node.name = unique(name.empty() ? prefix_ + "." + std::string(op.name()) : std::string(name));
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.origins = origins_;
    infer(node);
    const auto id = static_cast<NodeId>(graph_.nodes_.size());
    if (node.op.is<Parameter>()) graph_.parameters_.push_back(id);
    else if (node.op.is<Result>()) graph_.results_.push_back(id);
    else if (node.op.traits().effect) graph_.sinks_.push_back(id);
    graph_.names_.insert(node.name, id);
    graph_.nodes_.push_back(std::move(node));
    ++graph_.live_;
    connect(id);
    return {id, 0};
}

Value Edit::constant(Tensor tensor, std::string_view name) { return add(Constant{std::move(tensor)}, {}, name); }

std::vector<Value> Edit::outputs(NodeId node) const {
    std::vector<Value> values;
    for (std::uint32_t port = 0; port < graph_.nodes_[node].outputs.size(); ++port) values.push_back({node, port});
    return values;
}

void Edit::add_use(Value v, Use use) {
    auto& uses = graph_.nodes_[v.node].outputs[v.port].uses;
    graph_.nodes_[use.node].use_at[use.input] = static_cast<std::uint32_t>(uses.size());
    uses.push_back(use);
}

void Edit::drop_use(Use use) {
    const Node& reader = graph_.nodes_[use.node];
    const Value v = reader.inputs[use.input];
    auto& uses = graph_.nodes_[v.node].outputs[v.port].uses;
    const std::uint32_t place = reader.use_at[use.input];
    check(place < uses.size() && uses[place] == use, "a use of '{}' is not recorded", graph_.nodes_[v.node].name);
    uses[place] = uses.back();
    graph_.nodes_[uses[place].node].use_at[uses[place].input] = place;
    uses.pop_back();
    if (uses.size() == 1) touched_.push_back(v.node);
}

void Edit::rename(NodeId id, std::string name) {
    Node& node = graph_.nodes_[id];
    graph_.names_.erase(node.name, id);
    node.name = std::move(name);
    graph_.names_.insert(node.name, id);
}

// Whether a type or what is known of its numbers changed.
bool Edit::infer_again(NodeId id) {
    Node& node = graph_.nodes_[id];
    std::vector<std::pair<Type, Partial>> before;
    for (const Output& o : node.outputs) before.emplace_back(o.type, o.partial);
    infer(node);
    for (std::size_t i = 0; i < before.size(); ++i)
        if (before[i].first != node.outputs[i].type || !same(before[i].second, node.outputs[i].partial)) {
            touched_.push_back(id);
            return true;
        }
    return false;
}

void Edit::infer_users(NodeId start) {
    std::deque<NodeId> waiting{start};
    while (!waiting.empty()) {
        const NodeId id = waiting.front();
        waiting.pop_front();
        for (const Output& output : graph_.nodes_[id].outputs)
            for (const Use use : output.uses)
                if (infer_again(use.node)) waiting.push_back(use.node);
    }
}

void Edit::replace(Value from, Value to) {
    if (from == to) return;
    const Type was = graph_.type(from);
    const Type is = graph_.type(to);
    check(was.element == is.element && compatible(was.shape, is.shape),
          "replacing '{}' would change its type from {} to {}", graph_.node(from).name, to_string(was), to_string(is));
    // Shapes may follow from the numbers of a small constant, such as scales.
    const Tensor* number = graph_.constant(to);
    const Tensor* old_number = graph_.constant(from);
    const bool other_numbers = number && number->size() <= static_cast<std::size_t>(kPartialLimit) &&
                               !(old_number && *old_number == *number);
    const bool known_better = was.shape != is.shape || other_numbers ||
                              !same(graph_.node(from).outputs[from.port].partial,
                                    graph_.node(to).outputs[to.port].partial);
    // The new node itself may read the value it replaces; such a use stays.
    std::vector<Use> kept;
    auto uses = std::move(graph_.nodes_[from.node].outputs[from.port].uses);
    for (const Use use : uses) {
        if (use.node == to.node) {
            graph_.nodes_[use.node].use_at[use.input] = static_cast<std::uint32_t>(kept.size());
            kept.push_back(use);
            continue;
        }
        graph_.nodes_[use.node].inputs[use.input] = to;
        add_use(to, use);
        touched_.push_back(use.node);
    }
    if (kept.size() == 1) touched_.push_back(from.node);
    graph_.nodes_[from.node].outputs[from.port].uses = std::move(kept);
    const bool takes_name = graph_.nodes_[to.node].generated && graph_.nodes_[from.node].outputs.size() == 1;
    std::string name = graph_.nodes_[from.node].name;
    const bool was_generated = graph_.nodes_[from.node].generated;
    remove_unused(from.node);
    if (takes_name) {
        if (graph_.nodes_[from.node].alive) rename(from.node, unique(name + ".inner"));
        rename(to.node, std::move(name));
        graph_.nodes_[to.node].generated = was_generated;
    }
    if (known_better) infer_users(to.node);
}

void Edit::replace(NodeId node, std::span<const Value> with) {
    check(with.size() == graph_.nodes_[node].outputs.size(), "'{}' has {} outputs, {} values replace them",
          graph_.nodes_[node].name, graph_.nodes_[node].outputs.size(), with.size());
    const std::string name = graph_.nodes_[node].name;
    const bool generated = graph_.nodes_[node].generated;
    for (std::uint32_t port = 0; port < with.size() && graph_.nodes_[node].alive; ++port)
        replace(Value{node, port}, with[port]);
    // Several outputs whose place those of one new node have taken.
    bool one_node = with.size() > 1 && !graph_.nodes_[node].alive;
    for (std::uint32_t port = 0; port < with.size(); ++port)
        one_node = one_node && with[port] == Value{with[0].node, port};
    if (!one_node || !graph_.nodes_[with[0].node].generated) return;
    rename(with[0].node, name);
    graph_.nodes_[with[0].node].generated = generated;
}

void Edit::replace_input(NodeId node, std::size_t input, Value with) {
    const Value before = graph_.nodes_[node].inputs[input];
    if (before == with) return;
    const Use use{node, static_cast<std::uint32_t>(input)};
    drop_use(use);
    graph_.nodes_[node].inputs[input] = with;
    add_use(with, use);
    touched_.push_back(node);
    if (infer_again(node)) infer_users(node);
    remove_unused(before.node);
}

void Edit::remove_unused(NodeId start) {
    std::vector<NodeId> waiting{start};
    while (!waiting.empty()) {
        const NodeId id = waiting.back();
        waiting.pop_back();
        Node& node = graph_.nodes_[id];
        if (!node.alive || node.op.is<Parameter>() || node.op.is<Result>() || node.op.traits().effect) continue;
        if (std::ranges::any_of(node.outputs, [](const Output& o) { return !o.uses.empty(); })) continue;
        node.alive = false;
        --graph_.live_;
        graph_.names_.erase(node.name, id);
        for (std::uint32_t i = 0; i < node.inputs.size(); ++i) {
            drop_use({id, i});
            waiting.push_back(node.inputs[i].node);
        }
        // Its name and origins stay, for logs.
        node.inputs = {};
        node.use_at = {};
        node.outputs = {};
        node.op = Op();
    }
}

void Edit::set_op(NodeId node, Op op) {
    const std::size_t outputs = graph_.nodes_[node].outputs.size();
    graph_.nodes_[node].op = std::move(op);
    touched_.push_back(node);
    if (infer_again(node)) infer_users(node);
    check(graph_.nodes_[node].outputs.size() == outputs, "another op gave '{}' another number of outputs",
          graph_.nodes_[node].name);
}

void Edit::set_name(NodeId node, std::string_view name) {
    rename(node, unique(name));
    graph_.nodes_[node].generated = false;
}

void Edit::set_origins(NodeId node, Origins origins) { graph_.nodes_[node].origins = std::move(origins); }
void Edit::add_origins(NodeId node, const Origins& origins) {
    graph_.nodes_[node].origins = united(graph_.nodes_[node].origins, origins);
}
void Edit::set_layers(std::vector<Layer> layers) {
    graph_.layers_ = std::make_shared<const std::vector<Layer>>(std::move(layers));
}
void Edit::set_source(std::string source) { graph_.source_ = std::move(source); }

}  // namespace octet::ir
