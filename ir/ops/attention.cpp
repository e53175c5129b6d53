#include "ir/ops/attention.hpp"

#include "ir/ops/checks.hpp"

namespace octet::ir {

namespace {

std::vector<Dim> outer(const Shape& shape) { return {shape.dims().begin(), shape.dims().end() - 2}; }
Dim from_end(const Shape& shape, std::size_t i) { return shape[shape.rank() - i]; }

}  // namespace

Types infer(const ScaledDotProductAttention& op, Inputs inputs) {
    constexpr std::array<std::string_view, 3> kNames{"query", "key", "value"};
    require_inputs(inputs, 3, 5);
    want_float(inputs[0], kNames[0]);
    for (std::size_t i = 0; i < 3; ++i) {
        want_same_element(inputs[0], kNames[0], inputs[i], kNames[i]);
        const Shape& shape = inputs[i].shape();
        require(!shape.ranked() || shape.rank() >= 2, "{} has rank {}, wanted 2 or more", kNames[i], shape.rank());
    }
    if (inputs.size() > 3 && inputs[3].element() != Element::boolean)
        want_same_element(inputs[0], kNames[0], inputs[3], "the mask");
    if (inputs.size() > 4) {
        want_same_element(inputs[0], kNames[0], inputs[4], "the scale");
        if (inputs[4].shape().ranked()) want_one_element(inputs[4], "the scale");
    }
    const Shape &query = inputs[0].shape(), &key = inputs[1].shape(), &value = inputs[2].shape();
    if (!query.ranked() || !key.ranked() || !value.ranked()) return {{inputs[0].element(), Shape::unranked()}};
    require(compatible(from_end(query, 1), from_end(key, 1)), "query has {} columns, key has {}",
            to_string(from_end(query, 1)), to_string(from_end(key, 1)));
    require(compatible(from_end(key, 2), from_end(value, 2)), "key has {} rows, value has {}",
            to_string(from_end(key, 2)), to_string(from_end(value, 2)));
    const Shape scores_outer = broadcast(Shape(outer(query)), Shape(outer(key)));
    if (inputs.size() > 3 && !op.causal) {
        std::vector<Dim> scores = scores_outer.dims();
        scores.push_back(from_end(query, 2));
        scores.push_back(from_end(key, 2));
        require(broadcasts_to(inputs[3].shape(), Shape(scores)), "the mask has the shape {}, the scores have {}",
                to_string(inputs[3].shape()), to_string(Shape(scores)));
    }
    std::vector<Dim> dims = broadcast(scores_outer, Shape(outer(value))).dims();
    dims.push_back(from_end(query, 2));
    dims.push_back(from_end(value, 1));
    return {{inputs[0].element(), Shape(std::move(dims))}};
}

}  // namespace octet::ir
