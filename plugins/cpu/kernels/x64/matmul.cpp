#include "plugins/cpu/kernels/x64/matmul.hpp"

#include <algorithm>
#include <numeric>

namespace octet::cpu::x64 {
namespace {

// 255 * 128 * k must fit 31 bits.
constexpr std::int64_t kMaxK = 65793;
// Above this size the packed weights are read once; below, they stay in L2 while strips of rows pass.
constexpr std::int64_t kSmallWeights = 256 * 1024;
// Rows of A that stay in L1 while the column blocks pass.
constexpr std::int64_t kStripBytes = 32 * 1024;

// Cycles, about: of the epilogue for a vector of results, of a line that comes from the shared cache, of one that two threads write.
constexpr double kEpilogueCycles = 10;
constexpr double kLineCycles = 2;
constexpr double kTornLineCycles = 30;

}  // namespace

Acceptance MatMul::accepts(const MatMulDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (desc.rows < 1 || desc.columns < 1 || desc.k < 1) {
        return declined("an empty product");
    }
    if (desc.type == DataType::bf16 && !machine.bf16) {
        return declined("needs products of bf16");
    }
    if (desc.type == DataType::u8 && desc.k > kMaxK) {
        return declined("sums of so many products may leave 32 bits");
    }
    const std::int64_t widest = std::max(
        {desc.a_stride * 4, desc.out_stride * 4, desc.k * 4, desc.columns * 4,
         *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end()) * 4});
    if (widest > (std::int64_t{1} << 24)) {
        return declined("rows of more than 16 MB");
    }
    return x64::accepts(desc.epilogue, desc.columns, machine.bf16);
}

namespace {

// Floats are not taken apart.
int widest_block(const MatMulDesc& desc, const VectorIsa& isa) {
    return desc.type == DataType::u8 || isa.wide() ? block_columns(isa) : 16;
}

PanelShape panel_of(const MatMulDesc& desc, const VectorIsa& isa) {
    return {desc.k_bytes(), 1, desc.zero_point, desc.type == DataType::u8 && isa.widens()};
}

}  // namespace

std::size_t MatMul::packed_size(const MatMulDesc& desc, const VectorIsa& isa) {
    const PanelShape panel = panel_of(desc, isa);
    const ColumnBlock last = column_blocks(desc.columns, panel, widest_block(desc, isa)).back();
    return static_cast<std::size_t>(last.panel + panel.bytes(last.columns));
}

MatMul::MatMul(const MatMulDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code,
               std::span<std::byte> storage)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.columns, desc.operand_strides) {
    if (plan(code, storage)) pack_later(weights, code);
}

MatMul::MatMul(const MatMulDesc& desc, std::span<const float> weights, CodeBlock& code, std::span<std::byte> storage)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.columns, desc.operand_strides) {
    if (plan(code, storage)) pack_later(weights, code);
}

PanelShape MatMul::panel() const { return panel_of(desc_, code_->isa()); }

bool MatMul::plan(CodeBlock& code, std::span<std::byte> storage) {
    if (desc_.a_stride == 0) desc_.a_stride = desc_.k;
    if (desc_.out_stride == 0) desc_.out_stride = desc_.columns;
    if (storage.empty()) {
        own_ = Aligned<std::byte>(packed_size(desc_, code.isa()));
        storage = {own_.data(), own_.size()};
    }
    weights_ = reinterpret_cast<std::int8_t*>(storage.data());

    const VectorIsa& isa = code.isa();
    const std::vector<ColumnBlock> blocks = column_blocks(desc_.columns, panel(), widest_block(desc_, isa));
    share_out(blocks, panel());
    const bool bounded = desc_.type == DataType::u8 &&
                         !may_exceed_i32(desc_.epilogue, 255.0 * 128 * static_cast<double>(desc_.k));
    const std::int64_t least_rows = std::ranges::min_element(shares_, {}, &Share::rows)->rows;
    const std::int64_t whole_rows = batches_apart() ? desc_.rows_per_batch : desc_.rows;
    for (const ColumnBlock& plain : blocks) {
        // Blocks of one width have the same code.
        if (!blocks_.empty() && blocks_.back().columns == plain.columns) {
            blocks_.push_back(blocks_.back());
            static_cast<ColumnBlock&>(blocks_.back()) = plain;
            continue;
        }
        Block block;
        static_cast<ColumnBlock&>(block) = plain;
        const int rows = tile_rows(isa, plain.columns);
        const std::int64_t tiles = (least_rows + rows - 1) / rows;
        block.prefetch_lines = static_cast<int>((panel().bytes(plain.columns) / 64 + tiles - 1) / tiles);
        TileShape shape{.rows = rows,
                        .columns = plain.columns,
                        .k = desc_.k_bytes(),
                        .row_stride = desc_.a_stride * static_cast<std::int64_t>(size_of(desc_.type)),
                        .out_stride = desc_.out_stride,
                        .operand_strides = epilogue_.strides(),
                        .prefetch_lines = block.prefetch_lines,
                        .starts = desc_.zero_point != 0,
                        .type = desc_.type};
        block.full = whole_rows >= rows ? add_tile(code, shape, desc_.epilogue, bounded) : 0;
        shape.rows = static_cast<int>(whole_rows % rows);
        block.rest = shape.rows != 0 ? add_tile(code, shape, desc_.epilogue, bounded) : 0;
        blocks_.push_back(block);
    }
    return !own_.filled();
}

