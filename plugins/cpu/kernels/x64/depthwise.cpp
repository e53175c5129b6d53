#include "plugins/cpu/kernels/x64/depthwise.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace octet::cpu::x64 {
namespace {

constexpr std::int64_t kMaxTableRows = 256;
constexpr std::int64_t kMaxTaps = 1024;
// Up to this height, code for exactly these rows: it skips the padding and the sums of rows that do not exist.
constexpr std::int64_t kMaxFixedRows = 8;
// Of the work: so much more balance is worth that threads read each other's results.
constexpr double kWorthMixing = 1.1;

std::int64_t window_rows(const Window& window) { return (window.kernel_height - 1) * window.dilation_height + 1; }

bool border_fits(const DepthwiseDesc& desc) {
    const BorderShifts& border = desc.border;
    const auto classes = [](const std::vector<std::int64_t>& of_places, std::int64_t places) {
        if (static_cast<std::int64_t>(of_places.size()) != places) {
            return std::int64_t{0};
        }
        const auto [least, most] = std::minmax_element(of_places.begin(), of_places.end());
        return *least < 0 ? 0 : *most + 1;
    };
    const std::int64_t rows = classes(border.row_class, desc.window.out_height());
    const std::int64_t columns = classes(border.column_class, desc.window.out_width());
    return border.op < desc.epilogue.ops.size() && desc.epilogue.ops[border.op].kind == EpilogueOp::Kind::scale_shift &&
           rows > 0 && columns > 0 && static_cast<std::int64_t>(border.shifts.size()) == rows * columns * desc.channels;
}

// Whether a value of the result may leave the range of i32, wherever it lies.
bool may_exceed_i32(const DepthwiseDesc& desc) {
    const double limit = 255.0 * 128 * static_cast<double>(desc.window.taps());
    if (desc.border.shifts.empty()) {
        return x64::may_exceed_i32(desc.epilogue, limit);
    }
    Epilogue all = desc.epilogue;
    all.ops[desc.border.op].shift = desc.border.shifts;
    return x64::may_exceed_i32(all, limit);
}

}  // namespace

int DepthwiseWalk::weight_vectors() const {
    int count = 0;
    for (int d = 0; d < dwords(); ++d) {
        for (int i = 0; i < unit; ++i) {
            count += has_taps(i, d) ? 4 : 0;
        }
    }
    return count;
}

void DepthwiseWalk::choose_shape() {
    const bool dilated = dilation_height > 1 || dilation_width > 1;
    int least = 1 << 30;
    DepthwiseWalk best = *this;
    for (const bool both : {true, false}) {
        overlapping = both;
        for (unit = 1; sets() * unit * 4 <= accumulators(isa) && (unit == 1 || dilation_width == 1); ++unit) {
            // Eight operations interleave four pixels; an overlapping row is interleaved once, others for each row of the kernel.
            const int interleaved = (both ? std::min(stride_height, kernel_height) : kernel_height) * 8 * dwords();
            const int each = isa.pairs() ? 6 : 1;  // operations on a vector of weights
            const int operations = (interleaved + kernel_height * weight_vectors() * each) * 1000 / unit;
            if (operations < least && !(both && dilated)) {
                least = operations;
                best = *this;
            }
        }
    }
    *this = best;
}

std::int64_t BorderShifts::column_classes() const {
    return column_class.empty() ? 0 : *std::max_element(column_class.begin(), column_class.end()) + 1;
}

bool DepthwiseDesc::zero_points_vary() const {
    return std::adjacent_find(zero_points.begin(), zero_points.end(), std::not_equal_to<>()) != zero_points.end();
}

