#include "ir/ops/attention.hpp"

#include <cmath>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

using Attention = ScaledDotProductAttention;

// Scores log(1) and log(3) before the scale: shares 1/4 and 3/4 after it.
const Tensor kQuery = tensor({1, 2}, {1.0f, 0.0f});
const Tensor kKey = tensor({2, 2}, {0.0f, 7.0f, std::log(3.0f), 7.0f});
const Tensor kValue = tensor({2, 3}, {0.0f, 4.0f, 8.0f, 4.0f, 8.0f, 0.0f});
const Tensor kNoMask = Tensor::filled(Element::f32, {}, 0);

TEST(AttentionOps, WeighsValuesByTheSoftmaxOfScaledScores) {
    const Tensor one = Tensor::filled(Element::f32, {1}, 1);
    expect_near(run(Attention{}, {kQuery, kKey, kValue, kNoMask, one}), {1, 3}, {3, 7, 2});
    const double share = 1 / (1 + std::pow(3, 1 / std::sqrt(2)));  // of the first row, with the scale 1 / sqrt(2)
    expect_near(run(Attention{}, {kQuery, kKey, kValue}), {1, 3}, {4 * (1 - share), 8 - 4 * share, 8 * share});
}

TEST(AttentionOps, MasksHideOrAdd) {
    const Tensor one = Tensor::filled(Element::f32, {}, 1);
    const Tensor hides = tensor({2}, {1.0f, 0.0f}).converted(Element::boolean);
    expect_near(run(Attention{}, {kQuery, kKey, kValue, hides, one}), {1, 3}, {0, 4, 8});
    const Tensor adds = tensor({1, 2}, {std::log(3.0f), 0.0f});
    expect_near(run(Attention{}, {kQuery, kKey, kValue, adds, one}), {1, 3}, {2, 6, 4});
}

TEST(AttentionOps, CausalRowsSeeWhatComesBefore) {
    const Tensor queries = tensor({2, 2}, {1.0f, 0.0f, 1.0f, 0.0f});
    const Tensor one = Tensor::filled(Element::f32, {}, 1);
    const Tensor unread = tensor({2}, {0.0f, 100.0f});
    expect_near(run(Attention{true}, {queries, kKey, kValue, unread, one}), {2, 3}, {0, 4, 8, 3, 7, 2});
}

TEST(AttentionOps, OuterAxesBroadcast) {
    const Tensor queries = tensor({2, 1, 1, 2}, {1.0f, 0.0f, 0.0f, 1.0f});
    const Tensor one = Tensor::filled(Element::f32, {}, 1);
    expect_near(run(Attention{}, {queries, kKey.reshaped({1, 2, 2}), kValue, kNoMask, one}), {2, 1, 1, 3},
                {3, 7, 2, 2, 6, 4});
    expect_near(run(Attention{},
                    {queries.converted(Element::f16), kKey.converted(Element::f16), kValue.converted(Element::f16),
                     kNoMask.converted(Element::f16), one.converted(Element::f16)}),
                {2, 1, 1, 3}, {3, 7, 2, 2, 6, 4}, 1e-3);
}

TEST(AttentionOps, Infer) {
    EXPECT_EQ(inferred(Attention{},
                       {f32({Dim(), 12, 8, 64}), f32({Dim(), 12, Dim(), 64}), f32({Dim(), 12, Dim(), 32})}),
              "f32[?,12,8,32]");
    EXPECT_EQ(inferred(Attention{}, {f32(Shape::unranked()), f32({5, 4}), f32({5, 6})}), "f32[...]");
}

TEST(AttentionOps, Errors) {
    const Type q = f32({2, 3, 4}), k = f32({2, 5, 4}), v = f32({2, 5, 6});
    EXPECT_EQ(infer_error(Attention{}, {q, k}), "got 2 inputs, wanted 3 to 5");
    EXPECT_EQ(infer_error(Attention{}, {i64({3, 4}), k, v}), "query is i64, wanted a float type");
    EXPECT_EQ(infer_error(Attention{}, {q, Type{Element::f16, {2, 5, 4}}, v}),
              "query is f32, key is f16, wanted the same type");
    EXPECT_EQ(infer_error(Attention{}, {q, k, f32({5})}), "value has rank 1, wanted 2 or more");
    EXPECT_EQ(infer_error(Attention{}, {q, f32({2, 5, 3}), v}), "query has 4 columns, key has 3");
    EXPECT_EQ(infer_error(Attention{}, {q, k, f32({2, 4, 6})}), "key has 5 rows, value has 4");
    EXPECT_EQ(infer_error(Attention{}, {q, k, v, f32({2, 3, 4})}),
              "the mask has the shape [2,3,4], the scores have [2,3,5]");
    EXPECT_EQ(infer_error(Attention{}, {q, k, v, i64({5})}), "query is f32, the mask is i64, wanted the same type");
    EXPECT_EQ(infer_error(Attention{}, {q, k, v, f32({}), f32({2})}),
              "the scale has the shape [2], wanted one element");
}

}  // namespace
}  // namespace octet::ir
