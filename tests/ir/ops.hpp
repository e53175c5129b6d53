#pragma once
// Calls of `infer`, `partial` and the reference kernels as the tests of ops spell them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ir/eval/eval.hpp"
#include "ir/graph.hpp"

namespace octet::ir::test {

inline Type f32(Shape shape) { return {Element::f32, std::move(shape)}; }
inline Type i64(Shape shape) { return {Element::i64, std::move(shape)}; }

// An operand for `infer`: a type, or known numbers.
struct Operand {
    Type type;
    Partial numbers = nullptr;
    std::shared_ptr<const Tensor> value = nullptr;
    Operand(Type t) : type(std::move(t)) {}
};
// A constant operand.
inline Operand constant(Tensor tensor) {
    Operand operand(tensor.type());
    operand.value = std::make_shared<const Tensor>(std::move(tensor));
    return operand;
}
// An i64 operand of rank 1 with these numbers.
inline Operand numbers(std::vector<Dim> values) {
    Operand operand(i64({Dim(static_cast<std::int64_t>(values.size()))}));
    operand.numbers = std::make_shared<const std::vector<Dim>>(std::move(values));
    return operand;
}

inline std::vector<Input> inputs_of(const std::vector<Operand>& operands) {
    std::vector<Input> inputs;
    for (const Operand& o : operands) inputs.push_back({&o.type, &o.numbers, o.value.get()});
    return inputs;
}
inline Types infer_all(const Op& op, const std::vector<Operand>& operands) {
    return op.def().infer(op.data(), inputs_of(operands));
}
// The first result as text: "f32[1,3]".
inline std::string inferred(const Op& op, const std::vector<Operand>& operands) {
    return to_string(infer_all(op, operands).at(0));
}
// The numbers known of the first result, as text; "unknown" when there are none.
inline std::string known(const Op& op, const std::vector<Operand>& operands) {
    if (!op.def().partial) return "unknown";
    const Partials partials = op.def().partial(op.data(), inputs_of(operands), infer_all(op, operands));
    return partials.empty() || !partials[0] ? "unknown" : to_string(Shape(std::vector<Dim>(*partials[0])));
}

template <class F>
std::string error_of(F&& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.what();
    }
    return "no error";
}
inline std::string infer_error(const Op& op, const std::vector<Operand>& operands) {
    return error_of([&] { infer_all(op, operands); });
}

template <class T = float>
Tensor tensor(Dims dims, std::vector<T> values) {
    return Tensor::of<T>(std::move(dims), std::span<const T>(values));
}
inline Tensor axes(std::vector<std::int64_t> values) { return Tensor::vector(values); }
// 0, 1, 2, ... times `step`, from `first` on.
inline Tensor counting(Dims dims, float first = 0, float step = 1) {
    std::vector<float> values(static_cast<std::size_t>(product(dims)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + step * static_cast<float>(i);
    return tensor(std::move(dims), values);
}

// The first result; its type must be what `infer` says.
inline Tensor run(const Op& op, const std::vector<Tensor>& inputs, std::size_t output = 0) {
    std::vector<Operand> operands;
    for (const Tensor& t : inputs) {
        Operand operand(t.type());
        if (is_integer(t.element()) && t.dims().size() <= 1) {
            const auto values = t.integers();
            operand.numbers = std::make_shared<const std::vector<Dim>>(values.begin(), values.end());
        }
        operands.push_back(std::move(operand));
    }
    const Tensors results = eval::evaluate(op, inputs);
    const Types types = infer_all(op, operands);
    EXPECT_EQ(results.size(), types.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_EQ(results[i].element(), types[i].element);
        EXPECT_TRUE(compatible(results[i].type().shape, types[i].shape))
            << to_string(results[i].type()) << " is not of " << to_string(types[i]);
    }
    return results.at(output);
}

inline void expect_near(const Tensor& got, const Dims& dims, const std::vector<double>& wanted,
                        double tolerance = 1e-6) {
    EXPECT_EQ(got.dims(), dims);
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i)
        EXPECT_NEAR(got.at(i), wanted[i], tolerance * std::max(1.0, std::abs(wanted[i]))) << "element " << i;
}
inline void expect_exact(const Tensor& got, const Dims& dims, const std::vector<double>& wanted) {
    expect_near(got, dims, wanted, 0);
}

}  // namespace octet::ir::test
