#include "plugins/cpu/kernels/x64/float_depthwise.hpp"

#include <algorithm>

namespace octet::cpu::x64 {
namespace {

constexpr std::int64_t kMaxTaps = 1024;
constexpr std::int64_t kRowsInL1 = 24 * 1024;

// Columns of a tile, up to `most`, that cut a row into the fewest tiles of nearly one size.
int columns_for(std::int64_t width, int most) {
    const std::int64_t tiles = (width + most - 1) / most;
    return static_cast<int>((width + tiles - 1) / tiles);
}

struct Range {
    std::int64_t first = 0, last = 0;
};

// The taps of a window at `at` that lie inside [0, size).
Range inside(std::int64_t at, std::int64_t taps, std::int64_t dilation, std::int64_t size) {
    const std::int64_t first = at < 0 ? std::min(taps, (-at + dilation - 1) / dilation) : 0;
    const std::int64_t last = at >= size ? first : std::min(taps, (size - at + dilation - 1) / dilation);
    return {first, std::max(first, last)};
}

}  // namespace

Acceptance FloatDepthwise::accepts(const FloatDepthwiseDesc& desc, const Machine& machine) {
    if (!machine.avx512()) return declined("needs AVX-512");
    if (desc.type != DataType::f32 && !(desc.type == DataType::bf16 && machine.bf16))
        return declined("its data is neither f32 nor, where products of bf16 gain, bf16");
    const Window& w = desc.window;
    if (!w.valid() || desc.channels < 1) return declined("an empty convolution");
    if (w.taps() > kMaxTaps || w.stride_width * 12 + w.kernel_width * w.dilation_width > 1 << 12)
        return declined("a window of more than 1024 taps, or of taps far apart");
    const std::int64_t pixel = std::max({desc.channels, desc.in_stride, desc.out_stride,
                                         *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end())});
    if (pixel > (std::int64_t{1} << 16) || pixel * std::max(w.width, w.out_width()) * w.dilation_height > 1 << 28)
        return declined("a row of more than 1 GB, or pixels of more than 64 thousand values");
    return x64::accepts(desc.epilogue, desc.channels, machine.bf16);
}

std::size_t FloatDepthwise::packed_size(const FloatDepthwiseDesc& desc) {
    return static_cast<std::size_t>((desc.channels + 15) / 16 * 16 * desc.window.taps()) * sizeof(float);
}

FloatDepthwise::FloatDepthwise(const FloatDepthwiseDesc& desc, std::span<const float> weights, CodeBlock& code)
    : desc_(desc),
      code_(&code),
      epilogue_(desc.epilogue, desc.channels, desc.operand_strides),
      weights_(packed_size(desc) / sizeof(float)) {
    if (desc_.in_stride == 0) desc_.in_stride = desc.channels;
    if (desc_.out_stride == 0) desc_.out_stride = desc.channels;
    std::int64_t floats = 0;
    for (std::int64_t channel = 0; channel < desc.channels; channel += FloatWalk::kChannels) {
        const FloatWalk walk = walk_of(channel);
        Block block{channel, floats, walk.row_weights(), {}};
        // All blocks but the last one have the same code.
        if (!blocks_.empty() && walk.channels == FloatWalk::kChannels) block.steps = blocks_.back().steps;
        else add_steps(block, walk, code);
        floats += walk.row_weights() * desc.window.kernel_height;
        blocks_.push_back(std::move(block));
    }
    if (!weights_.filled()) pack(weights, code);
}

FloatWalk FloatDepthwise::walk_of(std::int64_t channel) const {
    const Window& w = desc_.window;
    FloatWalk walk;
    walk.type = desc_.type;
    walk.kernel_width = static_cast<int>(w.kernel_width);
    walk.stride = static_cast<int>(w.stride_width);
    walk.dilation = static_cast<int>(w.dilation_width);
    walk.channels = static_cast<int>(std::min<std::int64_t>(FloatWalk::kChannels, desc_.channels - channel));
    walk.in_stride = desc_.in_stride;
    walk.out_stride = desc_.out_stride;
    walk.line = w.dilation_height * w.width * desc_.in_stride;
    walk.operand_strides = epilogue_.strides();
    return walk;
}

