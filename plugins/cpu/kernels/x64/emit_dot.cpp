#include "plugins/cpu/kernels/x64/emit_dot.hpp"

#include <array>

namespace octet::cpu::x64 {

void DotEmitter::set_tail_mask(const Xbyak::Reg64& scratch) {
    if (tail_ != 0) {
        c.set_mask(c.k4, low_bits(tail_), scratch);
    }
}

void DotEmitter::start(int rows, bool from_panel, const Xbyak::Reg64& weights, const Accumulator& acc) {
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < vectors_; ++v) {
            if (!from_panel) {
                c.zero(acc(r, v));
            } else if (r == 0) {
                c.move(acc(0, v), c.at(weights, v * c.isa().bytes()));
            } else {
                c.move(acc(r, v), acc(0, v));
            }
        }
    }
}

void DotEmitter::broadcast(const Vec& to, const Xbyak::RegExp& from, bool is_tail) {
    const Xbyak::Xmm bytes(to.getIdx());
    if (!is_tail) {
        if (type_ == DataType::f32) c.vbroadcastss(to, c.ptr[from]);
        else c.vpbroadcastd(to, c.ptr[from]);
        return;
    }
    if (c.wide()) {
        c.vmovdqu8(bytes | c.k4 | Xbyak::util::T_z, c.ptr[from]);
    } else {
        c.load_bytes(to, from, tail_);
    }
    c.vpbroadcastd(to, bytes);
}

void DotEmitter::multiply(const Vec& sum, const Vec& x, const Xbyak::Operand& weight, const Vec& product) {
    const VectorIsa& isa = c.isa();
    if (!isa.saturates) {
        const bool vex = isa.dot == VectorIsa::Dot::vex;
        c.vpdpbusd(sum, x, weight, vex ? Xbyak::VexEncoding : Xbyak::EvexEncoding);
        return;
    }
    c.vpmaddubsw(product, x, weight);
    std::array<std::uint32_t, 16> ones{};
    ones.fill(0x00010001U);
    c.vpmaddwd(product, product, c.table(ones));
    c.vpaddd(sum, sum, product);
}

void DotEmitter::step(int rows, const Source& from, const Xbyak::Reg64& weights, std::int64_t offset, bool is_tail,
                      const Accumulator& acc) {
    if (panel_.pairs) {
        return step_of_pairs(rows, from, weights, offset, is_tail, acc);
    }
    const int bytes = c.isa().bytes();
    const bool held = c.wide() || vectors_ <= 2;  // the weights have registers
    for (int v = 0; v < vectors_ && held; ++v) {
        c.move(temp(v), c.at(weights, offset + v * bytes));
    }
    for (int r = 0; r < rows; ++r) {
        const int turn = c.isa().saturates ? 0 : r;  // the products take the other registers
        const Vec x = c.wide() ? temp(4 + turn % 4) : temp(held ? 2 + turn % 2 : r % 4);
        broadcast(x, from(r), is_tail);
        for (int v = 0; v < vectors_; ++v) {
            const Vec weight = temp(v % 4);
            const Xbyak::Address memory = c.at(weights, offset + v * bytes);
            const Xbyak::Operand& factor = held ? static_cast<const Xbyak::Operand&>(weight) : memory;
            if (type_ == DataType::f32) {
                c.vfmadd231ps(acc(r, v), x, factor);
            } else if (type_ == DataType::bf16) {
                c.vdpbf16ps(acc(r, v), x, factor);
            } else {
                multiply(acc(r, v), x, factor, c.wide() ? temp(5 + v % 3) : temp(3));
            }
        }
    }
}

void DotEmitter::take_pairs(const Vec& to, const Vec& from, bool odd) {
    if (odd) {
        c.vpsrlw(to, from, 8);
    } else if (c.wide()) {
        c.vpandd(to, from, c.all_lanes(0x00FF00FFU));
    } else {
        c.vpand(to, from, c.all_lanes(0x00FF00FFU));
    }
}

// The dword as two pairs of 16 bits, codes 0 and 2, 1 and 3; the panel holds weights of 16 bits in the same order.
void DotEmitter::step_of_pairs(int rows, const Source& from, const Xbyak::Reg64& weights, std::int64_t offset,
                               bool is_tail, const Accumulator& acc) {
    if (!c.wide() && vectors_ <= 2) {
        return held_step_of_pairs(rows, from, weights, offset, is_tail, acc);
    }
    const Vec codes = temp(0), even = temp(1), product = temp(2);
    const auto multiply = [&](int row, const Vec& x, std::int64_t at) {
        for (int v = 0; v < vectors_; ++v) {
            c.vpmaddwd(product, x, c.at(weights, at + v * c.isa().bytes()));
            c.vpaddd(acc(row, v), acc(row, v), product);
        }
    };
    for (int r = 0; r < rows; ++r) {
        broadcast(codes, from(r), is_tail);
        take_pairs(even, codes, false);
        take_pairs(codes, codes, true);
        multiply(r, even, offset);
        multiply(r, codes, offset + dword_bytes() / 2);
    }
}

// Many rows: the weights of one half stay in registers, and every dword is read twice.
void DotEmitter::held_step_of_pairs(int rows, const Source& from, const Xbyak::Reg64& weights, std::int64_t offset,
                                    bool is_tail, const Accumulator& acc) {
    const Vec codes = temp(2), product = temp(3);
    for (const bool odd : {false, true}) {
        for (int v = 0; v < vectors_; ++v) {
            c.move(temp(v), c.at(weights, offset + (odd ? dword_bytes() / 2 : 0) + v * c.isa().bytes()));
        }
        for (int r = 0; r < rows; ++r) {
            broadcast(codes, from(r), is_tail);
            take_pairs(codes, codes, odd);
            for (int v = 0; v < vectors_; ++v) {
                c.vpmaddwd(product, codes, temp(v));
                c.vpaddd(acc(r, v), acc(r, v), product);
            }
        }
    }
}

}  // namespace octet::cpu::x64
