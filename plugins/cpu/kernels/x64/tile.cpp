#include "plugins/cpu/kernels/x64/tile.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/emit_dot.hpp"
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

// Above this many dwords of A a tile loops; below, all steps stand in a row (272 bytes of code each at most; with AVX2 up to 400).
constexpr std::int64_t max_unrolled(const VectorIsa& isa) { return isa.wide() ? 44 : 16; }
constexpr int kUnroll = 4;

class TileEmitter {
public:
    TileEmitter(Emitter& code, const TileShape& shape, const Epilogue& epilogue, bool bounded)
        : c(code),
          s(shape),
          dot_(code, shape.columns, shape.type, masked_tail() ? static_cast<int>(shape.k % 4) : 0),
          acc_([&code, vectors = dot_.vectors()](int row, int vector) { return code.vec(row * vectors + vector); }),
          epilogue_(code, epilogue, shape.operand_strides, offsetof(TileArgs, epilogue),
                    DotEmitter::first_temp(code.isa()), bounded),
          result_(epilogue.result) {}

    void emit();

private:
    std::int64_t dwords() const { return (s.k + 3) / 4; }
    std::int64_t first_weights() const { return s.starts ? dot_.start_bytes() : 0; }
    bool masked_tail() const { return s.k % 4 != 0 && !s.whole_dwords; }

    void step(const Xbyak::Reg64& base, std::int64_t offset, const Xbyak::Reg64& weights, std::int64_t weight_offset,
              bool tail) {
        const auto from = [&](int row) { return base + static_cast<std::size_t>(row * s.row_stride + offset); };
        dot_.step(s.rows, from, weights, weight_offset, tail, acc_);
    }

    void fetch(int lines) {
        for (int i = 0; i < lines && fetched_ < s.prefetch_lines; ++i, ++fetched_) {
            c.prefetcht1(c.at(ahead, fetched_ * 64));
        }
    }

    void start();
    void unrolled();
    void looped();

    Emitter& c;
    const TileShape& s;
    DotEmitter dot_;
    const DotEmitter::Accumulator acc_;
    EpilogueEmitter epilogue_;
    const DataType result_;
    int fetched_ = 0;
    const Xbyak::Reg64 a = Xbyak::util::rax, w = Xbyak::util::rcx, out = Xbyak::util::rdx, tiles = Xbyak::util::rsi;
    const Xbyak::Reg64 count = Xbyak::util::r8, wk = Xbyak::util::r9, ahead = Xbyak::util::r10, ak = Xbyak::util::r11;
    const Xbyak::Reg64 terms = ahead;  // row terms and prefetch exclude each other
};

void TileEmitter::start() {
    if (!s.row_terms) {
        return dot_.start(s.rows, s.starts, w, acc_);
    }
    const auto temp = [&](int i) { return c.vec(DotEmitter::first_temp(c.isa()) + i); };
    for (int v = 0; s.starts && v < dot_.vectors() && c.wide(); ++v) {
        c.move(temp(v), c.at(w, v * c.isa().bytes()));
    }
    for (int r = 0; r < s.rows; ++r) {
        if (s.starts && !c.wide()) {
            c.vpbroadcastd(temp(0), c.at(terms, r * 4));
        }
        for (int v = 0; v < dot_.vectors(); ++v) {
            if (!s.starts) {
                c.vpbroadcastd(acc_(r, v), c.at(terms, r * 4));
            } else if (c.wide()) {
                c.vpaddd(acc_(r, v), temp(v), c.ptr_b[terms + static_cast<std::size_t>(r * 4)]);
            } else {
                c.vpaddd(acc_(r, v), temp(0), c.at(w, v * c.isa().bytes()));
            }
        }
    }
}

void TileEmitter::unrolled() {
    const int steps = static_cast<int>(s.taps.size()) * static_cast<int>(dwords());
    int done = 0;
    for (const std::int64_t tap : s.taps) {
        for (std::int64_t i = 0; i < dwords(); ++i, ++done) {
            step(a, tap + i * 4, w, first_weights() + done * dot_.dword_bytes(), masked_tail() && i == dwords() - 1);
            fetch((s.prefetch_lines + steps - 1) / steps);
        }
    }
}