Acceptance DepthwiseConvolution::accepts(const DepthwiseDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (!desc.window.valid() || desc.channels < 1) {
        return declined("an empty convolution");
    }
    if (desc.zero_points.size() > 1 && desc.zero_points.size() != static_cast<std::size_t>(desc.channels)) {
        return declined("zero points that are neither one nor one for each channel");
    }
    if (desc.window.taps() > kMaxTaps || window_rows(desc.window) > kMaxTableRows) {
        return declined("a window of more than 1024 taps or 256 rows");
    }
    if (desc.window.stride_height > (1 << 20) || desc.window.stride_width > (1 << 20)) {
        return declined("a stride of more than a million");
    }
    const std::int64_t pixel = std::max({desc.channels, desc.in_stride, desc.out_stride,
                                         *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end())});
    if (pixel > (std::int64_t{1} << 24) ||
        pixel * std::max(desc.window.width, desc.window.out_width()) * 4 > (std::int64_t{1} << 30)) {
        return declined("a row of more than 1 GB");
    }
    if (!desc.border.shifts.empty() && !border_fits(desc)) {
        return declined("shifts at the border that are not one for each channel and place");
    }
    return x64::accepts(desc.epilogue, desc.channels);
}

DepthwiseWalk DepthwiseConvolution::walk_of(const DepthwiseDesc& desc, const Block& block, const VectorIsa& isa) {
    DepthwiseWalk walk;
    const Window& w = desc.window;
    walk.isa = isa;
    walk.kernel_height = static_cast<int>(w.kernel_height);
    walk.kernel_width = static_cast<int>(w.kernel_width);
    walk.stride_height = static_cast<int>(w.stride_height);
    walk.stride_width = static_cast<int>(w.stride_width);
    walk.channels = block.channels;
    walk.block = block.width;
    walk.dilation_height = static_cast<int>(w.dilation_height);
    walk.dilation_width = static_cast<int>(w.dilation_width);
    walk.choose_shape();
    walk.zero_points_vary = desc.zero_points_vary();
    walk.zero_point = walk.zero_points_vary ? std::uint8_t{0} : desc.zero_point(0);
    walk.in_stride = desc.in_stride;
    walk.out_stride = desc.out_stride;
    walk.out_width = w.out_width();
    return walk;
}

std::vector<DepthwiseConvolution::Block> DepthwiseConvolution::blocks_of(const DepthwiseDesc& desc,
                                                                         const VectorIsa& isa) {
    const bool narrow = !needs_channel_order(desc.epilogue);
    std::vector<Block> blocks;
    std::int64_t bytes = 0;
    const int widest = isa.bytes();
    for (std::int64_t channel = 0; channel < desc.channels; channel += widest) {
        Block block;
        block.channel = channel;
        block.channels = static_cast<int>(std::min<std::int64_t>(widest, desc.channels - channel));
        block.width = !narrow || block.channels > 32 ? widest : block.channels > 16 ? 32 : 16;
        block.weights = bytes;
        bytes += block_bytes(desc, block, isa);
        blocks.push_back(block);
    }
    return blocks;
}

std::int64_t DepthwiseConvolution::block_bytes(const DepthwiseDesc& desc, const Block& block, const VectorIsa& isa) {
    const Window& w = desc.window;
    const DepthwiseWalk walk = walk_of(desc, block, isa);
    const std::int64_t bytes = walk.first_weights() * isa.bytes() +
                               w.kernel_height * walk.weight_vectors() * walk.weight_bytes();
    return (bytes + 63) / 64 * 64;
}

std::size_t DepthwiseConvolution::packed_size(const DepthwiseDesc& desc, const VectorIsa& isa) {
    const Block last = blocks_of(desc, isa).back();
    return static_cast<std::size_t>(last.weights + block_bytes(desc, last, isa));
}

