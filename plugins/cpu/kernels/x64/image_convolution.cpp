#include "plugins/cpu/kernels/x64/image_convolution.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace octet::cpu::x64 {
namespace {

using Source = ImageConvolutionDesc::Source;

// 255 * 128 * products must fit 31 bits.
constexpr std::int64_t kMaxProducts = 65793;
// Output rows of a chunk: few rows move on to the next one, and the scratch rows leave half of L2 to the weights.
constexpr std::int64_t kChunkRows = 8;
constexpr std::int64_t kChunkBytes = 128 * 1024;
// A tile of fewer rows takes as long as one of this many: its weights come from L2.
constexpr std::int64_t kFewestRows = 4;

// Without dilation along a row, the taps of a kernel row are neighbours in memory and count as one.
bool joined(const Window& window) { return window.dilation_width == 1; }
std::size_t taps_of(const Window& w) { return static_cast<std::size_t>(joined(w) ? w.kernel_height : w.taps()); }
std::int64_t tap_values(const ImageConvolutionDesc& desc) {
    return joined(desc.window) ? desc.window.kernel_width * desc.in_channels : desc.in_channels;
}
PanelShape panel_of(const ImageConvolutionDesc& desc, const VectorIsa& isa) {
    return {tap_values(desc) * desc.value_bytes(), taps_of(desc.window), desc.zero_point,
            desc.type() == DataType::u8 && isa.widens()};
}

// weight(tap, i, column) of a block's columns, brought into the order kernel row, column, channel; `weights` are [out channels,
// in channels, kernel height, kernel width].
template <class T>
auto weight_of(const T* weights, const ColumnBlock& block, std::int64_t channels, std::int64_t positions,
               std::int64_t values) {
    const std::int64_t products = channels * positions;
    std::vector<T> ordered(static_cast<std::size_t>(block.columns * products));
    for (std::int64_t column = 0; column < block.columns; ++column) {
        const T* of_column = weights + (block.first + column) * products;
        T* to_column = ordered.data() + column * products;
        for (std::int64_t channel = 0; channel < channels; ++channel) {
            for (std::int64_t position = 0; position < positions; ++position) {
                to_column[position * channels + channel] = *of_column++;
            }
        }
    }
    return [ordered = std::move(ordered), products, values, first = block.first](std::size_t tap, std::int64_t i,
                                                                                 std::int64_t column) {
        return ordered[static_cast<std::size_t>((column - first) * products + static_cast<std::int64_t>(tap) * values +
                                                i)];
    };
}

ImageQuantizeDesc quantization_of(const ImageConvolutionDesc& desc) {
    return {desc.window.batch, desc.window.height, desc.window.width, desc.in_channels,
            desc.scale,        desc.shift,         desc.low,          desc.high};
}

// Rows of the tiles that cut a row of the result with the least work and, if that leaves a choice, without a rest; up to as many as fit.
int tile_rows_for(std::int64_t width, int most) {
    const auto cost = [width](int rows) {
        const std::int64_t rest = width % rows;
        return std::pair(width / rows * rows + (rest == 0 ? 0 : std::max(rest, kFewestRows)), rest != 0);
    };
    int best = most;
    for (int rows = most - 1; rows * 3 >= most * 2; --rows) {
        if (cost(rows) < cost(best)) {
            best = rows;
        }
    }
    return best;
}

}  // namespace

