#pragma once
// Graphs of any size and rules that fire all over them: for the test and the benchmark of the engine.
#include "ir/ops/all.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {

// n nodes add(chain, one constant): the constant has n readers.
inline Graph chain(std::size_t n) {
    Graph graph;
    Edit edit(graph);
    Value v = edit.add(ir::Parameter{ir::Element::f32, ir::Shape{1, 8}, {}}, {}, "x");
    const Value shared = edit.constant(ir::Tensor::scalar(1.0f), "one");
    for (std::size_t i = 0; i < n; ++i) v = edit.add(ir::Add{}, {v, shared}, fmt::format("n{}", i));
    edit.add(ir::Result{}, {v}, "r");
    return graph;
}

// add(x, k) -> subtract(x, k): fires on each node of a chain.
inline Rule subtract_for_add() {
    return Rule("subtract-for-add")
        .match(op<ir::Add>("a", any("x"), constant("k")))
        .rewrite([](Edit& e, const Match& m) {
            return e.add(ir::Subtract{}, {m.value("x"), m.value("k")});
        });
}

// n nodes: n / 3 times tanh, relu, result on one input.
inline Graph fan(std::size_t n) {
    Graph graph;
    Edit edit(graph);
    const Value x = edit.add(ir::Parameter{ir::Element::f32, ir::Shape{1, 8}, {}}, {}, "x");
    for (std::size_t i = 0; i < n / 3; ++i) {
        const Value tanh = edit.add(ir::Tanh{}, {x}, fmt::format("t{}", i));
        edit.add(ir::Result{}, {edit.add(ir::Relu{}, {tanh}, fmt::format("n{}", i))}, fmt::format("r{}", i));
    }
    return graph;
}

// relu(tanh(x)) -> tanh(relu(x)): fires on each branch of a fan.
inline Rule move_relu_up() {
    return Rule("move-relu-up")
        .match(op<ir::Relu>("r", op<ir::Tanh>("t", any("x"))))
        .rewrite([](Edit& e, const Match& m) { return e.add(ir::Tanh{}, {e.add(ir::Relu{}, {m.value("x")})}); });
}

}  // namespace octet::rewrite
