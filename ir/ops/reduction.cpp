#include "ir/ops/reduction.hpp"

#include <algorithm>

#include "ir/ops/checks.hpp"

namespace octet::ir {

std::optional<std::vector<std::size_t>> known_axes(const Input& axes, std::size_t rank) {
    const auto numbers = axes.constant();
    if (!numbers) return std::nullopt;
    std::vector<std::size_t> result;
    for (std::int64_t axis : *numbers) {
        result.push_back(normalise_axis(axis, rank));
        require(std::ranges::count(result, result.back()) == 1, "axis {} is named twice", result.back());
    }
    return result;
}

namespace {

Types reduced(bool keep_dims, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "axes");
    const Type& data = *inputs[0].type;
    if (!data.shape.ranked()) return {data};
    const auto axes = known_axes(inputs[1], data.shape.rank());
    if (!axes && !keep_dims) return {{data.element, Shape::unranked()}};
    std::vector<Dim> dims;
    for (std::size_t i = 0; i < data.shape.rank(); ++i) {
        const Dim d = data.shape[i];
        if (!axes) dims.emplace_back(std::min<std::int64_t>(d.low, 1), std::max<std::int64_t>(d.high, 1));
        else if (std::ranges::count(*axes, i) == 0) dims.push_back(d);
        else if (keep_dims) dims.emplace_back(1);
    }
    return {{data.element, Shape(std::move(dims))}};
}

Types reduced_number(bool keep_dims, Inputs inputs) {
    Types types = reduced(keep_dims, inputs);
    want_number(inputs[0], "the operand");
    return types;
}

Types reduced_boolean(bool keep_dims, Inputs inputs) {
    Types types = reduced(keep_dims, inputs);
    want_boolean(inputs[0], "the operand");
    return types;
}

}  // namespace

Types infer(const ReduceMean& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceSum& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceMax& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceMin& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceProd& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceL1& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceL2& op, Inputs inputs) { return reduced_number(op.keep_dims, inputs); }
Types infer(const ReduceLogicalAnd& op, Inputs inputs) { return reduced_boolean(op.keep_dims, inputs); }
Types infer(const ReduceLogicalOr& op, Inputs inputs) { return reduced_boolean(op.keep_dims, inputs); }

Partials partial(const ReduceProd&, Inputs inputs, const Types&) {
    const Partial& data = *inputs[0].partial;
    const auto axes = inputs[1].constant();
    if (!data || !axes) return {};
    if (axes->empty()) return {data};
    Dim result(1);
    for (Dim d : *data) {
        if (d.low < 0) return {};
        result = result * d;
    }
    if (result.low == Dim::kUnbounded) return {};
    return {std::make_shared<std::vector<Dim>>(1, result)};
}

Types infer(const TopK& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    want_number(inputs[0], "the operand");
    require_integers(inputs[1], "k");
    want_one_element(inputs[1], "k");
    require(op.index_element == Element::i32 || op.index_element == Element::i64,
            "the index type is {}, wanted i32 or i64", name_of(op.index_element));
    Shape shape = inputs[0].shape();
    if (shape.ranked()) {
        const std::size_t axis = normalise_axis(op.axis, shape.rank());
        if (const auto k = inputs[1].constant()) {
            require(k->front() >= 0 && k->front() <= shape[axis].high, "k is {}, axis {} has {} elements", k->front(),
                    axis, to_string(shape[axis]));
            shape[axis] = k->front();
        } else {
            shape[axis] = Dim(0, shape[axis].high);
        }
    }
    return {{inputs[0].element(), shape}, {op.index_element, shape}};
}

Types infer(const CumSum&, Inputs inputs) {
    require_inputs(inputs, 1, 2);
    want_number(inputs[0], "the operand");
    if (inputs.size() == 2) {
        require_integers(inputs[1], "axis");
        want_one_element(inputs[1], "axis");
        const auto axis = inputs[1].constant();
        if (axis && inputs[0].shape().ranked()) normalise_axis(axis->front(), inputs[0].shape().rank());
    }
    return {*inputs[0].type};
}

}  // namespace octet::ir
