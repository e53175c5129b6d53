#include "plugins/cpu/kernels/x64/sum_of_products.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

// 255 * 128 * k must fit 31 bits.
constexpr std::int64_t kMaxK = 65793;
// All dwords of all parts stand in a row in the code, some 150 bytes each: more than these leave the instruction cache, and parts as
// long as that run as well alone. Where parts share a source, alone each would have to multiply all of it.
constexpr std::int64_t kMaxDwords = 200;
constexpr std::int64_t kMaxSharedDwords = 400;
// Whole tiles of every width.
constexpr std::int64_t kStripRows = 96;

struct TileCall {
    std::array<const std::uint8_t*, kMaxSources> a = {};
    const std::byte* panel = nullptr;
    void* out = nullptr;
    std::int64_t tiles = 0;
    EpilogueArgs epilogue;
};

// What one part needs of the code. Its piece of the panel: the start of the sums, the scales, 4 bytes per column for each dword.
struct PartCode {
    int source = 0;
    std::int64_t k = 0;
    bool starts = false;
    std::vector<std::int64_t> dwords;  // those with weights
};

std::vector<std::int64_t> dwords_with_weights(const SumOfProductsDesc::Part& part, std::int64_t first,
                                              std::int64_t count) {
    std::vector<std::int64_t> dwords;
    for (std::int64_t d = 0; d < (part.k + 3) / 4; ++d) {
        bool any = false;
        for (std::int64_t n = first; n < first + count; ++n)
            for (std::int64_t i = d * 4; i < std::min(part.k, d * 4 + 4); ++i)
                any = any || part.weights[static_cast<std::size_t>(n * part.k + i)] != 0;
        if (any) dwords.push_back(d);
    }
    return dwords;
}

// Sums of integers and of floats share the registers of a tile.
int rows_of_tile(int vectors) { return tile_rows(vectors) / 2; }

class SumEmitter {
public:
    SumEmitter(Emitter& code, const std::vector<PartCode>& parts, int rows, int columns, const Epilogue& epilogue,
               std::int64_t out_stride, const std::vector<std::int64_t>& operand_strides, bool bounded)
        : c(code),
          parts_(parts),
          rows_(rows),
          columns_(columns),
          vectors_((columns + 15) / 16),
          out_stride_(out_stride),
          epilogue_(code, epilogue, operand_strides, offsetof(TileCall, epilogue), 24, bounded),
          result_size_(static_cast<std::int64_t>(size_of(epilogue.result))) {}

    void emit() {
        c.mov(panel, c.ptr[c.rdi + offsetof(TileCall, panel)]);
        c.mov(out, c.ptr[c.rdi + offsetof(TileCall, out)]);
        c.mov(tiles, c.ptr[c.rdi + offsetof(TileCall, tiles)]);
        c.set_mask(c.k1, low_bits(columns_ - (vectors_ - 1) * 16), c.r8);
        c.set_mask(c.k2, low_bits(columns_), c.r8);
        epilogue_.load_pointers();
        Xbyak::Label next;
        c.L(next);
        std::int64_t offset = 0;
        for (std::size_t p = 0; p < parts_.size(); ++p) offset = part(parts_[p], offset, p == 0);
        const auto sums = [this](int row, int vector) { return total(row, vector); };
        epilogue_.apply(rows_, columns_, sums, false);
        epilogue_.store(rows_, columns_, sums, out, out_stride_);
        epilogue_.advance_rows(rows_);
        advance_sources();
        c.advance(out, rows_ * out_stride_ * result_size_);
        c.dec(tiles);
        c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
        c.leave();
    }

private:
    Zmm total(int row, int vector) const { return Zmm(row * vectors_ + vector); }
    Zmm sum(int row, int vector) const { return Zmm(12 + row * vectors_ + vector); }
    Xbyak::Address source(int s) const {
        return c.qword[c.rdi + static_cast<std::size_t>(offsetof(TileCall, a)) + static_cast<std::size_t>(s) * 8];
    }

    // Returns where the next part's panel begins.
    std::int64_t part(const PartCode& p, std::int64_t offset, bool first) {
        c.mov(a, source(p.source));
        for (int r = 0; r < rows_; ++r)
            for (int v = 0; v < vectors_; ++v) {
                if (!p.starts) c.vpxord(sum(r, v), sum(r, v), sum(r, v));
                else if (r == 0) c.vmovdqu32(sum(r, v), c.at(panel, offset + v * 64));
                else c.vmovdqa32(sum(r, v), sum(0, v));
            }
        if (p.starts) offset += vectors_ * 64;
        const std::int64_t scales = offset;
        offset += vectors_ * 64;
        for (const std::int64_t d : p.dwords) {
            step(p, d, offset);
            offset += vectors_ * 64;
        }
        for (int v = 0; v < vectors_; ++v) {
            c.vmovups(Zmm(24 + v), c.at(panel, scales + v * 64));
            for (int r = 0; r < rows_; ++r) {
                c.vcvtdq2ps(sum(r, v), sum(r, v));
                if (first) c.vmulps(total(r, v), sum(r, v), Zmm(24 + v));
                else c.vfmadd231ps(total(r, v), sum(r, v), Zmm(24 + v));
            }
        }
        return offset;
    }

