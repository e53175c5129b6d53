#include "transformations/rewrite/reduce.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/edit.hpp"
#include "ir/ops/core.hpp"
#include "ir/ops/quantization.hpp"

namespace octet::rewrite {

using ir::Dims;
using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::Op;
using ir::Tensor;
using ir::Value;

namespace {

// How a copy differs from its original.
struct Change {
    std::vector<Value> results;           // what is given out
    std::set<NodeId> cut = {};            // whose outputs become parameters
    std::map<Value, Value> instead = {};  // values that another one, above it, stands for
    std::map<NodeId, Op> ops = {};
};

class Copy {
public:
    Copy(const Graph& from, const Change& change) : from_(from), change_(change), needed_(from.size()) {}

    // Nothing where the changed ops do not go together.
    std::optional<Graph> make() {
        for (const Value v : change_.results) need(v);
        for (const NodeId sink : from_.sinks()) need({sink, 0});
        try {
            for (const NodeId id : from_.order())
                if (needed_[id]) copy(id);
            for (const Value v : change_.results) edit_.add(ir::Result{}, {values_.at(resolved(v))});
        } catch (const Error&) {
            return std::nullopt;
        }
        return std::move(to_);
    }

private:
    Value resolved(Value v) const {
        for (auto it = change_.instead.find(v); it != change_.instead.end(); it = change_.instead.find(v))
            v = it->second;
        return v;
    }
    void need(Value v) {
        std::vector<Value> waiting{resolved(v)};
        while (!waiting.empty()) {
            const NodeId id = waiting.back().node;
            waiting.pop_back();
            if (needed_[id]) continue;
            needed_[id] = true;
            if (change_.cut.contains(id)) continue;
            for (const Value input : from_.node(id).inputs) waiting.push_back(resolved(input));
        }
    }
    void copy(NodeId id) {
        const Node& node = from_.node(id);
        const auto outputs = static_cast<std::uint32_t>(node.outputs.size());
        if (change_.cut.contains(id)) {
            for (std::uint32_t port = 0; port < outputs; ++port)
                if (port == 0 || !node.outputs[port].uses.empty()) {
                    const ir::Type& type = node.outputs[port].type;
                    values_[{id, port}] = edit_.add(ir::Parameter{type.element, type.shape, {}}, {}, node.name);
                }
            return;
        }
        std::vector<Value> inputs;
        for (const Value input : node.inputs) inputs.push_back(values_.at(resolved(input)));
        const auto changed = change_.ops.find(id);
        const Value v = edit_.add(changed == change_.ops.end() ? node.op : changed->second, std::move(inputs),
                                  node.name);
        for (std::uint32_t port = 0; port < outputs; ++port) values_[{id, port}] = {v.node, port};
    }

    const Graph& from_;
    const Change& change_;
    std::vector<bool> needed_;
    Graph to_;
    ir::Edit edit_{to_};
    std::map<Value, Value> values_;
};

bool is_leaf(const Node& node) { return node.op.is<ir::Parameter>() || node.op.is<ir::Constant>(); }

// The first `count` elements of an axis.
Tensor shortened(const Tensor& tensor, std::size_t axis, std::int64_t count) {
    Dims dims = tensor.dims();
    const std::int64_t inner = ir::product({dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, dims.end()});
    const std::size_t size = bytes_of(tensor.element(), 1);
    const std::int64_t old = dims[axis];
    dims[axis] = count;
    Tensor result(tensor.element(), dims);
    const std::size_t row = size * static_cast<std::size_t>(inner * old);
    const std::size_t part = size * static_cast<std::size_t>(inner * count);
    std::byte* to = result.write_raw().data();
    for (std::size_t at = 0; row > 0 && at + row <= tensor.bytes(); at += row, to += part)
        std::copy_n(tensor.data() + at, part, to);
    return result;
}

Tensor with_extent(Tensor tensor, std::int64_t from, std::int64_t to) {
    if (bits_of(tensor.element()) < 8) return tensor;
    for (std::size_t axis = 0; axis < tensor.dims().size(); ++axis)
        if (tensor.dims()[axis] == from) tensor = shortened(tensor, axis, to);
    // A shape among the operands names its extents.
    if (tensor.element() != ir::Element::i64 || tensor.dims().size() > 1) return tensor;
    std::vector<std::int64_t> numbers = tensor.integers();
    std::ranges::replace(numbers, from, to);
    return Tensor::of<std::int64_t>(tensor.dims(), std::span<const std::int64_t>(numbers));
}

// A copy of an op whose fields `change` may write to; nothing when it changes none.
template <class F>
std::optional<Op> edited(const Op& op, F&& change) {
    const auto copy = op.def().clone(op.data());
    bool changed = false;
    for (const ir::FieldDef& field : op.def().fields) changed |= change(field.at(copy.get()));
    return changed ? std::optional(Op(&op.def(), copy)) : std::nullopt;
}

class Reducer {
public:
    Reducer(const Graph& graph, const Fault& fault, std::size_t limit)
        : best_(graph), fault_(fault), wanted_(fault(graph)), limit_(limit) {
        ir::require(!wanted_.empty(), "the graph has no fault, there is nothing to reduce");
    }

