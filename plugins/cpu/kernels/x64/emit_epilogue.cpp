#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

#include <algorithm>
#include <cstddef>

namespace octet::cpu::x64 {
namespace {

using Kind = EpilogueOp::Kind;
using Xbyak::Zmm;

int vectors_of_combine(const EpilogueOp& op) { return op.scale.empty() && op.shift.empty() ? 0 : 2; }

bool uses_operand(const Epilogue& epilogue, std::uint32_t operand, bool (*which)(Spread)) {
    return std::any_of(epilogue.ops.begin(), epilogue.ops.end(), [&](const EpilogueOp& op) {
        return op.kind == Kind::combine && op.operand == operand && which(op.spread);
    });
}

int bytes_of(const Epilogue& epilogue, std::uint32_t operand) {
    for (const EpilogueOp& op : epilogue.ops) {
        if (op.kind == Kind::combine && op.operand == operand) {
            return static_cast<int>(size_of(op.operand_type));
        }
    }
    return 0;
}

}  // namespace

EpilogueEmitter::EpilogueEmitter(Emitter& code, const Epilogue& epilogue, std::span<const std::int64_t> strides,
                                 int args_offset, int first_temp, bool bounded)
    : code_(code),
      epilogue_(epilogue),
      args_offset_(args_offset),
      first_temp_(first_temp),
      bounded_(bounded),
      vectors_(channel_vectors(epilogue)) {
    std::copy_n(strides.begin(), std::min<std::size_t>(strides.size(), kMaxOperands), strides_.begin());
}

Xbyak::Reg64 EpilogueEmitter::pointer(std::uint32_t operand) const {
    const Xbyak::Reg64 registers[] = {code_.r12, code_.r13, code_.r14, code_.r15};
    return registers[operand];
}

void EpilogueEmitter::load_pointers() {
    const int base = args_offset_;
    if (vectors_ > 0) {
        code_.mov(code_.rbx, code_.at(code_.rdi, base + static_cast<int>(offsetof(EpilogueArgs, constants))));
    }
    for (std::uint32_t k = 0; k < kMaxOperands; ++k) {
        if (uses_operand(epilogue_, k, [](Spread) { return true; })) {
            code_.mov(pointer(k), code_.at(code_.rdi, base + static_cast<int>(offsetof(EpilogueArgs, operands) +
                                                                              k * sizeof(void*))));
        }
    }
}

void EpilogueEmitter::advance_channels(int channels) {
    if (vectors_ > 0) {
        code_.advance(code_.rbx, channels / 16 * vectors_ * 64);
    }
    for (std::uint32_t k = 0; k < kMaxOperands; ++k) {
        if (uses_operand(epilogue_, k,
                         [](Spread spread) { return spread != Spread::scalar && spread != Spread::per_row; })) {
            code_.advance(pointer(k), channels * bytes_of(epilogue_, k));
        }
    }
}

void EpilogueEmitter::advance_rows(std::int64_t rows) {
    for (std::uint32_t k = 0; k < kMaxOperands; ++k) {
        if (uses_operand(epilogue_, k, [](Spread spread) { return spread == Spread::full; })) {
            code_.advance(pointer(k), rows * strides_[k] * bytes_of(epilogue_, k));
        } else if (uses_operand(epilogue_, k, [](Spread spread) { return spread == Spread::per_row; })) {
            code_.advance(pointer(k), rows * bytes_of(epilogue_, k));
        }
    }
}

Xbyak::Address EpilogueEmitter::constant(int id, int vector) const {
    return code_.at(code_.rbx, (vector * vectors_ + id) * 64);
}

void EpilogueEmitter::apply(int rows, int columns, const Accumulator& acc, bool integers) {
    const int vectors = (columns + 15) / 16;
    for (int v = 0; v < vectors; ++v) {
        // Two vectors stay in registers for all rows; with more, every use reads memory.
        for (int id = 0; id < vectors_ && vectors_ <= 2; ++id) {
            code_.vmovups(temp(6 + id), constant(id, v));
        }
        for (int r = 0; r < rows; ++r) {
            apply_one(acc(r, v), r, v, integers, v == vectors - 1 && columns % 16 != 0);
        }
    }
}

void EpilogueEmitter::apply_one(const Zmm& x, int row, int vector, bool integers, bool partial) {
    if (integers) {
        code_.vcvtdq2ps(x, x);
    }
    int id = 0;
    for (std::size_t i = 0; i < epilogue_.ops.size(); ++i) {
        const EpilogueOp& op = epilogue_.ops[i];
        switch (op.kind) {
            case Kind::scale_shift:
                scale_and_shift(x, id, vector);
                id += 2;
                break;
            case Kind::prelu:
                code_.vpmovd2m(code_.k3, x);
                if (vectors_ <= 2) {
                    code_.vmulps(x | code_.k3, x, temp(6 + id));
                } else {
                    code_.vmulps(x | code_.k3, x, constant(id, vector));
                }
                id += 1;
                break;
            case Kind::function: emit_function(code_, op, x, first_temp_, lookup_of(epilogue_, i)); break;
            case Kind::combine:
                load_operand(op, temp(1), row, vector, partial);
                if (vectors_of_combine(op) != 0) {
                    scale_and_shift(temp(1), id, vector);
                    id += 2;
                }
                combine(op, x, temp(1));
                break;
        }
    }
    if (epilogue_.result != DataType::f32) {
        to_codes(x);
    }
}

void EpilogueEmitter::scale_and_shift(const Zmm& x, int first_vector, int vector) {
    if (vectors_ <= 2) {
        code_.vfmadd213ps(x, temp(6 + first_vector), temp(7 + first_vector));
        return;
    }
    code_.vmovups(temp(0), constant(first_vector, vector));
    code_.vfmadd213ps(x, temp(0), constant(first_vector + 1, vector));
}

void EpilogueEmitter::combine(const EpilogueOp& op, const Zmm& x, const Zmm& other) {
    switch (op.combine) {
        case Combine::add: code_.vaddps(x, x, other); break;
        case Combine::subtract: code_.vsubps(x, x, other); break;
        case Combine::reverse_subtract: code_.vsubps(x, other, x); break;
        case Combine::multiply: code_.vmulps(x, x, other); break;
        case Combine::divide: code_.vdivps(x, x, other); break;
        case Combine::reverse_divide: code_.vdivps(x, other, x); break;
        case Combine::maximum: code_.vmaxps(x, x, other); break;
        case Combine::minimum: code_.vminps(x, x, other); break;
    }
}

void EpilogueEmitter::load_as_float(const Zmm& t, DataType type, const Xbyak::RegExp& from, bool partial) {
    const Zmm to = partial ? t | code_.k1 | Xbyak::util::T_z : t;
    switch (type) {
        case DataType::u8:
            code_.vpmovzxbd(to, code_.ptr[from]);
            code_.vcvtdq2ps(t, t);
            break;
        case DataType::s8:
            code_.vpmovsxbd(to, code_.ptr[from]);
            code_.vcvtdq2ps(t, t);
            break;
        case DataType::s32: code_.vcvtdq2ps(to, code_.ptr[from]); break;
        default: code_.vmovups(to, code_.ptr[from]); break;
    }
}

void EpilogueEmitter::load_operand(const EpilogueOp& op, const Zmm& t, int row, int vector, bool partial) {
    const Xbyak::Reg64 base = pointer(op.operand);
    const std::int64_t size = static_cast<std::int64_t>(size_of(op.operand_type));
    if (op.spread != Spread::scalar && op.spread != Spread::per_row) {
        const std::int64_t row_offset = op.spread == Spread::full ? row * strides_[op.operand] * size : 0;
        load_as_float(t, op.operand_type, base + static_cast<std::size_t>(row_offset + vector * 16 * size), partial);
        return;
    }
    // One value for all lanes.
    const auto from = base + static_cast<std::size_t>(op.spread == Spread::per_row ? row * size : 0);
    switch (op.operand_type) {
        case DataType::u8:
            code_.movzx(code_.ebp, code_.byte[from]);
            code_.vpbroadcastd(t, code_.ebp);
            break;
        case DataType::s8:
            code_.movsx(code_.ebp, code_.byte[from]);
            code_.vpbroadcastd(t, code_.ebp);
            break;
        default: code_.vpbroadcastd(t, code_.dword[from]); break;
    }
    if (op.operand_type != DataType::f32) {
        code_.vcvtdq2ps(t, t);
    }
}

// Saturation of the packs is the bound where the codes use the whole type.
void EpilogueEmitter::to_codes(const Zmm& x) {
    const bool is_signed = epilogue_.result == DataType::s8;
    if (!bounded_ || epilogue_.high < (is_signed ? 127.F : 255.F)) {
        code_.vminps(x, x, code_.all_lanes(epilogue_.high));
    }
    if (epilogue_.low > (is_signed ? -128.F : 0.F)) {
        code_.vmaxps(x, x, code_.all_lanes(epilogue_.low));
    }
    code_.vcvtps2dq(x, x);
}

void EpilogueEmitter::pack(int row, int vectors, const Accumulator& acc) {
    const Zmm first = acc(row, 0);
    code_.vpackssdw(first, first, acc(row, vectors > 1 ? 1 : 0));
    if (vectors > 2) {
        code_.vpackssdw(acc(row, 2), acc(row, 2), acc(row, vectors > 3 ? 3 : 2));
    }
    const Zmm second = acc(row, vectors > 2 ? 2 : 0);
    if (epilogue_.result == DataType::u8) {
        code_.vpackuswb(first, first, second);
    } else {
        code_.vpacksswb(first, first, second);
    }
}

void EpilogueEmitter::store(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out,
                            std::int64_t stride) {
    const int vectors = (columns + 15) / 16;
    if (epilogue_.result == DataType::f32) {
        for (int r = 0; r < rows; ++r) {
            for (int v = 0; v < vectors; ++v) {
                const Xbyak::Address to = code_.at(out, (r * stride + v * 16) * 4);
                if (v == vectors - 1 && columns % 16 != 0) {
                    code_.vmovups(to | code_.k1, acc(r, v));
                } else {
                    code_.vmovups(to, acc(r, v));
                }
            }
        }
        return;
    }
    // Lane L of a packed register holds four columns of each vector: dword 4v + L of the result is its dword 4L + v.
    std::array<std::uint32_t, 16> order{};
    for (std::uint32_t i = 0; i < 16; ++i) {
        order[i] = i % 4 * 4 + i / 4;
    }
    code_.vmovdqu32(temp(7), code_.table(order));
    for (int r = 0; r < rows; ++r) {
        pack(r, vectors, acc);
        const Zmm packed = acc(r, 0);
        code_.vpermd(packed, temp(7), packed);
        const Xbyak::Address to = code_.at(out, r * stride);
        if (columns < 64) {
            code_.vmovdqu8(to | code_.k2, packed);
        } else {
            code_.vmovdqu8(to, packed);
        }
    }
}

}  // namespace octet::cpu::x64
