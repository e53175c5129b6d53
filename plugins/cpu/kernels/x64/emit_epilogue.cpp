#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace octet::cpu::x64 {
namespace {

using Kind = EpilogueOp::Kind;

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

// Where the temporaries begin once the sums are on the stack, with 16 registers.
constexpr int kFirstTempOfSpilled = 8;

}  // namespace

EpilogueEmitter::EpilogueEmitter(Emitter& code, const Epilogue& epilogue, std::span<const std::int64_t> strides,
                                 int args_offset, int first_temp, bool bounded)
    : code_(code),
      epilogue_(epilogue),
      args_offset_(args_offset),
      first_temp_(first_temp),
      bounded_(bounded),
      vectors_(channel_vectors(epilogue)) {
    bool four = false, five = false;  // temporaries
    for (std::size_t i = 0; i < epilogue.ops.size(); ++i) {
        if (epilogue.ops[i].kind == Kind::function && !needs_two_temps(epilogue.ops[i].function)) {
            (lookup_of(epilogue, i) != nullptr ? four : five) = true;
        }
    }
    side_by_side_ = code.wide() && four;
    const bool few = !code.wide() && first_temp > kFirstTempOfSpilled;
    if (few && five) {
        spills_ = true;
        first_temp_ = kFirstTempOfSpilled;
    }
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
    const int lane = vector * code_.lanes();
    return code_.at(code_.rbx, (lane / 16 * vectors_ + id) * 64 + lane % 16 * 4);
}

// The two constants of an operation have registers of their own, among the first four temporaries where there are no more.
Vec EpilogueEmitter::constant_register(int i) const {
    return temp((!code_.wide() && first_temp_ > kFirstTempOfSpilled ? 2 : 6) + i);
}

void EpilogueEmitter::finish(int rows, int columns, const Accumulator& acc, bool integers, const Xbyak::Reg64& out,
                             std::int64_t stride) {
    if (side_by_side_) {
        return finish_side_by_side(rows, columns, acc, integers, out, stride);
    }
    if (!spills_) {
        apply(rows, columns, acc, integers);
        store(rows, columns, acc, out, stride);
        return;
    }
    const int vectors = (columns + code_.lanes() - 1) / code_.lanes();
    const int bytes = code_.isa().bytes();
    const auto place = [&](int row, int vector) { return code_.at(code_.rsp, (row * vectors + vector) * bytes); };
    code_.sub(code_.rsp, static_cast<std::uint32_t>(rows * vectors * bytes));
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < vectors; ++v) {
            code_.vmovups(place(r, v), acc(r, v));
        }
    }
    const int together = std::max(1, kFirstTempOfSpilled / vectors);
    for (int first = 0; first < rows; first += together) {
        const int count = std::min(together, rows - first);
        const Accumulator again = [&](int row, int vector) { return code_.vec((row - first) * vectors + vector); };
        for (int r = first; r < first + count; ++r) {
            for (int v = 0; v < vectors; ++v) {
                code_.vmovups(again(r, v), place(r, v));
            }
        }
        apply(count, columns, again, integers, first);
        store(count, columns, again, out, stride, first);
    }
    code_.add(code_.rsp, static_cast<std::uint32_t>(rows * vectors * bytes));
}

LookupRegisters EpilogueEmitter::lookup_registers() const {
    LookupRegisters registers;
    const int count = code_.wide() ? 8 : 4;
    for (int i = 0; i < count; ++i) registers.temps.push_back(temp(i));
    return registers;
}

// Those with the same constants one after the other.
std::vector<EpilogueEmitter::Part> EpilogueEmitter::parts_of(int first_row, int rows, int columns,
                                                             const Accumulator& acc) const {
    const int lanes = code_.lanes();
    std::vector<Part> parts;
    for (int v = 0; v * lanes < columns; ++v) {
        for (int r = first_row; r < first_row + rows; ++r) {
            parts.push_back({acc(r, v), r, v, std::min(lanes, columns - v * lanes)});
        }
    }
    return parts;
}

