#include "plugins/cpu/kernels/x64/panel_product.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::x64 {
namespace {

// 255 * 128 * k must fit 31 bits.
constexpr std::int64_t kMaxK = 65793;

std::uint32_t dword_at(const std::uint8_t* from, std::int64_t bytes) {
    std::uint32_t value = 0;
    std::memcpy(&value, from, static_cast<std::size_t>(bytes));
    return value;
}

// One block of w as a panel: for each dword of a, 4 bytes for each column. `flip` changes u8 codes into s8 codes.
void pack_block(const std::uint8_t* w, std::int64_t k_step, std::int64_t column_step, const ColumnBlock& block,
                std::int64_t k, std::uint32_t flip, std::uint32_t* to) {
    const std::int64_t width = block.vectors() * 16;
    const std::int64_t whole = k / 4;
    const std::int64_t tail = k % 4;
    const std::uint32_t tail_mask = (std::uint32_t{1} << 8 * tail) - 1;
    const std::uint8_t* first = w + block.first * column_step;
    if (k_step == 1) {
        for (std::int64_t c = 0; c < block.columns; ++c) {
            const std::uint8_t* from = first + c * column_step;
            for (std::int64_t i = 0; i < whole; ++i) to[i * width + c] = dword_at(from + i * 4, 4) ^ flip;
            if (tail != 0) to[whole * width + c] = (dword_at(from + whole * 4, tail) ^ flip) & tail_mask;
        }
    } else {
        for (std::int64_t i = 0; i < whole; ++i) {
            const std::uint8_t* row = first + i * 4 * k_step;
            for (std::int64_t c = 0; c < block.columns; ++c) {
                std::uint32_t value = row[c];
                value |= static_cast<std::uint32_t>(row[k_step + c]) << 8;
                value |= static_cast<std::uint32_t>(row[2 * k_step + c]) << 16;
                value |= static_cast<std::uint32_t>(row[3 * k_step + c]) << 24;
                to[i * width + c] = value ^ flip;
            }
        }
        for (std::int64_t c = 0; tail != 0 && c < block.columns; ++c) {
            std::uint32_t value = 0;
            for (std::int64_t j = 0; j < tail; ++j)
                value |= static_cast<std::uint32_t>(first[(whole * 4 + j) * k_step + c]) << 8 * j;
            to[whole * width + c] = (value ^ flip) & tail_mask;
        }
    }
    for (std::int64_t i = 0; i < whole + (tail != 0); ++i)
        std::fill(to + i * width + block.columns, to + (i + 1) * width, 0);
}

// f32 as bf16 in the low half.
std::uint32_t rounded(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    return nan ? bits >> 16 | 0x40U : (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
}

// Two rows of w, of which the second may be missing, as pairs of bf16.
void pack_rows(const float* first, const float* second, std::int64_t count, std::uint32_t* to) {
    if (second == nullptr) {
        for (std::int64_t c = 0; c < count; ++c) to[c] = rounded(first[c]);
    } else {
        for (std::int64_t c = 0; c < count; ++c) to[c] = rounded(first[c]) | rounded(second[c]) << 16;
    }
}

// The pairs of one column that lies in a row, `width` dwords apart.
void pack_column(const float* from, std::int64_t k, std::uint32_t* to, std::int64_t width) {
    constexpr std::int64_t kPiece = 64;
    std::array<std::uint32_t, kPiece> bits;
    for (std::int64_t first = 0; first < k; first += kPiece) {
        const std::int64_t count = std::min(kPiece, k - first);
        for (std::int64_t i = 0; i < count; ++i) bits[static_cast<std::size_t>(i)] = rounded(from[first + i]);
        if (count % 2 != 0) bits[static_cast<std::size_t>(count)] = 0;
        for (std::int64_t i = 0; i < count; i += 2, to += width)
            *to = bits[static_cast<std::size_t>(i)] | bits[static_cast<std::size_t>(i) + 1] << 16;
    }
}

// starts[c] = -zero times the sum of column c, whose codes lie four in a dword.
void start_sums(const std::uint32_t* products, std::int64_t width, std::int64_t dwords, std::int32_t zero,
                std::int32_t* starts) {
    std::fill_n(starts, width, 0);
    for (std::int64_t i = 0; i < dwords; ++i)
        for (std::int64_t c = 0; c < width; ++c) {
            const auto four = static_cast<std::int32_t>(products[i * width + c]);
            starts[c] += (four << 24 >> 24) + (four << 16 >> 24) + (four << 8 >> 24) + (four >> 24);
        }
    for (std::int64_t c = 0; c < width; ++c) starts[c] *= -zero;
}

}  // namespace

Acceptance PanelProduct::accepts(const PanelProductDesc& desc, const Machine& machine) {
    if (!machine.avx2()) return declined("needs AVX2");
    if (desc.bfloats && (!desc.floats() || !machine.bf16 || !machine.avx512()))
        return declined("products of bf16 are of floats, where the machine has them");
    if (desc.rows < 1 || desc.columns < 1 || desc.k < 1) return declined("an empty product");
    if (!desc.floats() && desc.k > kMaxK) return declined("sums of so many products may leave 32 bits");
    const std::int64_t operand = *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end());
    if (std::max({desc.a_stride, desc.w_stride, desc.out_stride, desc.columns, operand}) > 1 << 22)
        return declined("rows of more than 4 million values");
    if (has_spread(desc.epilogue, Spread::per_batch_channel))
        return declined("an operand has a value for each batch and channel");
    // Vectors of the epilogue lie 16 channels by 16.
    if (desc.channels != 0 && desc.columns % 16 != 0)
        return declined("its columns are some channels, and no multiple of 16");
    return x64::accepts(desc.epilogue, desc.epilogue_channels());
}

