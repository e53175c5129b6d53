// Concatenations whose parts are written in place, and views of parts.
#include <algorithm>

#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

Dims dims_of(const Graph& graph, Value v) { return graph.shape(v).sizes(); }

struct Net {
    Graph graph;
    Edit edit{graph};
    Value codes(const Dims& dims) {
        const Value x = edit.add(Parameter{Element::f32, Shape(dims), {}}, {}, "x");
        return edit.add(whole_codes(dims.size()), {x});
    }
    // Codes of a convolution of codes, k x k, same size; sums stay small enough to be exact.
    Value convolution(Value data, std::int64_t channels, std::int64_t k, unsigned seed) {
        Convolution op;
        op.strides = op.dilations = {1, 1};
        op.pads_begin = op.pads_end = {k / 2, k / 2};
        if (k > 1) op.zp_a = {3};  // padding with a zero point is for the generated kernel
        return sums(op, data, {channels, dims_of(graph, data)[1], k, k}, seed);
    }
    // Codes of what the op sums up with random weights of these dimensions.
    Value sums(const Op& op, Value data, const Dims& weights, unsigned seed) {
        const Type type{Element::i8, Shape(weights)};
        const Value sum = edit.add(op, {data, edit.constant(random_tensor(type, seed, -2, 3))});
        const Value floats = edit.add(Dequantize{numbers({1, 1, 1, 1}, {0.25f}), numbers({1, 1, 1, 1}, {-40})}, {sum});
        return edit.add(whole_codes(4), {floats});
    }
    Value integers(const std::vector<std::int64_t>& values) { return edit.constant(Tensor::vector(values)); }
    Value concat(const std::vector<Value>& parts, std::int64_t axis = 1) { return edit.add(Concat{axis}, parts); }
    void result(Value v) { edit.add(Result{}, {v}); }
};

std::size_t count(const Plan& plan, std::string_view kernel) {
    return static_cast<std::size_t>(std::ranges::count(plan.steps, kernel, &Step::kernel));
}

// Runs the net; the result is that of the reference kernels, bit for bit, with any number of threads.
Plan check(Net& net, int low = 0, int high = 255) {
    const Machine machine = detect_machine();
    Plan last;
    for (const int threads : {1, 2}) {
        Plan plan = Planner(std::make_shared<const Graph>(net.graph), machine, threads).run();
        Tensors inputs;
        for (NodeId id : net.graph.parameters()) inputs.push_back(random_tensor(net.graph.type({id, 0}), 7, low, high));
        const Tensors wanted = eval::evaluate(net.graph, inputs);
        const Tensors got = run_plan(plan, inputs, threads);
        EXPECT_EQ(wanted.size(), got.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) expect_near(wanted[i], got[i], 0);
        last = std::move(plan);
    }
    return last;
}

bool generated_kernels() {
#if defined(__x86_64__)
    return detect_machine().isa >= Isa::avx512_vnni && !detect_machine().amx();
#else
    return false;
#endif
}

TEST(Slices, ConvolutionsWriteTheirPart) {
    Net net;
    const Value x = net.codes({2, 8, 5, 7});
    const Value a = net.convolution(x, 20, 1, 1);
    const Value b = net.convolution(x, 65, 1, 2);
    const Value c = net.convolution(x, 3, 1, 3);
    const Value y = net.convolution(net.concat({a, b, c}), 16, 3, 4);
    net.result(y);
    const Plan plan = check(net);
    if (generated_kernels()) {
        EXPECT_EQ(count(plan, "portable_concat"), 0U);
        EXPECT_EQ(plan.parts.size(), 3U);
    }
}

// Windows that neither overlap nor leave gaps; a batch, odd sizes, a zero point.
TEST(Slices, BackwardConvolutionsWriteTheirPart) {
    for (const std::int64_t zero_point : {0, 3}) {
        Net net;
        const Value x = net.codes({2, 20, 3, 5});
        ConvolutionBackpropData op;
        op.strides = {2, 3};
        op.dilations = {1, 1};
        op.pads_begin = op.pads_end = op.output_padding = {0, 0};
        if (zero_point != 0) op.zp_a = {zero_point};
        const Value a = net.sums(op, x, {20, 9, 2, 3}, 4);
        const Value b = net.convolution(a, 7, 1, 5);
        net.result(net.concat({a, b}));
        const Plan plan = check(net);
        if (generated_kernels()) {
            EXPECT_EQ(count(plan, "portable_concat"), 0U);
        }
    }
}

TEST(Slices, PartsAreReadWhereTheyLie) {
    Net net;
    const Value x = net.codes({1, 8, 6, 6});
    const Value a = net.convolution(x, 24, 1, 1);
    const Value b = net.convolution(a, 16, 1, 2);
    const Value c = net.convolution(a, 16, 3, 3);
    MaxPool pool;
    pool.strides = pool.dilations = {1, 1};
    pool.kernel = {3, 3};
    pool.pads_begin = pool.pads_end = {1, 1};
    const Value d = net.edit.add(pool, {a});
    net.result(net.concat({a, b, c, d}));
    const Plan plan = check(net);
    if (generated_kernels()) {
        EXPECT_EQ(plan.reorders, 1U) << "only the result is made plain";
    }
}