Acceptance ImageConvolution::accepts(const ImageConvolutionDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (!desc.window.valid() || desc.out_channels < 1) {
        return declined("an empty convolution");
    }
    if (desc.source == Source::planar_f32) {
        if (Acceptance image = ImageQuantize::accepts(quantization_of(desc), machine); !image) {
            return image;
        }
    }
    if (desc.source == Source::planar_to_bf16) {
        const ImageBfloatDesc rows{desc.window.batch, desc.window.height, desc.window.width, desc.in_channels};
        if (Acceptance image = ImageBfloat::accepts(rows, machine); !image) {
            return image;
        }
    }
    const Window& w = desc.window;
    if (desc.in_channels < 1 || desc.in_channels * w.taps() > kMaxProducts) {
        return declined("sums of so many products may leave 32 bits");
    }
    const std::int64_t row = std::max(w.pad_left + w.width + w.pad_right, w.width) * desc.in_channels;
    if (w.taps() > 4096 || row * w.kernel_height * w.dilation_height > (1 << 26)) {
        return declined("an image or window too large for the offsets of this kernel");
    }
    if (std::max({desc.in_stride, desc.out_stride, desc.out_channels,
                  *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end())}) >
        (std::int64_t{1} << 24)) {
        return declined("pixels of more than 16 million values");
    }
    const bool classed = !desc.row_class.empty();
    if (classed && (static_cast<std::int64_t>(desc.row_class.size()) != w.out_height() ||
                    desc.classed_operand >= kMaxOperands || desc.operand_strides[desc.classed_operand] != 0)) {
        return declined("classes of rows that are not those of the result, or of an operand with gaps");
    }
    return x64::accepts(desc.epilogue, desc.out_channels, machine.bf16);
}

std::size_t ImageConvolution::packed_size(const ImageConvolutionDesc& desc, const VectorIsa& isa) {
    const PanelShape panel = panel_of(desc, isa);
    const ColumnBlock last = column_blocks(desc.out_channels, panel, block_columns(isa)).back();
    return static_cast<std::size_t>(last.panel + panel.bytes(last.columns));
}

ImageConvolution::ImageConvolution(const ImageConvolutionDesc& desc, std::span<const std::int8_t> weights,
                                   CodeBlock& code, std::span<std::byte> storage)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.out_channels, desc.operand_strides) {
    plan(code, storage);
    if (own_.filled()) return;
    for (const Block& block : blocks_)
        code.later([to = weights_ + block.panel, where = static_cast<ColumnBlock>(block),
                    panel = panel_of(desc_, code.isa()), from = weights.data(), channels = desc_.in_channels,
                    positions = desc_.window.taps(), values = tap_values(desc_)] {
            pack_panel(to, where, panel, weight_of(from, where, channels, positions, values));
        });
}

ImageConvolution::ImageConvolution(const ImageConvolutionDesc& desc, std::span<const float> weights, CodeBlock& code,
                                   std::span<std::byte> storage)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.out_channels, desc.operand_strides) {
    plan(code, storage);
    if (own_.filled()) return;
    for (const Block& block : blocks_)
        code.later([to = weights_ + block.panel, where = static_cast<ColumnBlock>(block), type = desc_.type(),
                    values = tap_values(desc_), taps = taps_of(desc_.window), from = weights.data(),
                    channels = desc_.in_channels, positions = desc_.window.taps()] {
            pack_floats(to, where, type, values, taps, weight_of(from, where, channels, positions, values));
        });
}

void ImageConvolution::plan(CodeBlock& code, std::span<std::byte> storage) {
    if (desc_.out_stride == 0) desc_.out_stride = desc_.out_channels;
    if (desc_.in_stride == 0) desc_.in_stride = desc_.in_channels;
    if (storage.empty()) {
        own_ = Aligned<std::byte>(packed_size(desc_, code.isa()));
        storage = {own_.data(), own_.size()};
    }
    weights_ = reinterpret_cast<std::int8_t*>(storage.data());
    size_scratch();
    const Window& w = desc_.window;
    if (desc_.source == Source::planar_f32) {
        quantize_.emplace(quantization_of(desc_), code);
    } else if (desc_.source == Source::planar_to_bf16) {
        narrow_.emplace(ImageBfloatDesc{w.batch, w.height, w.width, desc_.in_channels}, code);
    }
    add_blocks(code);
    share_columns();
}

void ImageConvolution::size_scratch() {
    const Window& w = desc_.window;
    const std::int64_t pixels = std::max(w.pad_left + w.width, (w.out_width() - 1) * w.stride_width +
                                                                   (w.kernel_width - 1) * w.dilation_width + 1);
    row_bytes_ = (pixels * desc_.in_channels * desc_.value_bytes() + 4 + 63) / 64 * 64;
    const std::int64_t window_rows = (w.kernel_height - 1) * w.dilation_height + 1;
    const std::int64_t fitting = (kChunkBytes / row_bytes_ - window_rows) / w.stride_height + 1;
    chunk_rows_ = std::clamp<std::int64_t>(fitting, 1, std::min(kChunkRows, w.out_height()));
    buffer_rows_ = (chunk_rows_ - 1) * w.stride_height + window_rows;
}

