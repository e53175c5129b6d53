#include "ir/ops/reduction.hpp"

#include <cmath>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

TEST(ReductionOps, EachFunction) {
    const Tensor x = tensor({2, 3}, {1.0f, -2.0f, 3.0f, 4.0f, 5.0f, -6.0f});
    const Tensor rows = axes({1});
    expect_near(run(ReduceMean{}, {x, rows}), {2}, {2.0 / 3, 1});
    expect_exact(run(ReduceSum{}, {x, rows}), {2}, {2, 3});
    expect_exact(run(ReduceMax{}, {x, rows}), {2}, {3, 5});
    expect_exact(run(ReduceMin{}, {x, rows}), {2}, {-2, -6});
    expect_exact(run(ReduceProd{}, {x, rows}), {2}, {-6, -120});
    expect_exact(run(ReduceL1{}, {x, rows}), {2}, {6, 15});
    expect_near(run(ReduceL2{}, {x, rows}), {2}, {std::sqrt(14.0), std::sqrt(77.0)});
}

TEST(ReductionOps, AxesAndKeptDimensions) {
    const Tensor x = counting({2, 3, 2});
    expect_exact(run(ReduceSum{true}, {x, axes({0, -1})}), {1, 3, 1}, {14, 22, 30});
    expect_exact(run(ReduceSum{}, {x, axes({1})}), {2, 2}, {6, 9, 24, 27});
    expect_exact(run(ReduceSum{}, {x, axes({0, 1, 2})}), {}, {66});
    expect_exact(run(ReduceSum{}, {x, axes({})}), {2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    expect_exact(run(ReduceSum{}, {x, Tensor::scalar(std::int64_t{2})}), {2, 3}, {1, 5, 9, 13, 17, 21});
}

TEST(ReductionOps, IntegersAndHalfFloats) {
    const Tensor x = tensor<std::int32_t>({2, 2}, {7, 8, -3, -4});
    expect_exact(run(ReduceMean{}, {x, axes({1})}), {2}, {7, -3});
    expect_exact(run(ReduceMax{}, {x, axes({1})}), {2}, {8, -3});
    expect_exact(run(ReduceMin{true}, {tensor<std::uint8_t>({2}, {9, 250}), axes({0})}), {1}, {9});
    // The sum is made in more than 16 bits: 4096 times 1 would stop at 2048 otherwise.
    expect_exact(run(ReduceMean{}, {Tensor::filled(Element::f16, {4096}, 1), axes({0})}), {}, {1});
}

TEST(ReductionOps, Logic) {
    const Tensor x = tensor({2, 2}, {1.0f, 0.0f, 1.0f, 1.0f}).converted(Element::boolean);
    expect_exact(run(ReduceLogicalAnd{}, {x, axes({1})}), {2}, {0, 1});
    expect_exact(run(ReduceLogicalOr{}, {x, axes({0})}), {2}, {1, 1});
    expect_exact(run(ReduceLogicalOr{true}, {tensor({2}, {0.0f, 0.0f}).converted(Element::boolean), axes({0})}), {1},
                 {0});
}

TEST(ReductionOps, TopKSortsAndKeepsTheOrderOfEqualValues) {
    const Tensor x = tensor({5}, {3.0f, 1.0f, 3.0f, 5.0f, 1.0f});
    const Tensor three = Tensor::scalar(std::int64_t{3});
    expect_exact(run(TopK{}, {x, three}), {3}, {5, 3, 3});
    expect_exact(run(TopK{}, {x, three}, 1), {3}, {3, 0, 2});
    expect_exact(run(TopK{.mode = TopKMode::min}, {x, three}, 1), {3}, {1, 4, 0});
    expect_exact(run(TopK{.sort = TopKSort::index}, {x, three}), {3}, {3, 3, 5});
    EXPECT_EQ(run(TopK{.index_element = Element::i64}, {x, three}, 1).element(), Element::i64);
    const Tensor columns = tensor<std::int32_t>({3, 2}, {1, 9, 7, 8, 4, 10});
    expect_exact(run(TopK{.axis = 0}, {columns, Tensor::scalar(std::int64_t{2})}), {2, 2}, {7, 10, 4, 9});
    expect_exact(run(TopK{.axis = 0}, {columns, Tensor::scalar(std::int64_t{2})}, 1), {2, 2}, {1, 2, 2, 0});
}

TEST(ReductionOps, CumSum) {
    const Tensor x = tensor({2, 3}, {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f});
    const Tensor axis = Tensor::scalar(std::int64_t{-1});
    expect_exact(run(CumSum{}, {x, axis}), {2, 3}, {1, 3, 6, 4, 9, 15});
    expect_exact(run(CumSum{.exclusive = true}, {x, axis}), {2, 3}, {0, 1, 3, 0, 4, 9});
    expect_exact(run(CumSum{.reverse = true}, {x, axis}), {2, 3}, {6, 5, 3, 15, 11, 6});
    expect_exact(run(CumSum{.exclusive = true, .reverse = true}, {x, axis}), {2, 3}, {5, 3, 0, 11, 6, 0});
    expect_exact(run(CumSum{}, {x}), {2, 3}, {1, 2, 3, 5, 7, 9});
}

TEST(ReductionOps, InferOfUnknownShapesAndAxes) {
    EXPECT_EQ(inferred(ReduceMean{}, {f32({Dim(), 3, Dim(1, 8)}), numbers({1})}), "f32[?,1..8]");
    EXPECT_EQ(inferred(ReduceMean{true}, {f32({Dim(), 3, Dim(1, 8)}), numbers({-1})}), "f32[?,3,1]");
    EXPECT_EQ(inferred(ReduceMean{true}, {f32({Dim(2, 4), 3}), i64({Dim()})}), "f32[1..4,1..3]");
    EXPECT_EQ(inferred(ReduceMean{}, {f32({2, 3}), i64({1})}), "f32[...]");
    EXPECT_EQ(inferred(ReduceMean{}, {f32(Shape::unranked()), numbers({1})}), "f32[...]");
    EXPECT_EQ(inferred(TopK{}, {f32({2, 10}), numbers({4})}), "f32[2,4]");
    EXPECT_EQ(inferred(TopK{}, {f32({2, Dim()}), i64({})}), "f32[2,?]");
    EXPECT_EQ(inferred(CumSum{}, {f32({2, Dim()}), i64({})}), "f32[2,?]");
}

TEST(ReductionOps, ProductOfKnownNumbers) {
    EXPECT_EQ(known(ReduceProd{}, {numbers({2, 3, Dim(1, 4)}), numbers({0})}), "[6..24]");
    EXPECT_EQ(known(ReduceProd{}, {numbers({2, 3}), i64({1})}), "unknown");
    EXPECT_EQ(known(ReduceProd{}, {numbers({-2, 3}), numbers({0})}), "unknown");
}

TEST(ReductionOps, Errors) {
    const Type x = f32({1, 3, 4});
    EXPECT_EQ(infer_error(ReduceMean{}, {x}), "got 1 inputs, wanted 2");
    EXPECT_EQ(infer_error(ReduceMean{}, {x, f32({1})}), "axes is of type f32, wanted integers");
    EXPECT_EQ(infer_error(ReduceMean{}, {x, numbers({3})}), "axis 3 is not within a rank of 3");
    EXPECT_EQ(infer_error(ReduceMean{}, {x, numbers({0, -3})}), "axis 0 is named twice");
    EXPECT_EQ(infer_error(ReduceLogicalAnd{}, {x, numbers({1})}), "the operand is f32, wanted boolean");
    EXPECT_EQ(infer_error(TopK{}, {x, numbers({5})}), "k is 5, axis 2 has 4 elements");
    EXPECT_EQ(infer_error(TopK{}, {x, numbers({1, 2})}), "k has the shape [2], wanted one element");
    EXPECT_EQ(infer_error(TopK{.index_element = Element::u8}, {x, numbers({1})}),
              "the index type is u8, wanted i32 or i64");
    EXPECT_EQ(infer_error(CumSum{}, {x, numbers({4})}), "axis 4 is not within a rank of 3");
    EXPECT_EQ(error_of([] {
                  run(ReduceMean{}, {tensor<std::int32_t>({0}, {}), axes({0})});
              }),
              "the mean of no elements");
}

}  // namespace
}  // namespace octet::ir
