// The reference plugin behind plugin.hpp: rows, times, state, memory.
#include "plugins/reference/plugin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/edit.hpp"
#include "ir/text.hpp"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;

class Outputs final : public OutputSink {
public:
    void* output(std::size_t index, ir::Element element, const ir::Dims& dims) override {
        if (tensors.size() <= index) tensors.resize(index + 1);
        tensors[index] = ir::Tensor(element, dims);
        return tensors[index].write_raw().data();
    }
    std::vector<ir::Tensor> tensors;
};

constexpr const char* kCounter = R"(x : f32[2] = parameter() shape=[2]
before : f32[2] = read_value() variable="v" shape=[2]
after : f32[2] = add(before, x)
kept : f32[2] = assign(after) variable="v"
pattern : i64[2] = parameter() element=i64 shape=[2]
flat : f32[?,?] = reshape(after, pattern)
y : f32[?,?] = result(flat)
)";

struct Session {
    explicit Session(const ir::Graph& graph, const Config& config = {})
        : executable(make_plugin()->compile(graph, config)), execution(executable->create_execution()) {}
    std::vector<float> operator()(float x, std::int64_t columns = 2) {
        std::array<float, 2> values{x, 10 * x};
        std::array<std::int64_t, 2> pattern{1, columns};
        const std::array inputs{HostTensor{ir::Element::f32, {2}, values.data()},
                                HostTensor{ir::Element::i64, {2}, pattern.data()}};
        execution->infer(inputs, outputs, 0);
        return outputs.tensors[0].floats();
    }
    std::shared_ptr<Executable> executable;
    std::unique_ptr<Execution> execution;
    Outputs outputs;
};

TEST(Reference, StateOutlivesTheInputsMemory) {
    Session run(ir::parse(kCounter));
    EXPECT_THAT(run(1), ElementsAre(1, 10));
    EXPECT_THAT(run(2), ElementsAre(3, 30));
    EXPECT_THAT(run(3), ElementsAre(6, 60));
    run.execution->reset_state();
    EXPECT_THAT(run(1), ElementsAre(1, 10));
}

TEST(Reference, AnInferenceThatFailsChangesNoState) {
    Session run(ir::parse(kCounter));
    EXPECT_THAT(run(1), ElementsAre(1, 10));
    EXPECT_THROW(run(100, 5), Error);
    EXPECT_THAT(run(1), ElementsAre(2, 20));
}

TEST(Reference, RowsAreTheFilesLayers) {
    ir::Graph graph = ir::parse(kCounter);
    ir::Edit edit(graph);
    edit.set_layers({{"in", "Parameter", "opset1"}, {"sum", "Add", "opset1"}, {"shape", "Reshape", "opset1"}});
    edit.set_origins(*graph.find("x"), {0});
    edit.set_origins(*graph.find("before"), {1});
    edit.set_origins(*graph.find("after"), {1});
    edit.set_origins(*graph.find("flat"), {2});
    Session run(graph, {{"PERF_COUNT", "YES"}});
    const Report report = run.executable->report();
    std::vector<std::string> names;
    for (const LayerReport& row : report.layers) {
        names.push_back(row.name + " " + row.type);
        EXPECT_EQ(row.kernel, "reference");
        EXPECT_EQ(row.status, LayerStatus::executed);
        EXPECT_FALSE(row.int8);
    }
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("sum Add", "shape Reshape", "kept assign"));
    EXPECT_TRUE(run.execution->times().empty());
    run(1);
    EXPECT_EQ(run.execution->times().size(), 4u) << "one per node";
    for (const StepTime& time : run.execution->times()) EXPECT_LT(time.layer, report.layers.size());
}

TEST(Reference, NoTimesUnlessAsked) {
    Session run(ir::parse(kCounter));
    run(1);
    EXPECT_TRUE(run.execution->times().empty());
}

TEST(Reference, AResultThatIsAnInputOrAConstant) {
    Session run(ir::parse(R"(x : f32[2] = parameter() shape=[2]
i : i64[2] = parameter() element=i64 shape=[2]
c : f32[2] = constant() value=f32[2]{7, 8}
y : f32[2] = result(x)
z : f32[2] = result(c)
again : f32[2] = result(c)
)"));
    EXPECT_THAT(run(3), ElementsAre(3, 30));
    EXPECT_THAT(run.outputs.tensors[1].floats(), ElementsAre(7, 8));
    EXPECT_THAT(run.outputs.tensors[2].floats(), ElementsAre(7, 8));
}

}  // namespace
}  // namespace octet::reference
