#pragma once
// Builds quantized networks with made-up weights. Every value carries what it is for a few small sample images, so that weights can be
// scaled as a trained BatchNorm would leave them, and intervals of FakeQuantize cover what really comes.
#include <cstdint>
#include <string>
#include <string_view>

#include "ir/edit.hpp"
#include "ir/graph.hpp"
#include "tools/octet/random.hpp"

namespace octet::tools {

// A value of the network: that of the graph, and its contents for the sample images.
struct Sampled {
    ir::Value value;
    ir::Tensor sample;
};

struct ConvolutionShape {
    std::int64_t channels = 0;  // of the output
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    bool depthwise = false;
};

class ExampleBuilder {
public:
    explicit ExampleBuilder(std::uint64_t seed) : edit_(graph_), random_{seed} {}

    // Images of `channels` x `size` x `size`; the samples are of `sample_size`.
    Sampled images(std::string_view name, std::int64_t channels, std::int64_t size, std::int64_t sample_size);
    Sampled op(const ir::Op& op, const std::vector<Sampled>& inputs, std::string_view name);
    Sampled constant(ir::Tensor tensor, std::string_view name);
    // Weights quantized per output channel, 255 levels; a bias is added. The output has mean 0 and variance 1 in each channel.
    Sampled convolution(const Sampled& x, const ConvolutionShape& shape, const std::string& name);
    // As above for a vector; the output has variance 4 over all of it, as scores before SoftMax have.
    Sampled fully_connected(const Sampled& x, std::int64_t channels, const std::string& name);
    // 256 levels over what the samples reach: from 0 where nothing is negative, else symmetric around 0.
    Sampled quantized(const Sampled& x, const std::string& name);
    Sampled global_mean(const Sampled& x, const std::string& name);
    ir::Graph finish(const Sampled& output, std::string_view name);

private:
    ir::Tensor random_weights(ir::Dims dims);
    Sampled quantized_weights(ir::Tensor weights, const std::string& name);
    Sampled fake_quantize(const Sampled& x, const ir::Tensor& low, const ir::Tensor& high, std::int64_t levels,
                          const std::string& name);

    ir::Graph graph_;
    ir::Edit edit_;
    Random random_;
};

}  // namespace octet::tools