// Rows are stored as soon as they are done, and their registers help with the next ones.
void EpilogueEmitter::finish_side_by_side(int rows, int columns, const Accumulator& acc, bool integers,
                                          const Xbyak::Reg64& out, std::int64_t stride) {
    constexpr int kTogether = 4;  // registers
    const int vectors = (columns + code_.lanes() - 1) / code_.lanes();
    const int step = std::max(1, kTogether / vectors);
    LookupRegisters registers = lookup_registers();
    for (int first = 0; first < rows; first += step) {
        const int count = std::min(step, rows - first);
        const std::vector<Part> parts = parts_of(first, count, columns, acc);
        apply_to(parts, integers, registers);
        store(count, columns, acc, out, stride, first);
        for (const Part& part : parts) registers.temps.push_back(part.x);
    }
}

void EpilogueEmitter::apply(int rows, int columns, const Accumulator& acc, bool integers, int first_row) {
    LookupRegisters registers = lookup_registers();
    apply_to(parts_of(first_row, rows, columns, acc), integers, registers);
}

// Operation by operation: each waits for the one before, and its constants are loaded once for all rows.
void EpilogueEmitter::apply_to(std::span<const Part> parts, bool integers, LookupRegisters& registers) {
    std::vector<Vec> xs;
    for (const Part& part : parts) {
        xs.push_back(part.x);
        if (integers) {
            code_.vcvtdq2ps(part.x, part.x);
        }
    }
    int id = 0;
    for (std::size_t i = 0; i < epilogue_.ops.size(); ++i) {
        const EpilogueOp& op = epilogue_.ops[i];
        if (const Lookup* lookup = lookup_of(epilogue_, i)) {
            emit_looked_up(code_, op, *lookup, xs, registers);
            continue;
        }
        const auto vector_at = [&](std::size_t p) { return varies_by_channel(op) ? parts[p].vector : 0; };
        for (std::size_t p = 0; p < parts.size(); ++p) {
            const int vector = vector_at(p);
            const bool first = p == 0 || vector_at(p - 1) != vector;
            const bool last = p + 1 == parts.size() || vector_at(p + 1) != vector;
            if (place_ && place_->op == i) {
                if (first) {
                    code_.vmovups(constant_register(0), constant(id, vector));
                }
                code_.vfmadd213ps(parts[p].x, constant_register(0), shift_of_place(parts[p]));
            } else if (op.kind == Kind::scale_shift && first && last) {  // nothing else uses them
                code_.vmovups(constant_register(0), constant(id, vector));
                code_.vfmadd213ps(parts[p].x, constant_register(0), constant(id + 1, vector));
            } else {
                if (first) {
                    hold_constants(op, id, vector);
                }
                apply_op(op, parts[p]);
            }
        }
        id += channel_vectors(op);
    }
    if (is_code(epilogue_.result)) {
        to_codes(xs);
    }
}

void EpilogueEmitter::hold_constants(const EpilogueOp& op, int id, int vector) {
    for (int i = 0; i < channel_vectors(op); ++i) {
        code_.vmovups(constant_register(i), constant(id + i, vector));
    }
    if (op.kind == Kind::function && op.function == Function::clamp) {
        code_.vbroadcastss(constant_register(0), code_.one_lane(std::bit_cast<std::uint32_t>(op.alpha)));
        code_.vbroadcastss(constant_register(1), code_.one_lane(std::bit_cast<std::uint32_t>(op.beta)));
    }
}

Xbyak::Address EpilogueEmitter::shift_of_place(const Part& part) const {
    return code_.at(place_->base, place_->offset(part.row) + part.vector * code_.isa().bytes());
}

void EpilogueEmitter::apply_op(const EpilogueOp& op, const Part& part) {
    switch (op.kind) {
        case Kind::scale_shift: code_.vfmadd213ps(part.x, constant_register(0), constant_register(1)); return;
        case Kind::prelu: return negative_times(part.x);
        case Kind::function:
            if (op.function != Function::clamp) {
                return emit_function(code_, op, part.x, first_temp_);
            }
            // NaN stays, because max and min return their second operand then.
            code_.vmaxps(part.x, constant_register(0), part.x);
            code_.vminps(part.x, constant_register(1), part.x);
            return;
        case Kind::combine:
            load_operand(op, temp(1), part.row, part.vector, part.count);
            return combine(op, part.x, temp(1));
    }
}

// x = x < 0 ? x * constant : x, by the sign bit.
void EpilogueEmitter::negative_times(const Vec& x) {
    if (code_.wide()) {
        code_.vpmovd2m(code_.k3, x);
        code_.vmulps(x | code_.k3, x, constant_register(0));
    } else {
        code_.vmulps(temp(0), x, constant_register(0));
        code_.vblendvps(x, x, temp(0), x);
    }
}