// As many parts as make the largest share of a thread the smallest.
void ImageConvolution::share_columns() {
    const auto blocks = static_cast<std::int64_t>(blocks_.size());
    const auto largest = [&](std::int64_t parts) {  // in blocks of a row
        const std::int64_t units = (rows() * parts + desc_.threads - 1) / desc_.threads;
        return units * ((blocks + parts - 1) / parts);
    };
    for (std::int64_t parts = 2; parts <= std::min<std::int64_t>(desc_.threads, blocks); ++parts) {
        if (largest(parts) < largest(column_parts_)) {
            column_parts_ = parts;
        }
    }
}

void ImageConvolution::add_blocks(CodeBlock& code) {
    const Window& w = desc_.window;
    const std::int64_t pixel = desc_.in_channels * desc_.value_bytes();
    const bool codes = desc_.type() == DataType::u8;
    const bool bounded = codes && !may_exceed_i32(desc_.epilogue,
                                                  255.0 * 128 * static_cast<double>(w.taps() * desc_.in_channels));
    TileShape shape;
    shape.type = desc_.type();
    shape.k = tap_values(desc_) * desc_.value_bytes();
    shape.taps.clear();
    for (std::int64_t tap = 0; tap < static_cast<std::int64_t>(taps_of(w)); ++tap) {
        const std::int64_t y = joined(w) ? tap : tap / w.kernel_width;
        const std::int64_t x = joined(w) ? 0 : tap % w.kernel_width;
        shape.taps.push_back(y * w.dilation_height * row_bytes_ + x * w.dilation_width * pixel);
    }
    // Past the end of a tap there are weights of 0, which leave a code out but not a NaN.
    shape.whole_dwords = codes;
    shape.row_stride = w.stride_width * pixel;
    shape.out_stride = desc_.out_stride;
    shape.operand_strides = epilogue_.strides();
    shape.starts = desc_.zero_point != 0;
    const PanelShape panel = panel_of(desc_, code.isa());
    for (const ColumnBlock& plain : column_blocks(desc_.out_channels, panel, block_columns(code.isa()))) {
        Block block;
        static_cast<ColumnBlock&>(block) = plain;
        block.tile_rows = tile_rows_for(w.out_width(), tile_rows(code.isa(), plain.columns));
        shape.columns = plain.columns;
        shape.rows = block.tile_rows;
        block.full = w.out_width() >= shape.rows ? add_tile(code, shape, desc_.epilogue, bounded) : 0;
        shape.rows = static_cast<int>(w.out_width() % block.tile_rows);
        block.rest = shape.rows != 0 ? add_tile(code, shape, desc_.epilogue, bounded) : 0;
        blocks_.push_back(block);
    }
}

void ImageConvolution::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const Window& w = desc_.window;
    const std::int64_t height = w.out_height();
    auto* lines = reinterpret_cast<std::uint8_t*>(args.scratch);
    std::int64_t filled_first = 0;
    std::int64_t filled_last = 0;
    const auto parts = static_cast<std::size_t>(column_parts_);
    for (std::int64_t unit = begin; unit < end;) {
        const auto part = static_cast<std::size_t>(unit / rows());
        const std::int64_t row = unit % rows();
        const std::int64_t batch = row / height;
        const std::int64_t y = row % height;
        const std::int64_t count = std::min({chunk_rows_, end - unit, height - y});
        const std::int64_t first = y * w.stride_height - w.pad_top;
        const std::int64_t last = first + (count - 1) * w.stride_height + (w.kernel_height - 1) * w.dilation_height + 1;
        const bool follows = unit > begin && y > 0;
        const std::int64_t kept = follows ? std::max<std::int64_t>(0, filled_last - first) : 0;
        if (kept > 0) {
            std::memmove(lines, lines + (first - filled_first) * row_bytes_,
                         static_cast<std::size_t>(kept * row_bytes_));
        }
        fill(args, batch, first + kept, last, kept);
        filled_first = first;
        filled_last = last;
        for (std::size_t block = blocks_.size() * part / parts; block < blocks_.size() * (part + 1) / parts; ++block) {
            for (std::int64_t i = 0; i < count; ++i) {
                convolve_row(args, blocks_[block], row + i, lines + i * w.stride_height * row_bytes_);
            }
        }
        unit += count;
    }
}

