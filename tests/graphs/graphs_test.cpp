// Every graph of this folder gives the same numbers before and after the low-precision pipeline, and on CPU and REFERENCE. In all of
// them float arithmetic is exact, unless a line `# tolerance: 0.25` says by how much results may differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "tests/transformations/random_graph.hpp"
#include "tools/support/infer.hpp"
#include "transformations/pipelines.hpp"

namespace octet {
namespace {

std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(OCTET_GRAPHS_DIR))
        if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt")
            names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

std::string text_of(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(OCTET_GRAPHS_DIR "/" + name + ".txt").rdbuf();
    return text.str();
}

double tolerance_of(const std::string& text) {
    constexpr std::string_view kKey = "# tolerance: ";
    const auto at = text.find(kKey);
    return at == std::string::npos ? 0 : std::stod(text.substr(at + kKey.size()));
}

void expect_close(const ir::Tensors& wanted, const ir::Tensors& got, double tolerance, std::string_view what) {
    ASSERT_EQ(wanted.size(), got.size());
    for (std::size_t r = 0; r < wanted.size(); ++r) {
        ASSERT_EQ(wanted[r].type(), got[r].type()) << what;
        for (std::size_t i = 0; i < wanted[r].size(); ++i) {
            const double a = wanted[r].at(i), b = got[r].at(i);
            if (a == b || (std::isnan(a) && std::isnan(b))) continue;
            ASSERT_LE(std::abs(a - b), tolerance)
                << what << ": result " << r << ", element " << i << ": " << b << ", wanted " << a;
        }
    }
}

class FoundGraph : public testing::TestWithParam<std::string> {};

TEST_P(FoundGraph, StaysRight) {
    const std::string text = text_of(GetParam());
    const ir::Graph graph = ir::parse(text);
    ir::Graph after = graph;
    for (const NamedPipeline& pipeline : named_pipelines())
        if (pipeline.name == "low-precision") rewrite::run(pipeline.make(), after);
    for (unsigned seed = 0; seed < 8; ++seed) {
        const ir::Tensors inputs = random_inputs(graph, seed);
        const ir::Tensors wanted = ir::eval::evaluate(graph, inputs);
        expect_close(wanted, ir::eval::evaluate(after, inputs), tolerance_of(text), "transformed");
        expect_close(wanted, tools::infer_on("CPU", graph, inputs), tolerance_of(text), "CPU");
    }
}

INSTANTIATE_TEST_SUITE_P(All, FoundGraph, testing::ValuesIn(files()), [](const auto& file) {
    std::string name = file.param;
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace octet