void TileEmitter::looped() {
    const std::int64_t plain = dwords() - (masked_tail() ? 1 : 0);
    const std::int64_t turns = plain / kUnroll;
    const int per_turn = turns == 0 ? 0
                                    : (s.prefetch_lines +
                                       static_cast<int>(turns * static_cast<std::int64_t>(s.taps.size())) - 1) /
                                          static_cast<int>(turns * static_cast<std::int64_t>(s.taps.size()));
    c.lea(wk, c.at(w, first_weights()));
    for (const std::int64_t tap : s.taps) {
        c.lea(ak, c.at(a, tap));
        if (turns > 0) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(turns));
            c.L(loop);
            for (int i = 0; i < kUnroll; ++i) {
                step(ak, i * 4, wk, i * dot_.dword_bytes(), false);
            }
            for (int i = 0; i < per_turn; ++i) {
                c.prefetcht1(c.at(ahead, i * 64));
            }
            c.advance(ahead, per_turn * 64);
            c.advance(ak, kUnroll * 4);
            c.advance(wk, kUnroll * dot_.dword_bytes());
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        const int rest = static_cast<int>(dwords() - turns * kUnroll);
        for (int i = 0; i < rest; ++i) {
            step(ak, i * 4, wk, i * dot_.dword_bytes(), masked_tail() && i == rest - 1);
        }
        c.advance(wk, rest * dot_.dword_bytes());
    }
}