void ImageConvolution::fill(const Args& args, std::int64_t batch, std::int64_t first, std::int64_t last,
                            std::int64_t slot) const {
    std::uint8_t* to = reinterpret_cast<std::uint8_t*>(args.scratch) + slot * row_bytes_;
    for (std::int64_t y = first; y < last; ++y, to += row_bytes_) {
        fill_row(args, batch, y, to);
    }
}

void ImageConvolution::fill_row(const Args& args, std::int64_t batch, std::int64_t y, std::uint8_t* to) const {
    const Window& w = desc_.window;
    if (y < 0 || y >= w.height) {
        std::memset(to, desc_.zero_point, static_cast<std::size_t>(row_bytes_));
        return;
    }
    const std::int64_t pixel = desc_.in_channels * desc_.value_bytes();
    const std::int64_t left = w.pad_left * pixel, width = w.width * pixel;
    std::memset(to, desc_.zero_point, static_cast<std::size_t>(left));
    std::memset(to + left + width, desc_.zero_point, static_cast<std::size_t>(row_bytes_ - left - width));
    if (desc_.source == Source::interleaved_u8) {
        copy_row(args, batch * w.height + y, to + left);
    } else if (narrow_) {
        narrow_->run_row(static_cast<const float*>(args.in), batch, y, reinterpret_cast<std::uint16_t*>(to + left));
    } else {
        quantize_->run_row(static_cast<const float*>(args.in), batch, y, to + left);
    }
}

void ImageConvolution::copy_row(const Args& args, std::int64_t row, std::uint8_t* to) const {
    const std::int64_t width = desc_.window.width, channels = desc_.in_channels, stride = desc_.in_stride;
    const auto* from = static_cast<const std::uint8_t*>(args.in) + row * width * stride;
    if (stride == channels) {
        std::memcpy(to, from, static_cast<std::size_t>(width * channels));
        return;
    }
    for (std::int64_t x = 0; x < width; ++x) {
        std::memcpy(to + x * channels, from + x * stride, static_cast<std::size_t>(channels));
    }
}

// `row` counts the rows of all images; `lines`: the first that its windows see.
void ImageConvolution::convolve_row(const Args& args, const Block& block, std::int64_t row,
                                    const std::uint8_t* lines) const {
    const Window& w = desc_.window;
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    const std::int64_t pixel = row * w.out_width(), batch = row / w.out_height();
    const std::int64_t tiles = w.out_width() / block.tile_rows;
    const auto call = [&](std::size_t kernel, std::int64_t x, std::int64_t count) {
        TileArgs values;
        values.a = lines + x * w.stride_width * desc_.in_channels * desc_.value_bytes();
        values.weights = weights_ + block.panel;
        values.out = static_cast<std::byte*>(args.out) + ((pixel + x) * desc_.out_stride + block.first) * size;
        values.tiles = count;
        values.epilogue = epilogue_.at(args.operands, pixel + x, batch, block.first);
        if (!desc_.row_class.empty()) {
            const std::int64_t of_row = desc_.row_class[static_cast<std::size_t>(row % w.out_height())];
            const auto& operands = epilogue_.at(args.operands, of_row * w.out_width() + x, batch, block.first).operands;
            values.epilogue.operands[desc_.classed_operand] = operands[desc_.classed_operand];
        }
        code_->call(kernel, values);
    };
    if (tiles > 0) {
        call(block.full, 0, tiles);
    }
    if (tiles * block.tile_rows < w.out_width()) {
        call(block.rest, tiles * block.tile_rows, 1);
    }
}

}  // namespace octet::cpu::x64
