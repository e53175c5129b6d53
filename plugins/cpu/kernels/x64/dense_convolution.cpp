#include "plugins/cpu/kernels/x64/dense_convolution.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

#include "plugins/cpu/kernels/x64/emit_dot.hpp"
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Reg64;

constexpr std::int64_t kMaxProducts = 65793;  // 255 * 128 * products must fit 31 bits
constexpr std::int64_t kUnroll = 4;
constexpr std::int64_t kTilesForBalance = 4;  // of each thread

// Blocks that leave registers for six rows. The weights of all taps are read for each tile: more rows, fewer bytes for each product.
constexpr int columns_of_block(const VectorIsa& isa) { return isa.wide() ? 64 : 16; }

class IndirectEmitter {
public:
    IndirectEmitter(Emitter& code, const IndirectTile& shape, const Epilogue& epilogue, bool bounded)
        : c(code),
          s(shape),
          dot_(code, shape.columns, DataType::u8, static_cast<int>(shape.k % 4)),
          acc_([&code, vectors = dot_.vectors()](int row, int vector) { return code.vec(row * vectors + vector); }),
          epilogue_(code, epilogue, shape.operand_strides, offsetof(IndirectTile::Args, epilogue),
                    DotEmitter::first_temp(code.isa()), bounded) {}

    void emit();

private:
    bool masked_tail() const { return s.k % 4 != 0; }

    void step(std::int64_t offset, std::int64_t weight_offset, bool tail) {
        const Reg64 pixels[] = {c.rax, c.rdx, c.r8, c.r9, c.r10, c.r11};
        const auto from = [&](int row) { return pixels[row] + i + static_cast<std::size_t>(offset); };
        dot_.step(s.rows, from, w, weight_offset, tail, acc_);
    }

    void tap();

    Emitter& c;
    const IndirectTile& s;
    DotEmitter dot_;
    const DotEmitter::Accumulator acc_;
    EpilogueEmitter epilogue_;
    // Pixel pointers take rax, rdx, r8 to r11; the epilogue's registers are free until its pointers are loaded.
    const Reg64 w = Xbyak::util::rcx, i = Xbyak::util::rsi, taps = Xbyak::util::r12, end = Xbyak::util::r13,
                taps_left = Xbyak::util::r14, channel = Xbyak::util::r15;
};

void IndirectEmitter::tap() {
    const Reg64 pixels[] = {c.rax, c.rdx, c.r8, c.r9, c.r10, c.r11};
    const std::int64_t dwords = (s.k + 3) / 4;
    const std::int64_t turns = (dwords - (masked_tail() ? 1 : 0)) / kUnroll;
    for (int r = 0; r < s.rows; ++r) {
        c.mov(pixels[r], c.at(taps, r * 8));
    }
    c.advance(taps, s.rows * 8);
    c.mov(i, channel);
    if (turns > 0) {
        Xbyak::Label loop;
        c.lea(end, c.at(i, turns * kUnroll * 4));
        c.L(loop);
        for (int u = 0; u < kUnroll; ++u) {
            step(u * 4, u * dot_.dword_bytes(), false);
        }
        c.advance(i, kUnroll * 4);
        c.advance(w, kUnroll * dot_.dword_bytes());
        c.cmp(i, end);
        c.jne(loop, Xbyak::CodeGenerator::T_NEAR);
    }
    const int rest = static_cast<int>(dwords - turns * kUnroll);
    for (int u = 0; u < rest; ++u) {
        step(u * 4, u * dot_.dword_bytes(), masked_tail() && u == rest - 1);
    }
    c.advance(w, rest * dot_.dword_bytes());
}

void IndirectEmitter::emit() {
    using A = IndirectTile::Args;
    c.mov(taps, c.at(c.rdi, offsetof(A, taps)));
    c.mov(w, c.at(c.rdi, offsetof(A, weights)));
    c.mov(channel, c.at(c.rdi, offsetof(A, channel)));
    c.set_mask(c.k1, low_bits((s.columns - 1) % 16 + 1), c.r8);
    c.set_mask(c.k2, low_bits(s.columns), c.r8);
    dot_.set_tail_mask(c.r8);
    dot_.start(s.rows, s.starts, w, acc_);
    c.advance(w, s.starts ? dot_.start_bytes() : 0);
    c.mov(taps_left, c.at(c.rdi, offsetof(A, count)));
    Xbyak::Label loop;
    c.L(loop);
    tap();
    c.dec(taps_left);
    c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
    epilogue_.load_pointers();
    c.mov(c.rax, c.at(c.rdi, offsetof(A, out)));
    epilogue_.finish(s.rows, s.columns, acc_, true, c.rax, s.out_stride);
    c.leave();
}

}  // namespace