    void step(const PartCode& p, std::int64_t dword, std::int64_t offset) {
        const std::int64_t rest = p.k - dword * 4;
        if (rest < 4) c.set_mask(c.k4, low_bits(static_cast<int>(rest)), c.r8);
        for (int v = 0; v < vectors_; ++v) c.vmovdqu8(Zmm(24 + v), c.at(panel, offset + v * 64));
        for (int r = 0; r < rows_; ++r) {
            const Zmm x(28 + r % 4);
            const Xbyak::Address from = c.at(a, r * p.k + dword * 4);
            if (rest < 4) {
                const Xbyak::Xmm bytes(x.getIdx());
                c.vmovdqu8(bytes | c.k4 | Xbyak::util::T_z, from);
                c.vpbroadcastd(x, bytes);
            } else {
                c.vpbroadcastd(x, from);
            }
            for (int v = 0; v < vectors_; ++v) c.vpdpbusd(sum(r, v), x, Zmm(24 + v));
        }
    }

    void advance_sources() {
        std::array<bool, kMaxSources> done = {};
        for (const PartCode& p : parts_) {
            if (std::exchange(done[static_cast<std::size_t>(p.source)], true)) continue;
            c.add(source(p.source), static_cast<std::uint32_t>(rows_ * p.k));
        }
    }

    Emitter& c;
    const std::vector<PartCode>& parts_;
    const int rows_, columns_, vectors_;
    const std::int64_t out_stride_;
    EpilogueEmitter epilogue_;
    const std::int64_t result_size_;
    const Xbyak::Reg64 a = Xbyak::util::rax, panel = Xbyak::util::rcx, out = Xbyak::util::rdx, tiles = Xbyak::util::rsi;
};

std::size_t add_sum(CodeBlock& block, const std::vector<PartCode>& parts, int rows, int columns,
                    const Epilogue& epilogue, std::int64_t out_stride, const std::vector<std::int64_t>& strides,
                    bool bounded) {
    std::string key = fmt::format("sum {} {} {} [{}] {} {}", rows, columns, out_stride, fmt::join(strides, ","),
                                  bounded, key_of(epilogue));
    for (const PartCode& p : parts)
        key += fmt::format(" {} {} {} [{}]", p.source, p.k, p.starts, fmt::join(p.dwords, ","));
    return block.add(key, [=](Emitter& code) {
        SumEmitter(code, parts, rows, columns, epilogue, out_stride, strides, bounded).emit();
    });
}

// The pieces of all parts, one after the other.
Aligned<std::byte> pack(const SumOfProductsDesc& desc, const std::vector<PartCode>& codes, std::int64_t first,
                        int columns) {
    const std::size_t width = static_cast<std::size_t>((columns + 15) / 16 * 16);
    std::size_t rows = 0;
    for (const PartCode& p : codes) rows += p.dwords.size() + (p.starts ? 2 : 1);
    Aligned<std::byte> panel(rows * width * 4);
    if (panel.filled()) return panel;
    std::byte* at = panel.data();
    for (std::size_t p = 0; p < codes.size(); ++p) {
        const SumOfProductsDesc::Part& part = desc.parts[p];
        std::vector<std::int32_t> starts(width, 0);
        std::vector<float> scales(width, 0);
        std::vector<std::int8_t> weights(codes[p].dwords.size() * width * 4, 0);
        for (std::size_t n = 0; n < static_cast<std::size_t>(columns); ++n) {
            const std::size_t column = static_cast<std::size_t>(first) + n;
            scales[n] = part.scale.size() == 1 ? part.scale[0] : part.scale[column];
            for (std::size_t d = 0; d < codes[p].dwords.size(); ++d)
                for (std::int64_t i = 0; i < 4; ++i) {
                    const std::int64_t k = codes[p].dwords[d] * 4 + i;
                    if (k >= part.k) continue;
                    const std::int8_t w =
                        part.weights[column * static_cast<std::size_t>(part.k) + static_cast<std::size_t>(k)];
                    weights[(d * width + n) * 4 + static_cast<std::size_t>(i)] = w;
                    starts[n] -= part.zero_point * w;
                }
        }
        const auto put = [&](const auto& values) {
            const std::size_t bytes = values.size() * sizeof(values[0]);
            std::memcpy(at, values.data(), bytes);
            at += bytes;
        };
        if (codes[p].starts) put(starts);
        put(scales);
        if (!weights.empty()) put(weights);
    }
    return panel;
}

double largest_value(const SumOfProductsDesc& desc) {
    double limit = 0;
    for (const auto& part : desc.parts) {
        double scale = 0;
        for (float s : part.scale) scale = std::max(scale, static_cast<double>(std::abs(s)));
        limit += 255.0 * 128 * static_cast<double>(part.k) * scale;
    }
    return limit;
}

}  // namespace