PanelProduct::PanelProduct(const PanelProductDesc& desc, std::int64_t strip_rows, CodeBlock& code)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.epilogue_channels(), desc.operand_strides) {
    const PanelShape panel{k_bytes(), 1, desc.a_zero, !desc.floats() && code.isa().widens()};
    const std::vector<ColumnBlock> blocks = column_blocks(desc.columns, panel, block_columns(code.isa()));
    panel_bytes_ = blocks.back().panel + panel.bytes(blocks.back().columns);
    const std::int64_t last = desc.rows - (desc.rows - 1) / strip_rows * strip_rows;
    const bool bounded = !desc.floats() && !may_exceed_i32(desc.epilogue, 255.0 * 255 * static_cast<double>(desc.k));
    for (const ColumnBlock& plain : blocks) {
        Block block;
        static_cast<ColumnBlock&>(block) = plain;
        TileShape shape;
        shape.rows = tile_rows(code.isa(), plain.columns);
        shape.columns = plain.columns;
        shape.k = k_bytes();
        shape.row_stride = a_bytes();
        shape.out_stride = desc.out_stride;
        shape.operand_strides = epilogue_.strides();
        shape.starts = desc.a_zero != 0;
        shape.row_terms = has_terms();
        shape.type = desc.bfloats ? DataType::bf16 : desc.floats() ? DataType::f32 : DataType::u8;
        const std::int64_t rest = last % shape.rows;
        if (std::min(strip_rows, desc.rows) >= shape.rows) block.full = add_tile(code, shape, desc.epilogue, bounded);
        shape.rows = static_cast<int>(rest);
        if (rest != 0) block.rest = add_tile(code, shape, desc.epilogue, bounded);
        blocks_.push_back(block);
    }
}

void PanelProduct::pack(const void* w, std::byte* panels) const {
    if (desc_.bfloats) pack_bfloats(static_cast<const float*>(w), panels);
    else if (desc_.floats()) pack_floats(static_cast<const float*>(w), panels);
    else pack_codes(static_cast<const std::uint8_t*>(w), panels);
}

