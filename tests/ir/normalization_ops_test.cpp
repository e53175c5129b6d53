#include "ir/ops/normalization.hpp"

#include <cmath>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

TEST(NormalizationOps, BatchNorm) {
    const Tensor x = counting({1, 2, 2});
    const Tensor gamma = tensor({2}, {2.0f, 1.0f}), beta = tensor({2}, {1.0f, 0.0f});
    const Tensor mean = tensor({2}, {0.0f, 2.0f}), variance = tensor({2}, {3.0f, 0.25f});
    expect_near(run(BatchNormInference{1}, {x, gamma, beta, mean, variance}), {1, 2, 2},
                {1, 2, 0, 1 / std::sqrt(1.25)});
}

TEST(NormalizationOps, MvnOverAnyAxes) {
    const Tensor x = tensor({2, 2}, {1.0f, 3.0f, 5.0f, 9.0f});
    const double unit = std::sqrt(1 + 1e-6);
    expect_near(run(Mvn{}, {x, axes({1})}), {2, 2},
                {-1 / unit, 1 / unit, -2 / std::sqrt(4 + 1e-6), 2 / std::sqrt(4 + 1e-6)});
    expect_near(run(Mvn{.eps = 1, .eps_mode = EpsMode::outside_sqrt}, {x, axes({-2})}), {2, 2},
                {-2.0 / 3, -0.75, 2.0 / 3, 0.75});
    expect_near(run(Mvn{.normalize_variance = false}, {x, axes({0, 1})}), {2, 2}, {-3.5, -1.5, 0.5, 4.5});
}

TEST(NormalizationOps, MvnOfALargeOffsetKeepsItsPrecision) {
    Tensor x = counting({1, 1, 100, 100}, 10000, 1.0f / 1024);
    const Tensor y = run(Mvn{.eps = 0}, {x, axes({2, 3})});
    // Of the numbers 0..n-1 the variance is (n^2 - 1) / 12.
    const double end = 9999 / 2.0 / std::sqrt((1e8 - 1) / 12);
    EXPECT_NEAR(y.at(0), -end, 1e-5);
    EXPECT_NEAR(y.at(9999), end, 1e-5);
}

TEST(NormalizationOps, NormalizeL2) {
    const Tensor x = tensor({2, 2}, {3.0f, 4.0f, 0.0f, 0.5f});
    expect_near(run(NormalizeL2{.eps = 11}, {x, axes({1})}), {2, 2}, {0.5, 4.0 / 6, 0, 0.5 / std::sqrt(11.25)});
    expect_near(run(NormalizeL2{.eps = 1, .eps_mode = L2EpsMode::max}, {x, axes({1})}), {2, 2}, {0.6, 0.8, 0, 0.5});
    expect_near(run(NormalizeL2{.eps = 0}, {x, axes({0})}), {2, 2},
                {1, 4 / std::sqrt(16.25), 0, 0.5 / std::sqrt(16.25)});
}

TEST(NormalizationOps, LrnAcrossChannelsAndWithinThem) {
    const Tensor x = tensor({1, 4, 1, 1}, {1.0f, 2.0f, 3.0f, 4.0f});
    const auto formula = [](double v, double squares) { return v / std::pow(2 + 3.0 / 3 * squares, 0.5); };
    expect_near(run(Lrn{.alpha = 3, .beta = 0.5, .bias = 2, .size = 3}, {x, axes({1})}), {1, 4, 1, 1},
                {formula(1, 5), formula(2, 14), formula(3, 29), formula(4, 25)});
    const auto within = [](double v, double squares) { return v / (1 + 9.0 / 9 * squares); };
    expect_near(run(Lrn{.alpha = 9, .beta = 1, .bias = 1, .size = 3}, {x.reshaped({1, 1, 2, 2}), axes({2, 3})}),
                {1, 1, 2, 2}, {within(1, 30), within(2, 30), within(3, 30), within(4, 30)});
}

TEST(NormalizationOps, SoftMaxAlongEachAxis) {
    const Tensor x = tensor({2, 2}, {0.0f, std::log(3.0f), 1000.0f, 1000.0f});
    expect_near(run(SoftMax{1}, {x}), {2, 2}, {0.25, 0.75, 0.5, 0.5});
    expect_near(run(SoftMax{-2}, {tensor({2, 2}, {0.0f, 1.0f, std::log(3.0f), 1.0f})}), {2, 2}, {0.25, 0.5, 0.75, 0.5});
    expect_near(run(LogSoftMax{1}, {x}), {2, 2}, {std::log(0.25), std::log(0.75), std::log(0.5), std::log(0.5)});
    expect_near(run(SoftMax{0}, {x.converted(Element::f16).reshaped({4})}), {4}, {0, 0, 0.5, 0.5}, 1e-3);
}

TEST(NormalizationOps, InferKeepsUnknownDimensions) {
    EXPECT_EQ(inferred(Mvn{}, {f32({Dim(), 3, Dim(1, 8)}), numbers({2})}), "f32[?,3,1..8]");
    EXPECT_EQ(inferred(SoftMax{1}, {f32(Shape::unranked())}), "f32[...]");
    EXPECT_EQ(inferred(NormalizeL2{}, {f32({Dim(), 3}), i64({Dim()})}), "f32[?,3]");
}

TEST(NormalizationOps, Errors) {
    const Type x = f32({1, 3, 4});
    EXPECT_EQ(infer_error(SoftMax{3}, {x}), "axis 3 is not within a rank of 3");
    EXPECT_EQ(infer_error(SoftMax{1}, {i64({1, 2})}), "the operand is i64, wanted a float type");
    EXPECT_EQ(infer_error(Mvn{}, {x, numbers({-4})}), "axis -4 is not within a rank of 3");
    EXPECT_EQ(infer_error(Mvn{}, {x, numbers({1, -2})}), "axis 1 is named twice");
    EXPECT_EQ(infer_error(NormalizeL2{}, {x, f32({1})}), "axes is of type f32, wanted integers");
    EXPECT_EQ(infer_error(Lrn{.size = 0}, {x, numbers({1})}), "size is 0, wanted 1 or more");
    const Type c = f32({3});
    EXPECT_EQ(infer_error(BatchNormInference{}, {x, c, c, c}), "got 4 inputs, wanted 5");
    EXPECT_EQ(infer_error(BatchNormInference{}, {x, c, c, f32({4}), c}), "mean has 4 values, data has 3 channels");
    EXPECT_EQ(infer_error(BatchNormInference{}, {x, c, f32({1, 3}), c, c}), "beta has rank 2, wanted 1");
    EXPECT_EQ(infer_error(BatchNormInference{}, {f32({3}), c, c, c, c}), "data has rank 1, wanted 2 or more");
    EXPECT_EQ(infer_error(BatchNormInference{-1}, {x, c, c, c, c}), "epsilon is -1, wanted 0 or more");
}

}  // namespace
}  // namespace octet::ir