Acceptance SumOfProducts::accepts(const SumOfProductsDesc& desc, const Machine& machine) {
    if (machine.isa < Isa::avx512_vnni) return declined("needs AVX-512 VNNI");
    if (desc.rows < 1 || desc.columns < 1 || desc.parts.empty()) return declined("an empty product");
    std::int64_t dwords = 0;
    std::array<int, kMaxSources> readers = {};
    for (const auto& part : desc.parts) {
        if (part.source < 0 || part.source >= kMaxSources) return declined("more than 32 sources");
        if (part.k < 1 || part.k > kMaxK) return declined("sums of so many products may leave 32 bits");
        ++readers[static_cast<std::size_t>(part.source)];
        dwords += static_cast<std::int64_t>(dwords_with_weights(part, 0, desc.columns).size());
    }
    const bool shared = std::ranges::any_of(readers, [](int n) { return n > 1; });
    if (dwords > (shared ? kMaxSharedDwords : kMaxDwords))
        return declined("its parts are long enough for kernels of their own");
    if (desc.columns * 4 > (std::int64_t{1} << 24)) return declined("rows of more than 16 MB");
    return x64::accepts(desc.epilogue, desc.columns);
}

SumOfProducts::SumOfProducts(const SumOfProductsDesc& desc, CodeBlock& code)
    : code_(&code),
      rows_(desc.rows),
      columns_(desc.columns),
      rows_per_batch_(desc.rows_per_batch),
      result_size_(size_of(desc.epilogue.result)),
      row_strides_(kMaxSources),
      epilogue_(desc.epilogue, desc.columns, desc.operand_strides) {
    for (const auto& part : desc.parts) row_strides_[static_cast<std::size_t>(part.source)] = part.k;
    const std::vector<ColumnBlock> blocks = column_blocks(desc.columns, {});
    const std::int64_t wanted = desc.threads > 1 ? (4 * desc.threads + static_cast<std::int64_t>(blocks.size()) - 1) /
                                                       static_cast<std::int64_t>(blocks.size())
                                                 : 1;
    strip_rows_ = has_spread(desc.epilogue, Spread::per_batch_channel) && rows_per_batch_ > 0
                      ? rows_per_batch_
                      : std::min(kStripRows, ((rows_ + wanted - 1) / wanted + 11) / 12 * 12);
    strips_ = (rows_ + strip_rows_ - 1) / strip_rows_;
    const bool bounded = !may_exceed_i32(desc.epilogue, largest_value(desc));
    for (const ColumnBlock& plain : blocks) {
        std::vector<PartCode> codes;
        for (const auto& part : desc.parts)
            codes.push_back(
                {part.source, part.k, part.zero_point != 0, dwords_with_weights(part, plain.first, plain.columns)});
        Block block{plain.first, rows_of_tile(plain.vectors()), 0, 0, pack(desc, codes, plain.first, plain.columns)};
        const auto tile = [&](std::int64_t rows) {
            return rows == 0 ? 0
                             : add_sum(code, codes, static_cast<int>(rows), plain.columns, desc.epilogue, desc.columns,
                                       epilogue_.strides(), bounded);
        };
        // Strips are whole tiles but for the last one, or all alike.
        const std::int64_t strip = std::min(strip_rows_, rows_);
        const std::int64_t last = strips_ > 1 && strip_rows_ % block.rows == 0 ? rows_ % strip_rows_ : strip;
        block.full = strip >= block.rows ? tile(block.rows) : 0;
        block.rest = tile(last % block.rows);
        packed_bytes_ += block.panel.size();
        blocks_.push_back(std::move(block));
    }
}

void SumOfProducts::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const std::int64_t count = static_cast<std::int64_t>(blocks_.size());
    for (std::int64_t unit = begin; unit < end; ++unit)
        run_unit(args, unit / count, blocks_[static_cast<std::size_t>(unit % count)]);
}

void SumOfProducts::run_unit(const Args& args, std::int64_t strip, const Block& block) const {
    const std::int64_t first = strip * strip_rows_;
    const std::int64_t rows = std::min(strip_rows_, rows_ - first);
    const std::int64_t batch = rows_per_batch_ > 0 ? first / rows_per_batch_ : 0;
    const auto call = [&](std::size_t code, std::int64_t row, std::int64_t tiles) {
        TileCall tile;
        for (std::size_t s = 0; s < kMaxSources; ++s)
            if (args.a[s]) tile.a[s] = args.a[s] + row * row_strides_[s];
        tile.panel = block.panel.data();
        tile.out = static_cast<std::byte*>(args.out) +
                   static_cast<std::size_t>(row * columns_ + block.first) * result_size_;
        tile.tiles = tiles;
        tile.epilogue = epilogue_.at(args.operands, row, batch, block.first);
        code_->call(code, tile);
    };
    if (rows >= block.rows) call(block.full, first, rows / block.rows);
    if (rows % block.rows != 0) call(block.rest, first + rows / block.rows * block.rows, 1);
}

}  // namespace octet::cpu::x64
