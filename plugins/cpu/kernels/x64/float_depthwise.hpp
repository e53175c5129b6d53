#pragma once
// Depthwise convolution of floats, channels last: f32 or bf16 activations, f32 weights [channels, kernel height, kernel width], sums in f32.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct FloatDepthwiseDesc {
    DataType type = DataType::f32;  // of the activations: f32 or bf16
    Window window = {};
    std::int64_t channels = 0;
    std::int64_t in_stride = 0;  // elements between pixels; 0: dense
    std::int64_t out_stride = 0;
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};  // of full operands, elements between pixels; 0: `channels`
};

// The code for some neighbouring output columns of a block of channels. Every pixel of a row is read once, for all columns that it reaches.
struct FloatWalk {
    struct Args {
        const void* in = nullptr;  // the first row and channel of the first column's window; may lie outside the image
        const float* weights = nullptr;
        void* out = nullptr;
        std::int64_t rows = 0;   // of the window, from the first one inside the image on
        std::int64_t tiles = 0;  // of columns, one beside the other
        EpilogueArgs epilogue;
    };
    static constexpr int kChannels = 32;

    DataType type = DataType::f32;
    int kernel_width = 1, stride = 1, dilation = 1;
    int channels = 0;                                      // of this block, up to kChannels
    int columns = 0;                                       // of a tile
    std::int64_t first_pixel = 0, pixels = 0;              // of those that the columns see, the ones inside the image
    std::int64_t in_stride = 0, out_stride = 0, line = 0;  // elements; `line` from a row of the window to the next one
    std::vector<std::int64_t> operand_strides = {};

    int vectors() const { return (channels + 15) / 16; }
    // Floats of the weights of a row of the window. Channels of bf16 lie even before odd.
    std::int64_t row_weights() const { return std::int64_t{kernel_width} * vectors() * 16; }
    // Columns of a tile that leave registers to the weights of a row, or to none where they are too many.
    static int most_columns(int kernel_width);
    static bool holds_weights(int kernel_width);
};

std::size_t add_walk(CodeBlock& block, const FloatWalk& walk, const Epilogue& epilogue);

class FloatDepthwise {
public:
    struct Args {
        const void* in = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
    };

    static Acceptance accepts(const FloatDepthwiseDesc& desc, const Machine& machine);
    static std::size_t packed_size(const FloatDepthwiseDesc& desc);

    // The weights are read when the code is sealed.
    FloatDepthwise(const FloatDepthwiseDesc& desc, std::span<const float> weights, CodeBlock& code);

    // A unit is a row of the result.
    std::int64_t units() const { return desc_.window.batch * desc_.window.out_height(); }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    // Tiles of a row, one beside the other, that one code does.
    struct Step {
        std::int64_t x = 0;
        std::int64_t tiles = 1;
        std::size_t code = 0;
    };
    struct Block {
        std::int64_t channel = 0;
        std::int64_t weights = 0;      // floats from the start
        std::int64_t row_weights = 0;  // of a row of the window
        std::vector<Step> steps;
    };
    FloatWalk walk_of(std::int64_t channel) const;
    void add_steps(Block& block, FloatWalk walk, CodeBlock& code) const;
    void pack(std::span<const float> weights, CodeBlock& code);
    void run_row(const Args& args, const Block& block, std::int64_t row) const;

    FloatDepthwiseDesc desc_;
    const CodeBlock* code_;
    std::vector<Block> blocks_;
    EpilogueData epilogue_;
    Aligned<float> weights_;
};

}  // namespace octet::cpu::x64
