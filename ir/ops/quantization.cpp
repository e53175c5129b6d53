#include "ir/ops/quantization.hpp"

#include "ir/ops/checks.hpp"

namespace octet::ir {
namespace {

void want_levels(std::int64_t levels) { require(levels >= 2, "levels is {}, wanted 2 or more", levels); }

// A field with one value per element of the data, per slice of it, or for all.
void want_parameters(const Tensor& t, std::string_view what, const Shape& data) {
    require(is_float(t.element()), "{} is {}, wanted a float type", what, name_of(t.element()));
    if (!data.ranked()) return;
    bool fits = t.dims().size() == data.rank();
    for (std::size_t i = 0; fits && i < data.rank(); ++i)
        fits = t.dims()[i] == 1 || compatible(Dim(t.dims()[i]), data[i]);
    require(fits, "{} has the shape {}, data has {}", what, to_string(t.dims()), to_string(data));
}

// Least and greatest code of an integer type.
std::pair<std::int64_t, std::int64_t> range_of(Element element) {
    const auto bits = bits_of(element);
    if (bits >= 64) return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    const std::int64_t codes = std::int64_t{1} << bits;
    return is_signed(element) ? std::pair{-codes / 2, codes / 2 - 1} : std::pair{std::int64_t{0}, codes - 1};
}

}  // namespace

Types infer(const FakeQuantize& op, Inputs inputs) {
    constexpr std::array<std::string_view, 5> kNames{"the operand", "input_low", "input_high", "output_low",
                                                     "output_high"};
    require_inputs(inputs, 5, 5);
    want_levels(op.levels);
    want_float(inputs[0], kNames[0]);
    const Shape& data = inputs[0].shape();
    for (std::size_t i = 1; i < 5; ++i) {
        want_same_element(inputs[0], kNames[0], inputs[i], kNames[i]);
        const Shape& range = inputs[i].shape();
        require(broadcasts_to(range, data), "{} has the shape {}, which does not broadcast to {}", kNames[i],
                to_string(range), to_string(data));
    }
    return {*inputs[0].type};
}

Types infer(const Quantize& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    want_levels(op.levels);
    want_float(inputs[0], "the operand");
    require(is_integer(op.element) && bits_of(op.element) >= 8,
            "the element type is {}, wanted an integer type of 8 bits or more", name_of(op.element));
    const auto [low, high] = range_of(op.element);
    require(op.qmin >= low && op.levels - 1 <= high - op.qmin, "the codes {}..{} do not fit into {}", op.qmin,
            op.qmin + op.levels - 1, name_of(op.element));
    want_parameters(op.low, "low", inputs[0].shape());
    want_parameters(op.high, "high", inputs[0].shape());
    return {{op.element, inputs[0].shape()}};
}

Types infer(const Dequantize& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    require_integers(inputs[0], "the operand");
    require(is_float(op.element), "the element type is {}, wanted a float type", name_of(op.element));
    want_parameters(op.scale, "scale", inputs[0].shape());
    want_parameters(op.zero_point, "zero_point", inputs[0].shape());
    return {{op.element, inputs[0].shape()}};
}

}  // namespace octet::ir
