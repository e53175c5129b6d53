#pragma once
// Inside of random_graph: what is known of the values so far, and a function for each family of ops. Each adds one op (or a few) to
// the graph where the value it is given allows, else nothing.
#include <algorithm>
#include <optional>
#include <random>

#include "tests/transformations/quantized_graphs.hpp"
#include "tests/transformations/random_graph.hpp"

namespace octet {

// A value, its shape for a batch of 2, the largest magnitude of its elements, and what they are multiples of.
struct Known {
    ir::Value value;
    ir::Dims dims;
    double largest = 0;
    double unit = 0;
};

class RandomGraphBuilder {
public:
    RandomGraphBuilder(unsigned seed, const RandomGraphOptions& options) : options_(options), random_(seed) {}
    ir::Graph run();

private:
    // random_graph.cpp
    void input(int index);
    void step(bool first);
    Known quantized(const Known& k);
    Known quantized(const Known& k, std::int64_t levels);
    ir::Value interval(const Known& k, const std::vector<float>& ends, std::string_view what);
    const Known* other(bool (*fits)(const ir::Dims& a, const ir::Dims& b), const Known& k);

    // random_weighted.cpp
    void convolution(const Known& k);
    void group_convolution(const Known& k);
    void backward_convolution(const Known& k);
    void matrix_product(const Known& k);
    void product_of_two(const Known& k);
    void recurrent(const Known& k);
    ir::Op recurrent_op(ir::RecurrentKind kind, bool cell, std::int64_t hidden);
    struct Weights {
        ir::Value value;
        double largest;
        double unit;
    };
    // `axes`: those that number output channels. `products`: how many meet in one sum.
    std::optional<Weights> weights(const ir::Dims& shape, const std::vector<std::size_t>& axes, const Known& data,
                                   std::int64_t products);
    ir::Value quantized_weights(const ir::Dims& shape, const std::vector<std::size_t>& axes, int largest_code,
                                const std::vector<float>& scales);
    void keep_sum(ir::Value v, const Known& data, const Weights& w, std::int64_t products);
    template <class Op>
    void place_window(Op& op, const ir::Dims& map, ir::Dims& kernel);

    // random_elementwise.cpp
    void activation(const Known& k);
    void with_constant(const Known& k);
    void join(const Known& k);
    void pool(const Known& k);
    void reduce(const Known& k);
    void rounding_function(const Known& k);

    // random_moves.cpp
    void reshape(const Known& k);
    void permute(const Known& k);
    void slice(const Known& k);
    void repeat(const Known& k);
    void blocks(const Known& k);
    void pad(const Known& k);
    void split(const Known& k);
    void concat(const Known& k);
    void state(const Known& k);
    ir::Value turned(std::size_t rank);

    // random_bodies.cpp
    void body(const Known& k);
    static Known enter(RandomGraphBuilder& inner, const Known& k, const ir::Shape& shape);
    static void close_state(RandomGraphBuilder& inner, const ir::Dims& dims);
    void leave(RandomGraphBuilder& inner, std::int64_t trips, std::vector<ir::Value> operands,
               std::vector<ir::PortMap> inputs, std::vector<ir::PortMap> back_edges, std::int64_t axis, bool backward);

    int below(std::int64_t n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
    bool chance(int percent) { return below(100) < percent; }
    template <class T>
    T one_of(std::initializer_list<T> values) {
        return values.begin()[below(static_cast<std::int64_t>(values.size()))];
    }
    float uniform(float low, float high) { return low + (high - low) * static_cast<float>(random_() % 65536) / 65536; }
    std::string name(std::string_view what) { return fmt::format("{}{}", what, ++names_); }
    // Axes that may be moved or cut: all but an unknown batch.
    std::size_t first_axis() const { return options_.dynamic_batch ? 1 : 0; }
    std::size_t axis_of(const Known& k) {
        return first_axis() + static_cast<std::size_t>(below(static_cast<std::int64_t>(k.dims.size() - first_axis())));
    }
    bool has_axes(const Known& k) const { return k.dims.size() > first_axis(); }
    bool small(const ir::Dims& dims) const { return ir::product(dims) <= (options_.wide ? 20000 : 2000); }
    // Whether numbers up to `largest` that are multiples of `unit` are exact.
    bool fits(double largest, double unit) const { return !options_.exact || largest / unit < 0x1p23; }
    ir::Value add(ir::Op op, std::vector<ir::Value> inputs, std::string_view what) {
        return b_.edit.add(std::move(op), std::move(inputs), name(what));
    }
    void keep(ir::Value v, double largest, double unit);

    RandomGraphOptions options_;
    GraphBuilder b_;
    std::mt19937_64 random_;
    std::vector<Known> values_;
    int names_ = 0;
    bool in_body_ = false;
};

template <class Op>
void RandomGraphBuilder::place_window(Op& op, const ir::Dims& map, ir::Dims& kernel) {
    const bool pads = chance(60);
    for (const std::int64_t extent : map) {
        const std::int64_t dilation = chance(15) ? 2 : 1;
        const std::int64_t begin = pads ? below(2) : 0;
        const std::int64_t end = pads ? below(2) : 0;
        std::int64_t taps = one_of<std::int64_t>({1, 3, 3, 2, 5});
        while ((taps - 1) * dilation + 1 > extent + begin + end) --taps;
        kernel.push_back(taps);
        op.strides.push_back(one_of<std::int64_t>({1, 1, 2}));
        op.dilations.push_back(dilation);
        op.pads_begin.push_back(std::min(begin, taps - 1));
        op.pads_end.push_back(std::min(end, taps - 1));
    }
}

}  // namespace octet
