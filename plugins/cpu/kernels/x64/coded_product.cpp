#include "plugins/cpu/kernels/x64/coded_product.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr int kVectors = 2;  // of 16 columns in a panel
constexpr std::int64_t kPanelColumns = kVectors * 16;
constexpr std::int64_t kMostRows = 12;  // of a tile: sums of two vectors fill 24 registers
constexpr std::int64_t kStep = 8;       // values of k in a dword of codes of 4 bits, and in a turn of the loop

struct Call {
    const float* a = nullptr;  // [depth][rows of the tile]: rows of their own would share sets of the cache
    const std::byte* panel = nullptr;
    void* out = nullptr;
    EpilogueArgs epilogue;
};

struct Shape {
    int rows, columns;  // of a tile
    int bits;
    bool is_signed, affine;
    std::int64_t depth, group, out_stride;
    int vectors() const { return (columns + 15) / 16; }
    std::string key() const {
        return fmt::format("coded {} {} {} {} {} {} {} {}", rows, columns, bits, is_signed, affine, depth, group,
                           out_stride);
    }
};

std::int64_t bytes_of_steps(int bits, int vectors, std::int64_t steps) {
    return bits == 8 ? steps * vectors * 16 : (steps + kStep - 1) / kStep * vectors * 64;
}

class ProductEmitter {
public:
    ProductEmitter(Emitter& code, const Shape& shape, const Epilogue& epilogue,
                   std::span<const std::int64_t> operand_strides)
        : c(code),
          s(shape),
          vectors_(shape.vectors()),
          parts_(shape.rows == 1   ? 4
                 : shape.rows <= 3 ? 2
                                   : 1),
          epilogue_(code, epilogue, operand_strides, offsetof(Call, epilogue), 24, false) {}

    void emit() {
        c.mov(ak, c.ptr[c.rdi + offsetof(Call, a)]);
        c.mov(wk, c.ptr[c.rdi + offsetof(Call, panel)]);
        c.mov(out, c.ptr[c.rdi + offsetof(Call, out)]);
        c.set_mask(c.k1, low_bits(s.columns - (vectors_ - 1) * 16), c.r8);
        c.set_mask(c.k2, low_bits(s.columns), c.r8);
        epilogue_.load_pointers();
        start();
        const std::int64_t groups = s.depth / s.group;
        Xbyak::Label group;
        if (groups > 1) {
            c.mov(groups_left, static_cast<std::uint64_t>(groups));
            c.L(group);
        }
        one_group();
        if (groups > 1) {
            c.dec(groups_left);
            c.jnz(group, Xbyak::CodeGenerator::T_NEAR);
        }
        finish();
        c.leave();
    }

private:
    // Of few rows several sums, of every fourth or second k, hide each other's latency.
    Zmm sum(int row, int part, int vector) const { return Zmm((row * parts_ + part) * vectors_ + vector); }
    Zmm weights(int vector) const { return Zmm(24 + vector); }
    Zmm scale(int vector) const { return Zmm(26 + vector); }
    Zmm shift(int vector) const { return Zmm(28 + vector); }
    Zmm broadcast() const { return Zmm(30); }
    Zmm values() const { return Zmm(31); }

    void start() {
        for (int i = 0; i < s.rows * parts_ * vectors_; ++i) {
            c.vpxord(Zmm(i), Zmm(i), Zmm(i));
        }
        if (s.bits == 4) {
            std::array<std::uint32_t, 16> table{};
            for (int code = 0; code < 16; ++code) {
                table[static_cast<std::size_t>(code)] = std::bit_cast<std::uint32_t>(
                    static_cast<float>(s.is_signed && code > 7 ? code - 16 : code));
            }
            c.vmovups(values(), c.table(table));
        }
    }