void EpilogueEmitter::combine(const EpilogueOp& op, const Vec& x, const Vec& other) {
    const Vec factor = constant_register(0);
    if (channel_vectors(op) == 1) {
        switch (op.combine) {
            case Combine::add: code_.vfmadd231ps(x, other, factor); return;
            case Combine::subtract: code_.vfnmadd231ps(x, other, factor); return;
            case Combine::reverse_subtract: code_.vfmsub231ps(x, other, factor); return;
            default: code_.vmulps(other, other, factor); break;
        }
    } else if (channel_vectors(op) == 2) {
        code_.vfmadd213ps(other, factor, constant_register(1));
    }
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

void EpilogueEmitter::load_as_float(const Vec& t, DataType type, const Xbyak::RegExp& from, int count) {
    if (count < code_.lanes() && !code_.wide()) {
        return load_part(t, type, from, count);
    }
    const Vec to = count < code_.lanes() ? t | code_.k1 | Xbyak::util::T_z : t;
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
        case DataType::bf16:
            code_.vpmovzxwd(to, code_.ptr[from]);
            code_.vpslld(t, t, 16);
            break;
        default: code_.vmovups(to, code_.ptr[from]); break;
    }
}

// A few values without masks.
void EpilogueEmitter::load_part(const Vec& t, DataType type, const Xbyak::RegExp& from, int count) {
    const Xbyak::Xmm bytes(t.getIdx());
    switch (type) {
        case DataType::u8:
            code_.load_bytes(t, from, count);
            code_.vpmovzxbd(t, bytes);
            break;
        case DataType::s8:
            code_.load_bytes(t, from, count);
            code_.vpmovsxbd(t, bytes);
            break;
        default:
            code_.vmovups(t, code_.lane_mask(count));
            code_.vmaskmovps(t, t, code_.ptr[from]);
            break;
    }
    if (type != DataType::f32) {
        code_.vcvtdq2ps(t, t);
    }
}

void EpilogueEmitter::load_operand(const EpilogueOp& op, const Vec& t, int row, int vector, int count) {
    const Xbyak::Reg64 base = pointer(op.operand);
    const std::int64_t size = static_cast<std::int64_t>(size_of(op.operand_type));
    if (op.spread != Spread::scalar && op.spread != Spread::per_row) {
        const std::int64_t row_offset = op.spread == Spread::full ? row * strides_[op.operand] * size : 0;
        load_as_float(t, op.operand_type, base + static_cast<std::size_t>(row_offset + vector * code_.lanes() * size),
                      count);
        return;
    }
    // One value for all lanes.
    const auto from = base + static_cast<std::size_t>(op.spread == Spread::per_row ? row * size : 0);
    const auto spread = [&] {
        if (code_.wide()) {
            code_.vpbroadcastd(t, code_.ebp);
        } else {
            code_.vmovd(Xbyak::Xmm(t.getIdx()), code_.ebp);
            code_.vpbroadcastd(t, Xbyak::Xmm(t.getIdx()));
        }
    };
    switch (op.operand_type) {
        case DataType::u8:
            code_.movzx(code_.ebp, code_.byte[from]);
            spread();
            break;
        case DataType::s8:
            code_.movsx(code_.ebp, code_.byte[from]);
            spread();
            break;
        default: code_.vpbroadcastd(t, code_.dword[from]); break;
    }
    if (op.operand_type != DataType::f32) {
        code_.vcvtdq2ps(t, t);
    }
}

// Saturation of the packs is the bound where the codes use the whole type.
void EpilogueEmitter::to_codes(std::span<const Vec> xs) {
    const bool is_signed = epilogue_.result == DataType::s8;
    const auto each = [&](const auto& emit) { std::for_each(xs.begin(), xs.end(), emit); };
    const auto hold = [&](float value) {
        const Vec held = constant_register(0);
        code_.vbroadcastss(held, code_.one_lane(std::bit_cast<std::uint32_t>(value)));
        return held;
    };
    if (!bounded_ || epilogue_.high < (is_signed ? 127.F : 255.F)) {
        const Vec high = hold(epilogue_.high);
        each([&](const Vec& x) { code_.vminps(x, x, high); });
    }
    if (epilogue_.low > (is_signed ? -128.F : 0.F)) {
        const Vec low = hold(epilogue_.low);
        each([&](const Vec& x) { code_.vmaxps(x, x, low); });
    }
    each([&](const Vec& x) { code_.vcvtps2dq(x, x); });
}

