// Constants that gathers spread from a table: corrections of convolutions that pad.
#include "plugins/cpu/table.hpp"

#include <algorithm>

#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

const std::vector<std::int64_t> kRows{0, 1, 1, 1, 1, 1, 2}, kColumns{0, 1, 1, 1, 1, 1, 1, 1, 2};

struct Net {
    Graph graph;
    Edit edit{graph};
    Value gather(Value v, const std::vector<std::int64_t>& entries, std::int64_t axis) {
        return edit.add(Gather{}, {v, edit.constant(Tensor::vector(entries)), edit.constant(Tensor::scalar(axis))});
    }
    // Of shape [1, channels, 7, 9].
    Value correction(std::int64_t channels) {
        const Type table{Element::f32, Shape(Dims{1, channels, 3, 3})};
        return gather(gather(edit.constant(random_tensor(table, 5, -9, 9, 8)), kRows, 2), kColumns, 3);
    }
    // quantize(dequantize(convolution of codes, 3 x 3, padded) + added)
    Value sum(Value added, std::int64_t channels) {
        const Value x = edit.add(Parameter{Element::f32, Shape(Dims{1, 8, 7, 9}), {}}, {}, "x");
        Convolution op;
        op.strides = op.dilations = op.pads_begin = op.pads_end = {1, 1};
        const Type weights{Element::i8, Shape(Dims{channels, 8, 3, 3})};
        const Value codes = edit.add(whole_codes(4), {x});
        const Value sums = edit.add(op, {codes, edit.constant(random_tensor(weights, 3, -2, 2))});
        const Value floats = edit.add(Dequantize{numbers({1, 1, 1, 1}, {0.25f}), numbers({1, 1, 1, 1}, {-40})}, {sums});
        return edit.add(Add{}, {floats, added});
    }
};

TEST(Tables, AreSpreadInEitherLayout) {
    Net net;
    const Value v = net.correction(5);
    ASSERT_TRUE(low_precision::spread_table(net.graph, v));
    net.edit.add(Result{}, {v});
    const Tensor wanted = eval::evaluate(net.graph, {})[0];
    const Dims dims = wanted.dims();
    std::vector<float> plain(wanted.size()), last(wanted.size());
    const auto table = *low_precision::spread_table(net.graph, v);
    spread(table, dims, Layout::plain, plain.data());
    spread(table, dims, Layout::channels_last, last.data());
    EXPECT_EQ(plain, wanted.floats());
    for (std::size_t c = 0; c < 5; ++c)
        for (std::size_t p = 0; p < 63; ++p) EXPECT_EQ(last[p * 5 + c], plain[c * 63 + p]);
}

TEST(Tables, AreAddedInTheStepOfTheConvolution) {
    for (const int threads : {1, 2}) {
        Net net;
        const Value y = net.edit.add(whole_codes(4), {net.sum(net.correction(16), 16)});
        net.edit.add(Result{}, {y});
        for (const NodeId id : net.graph.order()) {
            if (net.graph.node(id).op.is<Gather>()) {
                EXPECT_TRUE(low_precision::keeps_table(net.graph, id));
            }
        }
        const Plan plan = Planner(std::make_shared<const Graph>(net.graph), detect_machine(), threads).run();
        for (const Step& step : plan.steps) EXPECT_NE(step.kernel, "reference") << step.name;
        const auto sums = std::ranges::count_if(plan.steps, [&](const Step& step) {
            return std::ranges::any_of(step.nodes, [&](NodeId id) { return plan.graph->node(id).op.is<Add>(); }) &&
                   plan.graph->node(step.nodes[0]).op.is<Convolution>();
        });
        EXPECT_EQ(sums, 1) << "a convolution and its correction are one step";
        const Tensors inputs{random_tensor({Element::f32, Shape(Dims{1, 8, 7, 9})}, 7, 0, 255)};
        expect_near(eval::evaluate(net.graph, inputs)[0], run_plan(plan, inputs, threads)[0], 0);
    }
}

// A depthwise kernel reads the table as it is; with scales before the sum and none.
TEST(Tables, AreShiftsOfDepthwiseConvolutions) {
    for (const bool scaled : {true, false}) {
        Net net;
        const Value x = net.edit.add(Parameter{Element::f32, Shape(Dims{1, 8, 7, 9}), {}}, {}, "x");
        GroupConvolution op;
        op.strides = op.dilations = op.pads_begin = op.pads_end = {1, 1};
        const Type weights{Element::i8, Shape(Dims{8, 1, 1, 3, 3})};
        const Value codes = net.edit.add(whole_codes(4), {x});
        const Value sums = net.edit.add(op, {codes, net.edit.constant(random_tensor(weights, 3, -2, 2))});
        const float scale = scaled ? 0.25f : 1.f, zero_point = scaled ? -40.f : 0.f;
        const Value floats =
            net.edit.add(Dequantize{numbers({1, 1, 1, 1}, {scale}), numbers({1, 1, 1, 1}, {zero_point})}, {sums});
        const Value sum = net.edit.add(Add{}, {floats, net.correction(8)});
        net.edit.add(Result{}, {net.edit.add(whole_codes(4), {net.edit.add(Relu{}, {sum})})});
        const Plan plan = Planner(std::make_shared<const Graph>(net.graph), detect_machine(), 1).run();
        const auto step = std::ranges::find_if(plan.steps, [&](const Step& s) {
            return !s.nodes.empty() && plan.graph->node(s.nodes[0]).op.is<GroupConvolution>();
        });
        ASSERT_NE(step, plan.steps.end());
        if (detect_machine().avx2()) {
            EXPECT_EQ(step->reads.size(), 1u) << "the data alone";
        }
        const Tensors inputs{random_tensor({Element::f32, Shape(Dims{1, 8, 7, 9})}, 7, 0, 255)};
        expect_near(eval::evaluate(net.graph, inputs)[0], run_plan(plan, inputs, 1)[0], 0);
    }
}