void FloatDepthwise::add_steps(Block& block, FloatWalk walk, CodeBlock& code) const {
    const Window& w = desc_.window;
    const int most = columns_for(w.out_width(), FloatWalk::most_columns(walk.kernel_width));
    for (std::int64_t x = 0; x < w.out_width(); x += most) {
        const std::int64_t left = x * w.stride_width - w.pad_left;
        walk.columns = static_cast<int>(std::min<std::int64_t>(most, w.out_width() - x));
        const std::int64_t seen = (walk.columns - 1) * w.stride_width + (w.kernel_width - 1) * w.dilation_width + 1;
        walk.first_pixel = std::clamp<std::int64_t>(-left, 0, seen);
        walk.pixels = std::clamp<std::int64_t>(w.width - left, walk.first_pixel, seen) - walk.first_pixel;
        const std::size_t made = add_walk(code, walk, desc_.epilogue);
        if (!block.steps.empty() && block.steps.back().code == made) ++block.steps.back().tiles;
        else block.steps.push_back({x, 1, made});
    }
}

// [block][kernel row][kernel column][vector][16 channels].
void FloatDepthwise::pack(std::span<const float> weights, CodeBlock& code) {
    code.later([to = weights_.data(), from = weights.data(), channels = desc_.channels, taps = desc_.window.taps(),
                bfloat = desc_.type == DataType::bf16] {
        float* next = to;
        for (std::int64_t first = 0; first < channels; first += FloatWalk::kChannels) {
            const std::int64_t count = std::min<std::int64_t>(FloatWalk::kChannels, channels - first);
            const std::int64_t vectors = (count + 15) / 16;
            for (std::int64_t tap = 0; tap < taps; ++tap) {
                for (std::int64_t i = 0; i < vectors * 16; ++i, ++next) {
                    const std::int64_t within = bfloat && vectors == 2 ? i % 16 * 2 + i / 16 : i;
                    *next = within < count ? from[(first + within) * taps + tap] : 0;
                }
            }
        }
    });
}

void FloatDepthwise::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    // Rows of few channels, which all windows of a row find in L1, are read as they lie; of others a block after the other.
    const Window& w = desc_.window;
    const std::int64_t window_bytes = w.kernel_height * w.width * desc_.in_stride *
                                      static_cast<std::int64_t>(size_of(desc_.type));
    const std::int64_t together = window_bytes <= kRowsInL1 ? 1 : end - begin;
    for (std::int64_t first = begin; first < end; first += together) {
        for (const Block& block : blocks_) {
            for (std::int64_t row = first; row < first + together; ++row) run_row(args, block, row);
        }
    }
}

void FloatDepthwise::run_row(const Args& args, const Block& block, std::int64_t row) const {
    const Window& w = desc_.window;
    const auto in_size = static_cast<std::int64_t>(size_of(desc_.type));
    const auto out_size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    const std::int64_t batch = row / w.out_height();
    const std::int64_t top = row % w.out_height() * w.stride_height - w.pad_top;
    const Range taps = inside(top, w.kernel_height, w.dilation_height, w.height);
    const std::int64_t line = batch * w.height + top + taps.first * w.dilation_height;
    FloatWalk::Args call;
    call.weights = weights_.data() + block.weights + taps.first * block.row_weights;
    call.rows = taps.last - taps.first;
    for (const Step& step : block.steps) {
        const std::int64_t pixel = row * w.out_width() + step.x;
        // Of a window that begins left of the image, too, the code adds what leads inside.
        const std::int64_t offset = (line * w.width + step.x * w.stride_width - w.pad_left) * desc_.in_stride +
                                    block.channel;
        call.in = reinterpret_cast<const void*>(reinterpret_cast<std::intptr_t>(args.in) + offset * in_size);
        call.out = static_cast<std::byte*>(args.out) + (pixel * desc_.out_stride + block.channel) * out_size;
        call.tiles = step.tiles;
        call.epilogue = epilogue_.at(args.operands, pixel, batch, block.channel);
        code_->call(step.code, call);
    }
}

}  // namespace octet::cpu::x64