void PanelProduct::pack_codes(const std::uint8_t* w, std::byte* panels) const {
    const std::int64_t k_step = desc_.transposed ? 1 : desc_.w_stride;
    const std::int64_t column_step = desc_.transposed ? desc_.w_stride : 1;
    const std::uint32_t flip = desc_.type == DataType::u8 ? 0x80808080U : 0;
    const bool pairs = code_->isa().widens();
    portable::vectorized([&] {
        for (const Block& block : blocks_) {
            const std::int64_t width = block.vectors() * 16;
            std::byte* to = panels + block.panel;
            std::byte* products = to + (desc_.a_zero != 0 ? width * 4 : 0);
            const std::int64_t count = (desc_.k + 3) / 4;
            auto* dwords = reinterpret_cast<std::uint32_t*>(products) + (pairs ? count * width : 0);
            pack_block(w, k_step, column_step, block, desc_.k, flip, dwords);
            if (desc_.a_zero != 0) start_sums(dwords, width, count, desc_.a_zero, reinterpret_cast<std::int32_t*>(to));
            if (pairs) widen_weights(reinterpret_cast<std::int8_t*>(products), count, width);
        }
    });
}

void PanelProduct::pack_floats(const float* w, std::byte* panels) const {
    for (const Block& block : blocks_) {
        const std::int64_t width = block.vectors() * 16;
        float* to = reinterpret_cast<float*>(panels + block.panel);
        for (std::int64_t c = 0; desc_.transposed && c < block.columns; ++c) {
            const float* column = w + (block.first + c) * desc_.w_stride;
            for (std::int64_t k = 0; k < desc_.k; ++k) to[k * width + c] = column[k];
        }
        for (std::int64_t k = 0; k < desc_.k; ++k, to += width) {
            if (!desc_.transposed) std::copy_n(w + k * desc_.w_stride + block.first, block.columns, to);
            std::fill(to + block.columns, to + width, 0.0F);
        }
    }
}

void PanelProduct::pack_bfloats(const float* w, std::byte* panels) const {
    portable::vectorized([&] {
        for (const Block& block : blocks_) {
            const std::int64_t width = block.vectors() * 16;
            auto* to = reinterpret_cast<std::uint32_t*>(panels + block.panel);
            for (std::int64_t c = 0; desc_.transposed && c < block.columns; ++c)
                pack_column(w + (block.first + c) * desc_.w_stride, desc_.k, to + c, width);
            for (std::int64_t k = 0; k < desc_.k; k += 2, to += width) {
                const float* row = w + k * desc_.w_stride + block.first;
                if (!desc_.transposed)
                    pack_rows(row, k + 1 < desc_.k ? row + desc_.w_stride : nullptr, block.columns, to);
                std::fill(to + block.columns, to + width, 0);
            }
        }
    });
}

// sum((a - a_zero) * (w - z)) = sum((a - a_zero) * w) - z * (sum(a) - k * a_zero).
void PanelProduct::sum_rows(const std::uint8_t* a, std::int64_t rows, std::int32_t* terms) const {
    const std::int32_t zero = packed_zero();
    const auto shift = static_cast<std::int32_t>(desc_.k * desc_.a_zero);
    portable::vectorized([&] {
        for (std::int64_t r = 0; r < rows; ++r) {
            std::int32_t sum = 0;
            for (std::int64_t i = 0; i < desc_.k; ++i) sum += a[r * desc_.a_stride + i];
            terms[r] = -zero * (sum - shift);
        }
    });
}

void PanelProduct::run(const Strip& strip, const std::array<const void*, kMaxOperands>& operands) const {
    const auto* a = static_cast<const std::uint8_t*>(strip.a);
    const std::int64_t a_step = a_bytes();
    const auto size = static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    if (has_terms()) sum_rows(a, strip.rows, strip.terms);
    for (const Block& block : blocks_) {
        const std::int64_t tile = tile_rows(code_->isa(), block.columns);
        TileArgs call;
        call.weights = reinterpret_cast<const std::int8_t*>(strip.panels + block.panel);
        const auto at_row = [&](std::int64_t row, std::int64_t tiles) {
            call.a = a + row * a_step;
            call.out = static_cast<std::byte*>(strip.out) + (row * desc_.out_stride + block.first) * size;
            call.tiles = tiles;
            call.row_terms = strip.terms + row;
            call.epilogue = epilogue_.at(operands, strip.operand_row + row, 0, strip.channel + block.first);
        };
        if (strip.rows >= tile) {
            at_row(0, strip.rows / tile);
            code_->call(block.full, call);
        }
        if (strip.rows % tile != 0) {
            at_row(strip.rows / tile * tile, 1);
            code_->call(block.rest, call);
        }
    }
}

}  // namespace octet::cpu::x64
