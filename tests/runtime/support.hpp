#pragma once
// Models from text graphs, and small helpers of the tests of the public API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <octet/octet.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ir/text.hpp"
#include "runtime/src/model_access.hpp"

namespace octet::test {

inline std::shared_ptr<Model> model_of(std::string_view text) {
    return runtime::ModelAccess::make(ir::parse(text), "test");
}

// y = relu(x), x f32[2,3].
inline std::shared_ptr<Model> relu_model() {
    return model_of(R"(x : f32[2,3] = parameter() shape=[2,3] tensor_names=["x", "data"]
y : f32[2,3] = relu(x)
out : f32[2,3] = result(y) tensor_names=["y"]
)");
}

// y = relu(x), x f32[?,3].
inline std::shared_ptr<Model> dynamic_relu_model() {
    return model_of(R"(x : f32[1..8,3] = parameter() shape=[1..8,3] tensor_names=["x"]
y : f32[1..8,3] = relu(x)
out : f32[1..8,3] = result(y) tensor_names=["y"]
)");
}

// sum = a + b and difference = a - b, by layer names alone.
inline std::shared_ptr<Model> two_ports_model() {
    return model_of(R"(a : f32[4] = parameter() shape=[4]
b : i32[4] = parameter() element=i32 shape=[4]
c : f32[4] = convert(b) element=f32
s : f32[4] = add(a, c)
d : f32[4] = subtract(a, c)
sum : f32[4] = result(s)
difference : f32[4] = result(d)
)");
}

// Adds x to a variable and gives the new value.
inline std::shared_ptr<Model> counter_model() {
    return model_of(R"(x : f32[2] = parameter() shape=[2]
zero : f32[2] = constant() value=f32[2]{0, 0}
before : f32[2] = read_value(zero) variable="v" shape=[2]
after : f32[2] = add(before, x)
kept : f32[2] = assign(after) variable="v"
y : f32[2] = result(after)
)");
}

// A product that takes a while on REFERENCE.
inline std::shared_ptr<Model> slow_model() {
    return model_of(R"(x : f32[600,600] = parameter() shape=[600,600]
w : f32[600,600] = constant() value=f32[600,600] random(1)
m : f32[600,600] = matmul(x, w)
n : f32[600,600] = matmul(m, w)
y : f32[600,600] = result(n)
)");
}

// Fails at run time, unless the four values are to take a shape of as many.
inline std::shared_ptr<Model> failing_model() {
    return model_of(R"(x : f32[4] = parameter() shape=[4]
p : i64[2] = parameter() element=i64 shape=[2]
g : f32[?,?] = reshape(x, p)
y : f32[?,?] = result(g)
)");
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

template <class T = float>
std::vector<T> values_of(const Tensor& tensor) {
    return {tensor.data<T>(), tensor.data<T>() + tensor.get_size()};
}
template <class T>
void fill(Tensor tensor, std::vector<T> values) {
    ASSERT_EQ(tensor.get_size(), values.size());
    std::ranges::copy(values, tensor.data<T>());
}

}  // namespace octet::test