bool MatMul::batches_apart() const {
    return has_spread(desc_.epilogue, Spread::per_batch_channel) && desc_.rows_per_batch > 0 &&
           desc_.rows_per_batch < desc_.rows;
}

// What takes longest in the share: products and epilogue, and lines of the weights and of A.
double MatMul::cycles(const Share& share, const std::vector<ColumnBlock>& blocks, const PanelShape& panel) const {
    const VectorIsa& isa = code_->isa();
    const int products = desc_.type != DataType::u8 ? 1 : isa.widens() ? 4 : isa.pairs() ? 3 : 1;
    const auto dwords = static_cast<double>((desc_.k_bytes() + 3) / 4 * products);
    double sum = static_cast<double>(share.rows * desc_.k_bytes() / 64);
    for (std::size_t i = share.first_block; i < share.first_block + share.blocks; ++i) {
        const std::int64_t vectors = (blocks[i].columns + isa.lanes - 1) / isa.lanes;
        const std::int64_t tile = tile_rows(isa, blocks[i].columns);
        const std::int64_t rest = share.rows % tile;
        const std::int64_t steps = (share.rows - rest) * vectors +
                                   (rest == 0 ? 0 : std::max(rest * vectors, rest + vectors));
        sum += static_cast<double>(steps) * (dwords + kEpilogueCycles);
        sum += kLineCycles * static_cast<double>(panel.bytes(blocks[i].columns) / 64);
    }
    const std::int64_t row_bytes = static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    const bool torn = share.first_block > 0 && blocks[share.first_block].first * row_bytes % 64 != 0;
    return torn ? sum + kTornLineCycles * static_cast<double>(share.rows) : sum;
}

std::vector<MatMul::Share> MatMul::grid(const std::vector<ColumnBlock>& blocks, std::int64_t row_parts,
                                        std::int64_t column_parts) const {
    const std::int64_t steps = (desc_.rows + row_step_ - 1) / row_step_;
    const auto count = static_cast<std::int64_t>(blocks.size());
    std::vector<Share> shares;
    for (std::int64_t r = 0; r < row_parts; ++r) {
        const std::int64_t first = steps * r / row_parts * row_step_;
        const std::int64_t last = std::min(desc_.rows, steps * (r + 1) / row_parts * row_step_);
        for (std::int64_t c = 0; c < column_parts; ++c) {
            const std::int64_t begin = count * c / column_parts, end = count * (c + 1) / column_parts;
            shares.push_back(
                {first, last - first, static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)});
        }
    }
    return shares;
}

// The grid of rows and columns, at most one share for each thread, whose slowest share is the fastest.
void MatMul::share_out(const std::vector<ColumnBlock>& blocks, const PanelShape& panel) {
    row_step_ = 1;
    for (const ColumnBlock& block : blocks)
        row_step_ = std::lcm(row_step_, std::int64_t{tile_rows(code_->isa(), block.columns)});
    if (batches_apart()) row_step_ = desc_.rows_per_batch;
    const std::int64_t steps = (desc_.rows + row_step_ - 1) / row_step_;
    const auto count = static_cast<std::int64_t>(blocks.size());
    double best = 0;
    for (std::int64_t columns = 1; columns <= std::min<std::int64_t>(desc_.threads, count); ++columns) {
        const auto shares = grid(blocks, std::min(steps, desc_.threads / columns), columns);
        double slowest = 0;
        for (const Share& share : shares) slowest = std::max(slowest, cycles(share, blocks, panel));
        if (shares_.empty() || slowest < best) {
            best = slowest;
            shares_ = shares;
        }
    }
    const ColumnBlock& last = blocks[shares_[0].first_block + shares_[0].blocks - 1];
    weights_first_ = last.panel + panel.bytes(last.columns) > kSmallWeights;
    strip_rows_ = weights_first_ ? desc_.rows
                                 : std::max(kTileRows, kStripBytes / desc_.k_bytes() / kTileRows * kTileRows);
    if (batches_apart()) strip_rows_ = desc_.rows_per_batch;
}

