#include "tools/octet/example_builder.hpp"

#include <algorithm>
#include <cmath>

#include "ir/eval/eval.hpp"
#include "ir/ops/binary.hpp"
#include "ir/ops/convolution.hpp"
#include "ir/ops/core.hpp"
#include "ir/ops/movement.hpp"
#include "ir/ops/quantization.hpp"
#include "ir/ops/reduction.hpp"

namespace octet::tools {
namespace {

using ir::Dims;
using ir::Tensor;

constexpr std::int64_t kSamples = 2;

struct Moments {
    double mean = 0;
    double variance = 0;
};

Moments moments(std::span<const float> values) {
    double sum = 0, squares = 0;
    for (const float v : values) {
        sum += static_cast<double>(v);
        squares += static_cast<double>(v) * static_cast<double>(v);
    }
    const double count = static_cast<double>(values.size());
    const double mean = sum / count;
    return {mean, std::max(squares / count - mean * mean, 0.0)};
}

// Of each channel of [N, C, ...].
std::vector<Moments> channel_moments(const Tensor& x) {
    const auto batch = static_cast<std::size_t>(x.dims()[0]), channels = static_cast<std::size_t>(x.dims()[1]);
    const std::size_t area = x.size() / (batch * channels);
    std::vector<Moments> result(channels);
    std::vector<float> values(batch * area);
    for (std::size_t c = 0; c < channels; ++c) {
        for (std::size_t n = 0; n < batch; ++n)
            std::ranges::copy(x.as<float>().subspan((n * channels + c) * area, area),
                              values.begin() + static_cast<std::ptrdiff_t>(n * area));
        result[c] = moments(values);
    }
    return result;
}

void scale_rows(Tensor& weights, std::span<const float> factors) {
    const std::size_t row = weights.size() / factors.size();
    const auto values = weights.write<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= factors[i / row];
}

}  // namespace

Sampled ExampleBuilder::images(std::string_view name, std::int64_t channels, std::int64_t size,
                               std::int64_t sample_size) {
    Tensor sample(ir::Element::f32, {kSamples, channels, sample_size, sample_size});
    for (float& v : sample.write<float>()) v = random_.uniform();
    const ir::Parameter parameter{ir::Element::f32, ir::Shape(Dims{1, channels, size, size}), {std::string(name)}};
    return {edit_.add(parameter, {}, name), std::move(sample)};
}

Sampled ExampleBuilder::op(const ir::Op& op, const std::vector<Sampled>& inputs, std::string_view name) {
    std::vector<ir::Value> values;
    ir::Tensors samples;
    for (const Sampled& x : inputs) {
        values.push_back(x.value);
        samples.push_back(x.sample);
    }
    return {edit_.add(op, std::move(values), name), ir::eval::evaluate(op, samples)[0]};
}

Sampled ExampleBuilder::constant(Tensor tensor, std::string_view name) {
    const ir::Value value = edit_.constant(tensor, name);
    return {value, std::move(tensor)};
}

Tensor ExampleBuilder::random_weights(Dims dims) {
    Tensor weights(ir::Element::f32, std::move(dims));
    for (float& w : weights.write<float>()) w = random_.normal();
    return weights;
}

Sampled ExampleBuilder::fake_quantize(const Sampled& x, const Tensor& low, const Tensor& high, std::int64_t levels,
                                      const std::string& name) {
    const Sampled l = constant(low, name + "/low"), h = constant(high, name + "/high");
    return op(ir::FakeQuantize{levels}, {x, l, h, l, h}, name);
}

Sampled ExampleBuilder::quantized_weights(Tensor weights, const std::string& name) {
    // One interval per output channel: the group and the channel in it of a depthwise convolution, else the first axis.
    Dims dims(weights.dims().size(), 1);
    dims[0] = weights.dims()[0];
    const std::size_t row = weights.size() / static_cast<std::size_t>(dims[0]);
    Tensor low(ir::Element::f32, dims), high(ir::Element::f32, dims);
    for (std::size_t c = 0; c < low.size(); ++c) {
        float largest = 0;
        for (const float w : weights.as<float>().subspan(c * row, row)) largest = std::max(largest, std::abs(w));
        high.write<float>()[c] = largest;
        low.write<float>()[c] = -largest;
    }
    return fake_quantize(constant(std::move(weights), name + "/weights"), low, high, 255, name + "/fq_weights");
}

Sampled ExampleBuilder::convolution(const Sampled& x, const ConvolutionShape& shape, const std::string& name) {
    const std::int64_t inputs = x.sample.dims()[1], k = shape.kernel, pad = k / 2;
    const std::vector<std::int64_t> strides(2, shape.stride), pads(2, pad), dilations(2, 1);
    Tensor weights = random_weights(shape.depthwise ? Dims{inputs, 1, 1, k, k} : Dims{shape.channels, inputs, k, k});
    const ir::Op convolution = shape.depthwise ? ir::Op(ir::GroupConvolution{strides, pads, pads, dilations})
                                               : ir::Op(ir::Convolution{strides, pads, pads, dilations});
    const ir::Tensors operands{x.sample, weights};
    Tensor raw = ir::eval::evaluate(convolution, operands)[0];

    // Few numbers of a channel say little about its variance: that of all channels has a say.
    const double overall = moments(raw.as<float>()).variance;
    const std::vector<Moments> channels = channel_moments(raw);
    std::vector<float> factors;
    Tensor bias(ir::Element::f32, {1, static_cast<std::int64_t>(channels.size()), 1, 1});
    for (const Moments& m : channels) {
        const double factor = 1 / std::sqrt(m.variance + 0.05 * overall + 1e-12);
        bias.write<float>()[factors.size()] = static_cast<float>(-m.mean * factor);
        factors.push_back(static_cast<float>(factor));
    }
    scale_rows(weights, factors);
    const ir::Value w = quantized_weights(std::move(weights), name).value;
    const ir::Value y = edit_.add(convolution, {x.value, w}, name);
    const ir::Value sum = edit_.add(ir::Add{}, {y, edit_.constant(bias, name + "/bias")}, name + "/add");

    const std::size_t area = raw.size() / (factors.size() * static_cast<std::size_t>(kSamples));
    Tensor sample(ir::Element::f32, raw.dims());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const std::size_t c = i / area % factors.size();
        sample.write<float>()[i] = raw.as<float>()[i] * factors[c] + bias.as<float>()[c];
    }
    return {sum, std::move(sample)};
}

