#pragma once
// Depthwise convolution, channels last: u8 activations, s8 weights [channels, kernel height, kernel width], exact 32-bit sums.
// Products are (value - zero point of the channel) times weight; padding equals the zero point and costs nothing.
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

// Shifts of one operation of the epilogue, a scale_shift, which differ where a window reaches over the border of the image. Its own shift
// is not read. shifts: [class of row][class of column][channel].
struct BorderShifts {
    std::size_t op = 0;
    std::vector<std::int64_t> row_class, column_class;  // of each row and column of the result
    std::vector<float> shifts = {};                     // none: there is no such operation

    std::int64_t column_classes() const;
    float at(std::int64_t of_row, std::int64_t of_column, std::int64_t channel, std::int64_t channels) const {
        return shifts[static_cast<std::size_t>((of_row * column_classes() + of_column) * channels + channel)];
    }
};

struct DepthwiseDesc {
    Window window = {};
    std::int64_t channels = 0;
    std::int64_t in_stride = 0;  // elements between pixels; 0: dense
    std::int64_t out_stride = 0;
    std::vector<std::uint8_t> zero_points = {};  // none (0), one, or one for each channel
    Epilogue epilogue = {};
    BorderShifts border = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};  // of full operands, elements between pixels; 0: `channels`
    int threads = 1;

    std::uint8_t zero_point(std::int64_t channel) const {
        return zero_points.empty() ? std::uint8_t{0}
                                   : zero_points[zero_points.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
    }
    bool zero_points_vary() const;
};

// The code for a few neighbouring output columns of a block of channels, for any number of rows. The taps of a row lie in dwords, made
// by interleaving the bytes of four pixels. Either the sums of all output rows that an input row reaches are in registers, so that each
// input row is read once (overlapping), or those of more columns of one output row. Narrow channel blocks put two or four groups of
// columns side by side.
struct DepthwiseWalk {
    struct Args {
        const std::uint8_t* const* rows = nullptr;  // the input rows from the top of the first window
        std::int64_t column = 0;  // bytes to the first pixel and channel in each of them; may be negative
        const std::int8_t* weights = nullptr;
        void* out = nullptr;
        std::int64_t count = 0;                // output rows
        const float* const* shifts = nullptr;  // with border_sets: for each output row
        EpilogueArgs epilogue;
    };

    int kernel_height = 0, kernel_width = 0, stride_height = 0, stride_width = 0, dilation_height = 1,
        dilation_width = 1;
    bool overlapping = true;
    VectorIsa isa;
    int channels = 0;               // of this block
    int block = 64;                 // bytes of a register, or 32 or 16, for each group of columns
    int columns = 0;                // output columns to store, up to groups() * unit
    int unit = 1;                   // neighbouring output columns of a group
    std::vector<bool> valid;        // pixels inside the image: [group][pixel]
    std::uint8_t zero_point = 0;    // of all channels
    bool zero_points_vary = false;  // then they lie with the weights
    std::int64_t in_stride = 0, out_stride = 0, out_width = 0;  // out_stride: elements between pixels
    int fixed_rows = 0;  // not 0: code for exactly so many output rows; only overlapping
    int first_row = 0,
        last_row = 1 << 30;  // with fixed_rows and without zero points: rows outside [first_row, last_row) are padding
    std::vector<std::int64_t> operand_strides;
    // Where there are BorderShifts: their operation, and for each of the `unit` columns which of the sets of shifts it takes.
    std::size_t border_op = 0;
    std::vector<std::int64_t> border_sets;

