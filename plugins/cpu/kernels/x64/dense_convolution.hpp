#pragma once
// Convolution with many input channels, channels last: u8 activations, s8 weights [groups * oc, ic, kernel height, kernel width], exact
// 32-bit sums of (value - zero point) * weight. Padding equals the zero point. Any window, strides between pixels, groups.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct DenseConvolutionDesc {
    Window window = {};
    std::int64_t groups = 1;
    std::int64_t ic = 0;  // of one group
    std::int64_t oc = 0;
    std::int64_t in_stride = 0;  // elements between pixels; 0: dense, groups * ic
    std::int64_t out_stride = 0;
    std::uint8_t zero_point = 0;
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};  // of full operands, elements between pixels; 0: groups * oc
    int threads = 1;
};

// One tile of output pixels that reads every tap of every pixel through a pointer.
struct IndirectTile {
    struct Args {
        const std::uint8_t* const* taps = nullptr;  // [tap][row]
        std::int64_t count = 0;                     // of taps, at least 1
        const std::int8_t* weights = nullptr;
        void* out = nullptr;
        std::int64_t channel = 0;  // bytes from each pointer to the group's channels
        EpilogueArgs epilogue;
    };
    static constexpr int kRows = 6;

    int rows = kRows;
    int columns = 0;
    std::int64_t k = 0;  // bytes that each tap multiplies
    bool starts = false;
    std::int64_t out_stride = 0;
    std::vector<std::int64_t> operand_strides;
};

std::size_t add_indirect_tile(CodeBlock& block, const IndirectTile& shape, const Epilogue& epilogue, bool bounded);

class DenseConvolution {
public:
    struct Args {
        const std::uint8_t* in = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
    };

    static Acceptance accepts(const DenseConvolutionDesc& desc, const Machine& machine);
    static std::size_t packed_size(const DenseConvolutionDesc& desc, const VectorIsa& isa);

    // The weights are read when the code is sealed.
    DenseConvolution(const DenseConvolutionDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code,
                     std::span<std::byte> storage = {});

    // A unit is a tile of pixels with a part of the columns. A range of many reads the weights fewer times.
    std::int64_t units() const { return desc_.window.batch * tiles_ * column_parts_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Block : ColumnBlock {
        std::int64_t group = 0;  // first counts channels of all groups
        std::size_t full = 0;
        std::size_t rest = 0;
    };

    static PanelShape panel_of(const DenseConvolutionDesc& desc, const VectorIsa& isa) {
        return {desc.ic, static_cast<std::size_t>(desc.window.taps()), desc.zero_point, isa.widens()};
    }
    // The pointers of consecutive output pixels, tile by tile as the code reads them, and which taps of each tile have to run.
    struct TapTable {
        static constexpr std::int64_t kPointers = 4096;
        std::array<const std::uint8_t*, kPointers> pointers;
        std::array<std::int32_t, kPointers / IndirectTile::kRows + 1> first_tap, taps;  // by tile
    };
    void add_blocks(std::span<const std::int8_t> weights, CodeBlock& code);
    void fill(TapTable& table, const std::uint8_t* image, std::int64_t first, std::int64_t pixels) const;
    void run_chunk(const Args& args, std::int64_t batch, std::int64_t first, std::int64_t pixels,
                   std::size_t first_block, std::size_t last_block) const;

    DenseConvolutionDesc desc_;
    const CodeBlock* code_;
    std::vector<Block> blocks_;
    std::int64_t longest_chunk_ = 1;  // tiles whose pointers the table holds
    std::int64_t tiles_ = 1;          // of an image
    std::int64_t column_parts_ = 1;
    EpilogueData epilogue_;
    Aligned<std::uint8_t> padding_;  // a pixel of the zero point
    Aligned<std::byte> own_;
    std::int8_t* weights_ = nullptr;
};

}  // namespace octet::cpu::x64