void MatMul::pack_later(std::span<const std::int8_t> weights, CodeBlock& code) const {
    const std::int64_t k_step = desc_.transposed ? 1 : desc_.columns;
    const std::int64_t column_step = desc_.transposed ? desc_.k : 1;
    code.later([to = weights_, blocks = std::vector<ColumnBlock>(blocks_.begin(), blocks_.end()), panel = panel(),
                from = weights.data(), k_step, column_step] {
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

void MatMul::pack_later(std::span<const float> weights, CodeBlock& code) const {
    const std::int64_t k_step = desc_.transposed ? 1 : desc_.columns;
    const std::int64_t column_step = desc_.transposed ? desc_.k : 1;
    code.later([to = weights_, blocks = std::vector<ColumnBlock>(blocks_.begin(), blocks_.end()), type = desc_.type,
                k = desc_.k, from = weights.data(), k_step, column_step] {
        for (const ColumnBlock& block : blocks) {
            pack_floats(to + block.panel, block, type, k, 1, [&](std::size_t, std::int64_t i, std::int64_t column) {
                return from[i * k_step + column * column_step];
            });
        }
    });
}

const std::int8_t* MatMul::first_panel(int thread, int threads) const {
    const std::int64_t active = std::min<std::int64_t>(threads, units());
    if (thread >= active) return weights_;
    return weights_ + blocks_[shares_[static_cast<std::size_t>(units() * thread / active)].first_block].panel;
}

void MatMul::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    for (std::int64_t unit = begin; unit < end; ++unit) {
        Args mine = args;
        if (unit + 1 < end) mine.next_weights = nullptr;
        run_share(mine, shares_[static_cast<std::size_t>(unit)]);
    }
}

void MatMul::run_share(const Args& args, const Share& share) const {
    const std::int64_t strips = (share.rows + strip_rows_ - 1) / strip_rows_;
    const auto blocks = static_cast<std::int64_t>(share.blocks);
    for (std::int64_t i = 0; i < strips * blocks; ++i) {
        const std::int64_t strip = weights_first_ ? i % strips : i / blocks;
        const std::int64_t block = weights_first_ ? i / strips : i % blocks;
        const std::int64_t first = strip * strip_rows_;
        run_block(args, share, share.first_block + static_cast<std::size_t>(block), first,
                  std::min(strip_rows_, share.rows - first));
    }
}

// `first`: within the share.
void MatMul::run_block(const Args& args, const Share& share, std::size_t index, std::int64_t first,
                       std::int64_t rows) const {
    const Block& block = blocks_[index];
    const std::int64_t first_row = share.first_row + first;
    const std::int64_t tile = tile_rows(code_->isa(), block.columns);
    const std::int64_t batch = desc_.rows_per_batch > 0 ? first_row / desc_.rows_per_batch : 0;
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));

    const bool leaves = index + 1 == share.first_block + share.blocks;
    const std::int8_t* next = weights_ + blocks_[leaves ? share.first_block : index + 1].panel;
    if (leaves && args.next_weights != nullptr) next = args.next_weights;
    TileArgs call;
    call.weights = weights_ + block.panel;
    call.ahead = next + first / tile * block.prefetch_lines * 64;
    const auto at_row = [&](std::int64_t row, std::int64_t tiles) {
        call.a = args.a + row * desc_.a_stride * static_cast<std::int64_t>(size_of(desc_.type));
        call.out = static_cast<std::byte*>(args.out) + (row * desc_.out_stride + block.first) * size;
        call.tiles = tiles;
        call.epilogue = epilogue_.at(args.operands, row, batch, block.first);
    };
    if (rows >= tile) {
        at_row(first_row, rows / tile);
        code_->call(block.full, call);
    }
    if (rows % tile != 0) {
        at_row(first_row + rows / tile * tile, 1);
        code_->call(block.rest, call);
    }
}

}  // namespace octet::cpu::x64