TEST(Slices, ValuesOfOtherReadersAreCopied) {
    Net net;
    const Value x = net.codes({1, 8, 6, 6});
    const Value a = net.convolution(x, 24, 1, 1);
    const Value b = net.convolution(x, 24, 1, 2);
    net.result(net.concat({a, b, a}));
    net.result(b);
    net.result(x);
    const Plan plan = check(net);
    EXPECT_EQ(plan.parts.size(), 0U);
    EXPECT_EQ(count(plan, "portable_concat"), 1U);
}

TEST(Slices, ConcatenationsInsideOfOthers) {
    Net net;
    const Value x = net.codes({1, 8, 4, 4});
    const Value a = net.convolution(x, 16, 1, 1);
    const Value b = net.convolution(x, 32, 1, 2);
    const Value c = net.convolution(x, 8, 1, 3);
    const Value inner = net.concat({a, x, b});
    net.result(net.concat({c, inner}));
    const Plan plan = check(net);
    if (generated_kernels()) {
        EXPECT_EQ(plan.parts.size(), 4U);
    }
}

// What is split and put together again lies in the memory of the whole, where the parts that changed are written over.
struct PutBack {
    Net net;
    Value data, joined;
    std::vector<Value> parts;

    // view: the second part is put elsewhere, too, and its place taken by another value.
    explicit PutBack(const std::vector<std::int64_t>& order, bool view = false) {
        Edit& edit = net.edit;
        const Value x = edit.add(Parameter{Element::f32, Shape({1, 3, 5, 20}), {}}, {}, "x");
        data = edit.add(Abs{}, {x});
        const Value split = edit.add(VariadicSplit{},
                                     {data, edit.constant(Tensor::scalar(std::int64_t{3})), net.integers({2, 2, 16})});
        for (std::uint32_t port = 0; port < 3; ++port) parts.push_back({split.node, port});
        const Value doubled = edit.add(Multiply{}, {parts[0], edit.constant(numbers({1}, {2}))});
        const std::vector<Value> changed{doubled, edit.add(Negative{}, {view ? doubled : parts[1]}), parts[2]};
        std::vector<Value> in_order;
        for (auto i : order) in_order.push_back(changed[static_cast<std::size_t>(i)]);
        joined = net.concat(in_order, 3);
        if (view) net.result(net.concat({parts[1], joined, parts[1]}, 3));
    }
};

TEST(Slices, WhatIsPutBackStays) {
    PutBack n({0, 1, 2});
    const Value rows = n.net.edit.add(Reshape{}, {n.joined, n.net.integers({1, 15, 20})});
    const Value more = n.net.edit.add(Parameter{Element::f32, Shape({1, 4, 20}), {}}, {}, "more");
    n.net.result(n.net.concat({more, rows}, 1));
    const Plan plan = check(n.net, -20, 20);
    if (generated_kernels()) {
        EXPECT_EQ(plan.parts.size(), 3U) << "the concatenation of rows, the data in it, and the part that stays";
    }
}

TEST(Slices, WhatIsPutElsewhereIsCopied) {
    for (const std::vector<std::int64_t>& order : {std::vector<std::int64_t>{2, 0, 1}, {1, 2, 0}}) {
        PutBack n(order);
        n.net.result(n.joined);
        check(n.net, -20, 20);
    }
    PutBack is_viewed({0, 1, 2}, true);
    check(is_viewed.net, -20, 20);
    PutBack is_a_result({0, 1, 2});
    is_a_result.net.result(is_a_result.joined);
    is_a_result.net.result(is_a_result.data);
    is_a_result.net.result(is_a_result.parts[2]);
    check(is_a_result.net, -20, 20);
}

// A detection head: images whose channels are cut and moved to the end, parts worked on, all joined.
TEST(Slices, DetectionHead) {
    Net net;
    Edit& edit = net.edit;
    std::vector<Value> heads;
    for (const std::int64_t size : {6, 3}) {
        const Value x = edit.add(Parameter{Element::f32, Shape({1, 21, size, size}), {}}, {}, fmt::format("x{}", size));
        const Value image = identity_convolution(edit, {1, 21, size, size}, x);
        const Value cut = edit.add(Reshape{}, {image, net.integers({1, 3, 7, size, size})});
        const Value moved = edit.add(Transpose{}, {cut, net.integers({0, 1, 3, 4, 2})});
        const Value parts = edit.add(VariadicSplit{},
                                     {moved, edit.constant(Tensor::scalar(std::int64_t{4})), net.integers({2, 5})});
        const Value doubled = edit.add(Multiply{}, {Value{parts.node, 0}, edit.constant(numbers({1}, {2}))});
        const Value joined = net.concat({doubled, Value{parts.node, 1}}, 4);
        heads.push_back(edit.add(Reshape{}, {joined, net.integers({1, 3 * size * size, 7})}));
    }
    net.result(net.concat(heads, 1));
    const Plan plan = check(net, -20, 20);
    EXPECT_EQ(plan.reorders, 2U) << "of the inputs alone";
    EXPECT_EQ(count(plan, "portable_transpose"), 2U);
}

}  // namespace
}  // namespace octet::cpu::testing
