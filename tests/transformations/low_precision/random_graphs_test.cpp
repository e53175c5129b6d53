// The law of all low-precision transformations: in real arithmetic they change nothing. Scales are dyadic, weights small and sums
// below 2^24, so that float arithmetic is exact and results must be equal bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "tests/transformations/quantized_graphs.hpp"
#include "transformations/low_precision/weighted.hpp"
#include "transformations/pipelines.hpp"

namespace octet {
namespace {

using ir::Dims;
using ir::Tensor;
using ir::Value;

class RandomGraph {
public:
    explicit RandomGraph(unsigned seed) : random_(seed) {
        values_.push_back({b_.input({1, 2, 4, 4}, "x"), 8, 0x1p-4});
        values_.push_back({b_.input({1, 4, 3, 4}, "x2"), 8, 0x1p-4});
        const int steps = 4 + below(12);
        for (int i = 0; i < steps; ++i) step(i);
        for (const Known& k : values_)
            if (b_.graph.uses(k.value).empty()) b_.result(k.value);
    }
    ir::Graph take() { return std::move(b_.graph); }

private:
    // A value, the largest magnitude of its elements, and what they are multiples of.
    struct Known {
        Value value;
        double largest;
        double unit;
    };

    int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
    bool chance(int percent) { return below(100) < percent; }
    Dims dims(const Known& k) const { return b_.graph.shape(k.value).sizes(); }
    std::string name(const char* what) { return fmt::format("{}{}", what, ++names_); }
    void keep(Value v, double largest, double unit) {
        // Beyond 22 bits the next sum might be rounded.
        if (largest / unit < 0x1p22) values_.push_back({v, largest, unit});
        else values_.push_back(quantized({v, largest, unit}));
    }

    Known quantized(const Known& k) {
        // Half of the 8-bit grids of activations: zero at a code, at the low end, or between two codes.
        static constexpr std::array<float, 6> kZeroPoints{0, 0, 64, 3, 3.25f, 64.5f};
        const std::int64_t levels = chance(80) ? 129 : 17;
        const float zero_point = kZeroPoints[static_cast<std::size_t>(below(6))];
        Grid grid{levels, {chance(50) ? 0.25f : 0.125f}, zero_point};
        if (chance(15)) {
            grid.scale.clear();
            for (std::int64_t c = 0; c < dims(k)[1]; ++c) grid.scale.push_back(chance(50) ? 0.25f : 0.125f);
        }
        if (chance(5)) grid.levels = 513;  // no 8-bit codes
        const double scale = 0.25;
        return {b_.fake_quantize(k.value, grid, name("fq")), (static_cast<double>(grid.levels) + 65) * scale,
                0.125 / 4};
    }

    Value weights(const Dims& shape, std::size_t channel_axis) {
        std::vector<float> values;
        for (std::int64_t i = 0; i < ir::product(shape); ++i) values.push_back(static_cast<float>(below(9) - 4));
        if (chance(10)) return b_.numbers(shape, values, name("plain"));
        static constexpr std::array<float, 3> kScales{0.5f, 1, 2};
        Grid grid{129, {kScales[static_cast<std::size_t>(below(3))]}, 64};
        if (chance(60)) {
            grid.scale.clear();
            for (std::int64_t c = 0; c < shape[channel_axis]; ++c)
                grid.scale.push_back(kScales[static_cast<std::size_t>(below(3))]);
        }
        if (chance(5)) grid.zero_point = 63;
        return b_.weights(shape, values, grid, name("weights"), channel_axis);
    }

    void convolution(const Known& k) {
        const std::int64_t in = dims(k)[1];
        const std::int64_t out = 1 + below(4);
        const std::int64_t kernel = chance(60) && dims(k)[2] >= 3 && dims(k)[3] >= 3 ? 3 : 1;
        const std::int64_t pad = kernel == 3 && chance(60) ? 1 : 0;
        const std::int64_t stride = 1 + below(2);
        const double largest = k.largest * static_cast<double>(in * kernel * kernel) * 4 + 1;
        if (chance(25)) {
            const Value w = weights({in, 1, 1, kernel, kernel}, 0);
            keep(b_.edit.add(
                     ir::GroupConvolution{{stride, 1}, {pad, pad}, {pad, 0}, {1, 1}, ir::PadType::explicit_, {}, {}},
                     {k.value, w}, name("depthwise")),
                 largest, k.unit / 2);
            return;
        }
        Value v =
            b_.edit.add(ir::Convolution{{stride, stride}, {pad, 0}, {pad, pad}, {1, 1}, ir::PadType::explicit_, {}, {}},
                        {k.value, weights({out, in, kernel, kernel}, 0)}, name("conv"));
        if (chance(50)) {
            std::vector<float> bias;
            for (std::int64_t c = 0; c < out; ++c) bias.push_back(static_cast<float>(below(9) - 4) / 4);
            v = b_.edit.add(ir::Add{}, {v, b_.numbers({1, out, 1, 1}, bias)}, name("bias"));
        }
        keep(v, largest, k.unit / 2);
    }

