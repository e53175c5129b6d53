// Which kernel a convolution of codes gets where nothing was measured (docs/adr/0008).
#include "plugins/cpu/kernels/onednn/kernel.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

struct Convolved {
    Dims data;
    std::int64_t channels = 0;  // of the result; 0: depthwise
    std::int64_t pad = 1;
    bool has_operand = false;  // a value of the result's size is added
};

std::string usual_candidate(const Convolved& c, const Machine& machine) {
    Graph graph;
    Edit edit(graph);
    const Dims one(4, 1);
    Value x = edit.add(Parameter{Element::u8, Shape(c.data), {}}, {}, "x");
    const auto convolve = [&](auto op, const Dims& weights) {
        op.strides = op.dilations = {1, 1};
        op.pads_begin = op.pads_end = {c.pad, c.pad};
        return edit.add(op, {x, edit.constant(random_tensor({Element::i8, Shape(weights)}, 1, -20, 20))});
    };
    x = c.channels == 0 ? convolve(GroupConvolution{}, {c.data[1], 1, 1, 3, 3})
                        : convolve(Convolution{}, {c.channels, c.data[1], 3, 3});
    x = edit.add(Dequantize{numbers(one, {0.001f}), numbers(one, {0}), Element::f32}, {x});
    if (c.has_operand) x = edit.add(Add{}, {x, edit.add(Parameter{Element::f32, graph.shape(x), {}}, {}, "operand")});
    edit.add(Result{}, {edit.add(whole_codes(4), {x})});
    Planner planner(std::make_shared<const Graph>(graph), machine, 1);
    planner.postpone([](const std::string&, std::string_view, bool) { return false; });
    return planner.run().layers.at(0).candidate;
}

TEST(UsualCandidates, AreThoseThatWereMeasured) {
    const Machine machine = detect_machine();
    if (machine.isa != Isa::avx512_vnni || onednn::version().empty())
        GTEST_SKIP() << "measured with AVX-512 VNNI and oneDNN";
    EXPECT_EQ(usual_candidate({{1, 128, 32, 32}, 128}, machine), "onednn") << "much work, long sums";
    EXPECT_EQ(usual_candidate({{1, 64, 56, 56}, 64}, machine), "rows") << "sums of 576";
    EXPECT_EQ(usual_candidate({{1, 16, 240, 240}, 16}, machine), "onednn") << "short sums of few channels, much work";
    EXPECT_EQ(usual_candidate({{1, 16, 24, 42}, 16}, machine), "rows") << "little work";
    EXPECT_EQ(usual_candidate({{1, 256, 3, 3}, 256, 0}, machine), "dense") << "one pixel";
    EXPECT_EQ(usual_candidate({{1, 16, 40, 40}}, machine), "depthwise");
    EXPECT_EQ(usual_candidate({{1, 16, 40, 40}, 0, 1, true}, machine), "onednn");
    EXPECT_EQ(usual_candidate({{1, 32, 40, 40}, 0, 1, true}, machine), "depthwise");
}

}  // namespace
}  // namespace octet::cpu::testing
