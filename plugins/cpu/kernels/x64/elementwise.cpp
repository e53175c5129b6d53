#include "plugins/cpu/kernels/x64/elementwise.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

struct CallArgs {
    const void* in = nullptr;
    void* out = nullptr;
    std::int64_t count = 0;  // tiles of rows
    EpilogueArgs epilogue;
};

// Bytes of input for each unit: large enough to hide a call, small enough to share a row between threads.
constexpr std::int64_t kUnitBytes = 32 * 1024;
constexpr std::int64_t kUnitRows = 16;

bool readable(DataType type, const Machine& machine) {
    return is_code(type) || type == DataType::s32 || type == DataType::f32 || (type == DataType::bf16 && machine.bf16);
}

// Where values lie side by side and nothing differs by channel, the tensor is a column.
ElementwiseDesc flattened(ElementwiseDesc desc) {
    const auto dense = [&](std::int64_t stride) { return stride == 0 || stride == desc.channels; };
    const bool side_by_side = dense(desc.in_stride) && dense(desc.out_stride) &&
                              std::all_of(desc.operand_strides.begin(), desc.operand_strides.end(), dense);
    if (side_by_side) {
        desc.in_stride = desc.out_stride = 0;
        desc.operand_strides = {};
        if (!depends_on_place(desc.epilogue)) {
            desc.rows *= desc.channels;
            desc.channels = 1;
        }
    }
    return desc;
}

// How many rows of few channels may be walked as one: they lie side by side and what differs by channel repeats.
std::int64_t rows_together(const ElementwiseDesc& desc) {
    const bool runtime = has_spread(desc.epilogue, Spread::per_channel) ||
                         has_spread(desc.epilogue, Spread::per_batch_channel) ||
                         has_spread(desc.epilogue, Spread::per_row);
    const auto dense = [](std::int64_t stride) { return stride == 0; };
    if (runtime || !dense(desc.in_stride) || !dense(desc.out_stride) ||
        !std::all_of(desc.operand_strides.begin(), desc.operand_strides.end(), dense)) {
        return 1;
    }
    return desc.channels >= 64 ? 1 : 64 / desc.channels;
}

std::vector<std::int64_t> repeated_channels(std::int64_t channels, std::int64_t times) {
    std::vector<std::int64_t> channel_of(static_cast<std::size_t>(channels * times));
    for (std::size_t i = 0; i < channel_of.size(); ++i) {
        channel_of[i] = static_cast<std::int64_t>(i) % channels;
    }
    return channel_of;
}

void emit(Emitter& c, const ElementwiseDesc& desc, std::span<const std::int64_t> strides, int rows, int columns) {
    const Xbyak::Reg64 in = c.rax, out = c.rdx, count = c.rsi;
    const int lanes = c.lanes();
    const int vectors = (columns + lanes - 1) / lanes;
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc.type));
    EpilogueEmitter epilogue(c, desc.epilogue, strides, offsetof(CallArgs, epilogue), c.wide() ? 24 : 8, false);
    const auto accumulator = [&](int row, int vector) { return c.vec(row * vectors + vector); };
    c.mov(in, c.at(c.rdi, offsetof(CallArgs, in)));
    c.mov(out, c.at(c.rdi, offsetof(CallArgs, out)));
    c.mov(count, c.at(c.rdi, offsetof(CallArgs, count)));
    c.set_mask(c.k1, low_bits((columns - 1) % 16 + 1), c.r8);
    c.set_mask(c.k2, low_bits(columns), c.r8);
    epilogue.load_pointers();
    Xbyak::Label loop;
    c.L(loop);
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < vectors; ++v) {
            const std::int64_t offset = (r * desc.in_stride + v * lanes) * size;
            epilogue.load_as_float(accumulator(r, v), desc.type, in + static_cast<std::size_t>(offset),
                                   std::min(lanes, columns - v * lanes));
        }
    }
    epilogue.finish(rows, columns, accumulator, false, out, desc.out_stride);
    epilogue.advance_rows(rows);
    c.advance(in, rows * desc.in_stride * size);
    c.advance(out, rows * desc.out_stride * static_cast<std::int64_t>(size_of(desc.epilogue.result)));
    c.dec(count);
    c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

Acceptance Elementwise::accepts(const ElementwiseDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (!readable(desc.type, machine)) {
        return declined("the input is neither u8, s8, s32 nor f32");
    }
    if (desc.rows < 1 || desc.channels < 1) {
        return declined("an empty tensor");
    }
    if (std::max({desc.in_stride, desc.out_stride, desc.channels,
                  *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end())}) >
        (std::int64_t{1} << 24)) {
        return declined("rows of more than 16 million values");
    }
    return x64::accepts(desc.epilogue, desc.channels, machine.bf16);
}

