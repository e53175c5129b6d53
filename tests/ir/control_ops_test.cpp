#include "ir/ops/control.hpp"

#include <cmath>

#include "ir/text.hpp"
#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

const Dim kAny;

GraphPtr body(std::string_view text) { return std::make_shared<const Graph>(parse(text)); }
Tensor scalar(std::int64_t value) { return Tensor::scalar(value); }
Tensor flag(bool value) { return Tensor::scalar(value); }
std::string run_error(const Op& op, const std::vector<Tensor>& inputs) {
    return error_of([&] { eval::evaluate(op, inputs); });
}

If choice() {
    return {.then_body = body(R"(
                a : f32[?] = parameter() shape=[?]
                y : f32[?] = add(a, a)
                out : f32[?] = result(y)
            )"),
            .else_body = body(R"(
                a : f32[?] = parameter() shape=[?]
                b : f32[?] = parameter() shape=[?]
                y : f32[?] = concat(a, b)
                out : f32[?] = result(y)
            )"),
            .then_inputs = {{.outer = 2, .inner = 0}},
            .else_inputs = {{.outer = 2, .inner = 1}, {.outer = 1, .inner = 0}},
            .then_outputs = {{.outer = 0, .inner = 0}},
            .else_outputs = {{.outer = 0, .inner = 0}}};
}

TEST(ControlOps, If) {
    const Tensor a = tensor({2}, {1.0f, 2.0f}), b = tensor({1}, {5.0f});
    expect_exact(run(choice(), {flag(true), a, b}), {1}, {10});
    expect_exact(run(choice(), {flag(false), a, b}), {3}, {1, 2, 5});
    const Type boolean{Element::boolean, Shape{}};
    EXPECT_EQ(inferred(choice(), {boolean, f32({2}), f32({1})}), "f32[1..3]");
    EXPECT_EQ(inferred(choice(), {constant(flag(true)), f32({2}), f32({1})}), "f32[1]");
    EXPECT_EQ(inferred(choice(), {boolean, f32(Shape::unranked()), f32({1})}), "f32[1..?]");
    EXPECT_EQ(infer_error(choice(), {f32({}), f32({2}), f32({1})}), "the condition is of type f32, wanted boolean");
    EXPECT_EQ(infer_error(choice(), {boolean, f32({2}), i64({1})}),
              "parameter 0 of the body is of type f32, wanted i64");
    EXPECT_EQ(infer_error(choice(), {boolean, f32({2})}), "a port map names input 2 of 2");
    EXPECT_EQ(infer_error(choice(), {boolean, f32({2, 2}), f32({1})}),
              "layer 'y': concat: shapes [2,2] and [1] differ in rank");
    EXPECT_EQ(run_error(choice(), {tensor({2}, {1.0f, 1.0f}).converted(Element::boolean), a, b}),
              "the condition has 2 elements, wanted 1");
    If other = choice();
    other.else_outputs.clear();
    EXPECT_EQ(infer_error(other, {boolean, f32({2}), f32({1})}),
              "branches with 1 and 0 outputs, wanted as many of both");
    other = choice();
    other.then_inputs.clear();
    EXPECT_EQ(run_error(other, {flag(true), a, b}), "parameter 0 of the body gets no value");
}

// Sums the rows of an operand into a running value; goes on while the sum stays below a limit.
Loop running_sum() {
    return {.body = body(R"(
                row : f32[1,2] = parameter() shape=[1,2]
                sum : f32[1,2] = parameter() shape=[1,2]
                i : i64[] = parameter() element=i64
                limit : f32[] = constant() value=f32[]{10}
                next : f32[1,2] = add(row, sum)
                axes : i64[2] = constant() value=i64[2]{0, 1}
                most : f32[] = reduce_max(next, axes)
                below : boolean[] = less(most, limit)
                next_out : f32[1,2] = result(next)
                below_out : boolean[] = result(below)
                i_out : i64[] = result(i)
            )"),
            .inputs = {{.outer = 2, .inner = 0, .axis = 0}, {.outer = 3, .inner = 1}},
            .outputs = {{.outer = 0, .inner = 0}, {.outer = 1, .inner = 0, .axis = 0}, {.outer = 2, .inner = 2}},
            .back_edges = {{.outer = 0, .inner = 1}},
            .current_iteration = 2,
            .execution_condition = 1};
}

