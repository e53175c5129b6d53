#include "plugins/cpu/kernels/x64/matmul.hpp"

#include <algorithm>

namespace octet::cpu::x64 {
namespace {

// 255 * 128 * k must fit 31 bits.
constexpr std::int64_t kMaxK = 65793;
// Above this size the packed weights are read once; below, they stay in L2 while strips of rows pass.
constexpr std::int64_t kSmallWeights = 256 * 1024;
// Rows of A that stay in L1 while the column blocks pass.
constexpr std::int64_t kStripBytes = 32 * 1024;

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

}  // namespace

Acceptance MatMul::accepts(const MatMulDesc& desc, const Machine& machine) {
    if (machine.isa < Isa::avx512_vnni) {
        return declined("needs AVX-512 VNNI");
    }
    if (desc.rows < 1 || desc.columns < 1 || desc.k < 1) {
        return declined("an empty product");
    }
    if (desc.k > kMaxK) {
        return declined("sums of so many products may leave 32 bits");
    }
    const std::int64_t widest = std::max(
        {desc.a_stride, desc.out_stride * 4, desc.k, desc.columns * 4,
         *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end()) * 4});
    if (widest > (std::int64_t{1} << 24)) {
        return declined("rows of more than 16 MB");
    }
    return x64::accepts(desc.epilogue, desc.columns);
}

std::size_t MatMul::packed_size(const MatMulDesc& desc) {
    const PanelShape panel{desc.k, 1, desc.zero_point};
    const ColumnBlock last = column_blocks(desc.columns, panel).back();
    return static_cast<std::size_t>(last.panel + panel.bytes(last.columns));
}

MatMul::MatMul(const MatMulDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code,
               std::span<std::byte> storage)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.columns, desc.operand_strides) {
    desc_.a_stride = desc.a_stride != 0 ? desc.a_stride : desc.k;
    desc_.out_stride = desc.out_stride != 0 ? desc.out_stride : desc.columns;
    if (storage.empty()) {
        own_ = Aligned<std::byte>(packed_size(desc));
        storage = {own_.data(), own_.size()};
    }
    weights_ = reinterpret_cast<std::int8_t*>(storage.data());

    const PanelShape panel{desc.k, 1, desc.zero_point};
    const std::vector<ColumnBlock> blocks = column_blocks(desc.columns, panel);
    const std::int64_t count = static_cast<std::int64_t>(blocks.size());
    weights_first_ = static_cast<std::int64_t>(packed_size(desc)) > kSmallWeights;
    strip_rows_ = weights_first_ ? desc.rows : std::max(kTileRows, kStripBytes / desc.k / kTileRows * kTileRows);
    if (has_spread(desc.epilogue, Spread::per_batch_channel) && desc.rows_per_batch > 0) {
        strip_rows_ = desc.rows_per_batch;
    } else {
        const std::int64_t wanted = desc.threads > 1 ? (4 * desc.threads + count - 1) / count : 1;
        strip_rows_ = std::min(strip_rows_, round_up((desc.rows + wanted - 1) / wanted, kTileRows));
    }
    strips_ = (desc.rows + strip_rows_ - 1) / strip_rows_;

    const std::int64_t rest_rows = std::min(strip_rows_, desc.rows);
    const bool bounded = !may_exceed_i32(desc.epilogue, 255.0 * 128 * static_cast<double>(desc.k));
    pack_later(weights, blocks, panel, code);
    for (const ColumnBlock& plain : blocks) {
        Block block;
        static_cast<ColumnBlock&>(block) = plain;
        const int rows = tile_rows(plain.vectors());
        const std::int64_t tiles = (desc.rows + rows - 1) / rows;
        block.prefetch_lines = static_cast<int>((panel.bytes(plain.columns) / 64 + tiles - 1) / tiles);
        TileShape shape{rows,
                        plain.columns,
                        desc.k,
                        {0},
                        false,
                        desc_.a_stride,
                        desc_.out_stride,
                        epilogue_.strides(),
                        block.prefetch_lines,
                        desc.zero_point != 0};
        block.full = rest_rows >= rows ? add_tile(code, shape, desc.epilogue, bounded) : 0;
        // Strips are whole tiles but for the last one, or all alike.
        const std::int64_t last_rows = strips_ > 1 && strip_rows_ % kTileRows == 0 ? desc.rows % strip_rows_
                                                                                   : rest_rows;
        shape.rows = static_cast<int>(last_rows % rows);
        block.rest = shape.rows != 0 ? add_tile(code, shape, desc.epilogue, bounded) : 0;
        blocks_.push_back(block);
    }
}

void MatMul::pack_later(std::span<const std::int8_t> weights, const std::vector<ColumnBlock>& blocks,
                        const PanelShape& panel, CodeBlock& code) const {
    const std::int64_t k_step = desc_.transposed ? 1 : desc_.columns;
    const std::int64_t column_step = desc_.transposed ? desc_.k : 1;
    code.later([to = weights_, blocks, panel, from = weights.data(), k_step, column_step] {
        for (const ColumnBlock& block : blocks) {
            if (k_step == 1) {
                pack_columns(to + block.panel, block, panel, from, column_step);
                continue;
            }
            pack_panel(to + block.panel, block, panel, [&](std::size_t, std::int64_t i, std::int64_t column) {
                return from[i * k_step + column * column_step];
            });
        }
    });
}

const std::int8_t* MatMul::first_panel(int thread, int threads) const {
    const std::int64_t active = std::min<std::int64_t>(threads, units());
    return weights_ + (thread < active ? blocks_[block_of(units() * thread / active)].panel : 0);
}

void MatMul::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    for (std::int64_t unit = begin; unit < end; ++unit) {
        run_unit(args, unit, block_of(end - 1));
    }
}

void MatMul::run_unit(const Args& args, std::int64_t unit, std::size_t last_block) const {
    const std::size_t index = block_of(unit);
    const Block& block = blocks_[index];
    const std::int64_t first = strip_of(unit) * strip_rows_;
    const std::int64_t rows = std::min(strip_rows_, desc_.rows - first);
    const std::int64_t tile = tile_rows(block.vectors());
    const std::int64_t batch = desc_.rows_per_batch > 0 ? first / desc_.rows_per_batch : 0;
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));

    const bool leaves = index == last_block && args.next_weights != nullptr;
    const std::int8_t* next = leaves ? args.next_weights : weights_ + blocks_[(index + 1) % blocks_.size()].panel;
    TileArgs call;
    call.weights = weights_ + block.panel;
    call.ahead = next + first / tile * block.prefetch_lines * 64;
    const auto at_row = [&](std::int64_t row, std::int64_t tiles) {
        call.a = args.a + row * desc_.a_stride;
        call.out = static_cast<std::byte*>(args.out) + (row * desc_.out_stride + block.first) * size;
        call.tiles = tiles;
        call.epilogue = epilogue_.at(args.operands, row, batch, block.first);
    };
    if (rows >= tile) {
        at_row(first, rows / tile);
        code_->call(block.full, call);
    }
    if (rows % tile != 0) {
        at_row(first + rows / tile * tile, 1);
        code_->call(block.rest, call);
    }
}

}  // namespace octet::cpu::x64
