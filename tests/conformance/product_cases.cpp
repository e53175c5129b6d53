// Products of two activations, and attention built from them.
#include <fmt/format.h>

#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

using Cases = std::vector<Case>;

struct Factor {
    Dims dims;
    float low, high;
};
struct TwoFactors {
    std::string name;
    Factor a, b;
    bool transpose_a = false, transpose_b = false;
};

// Intervals whose zero points are codes: of -0.25..1 steps of 1/204 it is 51.
void add_products(Cases& cases) {
    constexpr float kOne = 127.0f / 128, kQuarter = -0.25f;
    const std::vector<TwoFactors> products{
        {"signed", {{2, 5, 32}, -1, kOne}, {{2, 32, 7}, -1, kOne}},
        {"transposed", {{1, 3, 49, 64}, -1, kOne}, {{1, 3, 49, 64}, -1, kOne}, false, true},
        {"zero_points", {{2, 25, 33}, kQuarter, 1}, {{2, 33, 70}, kQuarter, 1}},
        {"transposed_zero_points", {{3, 25, 19}, kQuarter, 1}, {{3, 21, 19}, kQuarter, 1}, false, true},
        {"unsigned", {{2, 9, 130}, 0, 1}, {{2, 130, 65}, -1, kOne}},
        {"outer_broadcast", {{2, 1, 5, 16}, -1, kOne}, {{3, 16, 7}, kQuarter, 1}},
        {"first_transposed", {{2, 16, 5}, -1, kOne}, {{2, 16, 7}, kQuarter, 1}, true, false},
        {"row_by_column", {{1, 300}, -1, kOne}, {{300, 1}, -1, kOne}}};
    for (const TwoFactors& p : products)
        for (const bool to_codes : {false, true}) {
            const auto factor = [](Builder& b, const Factor& f) {
                return b.quantize(b.input(Shape(f.dims), f.low - 0.1f, f.high + 0.1f), f.low, f.high);
            };
            cases.push_back({"int8_product_" + p.name + (to_codes ? "_to_codes" : ""),
                             [p, factor, to_codes](Builder& b) {
                                 const Value x = factor(b, p.a), y = factor(b, p.b);
                                 const Value z = b.add(MatMul{p.transpose_a, p.transpose_b}, {x, y});
                                 b.result(to_codes ? b.quantize(z, -5, 5) : z);
                             },
                             to_codes ? 10.0 / 255 : 0,
                             {},
                             true});
        }
    cases.push_back({"int8_product_of_unknown_rows",
                     [](Builder& b) {
                         const Value x = b.quantize(b.input({Dim(), 2, Dim(), 16}), -1, 127.0f / 128),
                                     y = b.quantize(b.input({Dim(), 2, Dim(), 16}), -1, 127.0f / 128);
                         b.result(b.add(MatMul{false, true}, {x, y}));
                     },
                     0,
                     {{{1, 2, 5, 16}, {1, 2, 9, 16}}, {{2, 2, 30, 16}, {1, 2, 3, 16}}}});
}

// A scale for each row or head: a factor behind the product.
void add_scaled_rows(Cases& cases) {
    constexpr float kOne = 127.0f / 128;
    for (const bool to_codes : {false, true})
        for (const std::int64_t batch : {1, 2}) {
            const std::string suffix = fmt::format("_{}{}", batch, to_codes ? "_to_codes" : "");
            const auto add = [&](const std::string& name, std::function<Value(Builder&)> product) {
                cases.push_back({"int8_" + name + suffix,
                                 [product, to_codes](Builder& b) {
                                     const Value y = product(b);
                                     b.result(to_codes ? b.quantize(y, -5, 5) : y);
                                 },
                                 to_codes ? 10.0 / 255 : 0,
                                 {},
                                 true});
            };
            const auto data = [](Builder& b, Dims dims, float low, float high) {
                return b.quantize_channels(b.input(Shape(dims)), dims.size(), dims[1], low, high);
            };
            add("matmul_scales_of_rows", [data, batch](Builder& b) {
                return b.add(MatMul{false, true}, {data(b, {batch, 9, 40}, -0.25f, 1), b.weights({24, 40})});
            });
            add("product_scales_of_rows", [data, batch](Builder& b) {
                const Value y = b.quantize(b.input({batch, 32, 7}), -1, kOne);
                return b.add(MatMul{false, false}, {data(b, {batch, 9, 32}, -1, kOne), y});
            });
            add("product_scales_of_heads", [data, batch](Builder& b) {
                const Value x = data(b, {batch, 3, 9, 16}, -1, kOne), y = data(b, {batch, 3, 11, 16}, -1, kOne);
                return b.add(MatMul{false, true}, {x, y});
            });
        }
}

struct CodedMatrix {
    std::string name;
    Dims data;
    Element element;
    Dims codes, scale;     // of as many dimensions
    Dims zero_point = {};  // none: no zero point
    Dims matrix = {};      // what the codes are reshaped to; none: as they are
    bool transposed = true;
    bool chain = false;   // elementwise ops below
    bool turned = false;  // a transpose between them and the product
    std::vector<std::vector<Dims>> shapes = {};
};