Elementwise::Elementwise(const ElementwiseDesc& original, CodeBlock& code) : desc_(flattened(original)), code_(&code) {
    const std::int64_t channels = desc_.channels;
    const std::int64_t together = rows_together(desc_);
    const std::int64_t rest = desc_.rows % together * channels;
    desc_.rows /= together;
    desc_.channels *= together;
    const auto stride = [&](std::int64_t given) { return given != 0 ? given : desc_.channels; };
    desc_.in_stride = stride(desc_.in_stride);
    desc_.out_stride = stride(desc_.out_stride);
    epilogue_ = EpilogueData(desc_.epilogue, desc_.channels, desc_.operand_strides,
                             repeated_channels(channels, together));
    vectors_ = channel_vectors(desc_.epilogue);

    for (std::int64_t first = 0; first < desc_.channels && desc_.rows > 0; first += 64) {
        blocks_.push_back(add_block(code, first, static_cast<int>(std::min<std::int64_t>(64, desc_.channels - first))));
    }
    if (rest > 0) {
        last_ = add_block(code, 0, static_cast<int>(rest));
    }
    const std::int64_t row_bytes = desc_.channels * static_cast<std::int64_t>(size_of(desc_.type));
    strip_rows_ = std::max<std::int64_t>(1, kUnitBytes / row_bytes / kUnitRows * kUnitRows);
    units_ = (desc_.rows + (rest > 0 ? 1 : 0) + strip_rows_ - 1) / strip_rows_;
}

Elementwise::Block Elementwise::add_block(CodeBlock& code, std::int64_t first, int columns) const {
    const int lanes = code.isa().lanes;
    Block block{first, columns, (code.isa().wide() ? 16 : 8) / ((columns + lanes - 1) / lanes)};
    const auto add = [&](int rows) {
        const std::string key = fmt::format("elementwise {} {} {} {} {} [{}] {}", static_cast<int>(desc_.type), rows,
                                            columns, desc_.in_stride, desc_.out_stride,
                                            fmt::join(epilogue_.strides(), ","), key_of(desc_.epilogue));
        return code.add(key, [desc = desc_, strides = epilogue_.strides(), rows, columns](Emitter& emitter) {
            emit(emitter, desc, strides, rows, columns);
        });
    };
    block.tile = add(block.tile_rows);
    block.single = add(1);
    return block;
}

void Elementwise::run_rows(const Args& args, const Block& block, std::int64_t first, std::int64_t rows) const {
    const std::int64_t batch = desc_.rows_per_batch > 0 ? first / desc_.rows_per_batch : 0;
    const auto call = [&](std::size_t kernel, std::int64_t row, std::int64_t count) {
        CallArgs values;
        values.in = static_cast<const std::byte*>(args.in) +
                    (row * desc_.in_stride + block.first) * static_cast<std::int64_t>(size_of(desc_.type));
        values.out = static_cast<std::byte*>(args.out) +
                     (row * desc_.out_stride + block.first) * static_cast<std::int64_t>(size_of(desc_.epilogue.result));
        values.count = count;
        values.epilogue = epilogue_.at(args.operands, row, batch, block.first);
        if (args.constants != nullptr) {
            values.epilogue.constants = args.constants + block.first * vectors_;
        }
        code_->call(kernel, values);
    };
    const std::int64_t tiles = rows / block.tile_rows;
    if (tiles > 0) {
        call(block.tile, first, tiles);
    }
    if (rows > tiles * block.tile_rows) {
        call(block.single, first + tiles * block.tile_rows, rows - tiles * block.tile_rows);
    }
}

void Elementwise::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const std::int64_t last = std::min(end * strip_rows_, desc_.rows);
    const bool batches = has_spread(desc_.epilogue, Spread::per_batch_channel) && desc_.rows_per_batch > 0;
    for (std::int64_t row = begin * strip_rows_; row < last;) {
        const std::int64_t batch_end = batches ? (row / desc_.rows_per_batch + 1) * desc_.rows_per_batch : last;
        const std::int64_t rows = std::min({strip_rows_, last - row, batch_end - row});
        for (const Block& block : blocks_) {
            run_rows(args, block, row, rows);
        }
        row += rows;
    }
    if (end == units_ && last_.columns > 0 && begin < end) {
        run_rows(args, last_, desc_.rows, 1);
    }
}

}  // namespace octet::cpu::x64