DepthwiseConvolution::DepthwiseConvolution(const DepthwiseDesc& desc, std::span<const std::int8_t> weights,
                                           CodeBlock& code, std::span<std::byte> storage)
    : desc_(desc), code_(&code) {
    desc_.in_stride = desc.in_stride != 0 ? desc.in_stride : desc.channels;
    desc_.out_stride = desc.out_stride != 0 ? desc.out_stride : desc.channels;
    if (storage.empty()) {
        own_ = Aligned<std::byte>(packed_size(desc, code.isa()));
        storage = {own_.data(), own_.size()};
    }
    weights_ = reinterpret_cast<std::int8_t*>(storage.data());
    blocks_ = blocks_of(desc, code.isa());
    choose_units();

    const auto widest = static_cast<std::size_t>(code.isa().bytes());
    std::vector<std::int64_t> channel_of(blocks_.size() * widest, -1);
    for (std::size_t i = 0; i < channel_of.size(); ++i) {
        const Block& block = blocks_[i / widest];
        const int within = place_of(block, static_cast<int>(i % widest)).first;
        channel_of[i] = within < block.channels ? block.channel + within : -1;
    }
    epilogue_ = EpilogueData(desc.epilogue, desc.channels, desc.operand_strides, channel_of);

    padding_ = Aligned<std::uint8_t>(static_cast<std::size_t>(desc.window.width * desc_.in_stride));
    for (std::size_t i = 0; i < padding_.size() && !padding_.filled(); ++i) {
        const std::int64_t channel = static_cast<std::int64_t>(i) % desc_.in_stride;
        padding_.data()[i] = desc.zero_point(std::min(channel, desc.channels - 1));
    }
    const bool bounded = !may_exceed_i32(desc);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        // Blocks of one size have the same code; all but the last one have.
        if (i > 0 && blocks_[i].channels == blocks_[i - 1].channels) {
            blocks_[i].steps = blocks_[i - 1].steps;
            blocks_[i].border_sets = blocks_[i - 1].border_sets;
        } else {
            add_steps(blocks_[i], code, bounded);
        }
    }
    if (!desc.border.shifts.empty()) pack_border();
    if (!own_.filled())
        code.later([this, weights] {
            for (const Block& block : blocks_) pack(block, weights);
        });
}

// Threads that share rows find most of what they read in their own cache, as products are shared by rows, too; threads that share blocks
// of channels and rows in one sequence are better balanced.
void DepthwiseConvolution::choose_units() {
    const Window& w = desc_.window;
    const std::int64_t height = w.out_height();
    const auto blocks = static_cast<std::int64_t>(blocks_.size());
    longest_strip_ = (kMaxTableRows - window_rows(w)) / w.stride_height + 1;
    fixed_ = height <= std::min(kMaxFixedRows, longest_strip_);
    const auto share = [&](std::int64_t units) { return (units + desc_.threads - 1) / desc_.threads; };
    // Where a strip begins, rows are read for sums of which only some are wanted.
    const std::int64_t begins = (window_rows(w) - 1 + w.stride_height - 1) / w.stride_height;
    const std::int64_t of_rows = (share(w.batch * height) + begins) * blocks;
    const std::int64_t of_both = share(w.batch * height * blocks) + begins * (share(w.batch * blocks) + 1);
    by_rows_ = !fixed_ && static_cast<double>(of_rows) <= kWorthMixing * static_cast<double>(of_both);
}