    void product(const Known& k) {
        const std::int64_t in = dims(k)[3];
        const bool transposed = chance(50);
        const Value w = transposed ? weights({3, in}, 0) : weights({in, 3}, 1);
        keep(b_.edit.add(ir::MatMul{false, transposed, {}, {}}, {k.value, w}, name("product")),
             k.largest * static_cast<double>(in) * 8, k.unit / 2);
    }

    void move(const Known& k) {
        const Dims d = dims(k);
        Value v = k.value;
        switch (below(8)) {
            case 0: v = b_.edit.add(ir::Reshape{}, {v, b_.integers({1, d[1], -1, 1})}, name("reshape")); break;
            case 1: v = b_.edit.add(ir::Reshape{}, {v, b_.integers({1, -1, 1, d[3]})}, name("reshape")); break;
            case 2: v = b_.edit.add(ir::Transpose{}, {v, b_.integers({0, 1, 3, 2})}, name("transpose")); break;
            case 3: v = b_.edit.add(ir::Transpose{}, {v, b_.integers({0, 2, 3, 1})}, name("transpose")); break;
            case 4:
                v = b_.edit.add(ir::Squeeze{}, {v, b_.integers({0})}, name("squeeze"));
                v = b_.edit.add(ir::Unsqueeze{}, {v, b_.integers({0})}, name("unsqueeze"));
                break;
            case 5:
                v = b_.edit.add(ir::StridedSlice{.begin_mask = {1, 0, 1, 1}, .end_mask = {1, 1, 1, 1}},
                                {v, b_.integers({0, d[1] - 1, 0, 0}), b_.integers({0, 0, 0, 0})}, name("slice"));
                break;
            case 6: v = b_.edit.add(ir::ShuffleChannels{1, d[1] % 2 == 0 ? 2 : 1}, {v}, name("shuffle")); break;
            default:
                v = b_.edit.add(ir::Interpolate{}, {v, b_.integers({d[2] + 1, d[3]}), b_.integers({2, 3})},
                                name("interpolate"));
        }
        keep(v, k.largest, k.unit);
    }

    void branch(const Known& k) {
        if (dims(k)[1] % 2 != 0) return keep(b_.edit.add(ir::Relu{}, {k.value}, name("relu")), k.largest, k.unit);
        const Value parts = b_.edit.add(ir::Split{2}, {k.value, b_.edit.constant(Tensor::scalar<std::int64_t>(1))},
                                        name("split"));
        const Value left =
            b_.edit.add(ir::MaxPool{.strides = {1, 1}, .pads_begin = {1, 1}, .pads_end = {0, 0}, .kernel = {2, 2}},
                        {parts}, name("pool"));
        keep(left, k.largest, k.unit);
        keep({parts.node, 1}, k.largest, k.unit);
    }

    void join(const Known& k) {
        for (const Known& other : std::vector<Known>(values_)) {
            if (other.value == k.value && chance(70)) continue;
            const Dims a = dims(k);
            const Dims c = dims(other);
            const double largest = k.largest + other.largest;
            const double unit = std::min(k.unit, other.unit);
            if (a == c && chance(50))
                return keep(b_.edit.add(ir::Add{}, {k.value, other.value}, name("sum")), largest, unit);
            if (a[2] == c[2] && a[3] == c[3])
                return keep(b_.edit.add(ir::Concat{1}, {k.value, other.value}, name("concat")), largest, unit);
        }
    }

    void float_op(const Known& k) {
        switch (below(4)) {
            case 0: return keep(b_.edit.add(ir::Relu{}, {k.value}, name("relu")), k.largest, k.unit);
            case 1: return keep(b_.edit.add(ir::Clamp{-2, 6}, {k.value}, name("clamp")), k.largest, k.unit);
            case 2:
                return keep(b_.edit.add(ir::Multiply{}, {k.value, b_.numbers({}, {0.5f})}, name("half")), k.largest,
                            k.unit / 2);
            default:
                return keep(b_.edit.add(ir::ReduceMean{true}, {k.value, b_.integers({0})}, name("mean")), k.largest,
                            k.unit);
        }
    }

    void step(int i) {
        const std::size_t recent = std::min<std::size_t>(values_.size(), 3);
        Known k = values_[values_.size() - 1 - static_cast<std::size_t>(below(static_cast<int>(recent)))];
        if (i < 2 || chance(30)) k = values_.emplace_back(quantized(k));
        switch (below(8)) {
            case 0:
            case 1:
            case 2: return convolution(k);
            case 3: return product(k);
            case 4: return move(k);
            case 5: return branch(k);
            case 6: return join(k);
            default: return float_op(k);
        }
    }

