#include "ir/ops/normalization.hpp"

#include "ir/ops/checks.hpp"

namespace octet::ir {
namespace {

// Operands data and axes.
Types over_axes(Inputs inputs) {
    require_inputs(inputs, 2, 2);
    want_float(inputs[0], "the operand");
    require_integers(inputs[1], "axes");
    if (inputs[0].shape().ranked()) known_axes(inputs[1], inputs[0].shape().rank());
    return {*inputs[0].type};
}

Types along_axis(std::int64_t axis, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    want_float(inputs[0], "the operand");
    if (inputs[0].shape().ranked()) normalise_axis(axis, inputs[0].shape().rank());
    return {*inputs[0].type};
}

}  // namespace

Types infer(const BatchNormInference& op, Inputs inputs) {
    constexpr std::array<std::string_view, 5> kNames{"data", "gamma", "beta", "mean", "variance"};
    require_inputs(inputs, 5, 5);
    want_float(inputs[0], kNames[0]);
    require(op.epsilon >= 0, "epsilon is {}, wanted 0 or more", op.epsilon);
    const Shape& data = inputs[0].shape();
    require(!data.ranked() || data.rank() >= 2, "data has rank {}, wanted 2 or more", data.rank());
    for (std::size_t i = 1; i < 5; ++i) {
        want_same_element(inputs[0], kNames[0], inputs[i], kNames[i]);
        const Shape& shape = inputs[i].shape();
        if (!shape.ranked()) continue;
        require(shape.rank() == 1, "{} has rank {}, wanted 1", kNames[i], shape.rank());
        require(!data.ranked() || compatible(shape[0], data[1]), "{} has {} values, data has {} channels", kNames[i],
                to_string(shape[0]), data.ranked() ? to_string(data[1]) : "");
    }
    return {*inputs[0].type};
}

Types infer(const Mvn&, Inputs inputs) { return over_axes(inputs); }
Types infer(const NormalizeL2&, Inputs inputs) { return over_axes(inputs); }

Types infer(const Lrn& op, Inputs inputs) {
    require(op.size >= 1, "size is {}, wanted 1 or more", op.size);
    return over_axes(inputs);
}

Types infer(const SoftMax& op, Inputs inputs) { return along_axis(op.axis, inputs); }
Types infer(const LogSoftMax& op, Inputs inputs) { return along_axis(op.axis, inputs); }

}  // namespace octet::ir