std::size_t add_indirect_tile(CodeBlock& block, const IndirectTile& s, const Epilogue& epilogue, bool bounded) {
    const std::string key = fmt::format("indirect {} {} {} {} {} [{}] {} {}", s.rows, s.columns, s.k, s.starts,
                                        s.out_stride, fmt::join(s.operand_strides, ","), bounded, key_of(epilogue));
    return block.add(key, [=](Emitter& code) { IndirectEmitter(code, s, epilogue, bounded).emit(); });
}

Acceptance DenseConvolution::accepts(const DenseConvolutionDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (!desc.window.valid() || desc.ic < 1 || desc.oc < 1 || desc.groups < 1) {
        return declined("an empty convolution");
    }
    if (desc.groups > 1 && desc.oc % 16 != 0) {
        return declined("groups of a number of output channels that 16 does not divide");
    }
    if (desc.ic * desc.window.taps() > kMaxProducts) {
        return declined("sums of so many products may leave 32 bits");
    }
    if (desc.window.taps() * IndirectTile::kRows > TapTable::kPointers) {
        return declined("a window of more than 682 taps");
    }
    if (std::max({desc.in_stride, desc.out_stride, desc.groups * desc.oc,
                  *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end())}) >
        (std::int64_t{1} << 24)) {
        return declined("pixels of more than 16 million values");
    }
    return x64::accepts(desc.epilogue, desc.groups * desc.oc);
}

std::size_t DenseConvolution::packed_size(const DenseConvolutionDesc& desc, const VectorIsa& isa) {
    const PanelShape panel = panel_of(desc, isa);
    const ColumnBlock last = column_blocks(desc.oc, panel, columns_of_block(isa)).back();
    return static_cast<std::size_t>((last.panel + panel.bytes(last.columns)) * desc.groups);
}

DenseConvolution::DenseConvolution(const DenseConvolutionDesc& desc, std::span<const std::int8_t> weights,
                                   CodeBlock& code, std::span<std::byte> storage)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.groups * desc.oc, desc.operand_strides) {
    desc_.in_stride = desc.in_stride != 0 ? desc.in_stride : desc.groups * desc.ic;
    desc_.out_stride = desc.out_stride != 0 ? desc.out_stride : desc.groups * desc.oc;
    if (storage.empty()) {
        own_ = Aligned<std::byte>(packed_size(desc, code.isa()));
        storage = {own_.data(), own_.size()};
    }
    weights_ = reinterpret_cast<std::int8_t*>(storage.data());
    padding_ = Aligned<std::uint8_t>(static_cast<std::size_t>(desc.groups * desc.ic));
    if (!padding_.filled()) {
        std::fill_n(padding_.data(), padding_.size(), desc.zero_point);
    }
    add_blocks(weights, code);

    const std::int64_t pixels = desc_.window.out_height() * desc_.window.out_width();
    longest_chunk_ = TapTable::kPointers / (desc.window.taps() * IndirectTile::kRows);
    tiles_ = (pixels + IndirectTile::kRows - 1) / IndirectTile::kRows;
    // Small images are cut by columns too, so that threads find work.
    const std::int64_t wanted = desc.threads > 1 ? kTilesForBalance * desc.threads : 1;
    const std::int64_t all = desc_.window.batch * tiles_;
    column_parts_ = std::min((wanted + all - 1) / all, static_cast<std::int64_t>(blocks_.size()));
}

void DenseConvolution::add_blocks(std::span<const std::int8_t> weights, CodeBlock& code) {
    const Window& w = desc_.window;
    const bool bounded = !may_exceed_i32(desc_.epilogue, 255.0 * 128 * static_cast<double>(w.taps() * desc_.ic));
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::vector<ColumnBlock> columns = column_blocks(desc_.oc, panel_of(desc_, code.isa()),
                                                           columns_of_block(code.isa()));
    const std::int64_t group_bytes = static_cast<std::int64_t>(packed_size(desc_, code.isa())) / desc_.groups;
    for (std::int64_t group = 0; group < desc_.groups; ++group) {
        for (const ColumnBlock& plain : columns) {
            Block block;
            static_cast<ColumnBlock&>(block) = plain;
            block.first += group * desc_.oc;
            block.panel += group * group_bytes;
            block.group = group;
            if (!own_.filled())
                code.later([to = weights_ + block.panel, where = static_cast<ColumnBlock>(block),
                            panel = panel_of(desc_, code.isa()), from = weights.data(), ic = desc_.ic,
                            taps = w.taps()] {
                    pack_panel(to, where, panel, [&](std::size_t tap, std::int64_t i, std::int64_t column) {
                        return from[(column * ic + i) * taps + static_cast<std::int64_t>(tap)];
                    });
                });
            IndirectTile shape{IndirectTile::kRows,   plain.columns,    desc_.ic,
                               desc_.zero_point != 0, desc_.out_stride, epilogue_.strides()};
            block.full = add_indirect_tile(code, shape, desc_.epilogue, bounded);
            shape.rows = static_cast<int>(pixels % IndirectTile::kRows);
            block.rest = shape.rows != 0 ? add_indirect_tile(code, shape, desc_.epilogue, bounded) : 0;
            blocks_.push_back(block);
        }
    }
}

