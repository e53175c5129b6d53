#include <cmath>
#include <limits>

#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

Dim from_end(const Shape& shape, std::size_t i) { return shape.ranked() ? shape[shape.rank() - i] : Dim(); }

Shape shape_of_scores(const Match& m) {
    const Shape &query = m.shape("query"), &key = m.shape("key");
    if (!query.ranked() || !key.ranked()) return Shape::unranked();
    const auto outer = [](const Shape& s) { return Shape(std::vector<Dim>(s.dims().begin(), s.dims().end() - 2)); };
    std::vector<Dim> dims = broadcast(outer(query), outer(key)).dims();
    dims.push_back(from_end(query, 2));
    dims.push_back(from_end(key, 2));
    return Shape(std::move(dims));
}

bool is_causal(const Match& m) { return m.get<ScaledDotProductAttention>("attention").causal; }
bool reads_mask(const Match& m) { return m.has("mask") && !is_causal(m); }

bool changes_scores(const Match& m, const char* operand) {
    const Shape scores = shape_of_scores(m);
    return !m.shape(operand).ranked() || broadcast(scores, m.shape(operand)) != scores;
}

bool all_zero(const Match& m, const char* operand) {
    const Tensor* t = m.graph().constant(m.value(operand));
    if (!t || t->element() != Element::f32) return false;
    const auto values = t->floats();
    return std::ranges::all_of(values, [](float x) { return x == 0; });
}

constexpr double kHidden = -std::numeric_limits<double>::infinity();

Value number(Edit& e, double value) { return e.constant(Tensor::filled(Element::f32, {}, value)); }

Value causal_mask(Edit& e, std::int64_t rows, std::int64_t columns) {
    Tensor mask = Tensor::filled(Element::f32, {rows, columns}, 0);
    const auto values = mask.write<float>();
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = r + 1; c < columns; ++c)
            values[static_cast<std::size_t>(r * columns + c)] = static_cast<float>(kHidden);
    return e.constant(std::move(mask));
}

Value masked(Edit& e, const Match& m, Value scores) {
    if (is_causal(m)) {
        const Shape shape = shape_of_scores(m);
        return e.add(Add{}, {scores, causal_mask(e, from_end(shape, 2).low, from_end(shape, 1).low)});
    }
    if (!reads_mask(m) || all_zero(m, "mask")) return scores;
    Value mask = m.value("mask");
    if (m.element("mask") == Element::boolean) mask = e.add(Select{}, {mask, number(e, 0), number(e, kHidden)});
    return e.add(Add{}, {scores, mask});
}

// scaled_dot_product_attention(q, k, v, mask, scale) -> matmul(softmax(matmul(q, k) * scale + mask), v)
Rule decompose_attention() {
    return Rule("decompose-attention")
        .match(op<ScaledDotProductAttention>("attention", any("query"), any("key"), any("value"), optional(any("mask")),
                                             optional(any("scale"))))
        .decline(Code::type_unsupported, "'{attention}' does not compute in f32",
                 [](const Match& m) { return m.element("query") != Element::f32; })
        .decline(Code::dynamic_shape, "the scale of '{attention}' comes from a dimension that is not known",
                 [](const Match& m) { return !m.has("scale") && !from_end(m.shape("query"), 1).is_static(); })
        .decline(Code::dynamic_shape, "'{attention}' is causal, and the size of its scores is not known",
                 [](const Match& m) {
                     const Shape scores = shape_of_scores(m);
                     return is_causal(m) && !(from_end(scores, 1).is_static() && from_end(scores, 2).is_static());
                 })
        .decline(Code::shape_unsupported, "the mask of '{attention}' may enlarge its scores",
                 [](const Match& m) { return reads_mask(m) && changes_scores(m, "mask"); })
        .decline(Code::shape_unsupported, "the scale of '{attention}' may enlarge its scores",
                 [](const Match& m) { return m.has("scale") && changes_scores(m, "scale"); })
        .rewrite([](Edit& e, const Match& m) {
            const Value products = e.add(MatMul{.transpose_b = true}, {m.value("query"), m.value("key")});
            const auto width = static_cast<double>(from_end(m.shape("query"), 1).low);
            const Value scale = m.has("scale") ? m.value("scale") : number(e, 1 / std::sqrt(width));
            const Value scores = masked(e, m, e.add(Multiply{}, {products, scale}));
            return e.add(MatMul{}, {e.add(SoftMax{-1}, {scores}), m.value("value")});
        });
}

std::optional<std::vector<std::int64_t>> order_of(const Match& m, const char* order) {
    const Tensor& t = m.constant(order);
    if (t.size() == 0) return std::nullopt;
    return t.integers();
}

// transpose(transpose(x, a), b) -> transpose(x, a[b])
Rule merge_transposes() {
    return Rule("merge-transposes")
        .match(op<Transpose>("outer", op<Transpose>("inner", any("x"), constant("first")), constant("second")))
        .decline(Code::value_unsupported, "'{outer}' or '{inner}' turns all axes around without naming them",
                 [](const Match& m) { return !order_of(m, "first") || !order_of(m, "second"); })
        .rewrite([](Edit& e, const Match& m) {
            const auto first = *order_of(m, "first"), second = *order_of(m, "second");
            std::vector<std::int64_t> both;
            for (auto axis : second) both.push_back(first[static_cast<std::size_t>(axis)]);
            return e.add(Transpose{}, {m.value("x"), e.constant(Tensor::vector(both))});
        });
}

}  // namespace

std::vector<Rule> attention_rules() { return {decompose_attention(), merge_transposes()}; }

}  // namespace octet::common
