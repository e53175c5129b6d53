// Squeeze-excite as one step.
#include <algorithm>

#include "ir/text.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

// The mean of a map, a product, and the map times a factor for each channel.
constexpr std::string_view kFloats = R"(x : f32[2,20,6,7] = parameter() shape=[2,20,6,7]
axes : i64[2] = constant() value=i64[2]{2,3}
mean : f32[2,20,1,1] = reduce_mean(x, axes) keep_dims=true
w : f32[20,20,1,1] = constant() value=f32[20,20,1,1] random(1)
c : f32[2,20,1,1] = convolution(mean, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
s : f32[2,20,1,1] = sigmoid(c)
y : f32[2,20,6,7] = multiply(x, s)
o : f32[2,20,6,7] = result(y)
)";
constexpr std::string_view kCodes = R"(x : u8[2,20,6,7] = parameter() element=u8 shape=[2,20,6,7]
d : f32[2,20,6,7] = dequantize(x) scale=f32[1,1,1,1]{0.03125} zero_point=f32[1,1,1,1]{100}
axes : i64[2] = constant() value=i64[2]{2,3}
mean : f32[2,20,1,1] = reduce_mean(d, axes) keep_dims=true
w : f32[20,20,1,1] = constant() value=f32[20,20,1,1] random(1)
c : f32[2,20,1,1] = convolution(mean, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
s : f32[2,20,1,1] = sigmoid(c)
sq : u8[2,20,1,1] = quantize(s) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{1}
sd : f32[2,20,1,1] = dequantize(sq) scale=f32[1,1,1,1]{0.00392156862} zero_point=f32[1,1,1,1]{0}
y : f32[2,20,6,7] = multiply(d, sd)
q : u8[2,20,6,7] = quantize(y) low=f32[1,1,1,1]{-2} high=f32[1,1,1,1]{3}
o : u8[2,20,6,7] = result(q)
)";

constexpr double kOneCode = 1;

// The plan of a graph, whose results are the reference's up to a difference.
Plan checked_plan(std::string_view text, double allowed) {
    const auto graph = std::make_shared<const Graph>(parse(text));
    Plan plan = Planner(graph, detect_machine(), 2).run();
    const Tensors inputs{random_tensor(graph->type({graph->parameters()[0], 0}), 5, 0, 255, 1)};
    const Tensors wanted = eval::evaluate(*graph, inputs), got = run_plan(plan, inputs, 2);
    for (std::size_t k = 0; k < wanted.size(); ++k)
        for (std::size_t i = 0; i < wanted[k].size(); ++i)
            EXPECT_NEAR(wanted[k].at(i), got[k].at(i), allowed) << "result " << k << " element " << i;
    return plan;
}

// One step of several parts, the last of them by `last`.
void check(std::string_view text, const std::string& last, double allowed) {
    const Plan plan = checked_plan(text, allowed);
    const auto step = std::ranges::find_if(plan.steps, [](const Step& s) { return !s.parts.empty(); });
    ASSERT_NE(step, plan.steps.end());
    EXPECT_EQ(std::ranges::count_if(plan.steps, [](const Step& s) { return s.kernel != "reorder"; }), 1);
    EXPECT_EQ(plan.graph->node(step->nodes[0]).name, "y");
    if (detect_machine().avx2()) {
        EXPECT_TRUE(step->kernel.starts_with("jit_squeeze_excite_")) << step->kernel;
        EXPECT_TRUE(step->parts.back().kernel.starts_with(last)) << step->parts.back().kernel;
    } else {
        EXPECT_EQ(step->kernel, "squeeze_excite");
    }
}

TEST(Gates, FloatsAreMultiplied) { check(kFloats, "jit_elementwise_", 1e-3); }
TEST(Gates, FactorsOfCodesHoldTheirScales) { check(kCodes, "jit_gate_", kOneCode); }

// The factors stay f32 while the map is codes.
TEST(Gates, PartsKeepTheirPrecision) {
    const auto graph = std::make_shared<const Graph>(parse(kCodes));
    const Plan plan = Planner(graph, detect_machine(), 1).run();
    const auto step = std::ranges::find_if(plan.steps, [](const Step& s) { return !s.parts.empty(); });
    ASSERT_NE(step, plan.steps.end());
    EXPECT_TRUE(step->int8);
    const auto product = std::ranges::find_if(step->parts, [&](const Step& part) {
        return !part.nodes.empty() && graph->node(part.nodes[0]).op.is<Convolution>();
    });
    ASSERT_NE(product, step->parts.end());
    EXPECT_FALSE(product->int8);
    EXPECT_EQ(product->data, Element::f32);
}

}  // namespace
}  // namespace octet::cpu::testing