    // Registers of sums; behind them are four quads and four pixels.
    static constexpr int accumulators(const VectorIsa& isa) { return isa.wide() ? 24 : 8; }
    int groups() const { return isa.bytes() / block; }
    // Pixels that the columns of a group read; with a dilation along the row there is one column, and they lie apart.
    int pixels() const { return (unit - 1) * stride_width + kernel_width; }
    int dwords() const { return (pixels() + 3) / 4; }
    int sets() const { return overlapping ? (kernel_height + stride_height - 1) / stride_height : 1; }
    bool has_taps(int column, int dword) const {
        return column * stride_width < dword * 4 + 4 && column * stride_width + kernel_width > dword * 4;
    }
    // Vectors of weights for each kernel row: [dword][column that has taps][quad]. A vector is a register, or two: the weights of the pixels
    // 0 and 2, then of 1 and 3, of 16 bits.
    int weight_vectors() const;
    int weight_bytes() const { return isa.bytes() * (isa.pairs() ? 2 : 1); }
    bool has_zero_point() const { return zero_point != 0 || zero_points_vary; }
    // The weights begin with four vectors from which the sums start, -zero point * sum of weights, and where the zero points vary with
    // a pixel of them in each group.
    int first_weights() const { return !has_zero_point() ? 0 : zero_points_vary ? 5 : 4; }

    // Chooses `overlapping` and `unit` with the least vector operations for each output value.
    void choose_shape();
};

std::size_t add_walk(CodeBlock& block, const DepthwiseWalk& shape, const Epilogue& epilogue, bool bounded);

// The channel, within a block, of position p when bytes were interleaved by unpacks: quads of four channels go to four registers of
// `lanes` dwords.
constexpr int unpacked_channel(int position, int lanes) {
    return position % lanes / 4 * 16 + position / lanes * 4 + position % 4;
}

class DepthwiseConvolution {
public:
    struct Args {
        const std::uint8_t* in = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
    };

    static Acceptance accepts(const DepthwiseDesc& desc, const Machine& machine);
    static std::size_t packed_size(const DepthwiseDesc& desc, const VectorIsa& isa);

    DepthwiseConvolution(const DepthwiseDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code,
                         std::span<std::byte> storage = {});

    // A unit is a row of the result, in all blocks of channels or in one; a block of all rows where the code is for all of them.
    std::int64_t units() const {
        return desc_.window.batch * (by_rows_ ? 1 : static_cast<std::int64_t>(blocks_.size())) *
               (fixed_ ? 1 : desc_.window.out_height());
    }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    // A column group of the image and the code for it.
    struct Step {
        std::int64_t x = 0;
        std::size_t code = 0;
    };
    struct Block {
        std::int64_t channel = 0;
        int channels = 0;
        int width = 64;
        std::int64_t weights = 0;  // bytes from the start
        std::vector<Step> steps;
        // Of shifts at the border: the classes of the columns that lie side by side, and where they begin, [class of row][set][position].
        std::vector<std::vector<std::int64_t>> border_sets;
        std::int64_t shifts = 0;
    };

    static std::vector<Block> blocks_of(const DepthwiseDesc& desc, const VectorIsa& isa);
    static std::int64_t block_bytes(const DepthwiseDesc& desc, const Block& block, const VectorIsa& isa);
    static DepthwiseWalk walk_of(const DepthwiseDesc& desc, const Block& block, const VectorIsa& isa);

    void choose_units();
    void pack(const Block& block, std::span<const std::int8_t> weights);
    void add_steps(Block& block, CodeBlock& code, bool bounded);
    // The sets that a step takes, new ones among them.
    std::vector<std::int64_t> border_sets_of(Block& block, const DepthwiseWalk& walk, std::int64_t x) const;
    void pack_border();
    // The channel of the block at a position of its sums, and the group of columns.
    std::pair<int, int> place_of(const Block& block, int position) const;
    void run_rows(const Args& args, std::size_t index, std::int64_t batch, std::int64_t first, std::int64_t rows) const;

    DepthwiseDesc desc_;
    const CodeBlock* code_;
    std::vector<Block> blocks_;
    std::int64_t longest_strip_ = 0;
    bool by_rows_ = false;
    bool fixed_ = false;
    EpilogueData epilogue_;
    Aligned<std::uint8_t> padding_;  // a row of the zero points
    Aligned<float> shifts_;          // at the border
    Aligned<std::byte> own_;
    std::int8_t* weights_ = nullptr;
};

}  // namespace octet::cpu::x64