// Floats times weights that stay codes: nothing quantizes the data.
void add_weight_only(Cases& cases) {
    const std::vector<CodedMatrix> matrices{
        {"i8", {3, 40}, Element::i8, {17, 40}, {17, 1}},
        {"i8_in_all", {1, 40}, Element::i8, {40, 70}, {1, 1}, {}, {}, false, true},
        {"u8", {2, 5, 33}, Element::u8, {35, 33}, {35, 1}, {35, 1}, {}, true, true},
        {"i4", {1, 24}, Element::i4, {40, 24}, {40, 1}},
        {"u4_groups", {4, 64}, Element::u4, {37, 4, 16}, {37, 4, 1}, {37, 4, 1}, {37, 64}, true, true},
        {"u4_groups_of_rows", {13, 48}, Element::u4, {3, 16, 20}, {3, 1, 20}, {1, 1, 1}, {48, 20}, false},
        {"u4_groups_turned", {4, 64}, Element::u4, {37, 4, 16}, {37, 4, 1}, {37, 4, 1}, {37, 64}, true, true, true},
        {"i4_turned", {2, 24}, Element::i4, {24, 40}, {1, 40}, {}, {}, false, false, true},
        {"i4_groups_of_5", {2, 20}, Element::i4, {9, 4, 5}, {9, 4, 1}, {}, {9, 20}},
        {"i8_groups", {30, 36}, Element::i8, {33, 3, 12}, {1, 3, 1}, {33, 1, 1}, {33, 36}},
        {"u8_no_rows", {0, 12}, Element::u8, {5, 12}, {5, 1}, {5, 1}},
        {"i8_unknown_rows",
         {-1, 40},
         Element::i8,
         {17, 40},
         {17, 1},
         {},
         {},
         true,
         true,
         false,
         {{{1, 40}}, {{14, 40}}, {{0, 40}}}}};
    for (const CodedMatrix& m : matrices)
        cases.push_back(
            {"weight_only_" + m.name,
             [m](Builder& b) {
                 Value w = b.add(Convert{Element::f32}, {b.codes(m.codes, m.element)});
                 if (!m.zero_point.empty())
                     w = b.add(Subtract{}, {w, b.add(Convert{Element::f32}, {b.codes(m.zero_point, m.element)})});
                 w = b.add(Multiply{}, {w, b.random(m.scale, -0.02f, 0.02f)});
                 if (!m.matrix.empty()) w = b.add(Reshape{}, {w, b.ints(m.matrix)});
                 Shape shape(m.data);
                 if (m.data[0] < 0) shape[0] = Dim();
                 if (m.turned) w = b.add(Transpose{}, {w, b.ints({1, 0})});
                 Value y = b.add(MatMul{false, m.transposed != m.turned}, {b.input(shape), w});
                 const std::int64_t columns = (m.matrix.empty() ? m.codes : m.matrix)[m.transposed ? 0 : 1];
                 if (m.chain) y = b.add(Gelu{}, {b.add(Add{}, {y, b.random({columns})})});
                 b.result(y);
             },
             0, m.shapes});
}

// Heads of attention as quantizers leave them: query and key are codes, the value may be.
Case attention(const std::string& name, Dims mask, bool quantized_value, bool smooth = false) {
    return {
        "int8_attention_" + name,
        [mask, quantized_value, smooth](Builder& b) {
            constexpr std::int64_t rows = 21, heads = 3, width = 16;
            const Value x = b.quantize(b.input({2, rows, 48}, -1, 1), -1, 127.0f / 128);
            const auto part = [&](float range, std::vector<std::int64_t> order) {
                Value y = b.add(MatMul{false, true}, {x, b.weights({heads * width, 48})});
                if (range > 0) y = b.quantize(y, -range, range * 127 / 128);
                return b.add(Transpose{}, {b.add(Reshape{true}, {y, b.ints({0, rows, heads, width})}), b.ints(order)});
            };
            const Value q = part(4, {0, 2, 1, 3}), k = part(4, {0, 2, 3, 1});
            const Value v = part(quantized_value ? 4 : 0, {0, 2, 1, 3});
            Value scores = b.add(Multiply{}, {b.add(MatMul{}, {q, k}), b.scalar(0.25f)});
            if (!mask.empty()) scores = b.add(Add{}, {scores, b.input(Shape(mask), -3, 0)});
            Value shares = b.add(SoftMax{-1}, {scores});
            if (quantized_value) shares = b.quantize(shares, 0, 1);
            const Value y = b.add(Transpose{}, {b.add(MatMul{}, {shares, v}), b.ints({0, 2, 1, 3})});
            Value joined = b.add(Reshape{true}, {y, b.ints({0, rows, heads * width})});
            if (smooth) joined = b.add(Multiply{}, {joined, b.random({heads * width}, 0.5f, 1.5f)});
            b.result(b.quantize(joined, -4, 4));
        },
        8.0 / 255,
        {},
        true};
}

void add_attention(Cases& cases) {
    cases.push_back(attention("plain", {}, false));
    cases.push_back(attention("masked", {1, 1, 1, 21}, false));
    cases.push_back(attention("masked_per_batch", {2, 1, 1, 21}, false));
    cases.push_back(attention("masked_per_row", {1, 1, 21, 21}, false));
    cases.push_back(attention("masked_everywhere", {2, 3, 21, 21}, false));
    cases.push_back(attention("smooth", {1, 1, 1, 21}, false, true));
    cases.push_back(attention("all_codes", {}, true));
    cases.push_back(attention("all_codes_smooth", {}, true, true));
    cases.push_back(attention("all_codes_masked", {1, 1, 1, 21}, true));
}

}  // namespace

std::vector<Case> product_cases() {
    Cases cases;
    add_products(cases);
    add_scaled_rows(cases);
    add_weight_only(cases);
    add_attention(cases);
    return cases;
}

}  // namespace octet::conformance
