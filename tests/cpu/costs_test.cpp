// Integers where the instruction set is faster on them.
#include "plugins/cpu/costs.hpp"

#include <algorithm>

#include "plugins/cpu/executable.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

TEST(Costs, IntegersPayWithVectorsOfThem) {
    for (const Isa isa : {Isa::sse41, Isa::avx2, Isa::avx2_vnni, Isa::avx512, Isa::avx512_vnni, Isa::amx})
        EXPECT_EQ(costs_of(Machine{.isa = isa}, false).integers_pay(), isa != Isa::sse41) << name_of(isa);
}

TEST(Costs, BfloatDoublesWhatFloatDoes) {
    const Machine machine{.isa = Isa::avx512_vnni};
    EXPECT_EQ(costs_of(machine, true).products_of_floats, 2 * costs_of(machine, false).products_of_floats);
    for (const Isa isa : {Isa::avx512_vnni, Isa::amx})
        EXPECT_TRUE(costs_of(Machine{.isa = isa}, true).integers_pay()) << name_of(isa);
}

Graph quantized_convolution() {
    Graph graph;
    Edit edit(graph);
    const auto quantized = [&](Value x, float low, float high) {
        const Value from = edit.constant(numbers({}, {low})), to = edit.constant(numbers({}, {high}));
        return edit.add(FakeQuantize{256}, {x, from, to, from, to});
    };
    const Value x = edit.add(Parameter{Element::f32, Shape{1, 16, 8, 8}, {}}, {}, "x");
    const Value w = edit.constant(random_tensor({Element::f32, {16, 16, 1, 1}}, 1, -8, 8));
    const Value conv =
        edit.add(Convolution{.strides = {1, 1}, .pads_begin = {0, 0}, .pads_end = {0, 0}, .dilations = {1, 1}},
                 {quantized(x, 0, 255), quantized(w, -128, 127)}, "conv");
    edit.add(Result{}, {conv}, "result");
    edit.set_layers({{"conv", "Convolution", "opset1"}});
    edit.set_origins(conv.node, {0});
    return graph;
}

LayerReport convolution(const Settings& settings) {
    Machine machine = detect_machine();
    machine.isa = Isa::sse41;
    machine.bf16 = machine.vbmi = false;
    for (const LayerReport& layer :
         std::make_shared<CpuExecutable>(quantized_convolution(), machine, settings)->report().layers)
        if (layer.name == "conv") return layer;
    return {};
}

TEST(Costs, PortableIntegersAreTakenOnRequestOnly) {
    const LayerReport cheapest = convolution({});
    EXPECT_FALSE(cheapest.int8);
    EXPECT_EQ(cheapest.code, "NOT_PROFITABLE");
    EXPECT_TRUE(convolution({.plan = "INTEGERS"}).int8);
}

}  // namespace
}  // namespace octet::cpu::testing
