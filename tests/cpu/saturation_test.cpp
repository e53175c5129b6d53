// INT8_SATURATION: what it changes on machines without VNNI, and that it changes nothing else.
#include <algorithm>

#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

// A convolution of codes whose weights are all `weight`.
Graph convolution(int weight, std::int64_t kernel) {
    Graph graph;
    Edit edit(graph);
    const Value x = edit.add(Parameter{Element::u8, Shape{1, 32, 6, 6}, {}}, {});
    const Tensor weights(Element::i8, {16, 32, kernel, kernel});
    Tensor filled = weights;
    std::memset(filled.write_raw().data(), weight, filled.bytes());
    const std::int64_t pad = kernel / 2;
    const Value sums =
        edit.add(Convolution{.strides = {1, 1}, .pads_begin = {pad, pad}, .pads_end = {pad, pad}, .dilations = {1, 1}},
                 {x, edit.constant(filled)});
    const Value numbers_of =
        edit.add(Dequantize{.scale = numbers({1, 1, 1, 1}, {0.5F}), .zero_point = numbers({1, 1, 1, 1}, {0})}, {sums});
    edit.add(Result{}, {numbers_of});
    return graph;
}

Plan plan_of(const Graph& graph, const Machine& machine, bool saturates) {
    return Planner(std::make_shared<const Graph>(graph), machine, 1, false, saturates).run();
}

// The result of data that are all 255.
float first_result(const Graph& graph, const Plan& plan) {
    Tensor x(Element::u8, {1, 32, 6, 6});
    std::memset(x.write_raw().data(), 255, x.bytes());
    EXPECT_EQ(plan.outputs.size(), graph.results().size());
    return run_plan(plan, {x}, 1)[0].floats()[0];
}

bool has_step(const Plan& plan, const std::string& kernel) {
    return std::ranges::any_of(plan.steps, [&](const Step& step) { return step.kernel == kernel; });
}

Machine machine_below(Isa isa) { return detect_machine(std::min(isa, detect_machine().isa)); }

TEST(Saturation, LargeWeightsLoseAndWeightsOfSevenBitsDoNot) {
    const Machine machine = machine_below(Isa::avx2);
    if (!machine.avx2()) GTEST_SKIP() << "generated kernels need AVX2";
    const Graph large = convolution(127, 1), small = convolution(63, 1);
    const Plan plan = plan_of(large, machine, true);
    EXPECT_TRUE(has_step(plan, "jit_matmul_avx2_saturating"));
    EXPECT_EQ(first_result(large, plan_of(large, machine, false)), 0.5F * 32 * 255 * 127);
    EXPECT_EQ(first_result(large, plan), 0.5F * 16 * 32767);
    EXPECT_EQ(first_result(small, plan_of(small, machine, true)), 0.5F * 32 * 255 * 63);
}

TEST(Saturation, DenseConvolutionsTakeIt) {
    const Machine machine = machine_below(Isa::avx2);
    if (!machine.avx2()) GTEST_SKIP() << "generated kernels need AVX2";
    const Graph small = convolution(63, 3);
    EXPECT_EQ(first_result(small, plan_of(small, machine, true)), 0.5F * 4 * 32 * 255 * 63) << "a corner has four taps";
}

TEST(Saturation, MeansNothingWithVnni) {
    const Machine machine = machine_below(Isa::avx512_vnni);
    if (!machine.vnni()) GTEST_SKIP() << "this machine has no VNNI";
    const Graph large = convolution(127, 1);
    const Plan plan = plan_of(large, machine, true);
    for (const Step& step : plan_of(large, machine, false).steps) EXPECT_TRUE(has_step(plan, step.kernel));
    EXPECT_EQ(first_result(large, plan), 0.5F * 32 * 255 * 127);
}

}  // namespace
}  // namespace octet::cpu::testing
