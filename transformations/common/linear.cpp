// Sequences of constant factors and summands.
#include <algorithm>
#include <array>
#include <cmath>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

Pattern number(const char* name) { return rewrite::element(Element::f32, constant(name)); }

template <OpStruct T>
Tensor joined(const Tensor& a, const Tensor& b) {
    return eval::evaluate(Op(T{}), std::array{a, b})[0];
}

// Factors along different axes would become a constant larger than both.
bool grows(const Match& m) {
    const Tensor& a = m.constant("a");
    const Tensor& b = m.constant("b");
    return joined<Add>(a, b).size() > std::max(a.size(), b.size());
}

// add(add(x, a), b) -> add(x, a + b), and the same for factors
template <OpStruct T>
Rule merge(const char* name, const char* what) {
    return Rule(name)
        .match(op<T>("outer", one_use(op<T>("inner", any("x"), number("a"))), number("b")))
        .decline(Code::not_profitable, what, grows)
        .rewrite([](Edit& e, const Match& m) {
            return e.add(T{}, {m.value("x"), e.constant(joined<T>(m.constant("a"), m.constant("b")))});
        });
}

// multiply(add(x, a), b) -> add(multiply(x, b), a * b) below a convolution, whose weights take the factor
Rule multiply_before_add() {
    return Rule("multiply-before-add")
        .match(
            op<Multiply>("multiply",
                         one_use(op<Add>("add", one_use(one_of<Convolution, GroupConvolution>("x", any(), constant())),
                                         number("a"))),
                         number("b")))
        .decline(Code::not_profitable, "the constants of '{add}' and '{multiply}' vary along different axes", grows)
        .rewrite([](Edit& e, const Match& m) {
            const Value scaled = e.add(Multiply{}, {m.value("x"), m.value("b")});
            return e.add(Add{}, {scaled, e.constant(joined<Multiply>(m.constant("a"), m.constant("b")))});
        });
}

// subtract(x, c) -> add(x, -c)
Rule subtract_constant() {
    return Rule("subtract-constant")
        .match(op<Subtract>("subtract", any("x"), number("c")))
        .rewrite([](Edit& e, const Match& m) {
            return e.add(Add{},
                         {m.value("x"), e.constant(eval::evaluate(Op(Negative{}), std::array{m.constant("c")})[0])});
        });
}

bool has_inexact_inverse(const Match& m) {
    const auto values = m.constant("c").floats();
    return std::ranges::any_of(values, [](float c) {
        int exponent = 0;
        return std::abs(std::frexp(c, &exponent)) != 0.5F || !std::isnormal(1 / c);
    });
}

// divide(x, c) -> multiply(x, 1 / c) where that is a float
Rule divide_by_constant() {
    return Rule("divide-by-constant")
        .match(op<Divide>("divide", any("x"), number("c")))
        .decline(Code::inexact, "the inverse of a divisor of '{divide}' is no float", has_inexact_inverse)
        .rewrite([](Edit& e, const Match& m) {
            const Tensor one = Tensor::scalar(1.0F);
            return e.add(Multiply{}, {m.value("x"), e.constant(joined<Divide>(one, m.constant("c")))});
        });
}

bool pads_nothing(const Match& m) {
    for (const char* name : {"begin", "end"}) {
        const auto pads = m.constant(name).integers();
        if (std::ranges::any_of(pads, [](auto p) { return p != 0; })) return false;
    }
    return true;
}

// What a SpaceToBatch adds is a Pad of its own, which can add any code.
Rule split_space_to_batch() {
    return Rule("split-space-to-batch")
        .match(op<SpaceToBatch>("op", any("x"), any("block"), constant("begin"), constant("end")))
        .decline(Code::not_profitable, "'{op}' pads nothing", pads_nothing)
        .rewrite([](Edit& e, const Match& m) {
            const Value padded = e.add(Pad{PadMode::constant}, {m.value("x"), m.value("begin"), m.value("end")});
            const std::vector<std::int64_t> none(m.constant("begin").size(), 0);
            const Value zeros = e.constant(Tensor::vector(none));
            return e.add(SpaceToBatch{}, {padded, m.value("block"), zeros, zeros});
        });
}

}  // namespace

std::vector<Rule> linear_rules() {
    return {subtract_constant(),
            divide_by_constant(),
            merge<Add>("merge-summands", "the constants of '{inner}' and '{outer}' vary along different axes"),
            merge<Multiply>("merge-factors", "the constants of '{inner}' and '{outer}' vary along different axes"),
            multiply_before_add(),
            split_space_to_batch()};
}

}  // namespace octet::common
