// The planned graph in the spelling that model files have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/eval/eval.hpp"
#include "ir/xml/xml.hpp"
#include "tests/rules/rule_file.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "tests/xml/folder.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using ir::Graph;
using ir::NodeId;
using ir::Value;

// Scales that are no powers of two, a zero point with a fraction, codes that move, and a layer the plan keeps float.
Graph network() {
    GraphBuilder b;
    const Value x = b.input({1, 3, 6, 6});
    const Value fq = b.fake_quantize(x, {-1.1f}, {2.3f}, 256, "fq");
    const Value pool = b.edit.add(ir::MaxPool{.strides = {2, 2}, .kernel = {2, 2}}, {fq}, "pool");
    std::vector<float> numbers(2 * 3 * 3 * 3);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.07f * static_cast<float>(i % 11) - 0.3f;
    const Value wide = b.fake_quantize(b.numbers({2, 3, 3, 3}, numbers), {-0.31f, -0.4f}, {0.3f, 0.41f}, 255, "wfq", 0);
    const Value narrow = b.fake_quantize(b.numbers({2, 3, 3, 3}, numbers), {-0.4f}, {0.4f}, 255, "w1fq", 0);
    const ir::Convolution conv;
    b.result(b.edit.add(conv, {pool, narrow}, "conv"), "first");
    b.result(b.edit.add(conv, {x, wide}, "float_conv"), "second");
    return b.graph;
}

Graph through(const rewrite::Pipeline& pipeline, Graph graph) {
    rewrite::run(pipeline, graph);
    return graph;
}

rewrite::Pipeline named(std::string_view name) {
    for (const NamedPipeline& p : named_pipelines())
        if (p.name == name) return p.make();
    throw std::out_of_range(std::string(name));
}

std::vector<std::string> ops_above(const Graph& graph, Value v) {
    std::vector<std::string> names;
    for (; !graph.node(v).inputs.empty(); v = graph.node(v).inputs[0]) names.emplace_back(graph.op(v).name());
    names.emplace_back(graph.op(v).name());
    return names;
}

TEST(Qdq, StandsBeforeEveryLayerThatComputes) {
    const Graph graph = through(named("low-precision-qdq"), network());
    const ir::Node& conv = graph.node(*graph.find("conv"));
    EXPECT_THAT(ops_above(graph, conv.inputs[0]), testing::ElementsAre("multiply", "subtract", "convert", "max_pool",
                                                                       "convert", "fake_quantize", "parameter"));
    for (const char* layer : {"conv", "float_conv"})  // what is not computed in integers keeps its small weights
        EXPECT_THAT(ops_above(graph, graph.node(*graph.find(layer)).inputs[1]), testing::Contains("convert")) << layer;
    for (NodeId id : graph.order())
        EXPECT_FALSE(graph.node(id).op.is<ir::Quantize>() || graph.node(id).op.is<ir::Dequantize>());
}

// The one step is the whole difference, and it changes no bit; nor does the way through a file.
TEST(Qdq, IsTheQuantizedGraphBitForBit) {
    rewrite::Pipeline before = named("low-precision-qdq");
    ASSERT_EQ(before.back().name, "spell-out");
    before.pop_back();
    const Graph quantized = through(before, network()), spelled = through(named("low-precision-qdq"), network());
    EXPECT_FALSE(quantized == spelled);
    const ir::TemporaryFolder folder;
    ir::xml::write(spelled, folder.path / "m.xml");
    const Graph read = ir::xml::read(folder.path / "m.xml");
    for (unsigned seed = 0; seed < 5; ++seed) {
        const ir::Tensors inputs = rewrite::random_parameters(quantized, seed);
        const ir::Tensors wanted = ir::eval::evaluate(quantized, inputs);
        EXPECT_EQ(ir::eval::evaluate(spelled, inputs), wanted) << seed;
        EXPECT_EQ(ir::eval::evaluate(read, inputs), wanted) << seed;
    }
}

// A file in this form becomes the integers that the first one becomes.
TEST(Qdq, IsReadAsIntegersAgain) {
    const Graph spelled = through(named("low-precision-qdq"), network());
    const Graph integers = through(named("low-precision"), network());
    EXPECT_EQ(integers.element({*integers.find("conv.convolution"), 0}), ir::Element::i32);
    EXPECT_EQ(through(named("low-precision"), spelled).hash(), integers.hash());
    EXPECT_EQ(through(named("low-precision-qdq"), spelled).hash(), spelled.hash());
}

}  // namespace
}  // namespace octet::low_precision
