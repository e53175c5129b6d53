#include "tools/octet/example_networks.hpp"

#include <array>

#include "ir/ops/activation.hpp"
#include "ir/ops/binary.hpp"
#include "ir/ops/convolution.hpp"
#include "ir/ops/normalization.hpp"
#include "tools/octet/example_builder.hpp"

namespace octet::tools {
namespace {

constexpr std::uint64_t kSeed = 2024;
constexpr std::int64_t kClasses = 1000;

Sampled scores(ExampleBuilder& net, const Sampled& features, std::int64_t classes) {
    const Sampled y = net.fully_connected(net.global_mean(features, "pool"), classes, "fc");
    return net.op(ir::SoftMax{1}, {y}, "prob");
}

Sampled conv_relu(ExampleBuilder& net, const Sampled& x, const ConvolutionShape& shape, const std::string& name) {
    const Sampled y = net.op(ir::Relu{}, {net.convolution(x, shape, name)}, name + "/relu");
    return net.quantized(y, name + "/relu");
}

// As conv_relu, with ReLU6.
Sampled conv_relu6(ExampleBuilder& net, const Sampled& x, const ConvolutionShape& shape, const std::string& name) {
    const Sampled y = net.op(ir::Clamp{0, 6}, {net.convolution(x, shape, name)}, name + "/relu6");
    return net.quantized(y, name + "/relu6");
}

Sampled conv_linear(ExampleBuilder& net, const Sampled& x, const ConvolutionShape& shape, const std::string& name) {
    return net.quantized(net.convolution(x, shape, name), name);
}

// He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition; the stride stands in the 3x3 convolution.
ir::Graph resnet50() {
    ExampleBuilder net(kSeed);
    Sampled x = net.quantized(net.images("data", 3, 224, 64), "data");
    x = conv_relu(net, x, {.channels = 64, .kernel = 7, .stride = 2}, "conv1");
    x = net.op(
        ir::MaxPool{.strides = {2, 2}, .dilations = {1, 1}, .pads_begin = {1, 1}, .pads_end = {1, 1}, .kernel = {3, 3}},
        {x}, "pool1");
    constexpr std::array<std::int64_t, 4> kBlocks{3, 4, 6, 3};
    std::int64_t width = 64;
    for (std::size_t stage = 0; stage < kBlocks.size(); ++stage, width *= 2) {
        for (std::int64_t block = 0; block < kBlocks[stage]; ++block) {
            const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
            const std::int64_t stride = block == 0 && stage > 0 ? 2 : 1;
            Sampled y = conv_relu(net, x, {.channels = width}, name + ".conv1");
            y = conv_relu(net, y, {.channels = width, .kernel = 3, .stride = stride}, name + ".conv2");
            y = conv_linear(net, y, {.channels = width * 4}, name + ".conv3");
            if (block == 0) x = conv_linear(net, x, {.channels = width * 4, .stride = stride}, name + ".downsample");
            x = net.op(ir::Add{}, {y, x}, name + ".add");
            x = net.quantized(net.op(ir::Relu{}, {x}, name + ".relu"), name + ".relu");
        }
    }
    return net.finish(scores(net, x, kClasses), "prob");
}

Sampled inverted_residual(ExampleBuilder& net, const Sampled& x, std::int64_t expansion, const ConvolutionShape& shape,
                          const std::string& name) {
    const std::int64_t inputs = x.sample.dims()[1], inner = inputs * expansion;
    Sampled y = x;
    if (expansion > 1) y = conv_relu6(net, y, {.channels = inner}, name + ".expand");
    y = conv_relu6(net, y, {.channels = inner, .kernel = 3, .stride = shape.stride, .depthwise = true},
                   name + ".depthwise");
    y = conv_linear(net, y, {.channels = shape.channels}, name + ".project");
    if (shape.stride > 1 || inputs != shape.channels) return y;
    return net.quantized(net.op(ir::Add{}, {x, y}, name + ".add"), name + ".add");
}

// Sandler et al.: MobileNetV2: Inverted Residuals and Linear Bottlenecks, table 2.
ir::Graph mobilenet_v2() {
    struct Stage {
        std::int64_t expansion, channels, blocks, stride;
    };
    constexpr std::array<Stage, 7> kStages{
        {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};
    ExampleBuilder net(kSeed);
    Sampled x = net.quantized(net.images("data", 3, 224, 96), "data");
    x = conv_relu6(net, x, {.channels = 32, .kernel = 3, .stride = 2}, "conv1");
    std::int64_t number = 0;
    for (const Stage& stage : kStages)
        for (std::int64_t block = 0; block < stage.blocks; ++block)
            x = inverted_residual(net, x, stage.expansion,
                                  {.channels = stage.channels, .stride = block == 0 ? stage.stride : 1},
                                  "block" + std::to_string(++number));
    x = conv_relu6(net, x, {.channels = 1280}, "conv2");
    return net.finish(scores(net, x, kClasses), "prob");
}

// One of each kind of layer that the others are made of.
ir::Graph tiny() {
    ExampleBuilder net(kSeed);
    Sampled x = net.quantized(net.images("data", 3, 32, 32), "data");
    x = conv_relu(net, x, {.channels = 16, .kernel = 3, .stride = 2}, "conv1");
    x = net.op(
        ir::MaxPool{.strides = {2, 2}, .dilations = {1, 1}, .pads_begin = {1, 1}, .pads_end = {1, 1}, .kernel = {3, 3}},
        {x}, "pool1");
    x = inverted_residual(net, x, 2, {.channels = 16}, "block1");
    x = conv_relu(net, x, {.channels = 32}, "conv2");
    return net.finish(scores(net, x, 10), "prob");
}

constexpr std::array<ExampleNetwork, 3> kNetworks{
    {{"resnet50", resnet50}, {"mobilenet_v2", mobilenet_v2}, {"tiny", tiny}}};

}  // namespace

std::span<const ExampleNetwork> example_networks() { return kNetworks; }

}  // namespace octet::tools
