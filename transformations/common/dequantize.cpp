#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

Pattern number(const char* name) { return maybe<Convert>("", constant(name)); }
Pattern widened_codes() { return op<Convert>("convert", rewrite::element({Element::u8, Element::i8}, any("codes"))); }

// As f32 with the rank of the codes; nothing when it has more axes than they have.
std::optional<Tensor> parameter(const Match& m, const char* name) {
    const Tensor& t = m.constant(name);
    const Shape& shape = m.shape("codes");
    if (!shape.ranked() || t.dims().size() > shape.rank()) return std::nullopt;
    Dims dims(shape.rank() - t.dims().size(), 1);
    dims.insert(dims.end(), t.dims().begin(), t.dims().end());
    return t.converted(Element::f32).aligned().reshaped(std::move(dims));
}

bool enlarges(const Match& m, const char* name) {
    const auto t = parameter(m, name);
    if (!t) return true;
    for (std::size_t i = 0; i < t->dims().size(); ++i)
        if (t->dims()[i] != 1 && m.shape("codes")[i] != Dim(t->dims()[i])) return true;
    return false;
}

Value dequantize(Edit& e, const Match& m, Tensor zero_point) {
    const Element element = m.graph().element({m.root(), 0});
    return e.add(Dequantize{*parameter(m, "scale"), std::move(zero_point), element}, {m.value("codes")});
}

// multiply(convert(q), scale) -> dequantize(q)
Rule without_zero_point() {
    return Rule("recognise-dequantize")
        .match(op<Multiply>("multiply", widened_codes(), number("scale")))
        .decline(Code::shape_unsupported, "the scale of '{multiply}' is larger than its data",
                 [](const Match& m) { return enlarges(m, "scale"); })
        .rewrite([](Edit& e, const Match& m) {
            return dequantize(e, m, Tensor::filled(Element::f32, Dims(m.shape("codes").rank(), 1), 0));
        });
}

// multiply(subtract(convert(q), zero_point), scale) -> dequantize(q)
Rule with_zero_point() {
    return Rule("recognise-dequantize-with-zero-point")
        .match(
            op<Multiply>("multiply", op<Subtract>("subtract", widened_codes(), number("zero_point")), number("scale")))
        .decline(Code::shape_unsupported, "the scale of '{multiply}' is larger than its data",
                 [](const Match& m) { return enlarges(m, "scale"); })
        .decline(Code::shape_unsupported, "the zero point of '{subtract}' is larger than its data",
                 [](const Match& m) { return enlarges(m, "zero_point"); })
        .rewrite([](Edit& e, const Match& m) { return dequantize(e, m, *parameter(m, "zero_point")); });
}

}  // namespace

std::vector<Rule> dequantize_rules() { return {without_zero_point(), with_zero_point()}; }

}  // namespace octet::common
