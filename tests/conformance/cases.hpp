#pragma once
// Small graphs that every device runs and REFERENCE judges.
#include <functional>
#include <string>
#include <vector>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"

namespace octet::conformance {

// Builds a graph from seeded numbers: the same every time.
class Builder {
public:
    explicit Builder(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}

    // A parameter; `ranges` say what it is fed with.
    ir::Value input(ir::Shape shape, float low = -1, float high = 1, ir::Element element = ir::Element::f32);
    ir::Value add(ir::Op op, std::vector<ir::Value> inputs) { return edit_.add(std::move(op), std::move(inputs)); }
    void result(ir::Value v) { edit_.add(ir::Result{}, {v}); }
    void all_results(ir::Value v);  // every output of v's node

    ir::Value random(ir::Dims dims, float low = -1, float high = 1);
    ir::Value numbers(ir::Dims dims, const std::vector<float>& values);
    ir::Value scalar(float value) { return numbers({}, {value}); }
    ir::Value ints(const std::vector<std::int64_t>& values) { return edit_.constant(ir::Tensor::vector(values)); }
    ir::Value axis(std::int64_t value) { return edit_.constant(ir::Tensor::scalar(value)); }

    // Codes of 4 or 8 bits from the whole range of their type.
    ir::Value codes(ir::Dims dims, ir::Element element);

    // FakeQuantize with one interval.
    ir::Value quantize(ir::Value x, float low, float high, std::int64_t levels = 256);
    // FakeQuantize with an interval per channel (axis 1).
    ir::Value quantize_channels(ir::Value x, std::size_t rank, std::int64_t channels, float low, float high);
    // Weights through FakeQuantize with 255 levels and an interval per entry of the first `axes` axes. Half of them lie at the ends,
    // so that products in 8 bits reach their extremes.
    ir::Value weights(ir::Dims dims, std::size_t axes = 1);
    // The same around a zero point that is not zero, with 256 levels.
    ir::Value shifted_weights(ir::Dims dims);

    const ir::Graph& graph() const { return graph_; }
    struct Range {
        float low, high;
    };
    const std::vector<Range>& ranges() const { return ranges_; }
    float uniform(float low, float high);

private:
    ir::Graph graph_;
    ir::Edit edit_{graph_};
    std::vector<Range> ranges_;
    std::uint64_t state_;
};

struct Case {
    std::string name;
    std::function<void(Builder&)> build;
    double step = 0;  // of the last quantization: results may differ by one step in few places; 0: by 1e-4 of the range
    std::vector<std::vector<ir::Dims>> shapes = {};  // of the inputs, one list an inference, where they are dynamic
    bool int8 = false;                               // a device with int8 kernels uses one
};

std::vector<Case> float_cases();
std::vector<Case> gate_cases();
std::vector<Case> movement_cases();
std::vector<Case> int8_cases();
std::vector<Case> product_cases();
std::vector<Case> recurrent_cases();

}  // namespace octet::conformance