TEST(ControlOps, Loop) {
    const Tensor rows = counting({4, 2}, 1), start = tensor({1, 2}, {0.0f, 1.0f});
    const auto all = [&](std::int64_t trips, bool condition) {
        return std::vector<Tensor>{scalar(trips), flag(condition), rows, start};
    };
    // Rows 1 2, 3 4, 5 6, 7 8; sums 1 3, 4 7, 9 13: the third one is above the limit.
    expect_exact(run(running_sum(), all(4, true), 0), {1, 2}, {9, 13});
    expect_exact(run(running_sum(), all(-1, true), 1), {3, 2}, {1, 3, 4, 7, 9, 13});
    expect_exact(run(running_sum(), all(4, true), 2), {}, {2});
    expect_exact(run(running_sum(), all(2, true), 1), {2, 2}, {1, 3, 4, 7});
    // Never run: the running value is the first one, the joined one is empty.
    Loop never = running_sum();
    never.outputs.pop_back();
    expect_exact(run(never, all(4, false), 0), {1, 2}, {0, 1});
    expect_exact(run(never, all(0, true), 1), {0, 2}, {});
    EXPECT_EQ(run_error(running_sum(), all(0, true)), "output 2 has no value, the body never ran");

    const std::vector<Operand> operands{constant(scalar(4)), constant(flag(true)), f32({4, 2}), f32({1, 2})};
    const Types types = infer_all(running_sum(), operands);
    ASSERT_EQ(types.size(), 3u);
    EXPECT_EQ(to_string(types[0]), "f32[1,2]");
    EXPECT_EQ(to_string(types[1]), "f32[0..4,2]");
    Loop endless = running_sum();
    endless.execution_condition = -1;
    EXPECT_EQ(to_string(infer_all(endless, operands)[1]), "f32[4,2]");
    EXPECT_EQ(infer_error(endless, {constant(scalar(5)), constant(flag(true)), f32({4, 2}), f32({1, 2})}),
              "a trip count of 5 for 4 slices");
    EXPECT_EQ(infer_error(running_sum(), {f32({}), constant(flag(true)), f32({4, 2}), f32({1, 2})}),
              "the trip count is of type f32, wanted integers");
    EXPECT_EQ(infer_error(Loop{}, {i64({}), i64({})}), "it has no body");
    EXPECT_EQ(infer_error(Loop{}, {i64({})}), "got 1 inputs, wanted 2 or more");
}

TEST(ControlOps, LoopThatGrows) {
    const Loop op{.body = body(R"(
                      x : f32[?] = parameter() shape=[?]
                      one : f32[1] = constant() value=f32[1]{1}
                      y : f32[1..?] = concat(x, one)
                      out : f32[1..?] = result(y)
                  )"),
                  .inputs = {{.outer = 2, .inner = 0}},
                  .outputs = {{.outer = 0, .inner = 0}},
                  .back_edges = {{.outer = 0, .inner = 0}}};
    EXPECT_EQ(inferred(op, {constant(scalar(3)), constant(flag(true)), f32({2})}), "f32[1..?]");
    expect_exact(run(op, {scalar(3), flag(true), tensor({2}, {5.0f, 6.0f})}), {5}, {5, 6, 1, 1, 1});
}

