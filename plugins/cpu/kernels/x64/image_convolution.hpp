#pragma once
// Convolution that brings rows of its image, with their padding, into memory of its own, where every tap of every window lies at a fixed
// distance: for images of few channels or long rows. From interleaved u8 of any number of channels, or, as the first convolution of a
// network, straight from a planar float image of one to four channels that is quantized on the way. Products are (code - zero point)
// times weight, exact in 32 bits; padding equals the zero point. Or of bf16 with sums in f32: from a planar float image that is rounded
// on the way.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/image_bfloat.hpp"
#include "plugins/cpu/kernels/x64/image_quantize.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct ImageConvolutionDesc {
    enum class Source : std::uint8_t {
        planar_f32,  // [batch, channels, height, width]; code = min(max(x * scale + shift, low), high), rounded half to even
        interleaved_u8,  // [batch, height, width, channels], pixels `in_stride` apart
        planar_to_bf16   // f32, [batch, channels, height, width]
    };
    Source source = Source::planar_f32;
    Window window = {};
    std::int64_t in_channels = 3;
    std::int64_t out_channels = 0;
    std::vector<float> scale = {};  // of the quantization: one value or one for each input channel
    std::vector<float> shift = {};
    float low = 0;
    float high = 255;
    std::uint8_t zero_point = 0;
    std::int64_t in_stride = 0;  // elements between pixels; 0: dense
    std::int64_t out_stride = 0;
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};  // of full operands, elements between pixels; 0: `out_channels`
    // The class of each row of the result; `classed_operand`, full and dense, then has rows for each class instead: [class][width][channel].
    std::vector<std::int64_t> row_class = {};
    std::uint32_t classed_operand = 0;
    int threads = 1;

    // Of the rows that the windows move over.
    DataType type() const { return source == Source::planar_to_bf16 ? DataType::bf16 : DataType::u8; }
    std::int64_t value_bytes() const { return static_cast<std::int64_t>(size_of(type())); }
};

class ImageConvolution {
public:
    struct Args {
        const void* in = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
        std::byte* scratch = nullptr;  // scratch_size() bytes for this call alone
    };

    static Acceptance accepts(const ImageConvolutionDesc& desc, const Machine& machine);
    static std::size_t packed_size(const ImageConvolutionDesc& desc, const VectorIsa& isa);

    // weights: [out channels, in channels, kernel height, kernel width], read when the code is sealed
    ImageConvolution(const ImageConvolutionDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code,
                     std::span<std::byte> storage = {});
    // For sources that are floats.
    ImageConvolution(const ImageConvolutionDesc& desc, std::span<const float> weights, CodeBlock& code,
                     std::span<std::byte> storage = {});

    // A unit is a row of the result, or some of its columns. Ranges of many rows share the rows of the image that their windows have in
    // common.
    std::int64_t units() const { return rows() * column_parts_; }
    std::size_t scratch_size() const { return static_cast<std::size_t>(buffer_rows_ * row_bytes_ + 64); }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Block : ColumnBlock {
        int tile_rows = 0;
        std::size_t full = 0;
        std::size_t rest = 0;
    };

    std::int64_t rows() const { return desc_.window.batch * desc_.window.out_height(); }
    void size_scratch();
    void share_columns();
    void plan(CodeBlock& code, std::span<std::byte> storage);
    void add_blocks(CodeBlock& code);
    // Rows [first, last) of the image, padding included, into the scratch rows from `slot` on.
    void fill(const Args& args, std::int64_t batch, std::int64_t first, std::int64_t last, std::int64_t slot) const;
    void fill_row(const Args& args, std::int64_t batch, std::int64_t y, std::uint8_t* to) const;
    void copy_row(const Args& args, std::int64_t row, std::uint8_t* to) const;
    void convolve_row(const Args& args, const Block& block, std::int64_t row, const std::uint8_t* lines) const;

    ImageConvolutionDesc desc_;
    const CodeBlock* code_;
    std::vector<Block> blocks_;
    std::optional<ImageQuantize> quantize_;
    std::optional<ImageBfloat> narrow_;
    std::int64_t chunk_rows_ = 0;  // output rows for each filling of the scratch
    std::int64_t buffer_rows_ = 0;
    std::int64_t row_bytes_ = 0;
    std::int64_t column_parts_ = 1;
    EpilogueData epilogue_;
    Aligned<std::byte> own_;
    std::int8_t* weights_ = nullptr;
};

}  // namespace octet::cpu::x64