    void one_group() {
        if (s.affine) {
            for (int v = 0; v < vectors_; ++v) {
                c.vmovups(scale(v), c.at(wk, v * 64));
                c.vmovups(shift(v), c.at(wk, (vectors_ + v) * 64));
            }
            c.advance(wk, vectors_ * 128);
        }
        if (s.group >= kStep) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(s.group / kStep));
            c.L(loop);
            steps(kStep);
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        if (s.group % kStep != 0) {
            steps(static_cast<int>(s.group % kStep));
        }
    }

    void steps(int n) {
        for (int i = 0; i < n; ++i) {
            for (int v = 0; v < vectors_; ++v) {
                widen(i, v);
            }
            for (int r = 0; r < s.rows; ++r) {
                c.vbroadcastss(broadcast(), c.at(ak, (i * s.rows + r) * 4));
                for (int v = 0; v < vectors_; ++v) {
                    c.vfmadd231ps(sum(r, i % parts_, v), weights(v), broadcast());
                }
            }
        }
        c.advance(ak, n * s.rows * 4);
        c.advance(wk, bytes_of_steps(s.bits, vectors_, n));
    }

    void widen(int i, int v) {
        const Zmm w = weights(v);
        if (s.bits == 8) {
            const Xbyak::Address from = c.at(wk, (i * vectors_ + v) * 16);
            if (s.is_signed) {
                c.vpmovsxbd(w, from);
            } else {
                c.vpmovzxbd(w, from);
            }
            c.vcvtdq2ps(w, w);
        } else {
            // Lane n holds eight codes of column n; a permutation looks at the lowest four bits of its index.
            if (i == 0) {
                c.vmovups(w, c.at(wk, v * 64));
            } else {
                c.vpsrld(w, c.at(wk, v * 64), static_cast<std::uint8_t>(i * 4));
            }
            c.vpermps(w, w, values());
        }
        if (s.affine) {
            c.vfmadd213ps(w, scale(v), shift(v));
        }
    }

    void finish() {
        for (int part = 1; part < parts_; ++part) {
            for (int r = 0; r < s.rows; ++r) {
                for (int v = 0; v < vectors_; ++v) {
                    c.vaddps(sum(r, 0, v), sum(r, 0, v), sum(r, part, v));
                }
            }
        }
        const auto accumulator = [this](int row, int vector) { return sum(row, 0, vector); };
        epilogue_.apply(s.rows, s.columns, accumulator, false);
        epilogue_.store(s.rows, s.columns, accumulator, out, s.out_stride);
    }

    Emitter& c;
    const Shape& s;
    const int vectors_, parts_;
    EpilogueEmitter epilogue_;
    const Xbyak::Reg64 out = Xbyak::util::rdx;
    const Xbyak::Reg64 count = Xbyak::util::r8, wk = Xbyak::util::r9, groups_left = Xbyak::util::r10,
                       ak = Xbyak::util::r11;
};

// One scale for each column is a factor of the sums.
Epilogue whole_epilogue(const CodedProductDesc& desc, bool affine) {
    Epilogue epilogue = desc.epilogue;
    if (!affine) {
        EpilogueOp scale;
        scale.scale = desc.weights.scale;
        epilogue.ops.insert(epilogue.ops.begin(), std::move(scale));
    }
    return epilogue;
}

}  // namespace

Acceptance CodedProduct::accepts(const CodedProductDesc& desc, const Machine& machine) {
    const CodedWeights& w = desc.weights;
    if (!machine.avx512()) {
        return declined("needs AVX-512");
    }
    if (desc.rows < 1 || w.columns < 1 || w.depth < 1) {
        return declined("an empty product");
    }
    if (std::max(w.depth, w.columns) > 1 << 20) {
        return declined("rows of more than a million values");
    }
    if (w.bits == 4 && w.groups() > 1 && w.group % kStep != 0) {
        return declined("groups of codes of 4 bits whose size is no multiple of 8");
    }
    if (has_spread(desc.epilogue, Spread::per_batch_channel)) {
        return declined("an operand has a value for each batch and channel");
    }
    return x64::accepts(desc.epilogue, w.columns);
}

CodedProduct::CodedProduct(const CodedProductDesc& desc, CodeBlock& code)
    : desc_(desc), affine_(desc.weights.groups() > 1 || !desc.weights.shift.empty()), code_(&code) {
    // What the panels hold is needed no longer once they are packed.
    const auto weights = std::make_shared<const CodedWeights>(std::move(desc_.weights));
    desc_.weights = {.bits = weights->bits,
                     .is_signed = weights->is_signed,
                     .depth = weights->depth,
                     .columns = weights->columns,
                     .group = weights->group};
    const CodedWeights& w = desc.weights;
    const Epilogue epilogue = whole_epilogue(desc, affine_);
    epilogue_ = EpilogueData(epilogue, w.columns, {});
    const std::int64_t last = w.columns - (units() - 1) * kPanelColumns;
    const auto add = [&](std::int64_t rows, std::int64_t columns) -> std::size_t {
        if (rows == 0) {
            return 0;
        }
        const Shape shape{static_cast<int>(rows),
                          static_cast<int>(columns),
                          w.bits,
                          w.is_signed,
                          affine_,
                          w.depth,
                          w.group,
                          w.columns};
        return code.add(shape.key() + key_of(epilogue),
                        [shape, epilogue, strides = epilogue_.strides()](Emitter& emitter) {
                            ProductEmitter(emitter, shape, epilogue, strides).emit();
                        });
    };
    const std::int64_t full = desc.rows >= kMostRows ? kMostRows : 0, rest = desc.rows % kMostRows;
    if (units() > 1) {
        kernels_[0] = {add(full, kPanelColumns), add(rest, kPanelColumns)};
    }
    kernels_[1] = {add(full, last), add(rest, last)};
    panels_ = Aligned<std::byte>(
        static_cast<std::size_t>((units() - 1) * panel_bytes(kVectors) + panel_bytes(vectors(units() - 1))));
    constexpr std::int64_t kPanelsAtOnce = 8;
    for (std::int64_t first = 0; first < units() && !panels_.filled(); first += kPanelsAtOnce) {
        code.later([this, weights, first] {
            for (std::int64_t panel = first; panel < std::min(first + kPanelsAtOnce, units()); ++panel) {
                pack(*weights, panel);
            }
        });
    }
}

