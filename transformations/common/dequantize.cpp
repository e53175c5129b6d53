#include <cmath>

#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

Pattern number(const char* name) { return maybe<Convert>("", constant(name)); }
Pattern widened_codes() {
    return op<Convert>("convert", rewrite::element({Element::u8, Element::i8, Element::u4, Element::i4}, any("codes")));
}

// As f32 with the rank of the data; nothing when it has more axes than they have.
std::optional<Tensor> parameter(const Match& m, const char* name, const char* data = "codes") {
    const Tensor& t = m.constant(name);
    const Shape& shape = m.shape(data);
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

// The first code, when a FakeQuantize gives the whole numbers from it on and the Convert's type holds them.
std::optional<std::int64_t> first_code(const Match& m) {
    const auto one = [&](const char* name) -> std::optional<double> {
        const Tensor& t = m.constant(name);
        for (std::size_t i = 0; i < t.size(); ++i)
            if (t.at(i) != t.at(0)) return std::nullopt;
        return t.size() > 0 ? std::optional(t.at(0)) : std::nullopt;
    };
    const auto first = one("first"), last = one("last");
    const auto levels = m.get<FakeQuantize>("fq").levels;
    if (!first || !last || *first != std::floor(*first) || *last - *first != static_cast<double>(levels - 1))
        return std::nullopt;
    const double least = m.get<Convert>("convert").element == Element::u8 ? 0 : -128;
    if (*first < least || *last > least + 255) return std::nullopt;
    return static_cast<std::int64_t>(*first);
}

// convert(fake_quantize(x)) -> quantize(x), where the FakeQuantize gives the codes themselves
Rule quantize() {
    const auto ranked = [](const Type& type) { return type.shape.ranked(); };
    return Rule("recognise-quantize")
        .match(rewrite::element(
            {Element::u8, Element::i8},
            op<Convert>("convert",
                        maybe<Round>("round",
                                     op<FakeQuantize>("fq", typed(ranked, rewrite::element(Element::f32, any("x"))),
                                                      constant("low"), constant("high"), constant("first"),
                                                      constant("last"))))))
        .decline(Code::value_unsupported, "'{fq}' does not give the codes that '{convert}' holds",
                 [](const Match& m) { return !first_code(m); })
        .decline(Code::inexact, "'{fq}' has {0} levels, which float arithmetic does not keep whole",
                 [](const Match& m) -> std::optional<Detail> {
                     const auto levels = m.get<FakeQuantize>("fq").levels;
                     if (m.has("round") || gives_whole_numbers(levels, *first_code(m))) return std::nullopt;
                     return Detail{{}, {static_cast<double>(levels)}};
                 })
        .rewrite([](Edit& e, const Match& m) {
            return e.add(Quantize{*parameter(m, "low", "x"), *parameter(m, "high", "x"),
                                  m.get<FakeQuantize>("fq").levels, *first_code(m), m.get<Convert>("convert").element},
                         {m.value("x")});
        });
}

}  // namespace

bool gives_whole_numbers(std::int64_t levels, std::int64_t first) {
    const auto steps = static_cast<float>(levels - 1);
    const auto low = static_cast<float>(first), high = static_cast<float>(first + levels - 1);
    for (float code = 0; code <= steps; ++code)
        if (code / steps * (high - low) + low != code + low) return false;
    return true;
}

std::vector<Rule> dequantize_rules() { return {quantize(), without_zero_point(), with_zero_point()}; }

}  // namespace octet::common
