// Loop and TensorIterator of a random graph: bodies that are random graphs on a slice, on a whole value and on a state.
#include "tests/transformations/random_graph_builder.hpp"

namespace octet {

using namespace ir;

namespace {

// What a state holds: whatever a body makes of it is quantized to this.
const Grid kState{129, {0.25f}, 64};
constexpr double kLargestState = 16, kUnitOfState = 0.25;

}  // namespace

// A value inside the body for one outside.
Known RandomGraphBuilder::enter(RandomGraphBuilder& inner, const Known& k, const Shape& shape) {
    const Value p = inner.b_.input(shape, inner.name("parameter"));
    Known inside{p, k.dims, k.largest, k.unit};
    for (std::size_t i = 0; i < shape.rank(); ++i)
        if (shape[i].is_static()) inside.dims[i] = shape[i].low;
    inner.values_.push_back(inside);
    return inside;
}

// The result that becomes the state's next value, of the kind of `slice`.
void RandomGraphBuilder::close_state(RandomGraphBuilder& inner, const Dims& dims) {
    Value next = inner.values_[0].value;
    for (const Known& v : inner.values_)
        if (v.dims == dims) next = v.value;
    inner.b_.result(inner.b_.fake_quantize(next, kState, inner.name("next")), inner.name("state"));
}

void RandomGraphBuilder::body(const Known& k) {
    if (k.dims.size() < 2 || !small(k.dims)) return;
    const std::size_t axis = axis_of(k);
    const std::int64_t slices = k.dims[axis];
    if (slices > 6 || !b_.graph.shape(k.value)[axis].is_static()) return;
    RandomGraphOptions options = options_;
    options.loops = options.one_layer = false;
    RandomGraphBuilder inner(static_cast<unsigned>(random_()), options);
    inner.in_body_ = true;
    inner.names_ = 1000 * ++names_;

    const bool loop = chance(50);
    const std::int64_t first = loop ? 2 : 0;  // behind trip count and condition
    std::vector<Value> operands{k.value};
    Shape slice = b_.graph.shape(k.value);
    slice[axis] = Dim(1);
    const Known part = enter(inner, k, slice);
    const auto along = static_cast<std::int64_t>(axis);
    const bool backward = chance(30);
    std::vector<PortMap> inputs{{.outer = first, .inner = 0, .axis = along}};
    if (backward) inputs[0].start = -1, inputs[0].end = 0, inputs[0].stride = -1;
    const auto whole = [&](Value v) {
        inputs.push_back({.outer = first + static_cast<std::int64_t>(operands.size()),
                          .inner = static_cast<std::int64_t>(inputs.size())});
        operands.push_back(v);
    };
    if (const Known& o = values_[static_cast<std::size_t>(below(static_cast<std::int64_t>(values_.size())))];
        chance(40) && small(o.dims)) {
        whole(o.value);
        enter(inner, o, b_.graph.shape(o.value));
    }
    std::vector<PortMap> back_edges;
    if (slice.is_static() && chance(60)) {
        std::vector<float> begin(static_cast<std::size_t>(product(part.dims)));
        for (float& x : begin) x = static_cast<float>(below(129) - 64) * 0.25f;
        back_edges.push_back({.outer = 0, .inner = static_cast<std::int64_t>(inputs.size())});
        whole(b_.numbers(part.dims, begin, name("begin")));
        enter(inner, {{}, part.dims, kLargestState, kUnitOfState}, slice);
    }
    const int steps = 2 + below(5);
    for (int i = 0; i < steps; ++i) inner.step(i < 2);
    if (!back_edges.empty()) close_state(inner, part.dims);
    leave(inner, loop ? slices : -1, std::move(operands), std::move(inputs), std::move(back_edges), along, backward);
}

// Adds the loop and what it gives: of each value that nothing reads inside the parts side by side where they fit, else the last.
void RandomGraphBuilder::leave(RandomGraphBuilder& inner, std::int64_t trips, std::vector<Value> operands,
                               std::vector<PortMap> inputs, std::vector<PortMap> back_edges, std::int64_t axis,
                               bool backward) {
    std::vector<PortMap> outputs;
    std::vector<Known> given;
    for (const Known& v : std::vector<Known>(inner.values_)) {
        if (!inner.b_.graph.uses(v.value).empty() || outputs.size() == 3) continue;
        const bool joined = static_cast<std::size_t>(axis) < v.dims.size() && chance(70);
        outputs.push_back({.outer = static_cast<std::int64_t>(outputs.size()),
                           .inner = static_cast<std::int64_t>(inner.b_.graph.results().size())});
        if (joined) {
            outputs.back().axis = axis;
            outputs.back().part_size = v.dims[static_cast<std::size_t>(axis)];
            if (backward) outputs.back().start = -1, outputs.back().end = 0, outputs.back().stride = -1;
        }
        inner.b_.result(v.value, inner.name("result"));
        given.push_back(v);
    }
    if (outputs.empty()) return;
    const auto graph = std::make_shared<const Graph>(std::move(inner.b_.graph));
    Value v;
    if (trips >= 0) {
        const bool forever = chance(30);  // as many as there are slices
        operands.insert(operands.begin(), {b_.edit.constant(Tensor::scalar(forever ? std::int64_t{-1} : trips)),
                                           b_.edit.constant(Tensor::filled(Element::boolean, {}, 1))});
        v = add(Loop{.body = graph, .inputs = inputs, .outputs = outputs, .back_edges = back_edges}, operands, "loop");
    } else {
        v = add(TensorIterator{graph, inputs, outputs, back_edges}, operands, "iterator");
    }
    for (std::uint32_t port = 0; port < given.size(); ++port)
        keep({v.node, port}, given[port].largest, given[port].unit);
}

}  // namespace octet