void EpilogueEmitter::pack(int row, int vectors, const Accumulator& acc, int first_vector) {
    const auto at = [&](int vector) { return acc(row, first_vector + vector); };
    const Vec first = at(0);
    code_.vpackssdw(first, first, at(vectors > 1 ? 1 : 0));
    if (vectors > 2) {
        code_.vpackssdw(at(2), at(2), at(vectors > 3 ? 3 : 2));
    }
    const Vec second = at(vectors > 2 ? 2 : 0);
    if (epilogue_.result == DataType::u8) {
        code_.vpackuswb(first, first, second);
    } else {
        code_.vpacksswb(first, first, second);
    }
}

void EpilogueEmitter::store_floats(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out,
                                   std::int64_t stride, int first_row) {
    const int lanes = code_.lanes();
    const int vectors = (columns + lanes - 1) / lanes;
    const bool partial = columns % lanes != 0;
    if (partial && !code_.wide()) {
        code_.vmovups(temp(3), code_.lane_mask(columns % lanes));
    }
    for (int r = first_row; r < first_row + rows; ++r) {
        for (int v = 0; v < vectors; ++v) {
            const Xbyak::Address to = code_.at(out, (r * stride + v * lanes) * 4);
            if (v < vectors - 1 || !partial) {
                code_.vmovups(to, acc(r, v));
            } else if (code_.wide()) {
                code_.vmovups(to | code_.k1, acc(r, v));
            } else {
                code_.vmaskmovps(to, temp(3), acc(r, v));
            }
        }
    }
}

// With AVX-512 only. Two registers are narrowed into one.
void EpilogueEmitter::store_bfloats(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out,
                                    std::int64_t stride, int first_row) {
    const int lanes = code_.lanes();
    for (int r = first_row; r < first_row + rows; ++r) {
        for (int v = 0; v * lanes < columns;) {
            const Xbyak::Address to = code_.at(out, (r * stride + v * lanes) * 2);
            const Vec first = acc(r, v);
            if (columns - v * lanes >= 2 * lanes) {
                code_.vcvtne2ps2bf16(first, acc(r, v + 1), first);
                code_.vmovups(to, first);
                v += 2;
                continue;
            }
            const Xbyak::Ymm half(first.getIdx());
            code_.vcvtneps2bf16(half, first, Xbyak::EvexEncoding);
            if (columns - v * lanes >= lanes) {
                code_.vmovups(to, half);
            } else {
                code_.vmovdqu16(to | code_.k1, half);
            }
            ++v;
        }
    }
}

void EpilogueEmitter::store(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out, std::int64_t stride,
                            int first_row) {
    if (epilogue_.result == DataType::f32) {
        return store_floats(rows, columns, acc, out, stride, first_row);
    }
    if (epilogue_.result == DataType::bf16) {
        return store_bfloats(rows, columns, acc, out, stride, first_row);
    }
    // Each 128 bits of a packed register hold four columns of each of four vectors: dword i of the result is this dword of it.
    const int lanes = code_.lanes();
    const auto parts = static_cast<std::uint32_t>(lanes / 4);
    std::array<std::uint32_t, 16> order{};
    for (std::uint32_t i = 0; i < 4 * parts; ++i) {
        order[i] = i % parts * 4 + i / parts;
    }
    const Vec dword_order = temp(code_.wide() ? 7 : 3);
    code_.move(dword_order, code_.table(order));
    for (int r = first_row; r < first_row + rows; ++r) {
        for (int first = 0; first * lanes < columns; first += 4) {
            const int count = std::min(columns - first * lanes, 4 * lanes);
            pack(r, (count + lanes - 1) / lanes, acc, first);
            const Vec packed = acc(r, first);
            code_.vpermd(packed, dword_order, packed);
            const auto to = out + static_cast<std::size_t>(r * stride + first * lanes);
            if (!code_.wide()) {
                code_.store_bytes(to, packed, count);
            } else if (count < 64) {
                code_.vmovdqu8(code_.ptr[to] | code_.k2, packed);
            } else {
                code_.vmovdqu8(code_.ptr[to], packed);
            }
        }
    }
}

}  // namespace octet::cpu::x64