std::int64_t CodedProduct::units() const { return (desc_.weights.columns + kPanelColumns - 1) / kPanelColumns; }

int CodedProduct::vectors(std::int64_t panel) const {
    return static_cast<int>((std::min(desc_.weights.columns - panel * kPanelColumns, kPanelColumns) + 15) / 16);
}

std::int64_t CodedProduct::panel_bytes(int vectors) const {
    const CodedWeights& w = desc_.weights;
    const std::int64_t group = (affine_ ? vectors * 128 : 0) + bytes_of_steps(w.bits, vectors, w.group);
    return (w.groups() * group + 63) / 64 * 64;
}

void CodedProduct::pack(const CodedWeights& w, std::int64_t panel) {
    const std::int64_t first = panel * kPanelColumns;
    std::byte* to = panels_.data() + panel * panel_bytes(kVectors);
    for (std::int64_t group = 0; group < w.groups(); ++group) {
        to = pack_group(w, to, group, first, std::min(w.columns - first, kPanelColumns), vectors(panel));
    }
}

std::byte* CodedProduct::pack_group(const CodedWeights& w, std::byte* to, std::int64_t group, std::int64_t first,
                                    std::int64_t columns, int vectors) const {
    if (affine_) {
        const auto bytes = static_cast<std::size_t>(columns) * 4;
        const std::int64_t from = group * w.columns + first;
        std::memcpy(to, w.scale.data() + from, bytes);
        if (!w.shift.empty()) {
            std::memcpy(to + vectors * 64, w.shift.data() + from, bytes);
        }
        to += vectors * 128;
    }
    for (std::int64_t column = 0; column < columns; ++column) {
        for (std::int64_t i = 0; i < w.group; ++i) {
            const std::uint32_t code = w.at(group * w.group + i, first + column);
            if (w.bits == 8) {
                to[i * vectors * 16 + column] = static_cast<std::byte>(code);
                continue;
            }
            std::byte& two = to[(i / kStep * vectors * 16 + column) * 4 + i % kStep / 2];
            two |= static_cast<std::byte>(code << (i % 2 * 4));
        }
    }
    return to + bytes_of_steps(w.bits, vectors, w.group);
}

std::size_t CodedProduct::scratch_size() const {
    const std::int64_t rows = std::min(desc_.rows, kMostRows);
    return rows == 1 ? 0 : static_cast<std::size_t>(rows * desc_.weights.depth) * sizeof(float);
}

void CodedProduct::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    for (std::int64_t row = 0; row < desc_.rows; row += kMostRows) {
        const std::int64_t rows = std::min(desc_.rows - row, kMostRows);
        const float* a = args.a + row * desc_.weights.depth;
        if (rows > 1) {
            interleave(a, rows, args.scratch);
            a = args.scratch;
        }
        for (std::int64_t panel = begin; panel < end; ++panel) {
            run_tile(args, a, row, rows, panel);
        }
    }
}

void CodedProduct::interleave(const float* a, std::int64_t rows, float* to) const {
    const std::int64_t depth = desc_.weights.depth;
    for (std::int64_t k = 0; k < depth; ++k) {
        for (std::int64_t r = 0; r < rows; ++r) {
            *to++ = a[r * depth + k];
        }
    }
}

void CodedProduct::run_tile(const Args& args, const float* a, std::int64_t row, std::int64_t rows,
                            std::int64_t panel) const {
    const Kernels& kernels = kernels_[panel + 1 < units() ? 0 : 1];
    const std::int64_t first = panel * kPanelColumns;
    const std::int64_t at = row * desc_.weights.columns + first;
    Call call;
    call.a = a;
    call.panel = panels_.data() + panel * panel_bytes(kVectors);
    call.out = static_cast<std::byte*>(args.out) + at * static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    call.epilogue = epilogue_.at(args.operands, row, 0, first);
    code_->call(rows == kMostRows ? kernels.full : kernels.rest, call);
}

}  // namespace octet::cpu::x64