void DepthwiseConvolution::pack(const Block& block, std::span<const std::int8_t> weights) {
    const Window& w = desc_.window;
    const VectorIsa& isa = code_->isa();
    std::int8_t* to = weights_ + block.weights;
    const auto channel_at = [&](int position) { return unpacked_channel(position, isa.lanes) % block.width; };
    const auto weight = [&](int position, std::int64_t y, std::int64_t x) {
        const int channel = channel_at(position);
        const bool inside = channel < block.channels && y < w.kernel_height && x >= 0 && x < w.kernel_width;
        return inside ? weights[static_cast<std::size_t>(
                            ((block.channel + channel) * w.kernel_height + y) * w.kernel_width + x)]
                      : std::int8_t{0};
    };
    const auto zero_point = [&](int channel) {
        return channel < block.channels ? desc_.zero_point(block.channel + channel) : std::uint8_t{0};
    };
    const DepthwiseWalk walk = walk_of(desc_, block, isa);
    for (int position = 0; walk.has_zero_point() && position < isa.bytes(); ++position, to += 4) {
        std::int32_t start = 0;
        for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
            start -= zero_point(channel_at(position)) * weight(position, tap / w.kernel_width, tap % w.kernel_width);
        }
        std::memcpy(to, &start, 4);
    }
    for (int lane = 0; walk.zero_points_vary && lane < isa.bytes(); ++lane) {
        *to++ = static_cast<std::int8_t>(zero_point(lane % block.width));
    }
    // One register of weights of the pixels `first`, `first` + step, ... of a dword, as they are or of 16 bits.
    const auto put = [&](int quad, std::int64_t y, std::int64_t x, int first, int step) {
        for (int lane = 0; lane < isa.lanes; ++lane) {
            for (int t = first; t < 4; t += step, to += step) {
                const std::int16_t value = weight(quad * isa.lanes + lane, y, x + t);
                std::memcpy(to, &value, static_cast<std::size_t>(step));  // little-endian
            }
        }
    };
    for (std::int64_t y = 0; y < w.kernel_height; ++y) {
        for (int d = 0; d < walk.dwords(); ++d) {
            for (int i = 0; i < walk.unit; ++i) {
                for (int quad = 0; walk.has_taps(i, d) && quad < 4; ++quad) {
                    const std::int64_t x = d * 4 - i * walk.stride_width;
                    for (int first = 0; first < (isa.pairs() ? 2 : 1); ++first) {
                        put(quad, y, x, first, isa.pairs() ? 2 : 1);
                    }
                }
            }
        }
    }
}

void DepthwiseConvolution::add_steps(Block& block, CodeBlock& code, bool bounded) {
    const Window& w = desc_.window;
    DepthwiseWalk walk = walk_of(desc_, block, code.isa());
    walk.operand_strides = epilogue_.strides();
    if (fixed_ && walk.overlapping) {
        walk.fixed_rows = static_cast<int>(w.out_height());
        walk.first_row = static_cast<int>(w.pad_top);
        walk.last_row = static_cast<int>(w.pad_top + w.height);
    }
    const std::int64_t step = walk.unit * walk.groups();
    for (std::int64_t x = 0; x < w.out_width(); x += step) {
        walk.columns = static_cast<int>(std::min(step, w.out_width() - x));
        walk.valid.clear();
        for (std::int64_t group = 0; group < walk.groups(); ++group) {
            for (std::int64_t pixel = 0; pixel < walk.pixels(); ++pixel) {
                const std::int64_t at = (x + group * walk.unit) * w.stride_width - w.pad_left +
                                        pixel * w.dilation_width;
                walk.valid.push_back(at >= 0 && at < w.width);
            }
        }
        if (!desc_.border.shifts.empty()) {
            walk.border_op = desc_.border.op;
            walk.border_sets = border_sets_of(block, walk, x);
        }
        block.steps.push_back({x, add_walk(code, walk, desc_.epilogue, bounded)});
    }
}

std::pair<int, int> DepthwiseConvolution::place_of(const Block& block, int position) const {
    if (needs_channel_order(desc_.epilogue)) {
        return {position, 0};
    }
    const int byte = unpacked_channel(position, code_->isa().lanes);
    return {byte % block.width, byte / block.width};
}

std::vector<std::int64_t> DepthwiseConvolution::border_sets_of(Block& block, const DepthwiseWalk& walk,
                                                               std::int64_t x) const {
    std::vector<std::int64_t> of_columns;
    for (std::int64_t i = 0; i < walk.unit; ++i) {
        std::vector<std::int64_t> set;
        for (std::int64_t group = 0; group < walk.groups(); ++group) {
            const std::int64_t column = std::min(x + group * walk.unit + i, desc_.window.out_width() - 1);
            set.push_back(desc_.border.column_class[static_cast<std::size_t>(column)]);
        }
        auto known = std::find(block.border_sets.begin(), block.border_sets.end(), set);
        if (known == block.border_sets.end()) {
            known = block.border_sets.insert(known, set);
        }
        of_columns.push_back(known - block.border_sets.begin());
    }
    return of_columns;
}

