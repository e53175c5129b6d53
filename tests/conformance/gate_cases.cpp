// Squeeze-excite: a map times factors of its channels, which small products make of its mean.
#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

enum class Codes : std::uint8_t { none, map, all };            // what is quantized
enum class Products : std::uint8_t { convolutions, matmuls };  // on [N, C, 1...], or on [N, C]

struct Chain {
    std::string name;
    Dims map;
    std::int64_t squeezed;
    Op inner, outer;
    Codes codes = Codes::none;
    Products products = Products::convolutions;
    bool average_pool = false, gate_first = false, channels = false;
};

class GateBuilder {
public:
    GateBuilder(Builder& builder, const Chain& chain) : b(builder), c(chain), spatial_(c.map.size() - 2) {}

    void build() {
        Value x = b.input(Shape(c.map), -1.2f, 1.7f);
        if (c.channels) x = b.quantize_channels(x, c.map.size(), c.map[1], -0.97f, 1.61f);
        else if (c.codes != Codes::none) x = b.quantize(x, -0.97f, 1.61f);
        Value v = quantized(mean(x), -0.5f, 0.6f);
        v = product(v, c.map[1], c.squeezed);
        v = quantized(activation(c.inner, v), -1, 2);
        v = activation(c.outer, product(v, c.squeezed, c.map[1]));
        if (c.products == Products::matmuls) v = reshaped(v);
        // A gate of codes beside a map of codes, as tools quantize it.
        if (c.codes != Codes::none) v = b.quantize(v, 0, 1);
        v = c.gate_first ? b.add(Multiply{}, {v, x}) : b.add(Multiply{}, {x, v});
        b.result(c.codes == Codes::none ? v : b.quantize(v, -0.83f, 1.47f));
    }

private:
    Value quantized(Value v, float low, float high) { return c.codes == Codes::all ? b.quantize(v, low, high) : v; }

    Value mean(Value x) {
        if (c.average_pool) {
            const Dims zeros(spatial_, 0), ones(spatial_, 1), extents(c.map.begin() + 2, c.map.end());
            return b.add(AvgPool{.strides = ones, .pads_begin = zeros, .pads_end = zeros, .kernel = extents}, {x});
        }
        std::vector<std::int64_t> axes;
        for (std::size_t i = 0; i < spatial_; ++i) axes.push_back(static_cast<std::int64_t>(i) + 2);
        return b.add(ReduceMean{c.products == Products::convolutions}, {x, b.ints(axes)});
    }

    Value weights(Dims dims) { return c.codes == Codes::all ? b.weights(std::move(dims)) : b.random(std::move(dims)); }

    Value product(Value v, std::int64_t from, std::int64_t to) {
        if (c.products == Products::matmuls)
            return b.add(Add{}, {b.add(MatMul{false, true}, {v, weights({to, from})}), b.random({1, to})});
        Dims kernel{to, from}, bias{1, to};
        kernel.resize(c.map.size(), 1);
        bias.resize(c.map.size(), 1);
        const Dims zeros(spatial_, 0), ones(spatial_, 1);
        return b.add(Add{}, {b.add(Convolution{ones, zeros, zeros, ones}, {v, weights(kernel)}), b.random(bias)});
    }

    Value activation(const Op& op, Value v) {
        if (op.is<HardSigmoid>()) return b.add(op, {v, b.scalar(0.2f), b.scalar(0.5f)});
        if (op.is<PRelu>()) return b.add(op, {v, b.numbers({1}, {0.2f})});
        return b.add(op, {v});
    }

    Value reshaped(Value v) {
        std::vector<std::int64_t> dims(c.map.size(), 1);
        dims[0] = c.map[0];
        dims[1] = c.map[1];
        return b.add(Reshape{}, {v, b.ints(dims)});
    }

    Builder& b;
    const Chain& c;
    std::size_t spatial_;
};

std::vector<Chain> chains() {
    std::vector<Chain> all;
    for (const Codes codes : {Codes::none, Codes::map, Codes::all}) {
        const std::string kind = codes == Codes::none ? "float" : codes == Codes::map ? "codes_of_map" : "codes";
        const auto add = [&](const std::string& what, Chain chain) {
            chain.name = kind + "_" + what;
            chain.codes = codes;
            all.push_back(std::move(chain));
        };
        add("relu", {"", {1, 19, 9, 8}, 5, Relu{}, Sigmoid{}});
        add("swish", {"", {1, 64, 7, 7}, 16, Swish{}, HardSigmoid{}});
        add("hswish_of_batch", {"", {3, 33, 6, 5}, 9, HSwish{}, HSigmoid{}});
        add("prelu_of_many_channels", {"", {1, 210, 4, 4}, 70, PRelu{}, Sigmoid{}});
        add("of_a_large_batch", {"", {11, 24, 5, 5}, 8, Relu{}, Sigmoid{}});
        add("of_rows", {"", {2, 17, 30}, 4, Relu{}, Sigmoid{}});
        add("of_volumes", {"", {2, 16, 3, 4, 5}, 4, Relu{}, Tanh{}});
        add("of_few_pixels", {"", {1, 40, 2, 2}, 10, Relu{}, Sigmoid{}});
        add("average_pool", {"", {2, 48, 6, 6}, 12, Relu{}, Sigmoid{}});
        all.back().average_pool = true;
        add("gate_first", {"", {2, 13, 6, 7}, 3, Relu{}, Sigmoid{}});
        all.back().gate_first = true;
        add("matmuls", {"", {2, 40, 6, 7}, 10, Relu{}, Sigmoid{}});
        all.back().products = Products::matmuls;
        if (codes == Codes::none) continue;
        add("grids_by_channel", {"", {2, 37, 6, 7}, 8, Relu{}, Sigmoid{}});
        all.back().channels = true;
    }
    return all;
}

}  // namespace

std::vector<Case> gate_cases() {
    std::vector<Case> cases;
    for (const Chain& chain : chains())
        cases.push_back({"squeeze_excite_" + chain.name, [chain](Builder& b) { GateBuilder(b, chain).build(); },
                         chain.codes == Codes::none ? 0 : 2.3 / 255});
    // The factors are a result, too.
    cases.push_back({"squeeze_excite_of_factors_that_are_read_twice", [](Builder& b) {
                         const Value x = b.input({1, 8, 5, 5});
                         const Value mean = b.add(ReduceMean{true}, {x, b.ints({2, 3})});
                         const Value gate = b.add(Sigmoid{}, {b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                                                    {mean, b.random({8, 8, 1, 1})})});
                         b.result(b.add(Multiply{}, {x, gate}));
                         b.result(gate);
                     }});
    // Of the mean of another map.
    cases.push_back({"squeeze_excite_of_another_map", [](Builder& b) {
                         const Value x = b.input({1, 8, 5, 5}), y = b.input({1, 8, 3, 3});
                         const Value mean = b.add(ReduceMean{true}, {y, b.ints({2, 3})});
                         const Value gate = b.add(Sigmoid{}, {b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                                                    {mean, b.random({8, 8, 1, 1})})});
                         b.result(b.add(Add{}, {b.add(Multiply{}, {x, gate}), b.input({1, 8, 5, 5})}));
                     }});
    return cases;
}

}  // namespace octet::conformance
