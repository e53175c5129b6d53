#include "ir/ops/binary.hpp"

#include <cmath>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

// The sum of two tensors element by element through index arithmetic alone.
std::vector<double> sum_by_index(const Tensor& a, const Tensor& b, const Dims& out) {
    std::vector<double> result;
    for (std::int64_t flat = 0; flat < product(out); ++flat) {
        std::int64_t rest = flat, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
        for (std::size_t axis = out.size(); axis-- > 0; rest /= out[axis]) {
            const auto offset = [&](const Dims& dims, std::int64_t& at, std::int64_t& step) {
                if (axis + dims.size() < out.size()) return;
                const std::int64_t extent = dims[axis + dims.size() - out.size()];
                at += (extent == 1 ? 0 : rest % out[axis]) * step;
                step *= extent;
            };
            offset(a.dims(), at_a, step_a);
            offset(b.dims(), at_b, step_b);
        }
        result.push_back(a.at(static_cast<std::size_t>(at_a)) + b.at(static_cast<std::size_t>(at_b)));
    }
    return result;
}

TEST(BinaryOps, BroadcastingOfEveryKind) {
    const std::vector<Dims> shapes{{},        {1},       {4},       {3, 1},       {3, 4},       {2, 1, 1},   {2, 3, 1},
                                   {2, 1, 4}, {2, 3, 4}, {1, 3, 4}, {5, 1, 1, 1}, {5, 2, 3, 4}, {5, 1, 3, 1}};
    for (const Dims& x : shapes)
        for (const Dims& y : shapes) {
            SCOPED_TRACE(to_string(x) + " + " + to_string(y));
            const Tensor a = counting(x, 1);
            const Tensor b = counting(y, 100, 100);
            const Dims out = broadcast(Shape(x), Shape(y)).sizes();
            expect_exact(run(Add{}, {a, b}), out, sum_by_index(a, b, out));
        }
}

TEST(BinaryOps, EmptyTensors) { expect_exact(run(Add{}, {tensor({0, 2}, {}), tensor({2}, {1.0f, 2.0f})}), {0, 2}, {}); }

TEST(BinaryOps, Floats) {
    const Tensor a = tensor({4}, {-7.0f, 7.0f, -2.5f, 2.0f});
    const Tensor b = tensor({4}, {2.0f, -2.0f, 2.0f, 3.0f});
    expect_exact(run(Subtract{}, {a, b}), {4}, {-9, 9, -4.5, -1});
    expect_exact(run(Multiply{}, {a, b}), {4}, {-14, -14, -5, 6});
    expect_near(run(Divide{}, {a, b}), {4}, {-3.5, -3.5, -1.25, 2.0 / 3});
    expect_exact(run(Maximum{}, {a, b}), {4}, {2, 7, 2, 3});
    expect_exact(run(Minimum{}, {a, b}), {4}, {-7, -2, -2.5, 2});
    expect_exact(run(SquaredDifference{}, {a, b}), {4}, {81, 81, 20.25, 1});
    expect_exact(run(Mod{}, {a, b}), {4}, {-1, 1, -0.5, 2});
    expect_exact(run(FloorMod{}, {a, b}), {4}, {1, -1, 1.5, 2});
    expect_near(run(Power{}, {tensor({3}, {2.0f, 9.0f, -3.0f}), tensor({3}, {10.0f, 0.5f, 2.0f})}), {3}, {1024, 3, 9});
    expect_near(run(Add{}, {a.converted(Element::f16), b.converted(Element::f16)}), {4}, {-5, 5, -0.5, 5});
}

