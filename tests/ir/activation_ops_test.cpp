#include "ir/ops/activation.hpp"

#include <cmath>
#include <limits>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

const Tensor kSample = tensor({6}, {-4.0f, -1.0f, -0.25f, 0.0f, 0.5f, 3.0f});

struct Case {
    std::string name;
    Op op;
    double (*formula)(double);
};

class Activation : public testing::TestWithParam<Case> {};

TEST_P(Activation, FollowsItsFormulaInEveryFloatType) {
    std::vector<double> wanted;
    for (std::size_t i = 0; i < kSample.size(); ++i) wanted.push_back(GetParam().formula(kSample.at(i)));
    expect_near(run(GetParam().op, {kSample}), {6}, wanted, 2e-7);
    expect_near(run(GetParam().op, {kSample.converted(Element::f64)}), {6}, wanted, 1e-15);
    expect_near(run(GetParam().op, {kSample.converted(Element::f16)}), {6}, wanted, 1e-3);
    expect_near(run(GetParam().op, {kSample.converted(Element::bf16)}), {6}, wanted, 1e-2);
}

double relu6(double x) { return std::min(std::max(x, 0.0), 6.0); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

INSTANTIATE_TEST_SUITE_P(
    All, Activation,
    testing::Values(Case{"relu", Relu{}, [](double x) { return std::max(x, 0.0); }},
                    Case{"clamp", Clamp{-1, 2.5}, [](double x) { return std::min(std::max(x, -1.0), 2.5); }},
                    Case{"sigmoid", Sigmoid{}, sigmoid}, Case{"tanh", Tanh{}, [](double x) { return std::tanh(x); }},
                    Case{"elu", Elu{0.5}, [](double x) { return x < 0 ? 0.5 * (std::exp(x) - 1) : x; }},
                    Case{"swish", Swish{}, [](double x) { return x * sigmoid(x); }},
                    Case{"hswish", HSwish{}, [](double x) { return x * relu6(x + 3) / 6; }},
                    Case{"hsigmoid", HSigmoid{}, [](double x) { return relu6(x + 3) / 6; }},
                    Case{"gelu", Gelu{}, [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }},
                    Case{"gelu_tanh", Gelu{GeluMode::tanh},
                         [](double x) {
                             return 0.5 * x *
                                    (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
                         }},
                    Case{"mish", Mish{}, [](double x) { return x * std::tanh(std::log(1 + std::exp(x))); }},
                    Case{"softplus", SoftPlus{}, [](double x) { return std::log(1 + std::exp(x)); }},
                    Case{"exp", Exp{}, [](double x) { return std::exp(x); }},
                    Case{"abs", Abs{}, [](double x) { return std::abs(x); }},
                    Case{"negative", Negative{}, [](double x) { return -x; }},
                    Case{"floor", Floor{}, [](double x) { return std::floor(x); }},
                    Case{"ceiling", Ceiling{}, [](double x) { return std::ceil(x); }},
                    Case{"erf", Erf{}, [](double x) { return std::erf(x); }},
                    Case{"sin", Sin{}, [](double x) { return std::sin(x); }},
                    Case{"cos", Cos{}, [](double x) { return std::cos(x); }},
                    Case{"sign", Sign{}, [](double x) { return x > 0   ? 1.0
                                                               : x < 0 ? -1.0
                                                                       : 0.0; }}),
    [](const auto& test) { return test.param.name; });

TEST(ActivationOps, LogAndSqrt) {
    expect_near(run(Log{}, {tensor({3}, {1.0f, 2.0f, 8.0f})}), {3}, {0, std::log(2.0), std::log(8.0)});
    expect_exact(run(Sqrt{}, {tensor({3}, {0.0f, 4.0f, 2.25f})}), {3}, {0, 2, 1.5});
}

TEST(ActivationOps, LargeArgumentsStayFinite) {
    const Tensor x = tensor({2}, {-200.0f, 200.0f});
    expect_exact(run(SoftPlus{}, {x}), {2}, {0, 200});
    expect_exact(run(Mish{}, {x}), {2}, {0, 200});
    expect_exact(run(Sigmoid{}, {x}), {2}, {0, 1});
    expect_exact(run(Swish{}, {x}), {2}, {0, 200});
}

TEST(ActivationOps, RoundKnowsBothModes) {
    const Tensor x = tensor({6}, {-2.5f, -0.5f, 0.5f, 1.5f, 2.5f, 2.4f});
    expect_exact(run(Round{}, {x}), {6}, {-2, 0, 0, 2, 2, 2});
    expect_exact(run(Round{RoundMode::half_away_from_zero}, {x}), {6}, {-3, -1, 1, 2, 3, 2});
}

TEST(ActivationOps, ScalarOperands) {
    const Tensor x = tensor({2}, {-1.0f, 2.0f});
    expect_near(run(Swish{}, {x, Tensor::scalar(2.0f)}), {2}, {-1 / (1 + std::exp(2.0)), 2 / (1 + std::exp(-4.0))});
    expect_near(run(HardSigmoid{}, {x, Tensor::scalar(0.2f), Tensor::scalar(0.5f)}), {2}, {0.3, 0.9});
}

TEST(ActivationOps, IntegersKeepTheirType) {
    const Tensor x = tensor<std::int8_t>({3}, {-128, -3, 90});
    expect_exact(run(Relu{}, {x}), {3}, {0, 0, 90});
    expect_exact(run(Clamp{-2.5, 40.7}, {x}), {3}, {-2, -2, 40});
    expect_exact(run(Abs{}, {x}), {3}, {127, 3, 90});
    EXPECT_EQ(run(Floor{}, {x}), x);
}

TEST(ActivationOps, LogicalNot) {
    const Tensor x = tensor<std::uint8_t>({3}, {0, 1, 2});
    const Tensor truths(Element::boolean, {3}, x.data(), x.owner());
    expect_exact(run(LogicalNot{}, {truths}), {3}, {1, 0, 0});
}

TEST(ActivationOps, ConvertTruncatesAndSaturates) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    expect_exact(run(Convert{Element::u8}, {tensor({5}, {-1.0f, 1.9f, 255.5f, 1e30f, nan})}), {5}, {0, 1, 255, 255, 0});
    expect_exact(run(Convert{Element::i8}, {tensor<std::int32_t>({3}, {-300, 5, 300})}), {3}, {-128, 5, 127});
    expect_exact(run(Convert{Element::u8}, {tensor<std::int64_t>({2}, {-1, 256})}), {2}, {0, 255});
    expect_exact(run(Convert{Element::boolean}, {tensor({3}, {0.0f, 0.25f, -2.0f})}), {3}, {0, 1, 1});
    expect_exact(run(Convert{Element::f16}, {tensor({1}, {1.0f / 3})}), {1}, {0.333251953125});
}

TEST(ActivationOps, ConvertKeepsKnownNumbers) {
    EXPECT_EQ(known(Convert{Element::i32}, {numbers({2, Dim(1, 8)})}), "[2,1..8]");
    EXPECT_EQ(known(Convert{Element::f32}, {numbers({2})}), "unknown");
}

TEST(ActivationOps, InferKeepsUnknownDimensions) {
    EXPECT_EQ(inferred(Relu{}, {f32({1, Dim(), Dim(1, 8)})}), "f32[1,?,1..8]");
    EXPECT_EQ(inferred(Sigmoid{}, {f32(Shape::unranked())}), "f32[...]");
    EXPECT_EQ(inferred(Convert{Element::i32}, {f32({Dim()})}), "i32[?]");
}

TEST(ActivationOps, Errors) {
    const Type x = f32({2});
    EXPECT_EQ(infer_error(Relu{}, {x, x}), "got 2 inputs, wanted 1");
    EXPECT_EQ(infer_error(Relu{}, {Type{Element::boolean, {}}}), "the operand is boolean, wanted a number type");
    EXPECT_EQ(infer_error(Sigmoid{}, {i64({2})}), "the operand is i64, wanted a float type");
    EXPECT_EQ(infer_error(Clamp{2, 1}, {x}), "low 2 is above high 1");
    EXPECT_EQ(infer_error(Swish{}, {x, x}), "beta has the shape [2], wanted one element");
    EXPECT_EQ(infer_error(Swish{}, {x, Type{Element::f16, {}}}),
              "the operand is f32, beta is f16, wanted the same type");
    EXPECT_EQ(infer_error(Swish{}, {x, x, x}), "got 3 inputs, wanted 1 to 2");
    EXPECT_EQ(infer_error(HardSigmoid{}, {x, f32({}), x}), "beta has the shape [2], wanted one element");
    EXPECT_EQ(infer_error(LogicalNot{}, {x}), "the operand is f32, wanted boolean");
    EXPECT_EQ(infer_error(Convert{Element::u1}, {x}), "the element type u1 is not one that values convert to");
}

}  // namespace
}  // namespace octet::ir