    Reduction run() {
        fewer_results();
        shorten();
        for (bool again = true; again && tries_ < limit_;) {
            again = fewer_results();
            again |= earlier_results();
            again |= cut_nodes();
            again |= go_around();
            again |= smaller_dimensions();
            again |= plainer_ops();
        }
        return {std::move(best_), wanted_, tries_};
    }

private:
    std::vector<Value> results() const {
        std::vector<Value> values;
        for (const NodeId id : best_.results()) values.push_back(best_.node(id).inputs[0]);
        return values;
    }
    // Nodes that compute something, operands first.
    std::vector<NodeId> computing() const {
        std::vector<NodeId> ids;
        for (const NodeId id : best_.order())
            if (!is_leaf(best_.node(id)) && !best_.node(id).op.is<ir::Result>()) ids.push_back(id);
        return ids;
    }

    bool attempt(const Change& change) {
        if (tries_ >= limit_) return false;
        auto candidate = Copy(best_, change).make();
        if (!candidate || candidate->results().empty() || *candidate == best_) return false;
        ++tries_;
        try {
            if (fault_(*candidate) != wanted_) return false;
        } catch (const std::exception&) {
            return false;
        }
        best_ = std::move(*candidate);
        return true;
    }

    bool fewer_results() {
        bool changed = false;
        for (std::size_t count = results().size() / 2; count > 0; count = std::min(count / 2, results().size() / 2))
            for (std::size_t at = 0; at < results().size() && results().size() > 1;) {
                std::vector<Value> kept = results();
                const auto begin = kept.begin() + static_cast<std::ptrdiff_t>(at);
                const auto left = static_cast<std::size_t>(kept.end() - begin);
                kept.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(count, left)));
                if (!kept.empty() && attempt({kept})) changed = true;
                else at += count;
            }
        return changed;
    }