TEST(BinaryOps, Integers) {
    const Tensor a = tensor<std::int32_t>({4}, {-7, 7, -7, 7});
    const Tensor b = tensor<std::int32_t>({4}, {2, -2, -2, 2});
    expect_exact(run(Divide{}, {a, b}), {4}, {-4, -4, 3, 3});
    expect_exact(run(Divide{false}, {a, b}), {4}, {-3, -3, 3, 3});
    expect_exact(run(Mod{}, {a, b}), {4}, {-1, 1, -1, 1});
    expect_exact(run(FloorMod{}, {a, b}), {4}, {1, -1, -1, 1});
    expect_exact(run(Power{}, {tensor<std::int64_t>({3}, {3, -2, 2}), tensor<std::int64_t>({3}, {4, 3, -1})}), {3},
                 {81, -8, 0});
    EXPECT_EQ(run(Add{}, {Tensor::scalar(std::int64_t{1} << 60), Tensor::scalar(std::int64_t{1})}).integer_at(0),
              (std::int64_t{1} << 60) + 1);
    expect_exact(run(Add{}, {tensor<std::uint8_t>({2}, {250, 3}), tensor<std::uint8_t>({2}, {10, 4})}), {2}, {255, 7});
    expect_exact(run(Multiply{}, {tensor<std::int8_t>({1}, {100}), tensor<std::int8_t>({1}, {-100})}), {1}, {-128});
    EXPECT_EQ(error_of([] {
                  run(Divide{}, {Tensor::scalar(std::int32_t{1}), Tensor::scalar(std::int32_t{0})});
              }),
              "division by zero");
    EXPECT_EQ(error_of([] {
                  run(FloorMod{}, {Tensor::scalar(std::int32_t{1}), Tensor::scalar(std::int32_t{0})});
              }),
              "division by zero");
    EXPECT_EQ(error_of([] {
                  run(Power{}, {Tensor::scalar(std::int32_t{0}), Tensor::scalar(std::int32_t{-1})});
              }),
              "zero to the power of -1");
}

TEST(BinaryOps, Comparisons) {
    const Tensor a = tensor({3}, {1.0f, 2.0f, 3.0f});
    const Tensor b = tensor({1}, {2.0f});
    expect_exact(run(Equal{}, {a, b}), {3}, {0, 1, 0});
    expect_exact(run(NotEqual{}, {a, b}), {3}, {1, 0, 1});
    expect_exact(run(Less{}, {a, b}), {3}, {1, 0, 0});
    expect_exact(run(LessEqual{}, {a, b}), {3}, {1, 1, 0});
    expect_exact(run(Greater{}, {a, b}), {3}, {0, 0, 1});
    expect_exact(run(GreaterEqual{}, {a, b}), {3}, {0, 1, 1});
}

TEST(BinaryOps, LogicAndSelect) {
    const Tensor a = tensor({4}, {0.0f, 0.0f, 1.0f, 1.0f}).converted(Element::boolean);
    const Tensor b = tensor({4}, {0.0f, 1.0f, 0.0f, 1.0f}).converted(Element::boolean);
    expect_exact(run(LogicalAnd{}, {a, b}), {4}, {0, 0, 0, 1});
    expect_exact(run(LogicalOr{}, {a, b}), {4}, {0, 1, 1, 1});
    expect_exact(run(LogicalXor{}, {a, b}), {4}, {0, 1, 1, 0});
    expect_exact(run(Select{}, {a, Tensor::scalar(5.0f), counting({2, 4})}), {2, 4}, {0, 1, 5, 5, 4, 5, 5, 5});
    expect_exact(run(Select{}, {a, tensor<std::int64_t>({4}, {1, 2, 3, 4}), tensor<std::int64_t>({1}, {9})}), {4},
                 {9, 9, 3, 4});
}

TEST(BinaryOps, PReluSlopes) {
    const Tensor x = counting({1, 2, 2}, -4, 2);  // -4 -2 | 0 2
    expect_exact(run(PRelu{}, {x, tensor({2}, {0.5f, 10.0f})}), {1, 2, 2}, {-2, -1, 0, 2});
    expect_exact(run(PRelu{}, {x, tensor({1}, {0.25f})}), {1, 2, 2}, {-1, -0.5, 0, 2});
    expect_exact(run(PRelu{}, {counting({1, 3, 2}, -6, 1), tensor({2}, {1.0f, 2.0f})}), {1, 3, 2},
                 {-6, -10, -4, -6, -2, -2});
    EXPECT_EQ(infer_error(PRelu{}, {f32({1, 3, 4}), f32({2})}), "the slope [2] does not broadcast to [1,3,4]");
}