// A kernel that goes by rows reads those of the table.
TEST(Tables, AreSpreadAlongTheRowsOnly) {
    Net net;
    const Value table = net.edit.constant(random_tensor({Element::f32, Shape(Dims{1, 8, 3, 3})}, 5, -9, 9, 8));
    std::vector<std::int64_t> columns(31, 1);
    columns.front() = 0;
    columns.back() = 2;
    const Value correction = net.gather(net.gather(table, kRows, 2), columns, 3);
    const Value x = net.edit.add(Parameter{Element::f32, Shape(Dims{1, 3, 7, 31}), {}}, {}, "x");
    Convolution op;
    op.strides = op.dilations = op.pads_begin = op.pads_end = {1, 1};
    const Value codes = net.edit.add(whole_codes(4), {net.edit.add(Relu{}, {x})});
    const Type weights{Element::i8, Shape(Dims{8, 3, 3, 3})};
    const Value sums = net.edit.add(op, {codes, net.edit.constant(random_tensor(weights, 3, -2, 2))});
    const Value floats = net.edit.add(Dequantize{numbers({1, 1, 1, 1}, {0.25f}), numbers({1, 1, 1, 1}, {-40})}, {sums});
    net.edit.add(Result{}, {net.edit.add(whole_codes(4), {net.edit.add(Add{}, {floats, correction})})});
    const Plan plan = Planner(std::make_shared<const Graph>(net.graph), detect_machine(), 1).run();
    const auto of_convolution = std::ranges::find_if(plan.steps, [&](const Step& s) {
        return !s.nodes.empty() && plan.graph->node(s.nodes[0]).op.is<Convolution>();
    });
    ASSERT_NE(of_convolution, plan.steps.end());
    if (of_convolution->kernel.starts_with("jit_image")) {
        const auto rows = std::ranges::count_if(of_convolution->reads, [&](BufferId id) {
            return plan.buffers[id].home == Buffer::Home::constant && plan.buffers[id].bytes == 3 * 31 * 8 * 4;
        });
        EXPECT_EQ(rows, 1);
    }
    const Tensors inputs{random_tensor({Element::f32, Shape(Dims{1, 3, 7, 31})}, 7, 0, 255)};
    expect_near(eval::evaluate(net.graph, inputs)[0], run_plan(plan, inputs, 1)[0], 0);
}

// What cannot join the convolution reads the spread table, too.
TEST(Tables, AreConstantsForOtherReaders) {
    Net net;
    const Value correction = net.correction(4);
    const Value once = net.sum(correction, 4);
    net.edit.add(Result{}, {net.edit.add(Add{}, {correction, once})});
    const Plan plan = Planner(std::make_shared<const Graph>(net.graph), detect_machine(), 1).run();
    const Tensors inputs{random_tensor({Element::f32, Shape(Dims{1, 8, 7, 9})}, 7, 0, 255)};
    expect_near(eval::evaluate(net.graph, inputs)[0], run_plan(plan, inputs, 1)[0], 0);
}

TEST(Tables, OnlyFloatsAlongSpatialAxesThatAreAdded) {
    Net net;
    const Value correction = net.correction(4);
    const Value y = net.sum(correction, 4);
    EXPECT_TRUE(low_precision::keeps_table(net.graph, correction.node));
    net.edit.add(Result{}, {net.edit.add(Multiply{}, {y, correction})});
    EXPECT_FALSE(low_precision::keeps_table(net.graph, correction.node)) << "one reader multiplies";

    const Value channels = net.gather(net.edit.constant(numbers({1, 2, 1, 1}, {1, 2})), {0, 1, 1, 0}, 1);
    net.edit.add(Result{}, {net.edit.add(Add{}, {y, channels})});
    EXPECT_TRUE(low_precision::spread_table(net.graph, channels));
    EXPECT_FALSE(low_precision::keeps_table(net.graph, channels.node)) << "along the channels";

    const Value outside = net.gather(net.edit.constant(numbers({1, 1, 2, 1}, {1, 2})), {0, 1, 1, 1, 1, 1, 2}, 2);
    EXPECT_FALSE(low_precision::spread_table(net.graph, outside)) << "an entry that the table does not have";
    EXPECT_FALSE(low_precision::spread_table(net.graph, y)) << "no gather";
}

}  // namespace
}  // namespace octet::cpu::testing