void TileEmitter::emit() {
    c.mov(a, c.ptr[c.rdi + offsetof(TileArgs, a)]);
    c.mov(w, c.ptr[c.rdi + offsetof(TileArgs, weights)]);
    c.mov(out, c.ptr[c.rdi + offsetof(TileArgs, out)]);
    c.mov(tiles, c.ptr[c.rdi + offsetof(TileArgs, tiles)]);
    if (s.row_terms) {
        c.mov(terms, c.ptr[c.rdi + offsetof(TileArgs, row_terms)]);
    } else {
        c.mov(ahead, c.ptr[c.rdi + offsetof(TileArgs, ahead)]);
    }
    c.set_mask(c.k1, low_bits((s.columns - 1) % 16 + 1), c.r8);
    c.set_mask(c.k2, low_bits(s.columns), c.r8);
    dot_.set_tail_mask(c.r8);
    epilogue_.load_pointers();
    Xbyak::Label next;
    c.L(next);
    start();
    if (static_cast<std::int64_t>(s.taps.size()) * dwords() <= max_unrolled(c.isa())) {
        unrolled();
        c.advance(ahead, fetched_ * 64);
    } else {
        looped();
    }
    epilogue_.finish(s.rows, s.columns, acc_, s.type == DataType::u8, out, s.out_stride);
    epilogue_.advance_rows(s.rows);
    if (s.row_terms) {
        c.advance(terms, s.rows * 4);
    }
    c.advance(a, s.rows * s.row_stride);
    c.advance(out, s.rows * s.out_stride * static_cast<std::int64_t>(size_of(result_)));
    c.dec(tiles);
    c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

std::size_t add_tile(CodeBlock& block, const TileShape& shape, const Epilogue& epilogue, bool bounded) {
    const std::string key = fmt::format("tile {} {} {} {} {} {} [{}] {} {} {} [{}] {} {} {}", shape.starts,
                                        shape.row_terms, static_cast<int>(shape.type), shape.rows, shape.columns,
                                        shape.k, fmt::join(shape.taps, ","), shape.whole_dwords, shape.row_stride,
                                        shape.out_stride, fmt::join(shape.operand_strides, ","), shape.prefetch_lines,
                                        bounded, key_of(epilogue));
    return block.add(key, [=](Emitter& code) { TileEmitter(code, shape, epilogue, bounded).emit(); });
}

int tile_rows(const VectorIsa& isa, int columns) {
    const int vectors = (columns + isa.lanes - 1) / isa.lanes;
    return isa.wide() ? tile_rows(vectors) : 12 / vectors;
}

std::vector<ColumnBlock> column_blocks(std::int64_t columns, const PanelShape& shape, int widest) {
    std::vector<ColumnBlock> blocks;
    const std::int64_t vectors = (columns + 15) / 16;
    const std::int64_t count = (vectors + widest / 16 - 1) / (widest / 16);
    std::int64_t panel = 0;
    for (std::int64_t b = 0, v = 0; b < count; ++b) {
        const std::int64_t wide = (vectors - v + count - b - 1) / (count - b);
        const ColumnBlock block{v * 16, static_cast<int>(std::min(columns - v * 16, wide * 16)), panel};
        blocks.push_back(block);
        panel += shape.bytes(block.columns);
        v += wide;
    }
    return blocks;
}

void widen_weights(std::int8_t* products, std::int64_t dwords, std::int64_t width) {
    // Row d is read before it is written: its pairs end where row `dwords` + d begins, or, of the last row, dword by dword where it lies.
    const auto two = [](std::int8_t first, std::int8_t second) {
        return static_cast<std::uint32_t>(static_cast<std::uint16_t>(first)) |
               static_cast<std::uint32_t>(static_cast<std::uint16_t>(second)) << 16;
    };
    for (std::int64_t d = 0; d < dwords; ++d) {
        const std::int8_t* from = products + (dwords + d) * width * 4;
        std::int8_t* even = products + 2 * d * width * 4;
        std::int8_t* odd = even + width * 4;
        for (std::int64_t c = 0; c < width; ++c) {
            std::int8_t bytes[4];
            std::memcpy(bytes, from + c * 4, 4);
            const std::uint32_t first = two(bytes[0], bytes[2]), second = two(bytes[1], bytes[3]);
            std::memcpy(even + c * 4, &first, 4);
            std::memcpy(odd + c * 4, &second, 4);
        }
    }
}

void pack_floats(std::int8_t* panel, const ColumnBlock& block, DataType type, std::int64_t k, std::size_t taps,
                 const FloatWeight& weight) {
    const std::int64_t width = block.vectors() * 16, together = type == DataType::bf16 ? 2 : 1;
    std::vector<float> dwords(static_cast<std::size_t>(width * together));
    for (std::size_t tap = 0; tap < taps; ++tap) {
        for (std::int64_t i = 0; i < k; i += together, panel += width * 4) {
            std::ranges::fill(dwords, 0.0F);
            for (std::int64_t c = 0; c < block.columns; ++c) {
                for (std::int64_t j = i; j < std::min(i + together, k); ++j) {
                    dwords[static_cast<std::size_t>(c * together + j - i)] = weight(tap, j, block.first + c);
                }
            }
            if (type == DataType::bf16) {
                portable::to_bfloat(dwords.data(), dwords.size(), reinterpret_cast<std::uint16_t*>(panel));
            } else {
                std::memcpy(panel, dwords.data(), dwords.size() * 4);
            }
        }
    }
}

void pack_columns(std::int8_t* panel, const ColumnBlock& block, const PanelShape& shape, const std::int8_t* weights,
                  std::int64_t stride) {
    // Dwords of a column at a time: what is written for a block of columns stays in the first-level cache.
    constexpr std::int64_t kPiece = 64;
    const std::int64_t width = block.vectors() * 16, columns = block.columns;
    const std::int64_t k = shape.k, dwords = (k + 3) / 4;
    std::int8_t* const all = panel + (shape.zero_point != 0 ? width * 4 : 0);
    std::int8_t* const products = all + (shape.pairs ? dwords * width * 4 : 0);
    for (std::int64_t first = 0; first < dwords; first += kPiece) {
        const std::int64_t end = std::min(first + kPiece, dwords), whole = std::min(end, k / 4);
        for (std::int64_t c = 0; c < width; ++c) {
            std::int8_t* to = products + (first * width + c) * 4;
            std::int64_t d = first;
            const std::int8_t* from = weights + (block.first + c) * stride;
            for (; c < columns && d < whole; ++d, to += width * 4) {
                std::memcpy(to, from + d * 4, 4);
            }
            for (; d < end; ++d, to += width * 4) {  // the rest of a column, or one that does not exist
                std::memset(to, 0, 4);
                for (std::int64_t i = 0; c < columns && i < k % 4; ++i) {
                    to[i] = from[d * 4 + i];
                }
            }
        }
    }
    if (shape.pairs) widen_weights(all, dwords, width);
    for (std::int64_t c = 0; shape.zero_point != 0 && c < width; ++c) {
        std::int32_t sum = 0;
        for (std::int64_t i = 0; c < columns && i < k; ++i) {
            sum += weights[(block.first + c) * stride + i];
        }
        sum *= -shape.zero_point;
        std::memcpy(panel + c * 4, &sum, 4);
    }
}

}  // namespace octet::cpu::x64
