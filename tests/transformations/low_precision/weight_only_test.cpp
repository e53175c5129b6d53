// Which weights stay codes because their products are float.
#include "transformations/low_precision/weight_only.hpp"

#include <gtest/gtest.h>

#include "ir/text.hpp"
#include "transformations/pipelines.hpp"

namespace octet::low_precision {
namespace {

using namespace ir;

constexpr std::string_view kGroups = R"(x : f32[?,8] = parameter() shape=[?,8]
codes : u8[3,2,4] = constant() value=u8[3,2,4]{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 1, 2, 2, 3, 3, 4, 4}
weights : f32[3,2,4] = dequantize(codes) scale=f32[3,2,1]{1, 2, 3, 4, 5, 6} zero_point=f32[1,1,1]{8}
shape : i64[2] = constant() value=i64[2]{3, 8}
matrix : f32[3,8] = reshape(weights, shape)
product : f32[?,3] = matmul(x, matrix) transpose_b=true
out : f32[?,3] = result(product)
)";

Graph changed(std::string_view from, std::string_view to) {
    std::string text(kGroups);
    text.replace(text.find(from), from.size(), to);
    return parse(text);
}
NodeId at(const Graph& graph, std::string_view name) { return *graph.find(name); }

TEST(WeightOnly, FindsGroups) {
    const Graph graph = parse(kGroups);
    const auto matrix = coded_matrix(graph, graph.node(at(graph, "product")));
    ASSERT_TRUE(matrix);
    EXPECT_EQ(matrix->dequantize, at(graph, "weights"));
    EXPECT_EQ(matrix->depth, 8);
    EXPECT_EQ(matrix->columns, 3);
    EXPECT_EQ(matrix->group, 4);
    EXPECT_TRUE(keeps_codes(graph, at(graph, "weights")));
    EXPECT_FALSE(keeps_codes_of_known_shapes(graph, at(graph, "weights")));
    EXPECT_FALSE(keeps_codes(graph, at(graph, "matrix")));
}

TEST(WeightOnly, ParametersMayVaryInRunsOnly) {
    const Graph whole = changed("scale=f32[3,2,1]{1, 2, 3, 4, 5, 6}", "scale=f32[3,1,1]{1, 2, 3}");
    EXPECT_EQ(coded_matrix(whole, whole.node(at(whole, "product")))->group, 8);
    const Graph each = changed("scale=f32[3,2,1]{1, 2, 3, 4, 5, 6}", "scale=f32[1,1,4]{1, 2, 3, 4}");
    EXPECT_EQ(coded_matrix(each, each.node(at(each, "product")))->group, 1);
}

TEST(WeightOnly, QuantizedDataAndOtherReadersWantNumbers) {
    const Graph other = changed("out : f32[?,3] = result(product)\n",
                                "out : f32[?,3] = result(product)\nout2 : f32[3,8] = result(matrix)\n");
    EXPECT_FALSE(keeps_codes(other, at(other, "weights")));
    const Graph quantized =
        changed("product : f32[?,3] = matmul(x, matrix)",
                "low : f32[] = constant() value=f32[]{0}\nhigh : f32[] = constant() value=f32[]{1}\n"
                "fq : f32[?,8] = fake_quantize(x, low, high, low, high) levels=256\n"
                "product : f32[?,3] = matmul(fq, matrix)");
    EXPECT_FALSE(keeps_codes(quantized, at(quantized, "weights")));
}

TEST(WeightOnly, CodesBehindATranspose) {
    Graph graph = changed("product : f32[?,3] = matmul(x, matrix) transpose_b=true",
                          "order : i64[2] = constant() value=i64[2]{1, 0}\n"
                          "turned : f32[8,3] = transpose(matrix, order)\nproduct : f32[?,3] = matmul(x, turned)");
    EXPECT_FALSE(keeps_codes(graph, at(graph, "weights")));
    rewrite::run(canonicalise(), graph);
    rewrite::run(finish(true), graph);
    const NodeId weights = at(graph, "weights");
    EXPECT_TRUE(keeps_codes(graph, weights));
    EXPECT_EQ(coded_matrix(graph, graph.node(at(graph, "product")))->group, 4);
}

TEST(WeightOnly, PipelinesKeepCodesWhereTheDeviceReadsThem) {
    for (const bool kept : {false, true}) {
        Graph graph = parse(kGroups);
        rewrite::run(canonicalise(), graph);
        rewrite::run(finish(kept), graph);
        bool codes = false;
        for (const NodeId id : graph.order()) codes = codes || graph.element({id, 0}) == Element::u8;
        EXPECT_EQ(codes, kept);
    }
}

}  // namespace
}  // namespace octet::low_precision
