#include "tests/guard/models.hpp"

#include "tests/conformance/cases.hpp"

namespace octet::guard {

using namespace ir;
using conformance::Builder;

namespace {

struct Shape2d {
    std::int64_t inputs = 0, outputs = 0;
    std::int64_t kernel = 1, stride = 1;
};

Value with_bias(Builder& b, Value x, std::int64_t channels) {
    return b.add(Add{}, {x, b.random({1, channels, 1, 1}, -0.2f, 0.2f)});
}

Value convolution(Builder& b, Value x, const Shape2d& s) {
    const std::int64_t pad = s.kernel / 2;
    const Value y = b.add(Convolution{{s.stride, s.stride}, {pad, pad}, {pad, pad}, {1, 1}},
                          {x, b.weights({s.outputs, s.inputs, s.kernel, s.kernel})});
    return with_bias(b, y, s.outputs);
}

Value depthwise(Builder& b, Value x, std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
    const std::int64_t pad = kernel / 2;
    const Value y = b.add(GroupConvolution{{stride, stride}, {pad, pad}, {pad, pad}, {1, 1}},
                          {x, b.weights({channels, 1, 1, kernel, kernel})});
    return with_bias(b, y, channels);
}

Value positive(Builder& b, Value x) { return b.quantize(b.add(Relu{}, {x}), 0, 4); }

Value scores(Builder& b, Value x, std::int64_t channels, std::int64_t classes) {
    Value mean = b.add(ReduceMean{.keep_dims = true}, {x, b.ints({2, 3})});
    mean = b.add(Reshape{}, {b.quantize(mean, 0, 2), b.ints({1, channels})});
    const Value y = b.add(MatMul{false, true}, {mean, b.weights({classes, channels})});
    return b.add(SoftMax{1}, {b.add(Add{}, {y, b.random({1, classes})})});
}

// A first convolution, a pool and two bottlenecks, one of them with a convolution beside it.
Graph residual() {
    Builder b(1);
    Value x = b.quantize(b.input({1, 3, 64, 64}, 0, 1), 0, 1);
    x = positive(b, convolution(b, x, {3, 32, 7, 2}));
    x = b.add(
        MaxPool{.strides = {2, 2}, .dilations = {1, 1}, .pads_begin = {1, 1}, .pads_end = {1, 1}, .kernel = {3, 3}},
        {x});
    for (const std::int64_t inputs : {32, 128}) {
        Value y = positive(b, convolution(b, x, {inputs, 32}));
        y = positive(b, convolution(b, y, {32, 32, 3}));
        y = b.quantize(convolution(b, y, {32, 128}), -4, 127.0f / 32);
        const Value beside = inputs == 128 ? x : b.quantize(convolution(b, x, {inputs, 128}), -4, 127.0f / 32);
        x = positive(b, b.add(Add{}, {y, beside}));
    }
    b.result(scores(b, x, 128, 50));
    return b.graph();
}

// Inverted residuals with HSwish and squeeze-excite.
Graph mobile() {
    Builder b(2);
    Value x = b.quantize(b.input({1, 3, 64, 64}, -1, 1), -1, 127.0f / 128);
    x = b.quantize(b.add(HSwish{}, {convolution(b, x, {3, 16, 3, 2})}), -0.375f, 4);
    for (const std::int64_t kernel : {3, 5}) {
        Value y = b.quantize(b.add(HSwish{}, {convolution(b, x, {16, 64})}), -0.375f, 4);
        y = b.quantize(b.add(HSwish{}, {depthwise(b, y, 64, kernel, 1)}), -0.375f, 4);
        Value mean = b.add(ReduceMean{.keep_dims = true}, {y, b.ints({2, 3})});
        mean = positive(b, convolution(b, b.quantize(mean, -0.375f, 4), {64, 16}));
        mean = b.quantize(b.add(HSigmoid{}, {convolution(b, mean, {16, 64})}), 0, 1);
        y = b.quantize(b.add(Multiply{}, {y, mean}), -0.375f, 4);
        y = b.quantize(convolution(b, y, {64, 16}), -4, 127.0f / 32);
        x = b.quantize(b.add(Add{}, {x, y}), -4, 127.0f / 32);
    }
    b.result(scores(b, positive(b, depthwise(b, x, 16, 3, 2)), 16, 10));
    return b.graph();
}

// Swish, parts that are concatenated, a map that is enlarged, and a head that is transposed and scored.
Graph detector() {
    Builder b(3);
    const auto swish = [&](Value x) { return b.quantize(b.add(Swish{}, {x}), -0.3f, 4); };
    Value x = b.quantize(b.input({1, 3, 64, 64}, 0, 1), 0, 1);
    const Value fine = swish(convolution(b, x, {3, 32, 3, 2}));
    const Value coarse = swish(convolution(b, fine, {32, 64, 3, 2}));
    const Value first = swish(convolution(b, coarse, {64, 32})), second = swish(convolution(b, coarse, {64, 32}));
    x = swish(convolution(b, b.add(Concat{1}, {first, second}), {64, 32}));
    x = b.add(Interpolate{.coordinates = CoordinateMode::asymmetric, .nearest = NearestMode::floor},
              {x, b.ints({32, 32}), b.ints({2, 3})});
    x = convolution(b, b.add(Concat{1}, {x, fine}), {64, 24, 1});
    x = b.add(Reshape{}, {x, b.ints({1, 3, 8, 1024})});
    b.result(b.add(Sigmoid{}, {b.add(Transpose{}, {x, b.ints({0, 1, 3, 2})})}));
    return b.graph();
}

// A layer of a transformer: attention, normalisation, two products with GELU between.
Graph encoder() {
    Builder b(4);
    constexpr std::int64_t kRows = 32, kHeads = 2, kWidth = 32, kFeatures = kHeads * kWidth;
    const auto codes = [&](Value x) { return b.quantize(x, -4, 127.0f / 32); };
    const auto product = [&](Value x, std::int64_t inputs, std::int64_t outputs) {
        const Value y = b.add(MatMul{false, true}, {x, b.weights({outputs, inputs})});
        return b.add(Add{}, {y, b.random({1, 1, outputs}, -0.2f, 0.2f)});
    };
    const auto normalized = [&](Value x) {
        const Value y = b.add(Mvn{}, {x, b.ints({2})});
        const Value scaled = b.add(Multiply{}, {y, b.random({1, 1, kFeatures}, 0.5f, 1)});
        return b.add(Add{}, {scaled, b.random({1, 1, kFeatures})});
    };
    const Value x = b.input({1, kRows, kFeatures}, -1, 1);
    const Value read = codes(x);
    const auto head = [&](const std::vector<std::int64_t>& order) {
        const Value y = b.add(Reshape{true},
                              {codes(product(read, kFeatures, kFeatures)), b.ints({0, kRows, kHeads, kWidth})});
        return b.add(Transpose{}, {y, b.ints(order)});
    };
    const Value q = head({0, 2, 1, 3}), k = head({0, 2, 3, 1}), v = head({0, 2, 1, 3});
    const Value shares = b.add(SoftMax{-1}, {b.add(Multiply{}, {b.add(MatMul{}, {q, k}), b.scalar(0.18f)})});
    Value y = b.add(Transpose{}, {b.add(MatMul{}, {b.quantize(shares, 0, 1), v}), b.ints({0, 2, 1, 3})});
    y = codes(b.add(Reshape{true}, {y, b.ints({0, kRows, kFeatures})}));
    const Value middle = normalized(b.add(Add{}, {x, product(y, kFeatures, kFeatures)}));
    y = b.add(Gelu{}, {product(codes(middle), kFeatures, 4 * kFeatures)});
    y = product(codes(y), 4 * kFeatures, kFeatures);
    b.result(normalized(b.add(Add{}, {middle, y})));
    return b.graph();
}

// Two layers of LSTM, one after the other.
Graph recurrent() {
    Builder b(5);
    constexpr std::int64_t kSteps = 8, kHidden = 32;
    Value x = b.input({1, kSteps, kHidden}, -1, 1);
    for (int layer = 0; layer < 2; ++layer) {
        const Value state = b.numbers({1, 1, kHidden}, std::vector<float>(kHidden, 0));
        const auto weights = [&] {
            return b.quantize(b.random({1, 4 * kHidden, kHidden}, -0.2f, 0.2f), -0.2f, 0.2f, 255);
        };
        const Value w = weights(), r = weights(), bias = b.random({1, 4 * kHidden}, -0.2f, 0.2f);
        x = b.add(LstmSequence{.hidden_size = kHidden},
                  {b.quantize(x, -1, 127.0f / 128), state, state, b.ints({kSteps}), w, r, bias});
        x = b.add(Squeeze{}, {x, b.ints({1})});
    }
    b.result(x);
    return b.graph();
}

}  // namespace

const std::vector<Model>& models() {
    static const std::vector<Model> all{{"residual", residual},
                                        {"mobile", mobile},
                                        {"detector", detector},
                                        {"encoder", encoder},
                                        {"recurrent", recurrent}};
    return all;
}

}  // namespace octet::guard