TEST(ControlOps, TensorIterator) {
    const auto op = [](PortMap slices, PortMap joined) {
        return TensorIterator{.body = body(R"(
                                  part : f32[2,1] = parameter() shape=[2,1]
                                  sum : f32[2,1] = parameter() shape=[2,1]
                                  next : f32[2,1] = add(part, sum)
                                  out : f32[2,1] = result(next)
                              )"),
                              .inputs = {slices, {.outer = 1, .inner = 1}},
                              .outputs = {joined, {.outer = 1, .inner = 0}},
                              .back_edges = {{.outer = 0, .inner = 1}}};
    };
    const Tensor x = tensor({2, 3}, {1.0f, 2.0f, 3.0f, 10.0f, 20.0f, 30.0f}), zero = tensor({2, 1}, {0.0f, 0.0f});
    const TensorIterator forward = op({.outer = 0, .inner = 0, .axis = 1}, {.outer = 0, .inner = 0, .axis = 1});
    expect_exact(run(forward, {x, zero}), {2, 3}, {1, 3, 6, 10, 30, 60});
    expect_exact(run(forward, {x, zero}, 1), {2, 1}, {6, 60});
    const TensorIterator backward = op({.outer = 0, .inner = 0, .axis = 1, .start = -1, .end = 0, .stride = -1},
                                       {.outer = 0, .inner = 0, .axis = 1, .start = -1, .end = 0, .stride = -1});
    expect_exact(run(backward, {x, zero}), {2, 3}, {6, 5, 3, 60, 50, 30});
    EXPECT_EQ(inferred(forward, {f32({2, 3}), f32({2, 1})}), "f32[2,3]");
    EXPECT_EQ(inferred(forward, {f32({2, Dim(2, 9)}), f32({2, 1})}), "f32[2,2..9]");
    EXPECT_EQ(inferred(forward, {f32({2, kAny}), f32({2, 1})}), "f32[2,?]");
    EXPECT_EQ(run_error(op({.outer = 0, .inner = 0}, {.outer = 0, .inner = 0}), {zero, zero}),
              "no operand is cut into slices");
    EXPECT_EQ(infer_error(op({.outer = 0, .inner = 0, .axis = 1, .part_size = 0}, {.outer = 0, .inner = 0}),
                          {f32({2, 3}), f32({2, 1})}),
              "a part size of 0, wanted 1 or more");
    EXPECT_EQ(infer_error(op({.outer = 0, .inner = 0}, {.outer = 5, .inner = 0}), {f32({2, 1}), f32({2, 1})}),
              "port maps for 2 outputs, wanted 6");
}

TEST(ControlOps, SlicesOfMoreThanOne) {
    const TensorIterator op{.body = body(R"(
                                part : f32[2] = parameter() shape=[2]
                                axis : i64[1] = constant() value=i64[1]{0}
                                sum : f32[1] = reduce_sum(part, axis) keep_dims=true
                                out : f32[1] = result(sum)
                            )"),
                            .inputs = {{.outer = 0, .inner = 0, .axis = 0, .stride = 2, .part_size = 2}},
                            .outputs = {{.outer = 0, .inner = 0, .axis = 0}}};
    expect_exact(run(op, {counting({6}, 1)}), {3}, {3, 7, 11});
}

TEST(ControlOps, VariablesChangeAfterTheInference) {
    const Graph graph = parse(R"(
        x : f32[2] = parameter() shape=[2]
        old : f32[2] = read_value() variable="v" element=f32 shape=[2]
        sum : f32[2] = add(x, old)
        set : f32[2] = assign(sum) variable="v"
        again : f32[2] = read_value(set) variable="v" element=f32 shape=[2]
        sum_out : f32[2] = result(sum)
        again_out : f32[2] = result(again)
    )");
    eval::State state;
    const std::vector<Tensor> x{tensor({2}, {1.0f, 2.0f})};
    expect_exact(eval::evaluate(graph, x, &state)[0], {2}, {1, 2});
    const Tensors second = eval::evaluate(graph, x, &state);
    expect_exact(second[0], {2}, {2, 4});
    expect_exact(second[1], {2}, {1, 2});
    expect_exact(state.at("v"), {2}, {2, 4});
    EXPECT_EQ(inferred(ReadValue{.variable = "v", .element = Element::f32, .shape = {1, kAny}}, {}), "f32[1,?]");
    EXPECT_EQ(infer_error(ReadValue{.variable = "v", .element = Element::f32}, {i64({1})}),
              "variable 'v' is of type f32, its initial value of type i64");
    EXPECT_EQ(inferred(Assign{}, {f32({1, kAny})}), "f32[1,?]");
}

}  // namespace
}  // namespace octet::ir
