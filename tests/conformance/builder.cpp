#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

float Builder::uniform(float low, float high) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return low + (high - low) * static_cast<float>(state_ >> 40) / static_cast<float>(1 << 24);
}

Value Builder::input(Shape shape, float low, float high, Element element) {
    ranges_.push_back({low, high});
    return edit_.add(Parameter{element, std::move(shape), {}}, {});
}

void Builder::all_results(Value v) {
    for (const Value output : edit_.outputs(v.node)) result(output);
}

Value Builder::random(Dims dims, float low, float high) {
    std::vector<float> values(static_cast<std::size_t>(product(dims)));
    for (float& value : values) value = uniform(low, high);
    return numbers(std::move(dims), values);
}

Value Builder::numbers(Dims dims, const std::vector<float>& values) {
    return edit_.constant(Tensor::of<float>(std::move(dims), values));
}

Value Builder::codes(Dims dims, Element element) {
    Tensor tensor(element, std::move(dims));
    for (std::byte& bits : tensor.write_raw()) bits = static_cast<std::byte>(uniform(0, 256));
    return edit_.constant(tensor);
}

Value Builder::quantize(Value x, float low, float high, std::int64_t levels) {
    const Value from = scalar(low), to = scalar(high);
    return add(FakeQuantize{levels}, {x, from, to, from, to});
}

Value Builder::quantize_channels(Value x, std::size_t rank, std::int64_t channels, float low, float high) {
    Dims dims(rank, 1);
    dims[1] = channels;
    std::vector<float> lows, highs;
    for (std::int64_t c = 0; c < channels; ++c) {
        const float scale = uniform(0.5f, 1);
        lows.push_back(low * scale);
        highs.push_back(high * scale);
    }
    const Value from = numbers(dims, lows), to = numbers(dims, highs);
    return add(FakeQuantize{256}, {x, from, to, from, to});
}

Value Builder::weights(Dims dims, std::size_t axes) {
    Dims extents(dims.size(), 1);
    for (std::size_t i = 0; i < axes; ++i) extents[i] = dims[i];
    std::vector<float> lows, highs;
    for (std::int64_t i = 0; i < product(extents); ++i) {
        highs.push_back(uniform(0.1f, 1));
        lows.push_back(-highs.back());
    }
    const Value values = random(std::move(dims), -1.2f, 1.2f), from = numbers(extents, lows),
                to = numbers(extents, highs);
    return add(FakeQuantize{255}, {values, from, to, from, to});
}

Value Builder::shifted_weights(Dims dims) { return quantize(random(std::move(dims), -0.6f, 1.2f), -0.5f, 1.0f); }

}  // namespace octet::conformance