TEST(BinaryOps, NumbersThatAreKnown) {
    EXPECT_EQ(known(Add{}, {numbers({2, Dim(1, 8), -3}), numbers({5})}), "[7,6..13,2]");
    EXPECT_EQ(known(Subtract{}, {numbers({2, Dim(4, 8)}), numbers({3, 1})}), "[-1,3..7]");
    EXPECT_EQ(known(Multiply{}, {numbers({2, Dim(1, 8), Dim()}), numbers({3})}), "[6,3..24,?]");
    EXPECT_EQ(known(Divide{}, {numbers({7, -7, Dim(4, 9)}), numbers({2})}), "[3,-4,2..4]");
    EXPECT_EQ(known(Divide{false}, {numbers({7, -7}), numbers({2})}), "[3,-3]");
    EXPECT_EQ(known(FloorMod{}, {numbers({7, -7}), numbers({4})}), "[3,1]");
    EXPECT_EQ(known(Maximum{}, {numbers({1, Dim(1, 8)}), numbers({4, 3})}), "[4,3..8]");
    EXPECT_EQ(known(Minimum{}, {numbers({1, Dim(1, 8)}), numbers({4, 3})}), "[1,1..3]");
    EXPECT_EQ(known(Add{}, {numbers({2}), i64({1})}), "unknown");
    // What overflows or divides by zero is no number.
    const auto large = std::numeric_limits<std::int64_t>::max() - 1;
    const auto is_known = [](const Op& op, std::int64_t a, std::int64_t b) {
        const std::vector<Operand> operands{numbers({a}), numbers({b})};
        const auto partials = op.def().partial(op.data(), inputs_of(operands), infer_all(op, operands));
        return partials.at(0)->at(0).is_static();
    };
    EXPECT_TRUE(is_known(Multiply{}, large, 1));
    EXPECT_FALSE(is_known(Multiply{}, large, 2));
    EXPECT_FALSE(is_known(Subtract{}, -large, 10));
    EXPECT_FALSE(is_known(Divide{}, 1, 0));
    EXPECT_FALSE(is_known(FloorMod{}, 1, 0));
}

TEST(BinaryOps, InferBroadcastsUnknownDimensions) {
    EXPECT_EQ(inferred(Add{}, {f32({Dim(), 3, 1}), f32({4, 1, Dim(1, 8)})}), "f32[4,3,1..8]");
    EXPECT_EQ(inferred(Add{}, {f32(Shape::unranked()), f32({3})}), "f32[...]");
    EXPECT_EQ(inferred(Less{}, {i64({Dim(), 3}), i64({})}), "boolean[?,3]");
    EXPECT_EQ(inferred(Select{}, {Type{Element::boolean, {Dim(), 1}}, f32({3}), f32({})}), "f32[?,3]");
}

TEST(BinaryOps, Errors) {
    const Type x = f32({2, 3});
    EXPECT_EQ(infer_error(Add{}, {x}), "got 1 inputs, wanted 2");
    EXPECT_EQ(infer_error(Add{}, {x, i64({})}), "the first operand is f32, the second is i64, wanted the same type");
    EXPECT_EQ(infer_error(Multiply{}, {x, f32({2, 4})}), "dimensions 3 and 4 do not broadcast");
    EXPECT_EQ(infer_error(Add{}, {Type{Element::boolean, {}}, Type{Element::boolean, {}}}),
              "the first operand is boolean, wanted a number type");
    EXPECT_EQ(infer_error(LogicalAnd{}, {x, x}), "the first operand is f32, wanted boolean");
    EXPECT_EQ(infer_error(Select{}, {x, x, x}), "the condition is f32, wanted boolean");
    EXPECT_EQ(infer_error(Select{}, {Type{Element::boolean, {}}, x, i64({})}),
              "the first choice is f32, the second is i64, wanted the same type");
}

}  // namespace
}  // namespace octet::ir