Sampled ExampleBuilder::fully_connected(const Sampled& x, std::int64_t channels, const std::string& name) {
    Tensor weights = random_weights({channels, x.sample.dims()[1]});
    const ir::MatMul product{.transpose_b = true};
    const ir::Tensors operands{x.sample, weights};
    const double variance = moments(ir::eval::evaluate(product, operands)[0].as<float>()).variance;
    scale_rows(weights,
               std::vector<float>(static_cast<std::size_t>(channels), static_cast<float>(2 / std::sqrt(variance))));
    Tensor bias = random_weights({1, channels});
    scale_rows(bias, std::vector<float>{0.1f});
    const Sampled scores = op(product, {x, quantized_weights(std::move(weights), name)}, name);
    return op(ir::Add{}, {scores, constant(std::move(bias), name + "/bias")}, name + "/add");
}

Sampled ExampleBuilder::quantized(const Sampled& x, const std::string& name) {
    const auto values = x.sample.as<float>();
    const auto [least, most] = std::ranges::minmax(values);
    const Dims dims(x.sample.dims().size(), 1);
    const float reach = std::max({std::abs(least), std::abs(most), 1e-3f});
    // Of 256 levels 128 are negative and 127 positive.
    const float low = least >= 0 ? 0.0f : -reach * 128.0f / 127.0f;
    return fake_quantize(x, Tensor::filled(ir::Element::f32, dims, static_cast<double>(low)),
                         Tensor::filled(ir::Element::f32, dims, static_cast<double>(reach)), 256, name + "/fq_output");
}

Sampled ExampleBuilder::global_mean(const Sampled& x, const std::string& name) {
    const Sampled axes = constant(Tensor::vector<std::int64_t>({2, 3}), name + "/axes");
    const Sampled mean = quantized(op(ir::ReduceMean{.keep_dims = true}, {x, axes}, name), name);
    const Sampled pattern = constant(Tensor::vector<std::int64_t>({0, -1}), name + "/shape");
    return op(ir::Reshape{}, {mean, pattern}, name + "/reshape");
}

ir::Graph ExampleBuilder::finish(const Sampled& output, std::string_view name) {
    edit_.add(ir::Result{{std::string(name)}, std::string(name), 0, false}, {output.value},
              std::string(name) + "/result");
    return std::move(graph_);
}

}  // namespace octet::tools
