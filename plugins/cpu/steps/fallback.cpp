// The reference kernels as steps.
#include <algorithm>
#include <cstring>

#include "ir/ops/all.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// An operand of a node: in a buffer, constant, or found at run time.
struct Source {
    enum class Kind : std::uint8_t { buffer, constant, dynamic, local } kind = Kind::buffer;
    BufferId buffer = 0;
    Type type = {};
    Tensor constant = {};
    Value value = {};
};

struct Target {
    BufferId buffer = 0;
    std::size_t bytes = 0;
    std::uint32_t port = 0;
};

void check_known(const Graph& graph, const Node& node) {
    if (eval::has_kernel(node.op)) return;
    const auto* opaque = node.op.as<Opaque>();
    const std::string name = opaque ? opaque->type + " (" + opaque->version + ")" : std::string(node.op.name());
    throw Unsupported(Unsupported(name, "the CPU has no kernel for it"),
                      (graph.source().empty() ? "" : graph.source() + ": ") + "layer '" + node.name + "'");
}

Source source_of(Planner& p, Value v) {
    Source s;
    s.value = v;
    s.type = p.graph().type(v);
    if (const Tensor* t = p.graph().constant(v)) {
        s.kind = Source::Kind::constant;
        s.constant = *t;
    } else if (p.has_place(v)) {
        s.buffer = p.input(v, Layout::plain).buffer;
    } else {
        s.kind = Source::Kind::dynamic;
    }
    return s;
}

Tensor fetch(const Frame& f, const Source& s, const std::map<Value, Tensor>& local) {
    switch (s.kind) {
        case Source::Kind::constant: return s.constant;
        case Source::Kind::dynamic: return (*f.dynamic)[s.value.node].at(s.value.port);
        case Source::Kind::local: return local.at(s.value);
        default: return Tensor(s.type.element, s.type.shape.sizes(), f.at(s.buffer), nullptr);
    }
}

Tensor owned(const Tensor& view) {
    Tensor copy(view.element(), view.dims());
    std::memcpy(copy.write_raw().data(), view.data(), view.bytes());
    return copy;
}

struct Evaluation {
    Op op;
    std::string name;
    NodeId id = 0;
    std::vector<Source> sources;
};

Tensors evaluate(const Frame& f, const Evaluation& node, const std::map<Value, Tensor>& local) {
    Tensors inputs;
    for (const Source& s : node.sources) inputs.push_back(fetch(f, s, local));
    // What becomes state outlives the arena.
    if (node.op.traits().effect)
        for (Tensor& t : inputs)
            if (!t.owner()) t = owned(t);
    try {
        return eval::evaluate(node.op, inputs, f.state);
    } catch (const Unsupported& e) {
        throw Unsupported(e, "layer '" + node.name + "'");
    } catch (const InternalError&) {
        throw;
    } catch (const Error& e) {
        throw Error("layer '" + node.name + "': " + e.what());
    }
}

void write(const Frame& f, const Target& t, const Tensors& results) {
    check(results[t.port].bytes() == t.bytes, "a step gave {} bytes, {} were planned", results[t.port].bytes(),
          t.bytes);
    std::memcpy(f.at(t.buffer), results[t.port].data(), t.bytes);
}

}  // namespace

void plan_fallback(Planner& p, const Group& group, const std::string& why) {
    const Graph& graph = p.graph();
    Step step = p.step_for(group, "reference");
    if (step.int8 && group.kind != Group::Kind::other) step.code = "EXECUTOR_FALLBACK";
    step.note = why;
    std::vector<Evaluation> nodes;
    std::vector<Value> inside;
    std::vector<NodeId> ids = step.nodes;
    const auto add = [&](auto&& self, NodeId id) -> void {
        const Node& node = graph.node(id);
        check_known(graph, node);
        Evaluation n{node.op, node.name, id, {}};
        for (Value v : node.inputs) {
            const bool local = std::ranges::find(inside, v) != inside.end();
            if (!local && !p.has_place(v) && stored(graph, v) != v)
                self(self, v.node);  // a dequantize that nobody stored
            Source s;
            if (std::ranges::find(inside, v) != inside.end()) {
                s.kind = Source::Kind::local;
                s.value = v;
            } else {
                s = source_of(p, v);
            }
            if (s.kind == Source::Kind::buffer) step.reads.push_back(s.buffer);
            n.sources.push_back(std::move(s));
        }
        for (std::uint32_t port = 0; port < node.outputs.size(); ++port) inside.push_back({id, port});
        nodes.push_back(std::move(n));
    };
    for (NodeId id : ids) add(add, id);
    std::vector<Target> targets;
    const Node& last = graph.node(group.output);
    for (std::uint32_t port = 0; port < last.outputs.size(); ++port) {
        const Place out = p.output({group.output.node, port}, Layout::plain);
        targets.push_back(
            {out.buffer, bytes_of(out.type.element, static_cast<std::size_t>(out.type.shape.elements())), port});
        step.writes.push_back(out.buffer);
    }
    step.work = work([nodes = std::move(nodes), targets](const Frame& f) {
        std::map<Value, Tensor> local;
        Tensors results;
        for (const Evaluation& n : nodes) {
            results = evaluate(f, n, local);
            for (std::uint32_t port = 0; port < results.size(); ++port) local[{n.id, port}] = results[port];
        }
        for (const Target& t : targets) write(f, t, results);
    });
    p.add(std::move(step));
}

void plan_dynamic(Planner& p, const Group& group) {
    const Graph& graph = p.graph();
    const Node& node = graph.node(group.core);
    check_known(graph, node);
    Step step = p.step_for(group, "reference");
    Evaluation n{node.op, node.name, group.core, {}};
    for (Value v : node.inputs) {
        n.sources.push_back(source_of(p, v));
        if (n.sources.back().kind == Source::Kind::buffer) step.reads.push_back(n.sources.back().buffer);
    }
    std::vector<Target> targets;
    for (std::uint32_t port = 0; port < node.outputs.size(); ++port) {
        if (!node.outputs[port].type.shape.is_static()) continue;
        const Place out = p.output({group.core, port}, Layout::plain);
        targets.push_back(
            {out.buffer, bytes_of(out.type.element, static_cast<std::size_t>(out.type.shape.elements())), port});
        step.writes.push_back(out.buffer);
    }
    step.work = work([n = std::move(n), targets](const Frame& f) {
        Tensors results = evaluate(f, n, {});
        for (const Target& t : targets) write(f, t, results);
        // A view of the arena must not outlive the step.
        for (Tensor& t : results)
            if (!t.owner() && t.bytes() > 0) t = owned(t);
        (*f.dynamic)[n.id] = std::move(results);
    });
    p.add(std::move(step));
}

}  // namespace octet::cpu