    // Long chains first: the earliest node whose output shows the fault, then the latest below which it does, by halving.
    void shorten() {
        std::vector<NodeId> ids = computing();
        std::size_t good = 0, bad = ids.size();
        while (bad - good > 1) {
            const std::size_t middle = good + (bad - good) / 2;
            if (attempt({{Value{ids[middle - 1], 0}}})) {
                ids = computing();
                bad = ids.size();
            } else {
                good = middle;
            }
            good = std::min(good, bad);
            if (bad == 0 || tries_ >= limit_) return;
        }
        ids = computing();
        for (std::size_t count = ids.size() / 2; count > 0; count /= 2) {
            Change change{results()};
            change.cut.insert(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, ids.size())));
            if (attempt(change)) ids = computing(), count = ids.size();
        }
    }

    bool earlier_results() {
        bool changed = false;
        for (std::size_t r = 0; r < results().size(); ++r) {
            const Node& node = best_.node(results()[r]);
            for (const Value input : std::vector<Value>(node.inputs)) {
                if (best_.constant(input)) continue;
                std::vector<Value> now = results();
                now[r] = input;
                if (!attempt({now})) continue;
                changed = true;
                --r;
                break;
            }
        }
        return changed;
    }

    // For every node of the graph as it was; those that are gone by then are passed over.
    template <class F>
    bool each_node(F&& f) {
        std::vector<std::string> names;
        for (const NodeId id : best_.order()) names.push_back(best_.node(id).name);
        bool changed = false;
        for (auto name = names.rbegin(); name != names.rend(); ++name)
            if (const NodeId* id = best_.find(*name)) changed |= f(*id);
        return changed;
    }

    bool cut_nodes() {
        return each_node([&](NodeId id) {
            if (is_leaf(best_.node(id)) || best_.node(id).op.is<ir::Result>()) return false;
            Change change{results()};
            change.cut = {id};
            return attempt(change);
        });
    }

    bool go_around() {
        return each_node([&](NodeId id) {
            const Node& node = best_.node(id);
            if (is_leaf(node) || node.op.is<ir::Result>()) return false;
            for (const Value input : std::vector<Value>(node.inputs)) {
                if (best_.element(input) != best_.element({id, 0})) continue;
                Change change{results()};
                change.instead[{id, 0}] = input;
                if (attempt(change)) return true;
            }
            return false;
        });
    }

    // Every extent of this size, wherever it stands.
    Change with_dimensions(std::int64_t from, std::int64_t to) const {
        Change change{results()};
        for (const NodeId id : best_.order()) {
            auto op = edited(best_.node(id).op, [&](const ir::FieldRef& ref) {
                if (auto* shape = std::get_if<ir::Shape*>(&ref)) {
                    const ir::Shape before = **shape;
                    for (std::size_t i = 0; i < before.rank(); ++i)
                        if (before[i] == ir::Dim(from)) (**shape)[i] = ir::Dim(to);
                    return !(before == **shape);
                }
                if (auto* tensor = std::get_if<Tensor*>(&ref)) {
                    const Tensor before = **tensor;
                    **tensor = with_extent(before, from, to);
                    return !(before == **tensor);
                }
                return false;
            });
            if (op) change.ops.emplace(id, std::move(*op));
        }
        return change;
    }

    std::set<std::int64_t, std::greater<>> extents() const {
        std::set<std::int64_t, std::greater<>> found;
        for (const NodeId id : best_.order())
            if (is_leaf(best_.node(id)))
                for (const ir::Dim d : best_.shape({id, 0}).dims())
                    if (d.is_static() && d.low > 1) found.insert(d.low);
        return found;
    }

    bool smaller_dimensions() {
        bool changed = false;
        for (const std::int64_t from : extents())
            for (const std::int64_t to : {std::int64_t{1}, std::int64_t{2}, from / 4, from / 2, from - 1}) {
                if (to < 1 || to >= from || !attempt(with_dimensions(from, to))) continue;
                changed = true;
                break;
            }
        return changed | each_node([&](NodeId id) { return smaller_parameter(id); });
    }

    // One extent of one parameter.
    bool smaller_parameter(NodeId id) {
        const auto* parameter = best_.node(id).op.as<ir::Parameter>();
        if (!parameter) return false;
        for (std::size_t axis = 0; axis < parameter->shape.rank(); ++axis) {
            const ir::Dim extent = parameter->shape[axis];
            for (const std::int64_t to : {std::int64_t{1}, extent.low / 2, extent.low - 1}) {
                const std::int64_t wanted = extent.is_static() ? to : 2;
                if (wanted < 1 || (extent.is_static() && wanted >= extent.low)) continue;
                ir::Parameter smaller = *parameter;
                smaller.shape[axis] = ir::Dim(wanted);
                Change change{results()};
                change.ops.emplace(id, Op(std::move(smaller)));
                if (attempt(change)) return true;
            }
        }
        return false;
    }

    // One field of one op at a time.
    bool plainer_ops() {
        return each_node([&](NodeId first) {
            const std::string name = best_.node(first).name;
            bool changed = false;
            for (std::size_t field = 0; field < best_.node(*best_.find(name)).op.def().fields.size(); ++field) {
                for (const bool one : {false, true})
                    changed |= plainer(name, field, [&](const ir::FieldRef& ref) { return plain_tensor(ref, one); });
                for (const std::int64_t to : {0, 1})
                    changed |= plainer(name, field, [&](const ir::FieldRef& ref) { return smaller_numbers(ref, to); });
            }
            return changed;
        });
    }
    template <class F>
    bool plainer(const std::string& name, std::size_t field, F&& change_field) {
        const NodeId id = *best_.find(name);
        if (is_interval(id)) return false;
        std::size_t at = 0;
        auto op = edited(best_.node(id).op,
                         [&](const ir::FieldRef& ref) { return at++ == field && change_field(ref); });
        if (!op) return false;
        Change change{results()};
        change.ops.emplace(id, std::move(*op));
        return attempt(change);
    }
    // The intervals of a FakeQuantize go together: changed one by one they would give another grid, and other faults.
    bool is_interval(NodeId id) const {
        return std::ranges::any_of(best_.uses({id, 0}), [&](const ir::Use& use) {
            return use.input > 0 && best_.node(use.node).op.is<ir::FakeQuantize>();
        });
    }
    // Every element as the first, or 1.
    static bool plain_tensor(const ir::FieldRef& ref, bool one) {
        auto* const* tensor = std::get_if<Tensor*>(&ref);
        if (!tensor || (*tensor)->size() < 2 || !is_float((*tensor)->element())) return false;
        const double first = (*tensor)->at(0);
        bool same = true;
        for (std::size_t i = 0; same && i < (*tensor)->size(); ++i) same = (*tensor)->at(i) == first;
        if (same) return false;
        **tensor = Tensor::filled((*tensor)->element(), (*tensor)->dims(), one ? 1 : first);
        return true;
    }
    static bool smaller_numbers(const ir::FieldRef& ref, std::int64_t to) {
        auto* const* list = std::get_if<std::vector<std::int64_t>*>(&ref);
        if (!list) return false;
        bool changed = false;
        for (std::int64_t& n : **list)
            if (std::abs(n) > to) n = to, changed = true;
        return changed;
    }

    Graph best_;
    const Fault& fault_;
    std::string wanted_;
    std::size_t limit_;
    std::size_t tries_ = 0;
};

}  // namespace

Reduction reduce(const Graph& graph, const Fault& fault, std::size_t limit) {
    return Reducer(graph, fault, limit).run();
}

}  // namespace octet::rewrite