    GraphBuilder b_;
    std::mt19937 random_;
    std::vector<Known> values_;
    int names_ = 0;
};

ir::Tensors random_inputs(const ir::Graph& graph, unsigned seed) {
    std::mt19937 random(seed);
    ir::Tensors inputs;
    for (ir::NodeId id : graph.parameters()) {
        Tensor t(ir::Element::f32, graph.shape({id, 0}).sizes());
        for (float& x : t.write<float>()) x = static_cast<float>(static_cast<int>(random() % 257) - 128) / 16;
        inputs.push_back(std::move(t));
    }
    return inputs;
}

void expect_same_numbers(const ir::Graph& before, const ir::Graph& after, unsigned seed) {
    for (unsigned round = 0; round < 2; ++round) {
        const ir::Tensors inputs = random_inputs(before, seed * 2 + round);
        const ir::Tensors wanted = ir::eval::evaluate(before, inputs);
        const ir::Tensors got = ir::eval::evaluate(after, inputs);
        ASSERT_EQ(wanted.size(), got.size());
        for (std::size_t r = 0; r < wanted.size(); ++r)
            for (std::size_t i = 0; i < wanted[r].size(); ++i)
                ASSERT_EQ(wanted[r].at(i), got[r].at(i))
                    << "result " << r << ", element " << i << ", seed " << seed << "\n"
                    << ir::print(before) << "\n"
                    << ir::print(after);
    }
}

std::size_t weighted_on_codes(const ir::Graph& graph) {
    std::size_t n = 0;
    for (ir::NodeId id : graph.order())
        n += low_precision::is_weighted(graph.node(id).op) &&
             graph.node(id).outputs[0].type.element == ir::Element::i32;
    return n;
}

constexpr unsigned kGraphs = 300;

TEST(RandomGraphs, LowPrecisionKeepsEveryNumber) {
    std::size_t on_codes = 0;
    std::size_t kept_float = 0;
    std::size_t sums = 0;
    for (unsigned seed = 0; seed < kGraphs; ++seed) {
        const ir::Graph original = RandomGraph(seed).take();
        ir::Graph graph = original;
        const auto plan = std::make_shared<low_precision::PrecisionPlan>();
        rewrite::run(canonicalise(), graph);
        // Layers as small as these are worth several sums only where steps and memory are free.
        auto restrictions = low_precision::cpu_restrictions();
        if (seed % 2 == 0) restrictions.costs = {1e9, 1, 1e9, 0, 0};
        rewrite::run(low_precision_pipeline(restrictions, plan), graph);
        // What the plan promised has happened.
        std::size_t promised = 0;
        for (const auto& layer : plan->layers)
            if (!plan->kept_float.contains(layer.layer)) {
                const ir::NodeId* node = original.find(layer.layer);
                ASSERT_TRUE(node) << layer.layer;
                promised += low_precision::is_weighted(original.node(*node).op);
            }
        for (const auto& choice : plan->choices)
            if (choice.form == low_precision::Choice::Form::sums)
                sums += choice.scales - 1, promised += choice.scales - 1;
        // Weights with a zero point bring sums over windows beside them.
        ASSERT_LE(promised, weighted_on_codes(graph)) << "seed " << seed << "\n"
                                                      << ir::print(original) << "\n"
                                                      << ir::print(graph);
        on_codes += promised;
        kept_float += plan->kept_float.size();
        rewrite::run(finish(), graph);
        ir::verify_or_throw(graph, "all passes");
        expect_same_numbers(original, graph, seed);
        if (HasFatalFailure()) return;
    }
    // The generator must reach both sides.
    EXPECT_GT(on_codes, kGraphs / 2);
    EXPECT_GT(kept_float, kGraphs / 2);
    EXPECT_GT(sums, kGraphs / 20);
    std::printf("%zu ops on codes, %zu of them further sums, %zu kept float\n", on_codes, sums, kept_float);
}

TEST(RandomGraphs, RefusalLeavesTheGraph) {
    for (unsigned seed = 0; seed < kGraphs; ++seed) {
        ir::Graph graph = RandomGraph(seed).take();
        rewrite::run(canonicalise(), graph);
        const ir::Graph before = graph;
        rewrite::run(low_precision_pipeline(low_precision::no_restrictions(),
                                            std::make_shared<low_precision::PrecisionPlan>()),
                     graph);
        ASSERT_TRUE(before == graph) << "seed " << seed << "\n" << ir::print(before) << "\n" << ir::print(graph);
    }
}

}  // namespace
}  // namespace octet