void DepthwiseConvolution::pack_border() {
    const BorderShifts& border = desc_.border;
    const std::int64_t rows = *std::max_element(border.row_class.begin(), border.row_class.end()) + 1;
    const int positions = code_->isa().bytes();
    std::int64_t total = 0;
    for (Block& block : blocks_) {
        block.shifts = total;
        total += rows * static_cast<std::int64_t>(block.border_sets.size()) * positions;
    }
    shifts_ = Aligned<float>(static_cast<std::size_t>(total));
    if (shifts_.filled()) {
        return;
    }
    float* to = shifts_.data();
    for (const Block& block : blocks_) {
        for (std::int64_t row = 0; row < rows; ++row) {
            for (const std::vector<std::int64_t>& set : block.border_sets) {
                for (int position = 0; position < positions; ++position, ++to) {
                    const auto [channel, group] = place_of(block, position);
                    if (channel < block.channels) {
                        *to = border.at(row, set[static_cast<std::size_t>(group)], block.channel + channel,
                                        desc_.channels);
                    }
                }
            }
        }
    }
}

void DepthwiseConvolution::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const std::size_t count = blocks_.size();
    const std::int64_t height = desc_.window.out_height();
    const std::int64_t all = fixed_ ? 1 : height;
    for (std::int64_t unit = begin; unit < end;) {
        const std::int64_t first = unit % all;
        const std::int64_t rows = fixed_ ? height : std::min({longest_strip_, all - first, end - unit});
        const auto group = static_cast<std::size_t>(unit / all);
        if (by_rows_) {
            for (std::size_t i = 0; i < count; ++i) run_rows(args, i, unit / all, first, rows);
        } else {
            run_rows(args, group % count, static_cast<std::int64_t>(group / count), first, rows);
        }
        unit += fixed_ ? 1 : rows;
    }
}

void DepthwiseConvolution::run_rows(const Args& args, std::size_t index, std::int64_t batch, std::int64_t first,
                                    std::int64_t rows) const {
    const Window& w = desc_.window;
    const Block& block = blocks_[index];
    std::array<const std::uint8_t*, kMaxTableRows> table;
    const std::int64_t top = first * w.stride_height - w.pad_top;
    for (std::int64_t j = 0; j < (rows - 1) * w.stride_height + window_rows(w); ++j) {
        const bool inside = top + j >= 0 && top + j < w.height;
        table[static_cast<std::size_t>(j)] = inside ? args.in + (batch * w.height + top + j) * w.width * desc_.in_stride
                                                    : padding_.data();
    }
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    DepthwiseWalk::Args call;
    std::array<const float*, kMaxTableRows> shifts;
    const std::int64_t row_shifts = static_cast<std::int64_t>(block.border_sets.size()) * code_->isa().bytes();
    for (std::int64_t row = 0; row < rows && row_shifts != 0; ++row) {
        const std::int64_t of_row = desc_.border.row_class[static_cast<std::size_t>(first + row)];
        shifts[static_cast<std::size_t>(row)] = shifts_.data() + block.shifts + of_row * row_shifts;
    }
    call.rows = table.data();
    call.shifts = shifts.data();
    call.weights = weights_ + block.weights;
    call.count = rows;
    for (const Step& step : block.steps) {
        const std::int64_t pixel = (batch * w.out_height() + first) * w.out_width() + step.x;
        call.column = (step.x * w.stride_width - w.pad_left) * desc_.in_stride + block.channel;
        call.out = static_cast<std::byte*>(args.out) + (pixel * desc_.out_stride + block.channel) * size;
        call.epilogue = epilogue_.at(args.operands, pixel, batch, block.channel,
                                     static_cast<std::int64_t>(index) * code_->isa().bytes());
        code_->call(step.code, call);
    }
}

}  // namespace octet::cpu::x64