void DenseConvolution::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const Window& w = desc_.window;
    const std::int64_t pixels = w.out_height() * w.out_width();
    const std::size_t blocks = blocks_.size(), parts = static_cast<std::size_t>(column_parts_);
    for (std::int64_t unit = begin; unit < end;) {
        const std::int64_t tile = unit % tiles_;
        const std::int64_t tiles = std::min({longest_chunk_, tiles_ - tile, end - unit});
        const std::int64_t first = tile * IndirectTile::kRows;
        const auto part = static_cast<std::size_t>(unit / tiles_ / w.batch);
        run_chunk(args, unit / tiles_ % w.batch, first, std::min(tiles * IndirectTile::kRows, pixels - first),
                  blocks * part / parts, blocks * (part + 1) / parts);
        unit += tiles;
    }
}

void DenseConvolution::fill(TapTable& table, const std::uint8_t* image, std::int64_t first, std::int64_t pixels) const {
    const Window& w = desc_.window;
    std::size_t next = 0, number = 0;
    std::int64_t out_y = first / w.out_width(), out_x = first % w.out_width();
    for (std::int64_t tile = 0; tile < pixels; tile += IndirectTile::kRows, ++number) {
        const std::int64_t rows = std::min<std::int64_t>(pixels - tile, IndirectTile::kRows);
        std::array<std::int64_t, IndirectTile::kRows> top{}, left{};
        for (std::int64_t r = 0; r < rows; ++r) {
            top[static_cast<std::size_t>(r)] = out_y * w.stride_height - w.pad_top;
            left[static_cast<std::size_t>(r)] = out_x * w.stride_width - w.pad_left;
            if (++out_x == w.out_width()) {
                out_x = 0;
                ++out_y;
            }
        }
        // Rows of taps that see nothing but padding add zeros where the zero point is 0.
        std::int64_t first_row = w.kernel_height, past_row = 0;
        for (std::int64_t tap_y = 0; tap_y < w.kernel_height; ++tap_y) {
            std::array<const std::uint8_t*, IndirectTile::kRows> line{};
            bool any = false;
            for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
                const std::int64_t y = top[r] + tap_y * w.dilation_height;
                const bool inside = y >= 0 && y < w.height;
                line[r] = inside ? image + y * w.width * desc_.in_stride : nullptr;
                any = any || inside;
            }
            if (any) {
                first_row = std::min(first_row, tap_y);
                past_row = tap_y + 1;
            }
            for (std::int64_t tap_x = 0; tap_x < w.kernel_width; ++tap_x)
                for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
                    const std::int64_t x = left[r] + tap_x * w.dilation_width;
                    const bool inside = line[r] != nullptr && x >= 0 && x < w.width;
                    table.pointers[next++] = inside ? line[r] + x * desc_.in_stride : padding_.data();
                }
        }
        const bool all = desc_.zero_point != 0 || past_row == 0;
        table.first_tap[number] = static_cast<std::int32_t>(all ? 0 : first_row * w.kernel_width);
        table.taps[number] = static_cast<std::int32_t>(all ? w.taps() : (past_row - first_row) * w.kernel_width);
    }
}

void DenseConvolution::run_chunk(const Args& args, std::int64_t batch, std::int64_t first, std::int64_t pixels,
                                 std::size_t first_block, std::size_t last_block) const {
    const Window& w = desc_.window;
    const std::int64_t rows = IndirectTile::kRows;
    TapTable table;
    fill(table, args.in + batch * w.height * w.width * desc_.in_stride, first, pixels);
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    for (std::size_t index = first_block; index < last_block; ++index) {
        const Block& block = blocks_[index];
        IndirectTile::Args call;
        call.channel = block.group * desc_.ic;
        const std::int64_t tap_bytes = (desc_.ic + 3) / 4 * panel_of(desc_, code_->isa()).dword_bytes(block.columns);
        for (std::int64_t tile = 0; tile < pixels; tile += rows) {
            const std::int64_t pixel = batch * w.out_height() * w.out_width() + first + tile;
            const auto number = static_cast<std::size_t>(tile / rows);
            const std::int64_t skipped = table.first_tap[number];
            call.weights = weights_ + block.panel + skipped * tap_bytes;
            call.taps = table.pointers.data() + tile * w.taps() + skipped * std::min(rows, pixels - tile);
            call.count = table.taps[number];
            call.out = static_cast<std::byte*>(args.out) + (pixel * desc_.out_stride + block.first) * size;
            call.epilogue = epilogue_.at(args.operands, pixel, batch, block.first);
            code_->call(tile + rows <= pixels ? block.full : block.rest, call);
        }
    }
}

}  // namespace octet::cpu::x64
