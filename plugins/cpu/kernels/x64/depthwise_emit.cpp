#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstddef>

#include "plugins/cpu/kernels/x64/depthwise.hpp"
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

class WalkEmitter {
public:
    WalkEmitter(Emitter& code, const DepthwiseWalk& shape, const Epilogue& epilogue, bool bounded)
        : c(code),
          s(shape),
          ordered_(needs_channel_order(epilogue)),
          result_(epilogue.result),
          bytes_(code.isa().bytes()),
          epilogue_(code, epilogue, shape.operand_strides, offsetof(DepthwiseWalk::Args, epilogue),
                    DepthwiseWalk::accumulators(code.isa()), bounded) {
        if (!s.border_sets.empty()) {
            epilogue_.take_shift_from({s.border_op, shifts, [this](int row) {
                                           return s.border_sets[static_cast<std::size_t>(row)] * bytes_ * 4;
                                       }});
        }
    }

    void emit();

private:
    Vec acc(int set, int i, int q) const { return c.vec((set * s.unit + i) * 4 + q); }
    Vec quad(int q) const { return c.vec(DepthwiseWalk::accumulators(c.isa()) + q); }
    Vec pixel_register(int i) const { return c.vec(DepthwiseWalk::accumulators(c.isa()) + 4 + i); }
    // The first bytes of a register, as many as a group of columns takes.
    Xmm part_of(const Vec& v) const {
        return s.block == s.isa.bytes() ? static_cast<Xmm>(v) : s.block == 32 ? Xmm(Ymm(v.getIdx())) : Xmm(v.getIdx());
    }

    void interleave(int pixels);
    void order_channels(const Vec& q0, const Vec& q1, const Vec& q2, const Vec& q3);
    void load_part(const Vec& to, std::int64_t offset);
    void insert_part(const Vec& to, int group, const Xbyak::Operand& from);
    void load_pixel(const Vec& z, int pixel);
    void insert(const Vec& z, int group, std::int64_t offset);
    Xbyak::Address padding();  // a register of pixels outside the image
    // An output row whose sums are in registers, and the row of the kernel that an input row meets in it.
    struct Live {
        int set = 0;
        std::int64_t kernel_row = 0;
    };
    void start(int set);
    void row(std::int64_t table_row, const std::vector<Live>& live);
    // The quads of four pixels against the weights of output column i; `vector` counts those of a row of the kernel.
    void multiply(int i, int vector, const std::vector<Live>& live);
    void multiply_pairs(int i, int vector, const std::vector<Live>& live);
    Xbyak::Address weight(std::int64_t kernel_row, int vector) const {
        return c.at(weights,
                    s.first_weights() * bytes_ + (kernel_row * s.weight_vectors() + vector) * s.weight_bytes());
    }
    // Input row j, counted from the top of output row 0, for all output rows below `outputs` that it reaches.
    void overlapping_row(std::int64_t j, std::int64_t table_row, std::int64_t outputs);
    void fixed_rows();
    void loop_overlapping();
    void loop_apart();
    void store(int set);
    void store_groups(int set);

    Emitter& c;
    const DepthwiseWalk& s;
    const bool ordered_;
    const DataType result_;
    const int bytes_;
    const Reg64 rows = Xbyak::util::rax, column = Xbyak::util::rcx, out = Xbyak::util::rdx, count = Xbyak::util::rsi,
                weights = Xbyak::util::r8, source = Xbyak::util::r9, shifts_of_rows = Xbyak::util::r10,
                shifts = Xbyak::util::r11;
    EpilogueEmitter epilogue_;
};

// From four registers of interleaved quads to channels in order: a transposition of 128-bit lanes.
void WalkEmitter::order_channels(const Vec& q0, const Vec& q1, const Vec& q2, const Vec& q3) {
    if (!c.wide()) {
        c.vperm2i128(quad(0), q0, q1, 0x20);
        c.vperm2i128(quad(1), q2, q3, 0x20);
        c.vperm2i128(q3, q2, q3, 0x31);
        c.vperm2i128(q2, q0, q1, 0x31);
        c.move(q0, quad(0));
        c.move(q1, quad(1));
        return;
    }
    c.vshufi32x4(quad(0), q0, q1, 0x44);
    c.vshufi32x4(quad(1), q2, q3, 0x44);
    c.vshufi32x4(quad(2), q0, q1, 0xEE);
    c.vshufi32x4(quad(3), q2, q3, 0xEE);
    c.vshufi32x4(q0, quad(0), quad(1), 0x88);
    c.vshufi32x4(q1, quad(0), quad(1), 0xDD);
    c.vshufi32x4(q2, quad(2), quad(3), 0x88);
    c.vshufi32x4(q3, quad(2), quad(3), 0xDD);
}

// Bytes of up to four pixels side by side: dword i of quad q holds the pixels of one channel. Missing pixels repeat another; their
// weights are zero.
void WalkEmitter::interleave(int pixels) {
    const Vec p0 = pixel_register(0);
    const Vec p1 = pixel_register(1);
    const Vec p2 = pixel_register(2);
    const Vec p3 = pixel_register(3);
    c.vpunpcklbw(quad(0), p0, pixels > 1 ? p1 : p0);
    c.vpunpckhbw(quad(2), p0, pixels > 1 ? p1 : p0);
    if (pixels > 2) {
        c.vpunpcklbw(p0, p2, pixels > 3 ? p3 : p2);
        c.vpunpckhbw(p1, p2, pixels > 3 ? p3 : p2);
    }
    const Vec low = pixels > 2 ? p0 : quad(0);
    const Vec high = pixels > 2 ? p1 : quad(2);
    c.vpunpckhwd(quad(1), quad(0), low);
    c.vpunpcklwd(quad(0), quad(0), low);
    c.vpunpckhwd(quad(3), quad(2), high);
    c.vpunpcklwd(quad(2), quad(2), high);
}

// The channels of one pixel into the first bytes of a register; what it has no channels for is zero.
void WalkEmitter::load_part(const Vec& to, std::int64_t offset) {
    const Xbyak::RegExp from = source + column + static_cast<std::size_t>(offset);
    if (!c.wide()) {
        c.load_bytes(to, from, s.channels);
    } else if (s.channels == s.block) {
        c.vmovdqu8(part_of(to), c.ptr[from]);
    } else {
        c.vmovdqu8(part_of(to) | c.k5 | Xbyak::util::T_z, c.ptr[from]);
    }
}

void WalkEmitter::insert_part(const Vec& to, int group, const Xbyak::Operand& from) {
    if (!c.wide()) {
        c.vinserti128(to, to, from, 1);
    } else if (s.block == 32) {
        c.vinserti64x4(Zmm(to.getIdx()), Zmm(to.getIdx()), from, 1);
    } else {
        c.vinserti32x4(to, to, from, static_cast<std::uint8_t>(group));
    }
}

void WalkEmitter::insert(const Vec& z, int group, std::int64_t offset) {
    if (s.channels == s.block) {
        insert_part(z, group, c.ptr[source + column + static_cast<std::size_t>(offset)]);
        return;
    }
    load_part(quad(0), offset);
    insert_part(z, group, part_of(quad(0)));
}

Xbyak::Address WalkEmitter::padding() {
    if (s.zero_points_vary) {
        return c.at(weights, 4 * bytes_);
    }
    std::array<std::uint8_t, 64> bytes{};
    bytes.fill(s.zero_point);
    return c.table(bytes);
}

void WalkEmitter::load_pixel(const Vec& z, int pixel) {
    const auto inside = [&](int group) { return s.valid[static_cast<std::size_t>(group * s.pixels() + pixel)]; };
    const auto offset = [&](int group) {
        return (group * s.unit * s.stride_width + pixel * s.dilation_width) * s.in_stride;
    };
    if (inside(0)) {
        load_part(z, offset(0));
    } else if (!s.has_zero_point()) {
        c.zero(z);
    } else {
        c.move(z, padding());
    }
    for (int group = 1; group < s.groups(); ++group) {
        if (inside(group)) {
            insert(z, group, offset(group));
        } else if (s.has_zero_point() && inside(0)) {
            insert_part(z, group, padding());
        }
    }
}

void WalkEmitter::start(int set) {
    for (int i = 0; i < s.unit * 4; ++i) {
        const Vec sum = acc(set, 0, i);
        if (!s.has_zero_point()) {
            c.zero(sum);
        } else {
            c.move(sum, c.at(weights, i % 4 * bytes_));
        }
    }
}

void WalkEmitter::row(std::int64_t table_row, const std::vector<Live>& live) {
    c.mov(source, c.at(rows, table_row * 8));
    int vector = 0;
    for (int d = 0; d < s.dwords(); ++d) {
        const int pixels = std::min(4, s.pixels() - d * 4);
        for (int p = 0; p < pixels; ++p) {
            load_pixel(pixel_register(p), d * 4 + p);
        }
        interleave(pixels);
        for (int i = 0; i < s.unit; ++i) {
            if (!s.has_taps(i, d)) {
                continue;
            }
            if (s.isa.pairs()) {
                multiply_pairs(i, vector, live);
            } else {
                multiply(i, vector, live);
            }
            vector += 4;
        }
    }
}

void WalkEmitter::multiply(int i, int vector, const std::vector<Live>& live) {
    const auto encoding = s.isa.dot == VectorIsa::Dot::vex ? Xbyak::VexEncoding : Xbyak::EvexEncoding;
    for (const auto& [set, kernel_row] : live) {
        for (int q = 0; q < 4; ++q) {
            c.vpdpbusd(acc(set, i, q), quad(q), weight(kernel_row, vector + q), encoding);
        }
    }
}

// The pixels of a quad as two pairs of 16 bits; the registers of the pixels are free by now.
void WalkEmitter::multiply_pairs(int i, int vector, const std::vector<Live>& live) {
    const Vec even = pixel_register(0), odd = pixel_register(1), product = pixel_register(2);
    for (int q = 0; q < 4; ++q) {
        if (c.wide()) {
            c.vpandd(even, quad(q), c.all_lanes(0x00FF00FFU));
        } else {
            c.vpand(even, quad(q), c.all_lanes(0x00FF00FFU));
        }
        c.vpsrlw(odd, quad(q), 8);
        for (const auto& [set, kernel_row] : live) {
            for (const Vec& codes : {even, odd}) {
                const std::size_t half = codes.getIdx() == odd.getIdx() ? static_cast<std::size_t>(bytes_) : 0;
                c.vpmaddwd(product, codes, c.ptr[weight(kernel_row, vector + q).getRegExp() + half]);
                c.vpaddd(acc(set, i, q), acc(set, i, q), product);
            }
        }
    }
}

void WalkEmitter::overlapping_row(std::int64_t j, std::int64_t table_row, std::int64_t outputs) {
    const std::int64_t oldest = std::max<std::int64_t>(0, (j - s.kernel_height + s.stride_height) / s.stride_height);
    std::vector<Live> live;
    for (std::int64_t o = std::min(outputs - 1, j / s.stride_height); o >= oldest; --o) {
        live.push_back({static_cast<int>(o % s.sets()), j - o * s.stride_height});
        if (live.back().kernel_row == 0) {
            start(live.back().set);
        }
    }
    const bool skipped = s.fixed_rows > 0 && !s.has_zero_point() && (j < s.first_row || j >= s.last_row);
    if (!live.empty() && !skipped) {
        row(table_row, live);
    }
}

void WalkEmitter::store_groups(int set) {
    for (int i = 0; i < s.unit; ++i) {
        const Vec packed = acc(set, i, 0);
        for (int group = 0; group < s.groups(); ++group) {
            const int at = group * s.unit + i;
            if (at >= s.columns) {
                continue;
            }
            const auto to = out + static_cast<std::size_t>(at * s.out_stride);
            const Vec part = group == 0 ? packed : quad(0);
            if (group > 0 && !c.wide()) {
                c.vextracti128(Xmm(part.getIdx()), packed, 1);
            } else if (group > 0 && s.block == 32) {
                c.vextracti64x4(Ymm(part.getIdx()), Zmm(packed.getIdx()), 1);
            } else if (group > 0) {
                c.vextracti32x4(Xmm(part.getIdx()), packed, static_cast<std::uint8_t>(group));
            }
            if (!c.wide()) {
                c.store_bytes(to, part, s.channels);
            } else if (s.channels < s.block) {
                c.vmovdqu8(c.ptr[to] | c.k5, part_of(part));
            } else {
                c.vmovdqu8(c.ptr[to], part_of(part));
            }
        }
    }
}

void WalkEmitter::store(int set) {
    const auto accumulator = [this, set](int r, int q) { return acc(set, r, q); };
    if (!s.border_sets.empty()) {
        c.mov(shifts, c.ptr[shifts_of_rows]);
        c.advance(shifts_of_rows, 8);
    }
    if (ordered_) {
        for (int i = 0; i < s.columns; ++i) {
            order_channels(acc(set, i, 0), acc(set, i, 1), acc(set, i, 2), acc(set, i, 3));
        }
        epilogue_.finish(s.columns, s.channels, accumulator, true, out, s.out_stride);
    } else {
        const int used = std::min(s.unit, s.columns);
        epilogue_.apply(used, s.isa.bytes(), accumulator, true);
        for (int i = 0; i < used; ++i) {
            epilogue_.pack(i, 4, accumulator);
        }
        store_groups(set);
    }
    epilogue_.advance_rows(s.out_width);
    c.advance(out, s.out_width * s.out_stride * static_cast<std::int64_t>(size_of(result_)));
}

void WalkEmitter::emit() {
    using A = DepthwiseWalk::Args;
    c.mov(rows, c.at(c.rdi, offsetof(A, rows)));
    c.mov(column, c.at(c.rdi, offsetof(A, column)));
    c.mov(weights, c.at(c.rdi, offsetof(A, weights)));
    c.mov(out, c.at(c.rdi, offsetof(A, out)));
    c.mov(count, c.at(c.rdi, offsetof(A, count)));
    if (!s.border_sets.empty()) {
        c.mov(shifts_of_rows, c.at(c.rdi, offsetof(A, shifts)));
    }
    if (ordered_) {
        c.set_mask(c.k1, low_bits((s.channels - 1) % 16 + 1), c.r9);
        c.set_mask(c.k2, low_bits(s.channels), c.r9);
    }
    if (s.channels < s.block) {
        c.set_mask(c.k5, low_bits(s.channels), c.r9);
    }
    epilogue_.load_pointers();

    if (!s.overlapping) {
        loop_apart();
    } else if (s.fixed_rows > 0) {
        fixed_rows();
    } else {
        loop_overlapping();
    }
    c.leave();
}

void WalkEmitter::fixed_rows() {
    std::int64_t j = 0;
    for (std::int64_t o = 0; o < s.fixed_rows; ++o) {
        for (; j < o * s.stride_height + s.kernel_height; ++j) {
            overlapping_row(j, j, s.fixed_rows);
        }
        store(static_cast<int>(o % s.sets()));
    }
}

// Output row o finishes with input row o * stride + kernel - 1; the registers of its sums go round with period sets().
void WalkEmitter::loop_overlapping() {
    const std::int64_t before = std::max(s.kernel_height - s.stride_height, 0);
    const std::int64_t endless = std::int64_t{1} << 40;
    for (std::int64_t j = 0; j < before; ++j) {
        overlapping_row(j, j, endless);
    }
    Xbyak::Label loop;
    Xbyak::Label done;
    c.L(loop);
    for (std::int64_t phase = 0; phase < s.sets(); ++phase) {
        const std::int64_t o = phase + s.sets();  // past the start, where older rows are live
        for (std::int64_t i = before; i < s.kernel_height; ++i) {
            overlapping_row(o * s.stride_height + i, i, endless);
        }
        store(static_cast<int>(phase));
        c.advance(rows, s.stride_height * 8);
        c.dec(count);
        c.jz(done, Xbyak::CodeGenerator::T_NEAR);
    }
    c.jmp(loop, Xbyak::CodeGenerator::T_NEAR);
    c.L(done);
}

void WalkEmitter::loop_apart() {
    Xbyak::Label loop;
    c.L(loop);
    start(0);
    for (int i = 0; i < s.kernel_height; ++i) {
        row(i * s.dilation_height, {{0, i}});
    }
    store(0);
    c.advance(rows, s.stride_height * 8);
    c.dec(count);
    c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
}

}  // namespace

std::size_t add_walk(CodeBlock& block, const DepthwiseWalk& s, const Epilogue& epilogue, bool bounded) {
    const std::string key =
        fmt::format("walk {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} [{}] {} {} [{}] {}",
                    s.overlapping, s.dilation_height, s.dilation_width, s.kernel_height, s.kernel_width,
                    s.stride_height, s.stride_width, s.channels, s.block, s.columns, s.unit, fmt::join(s.valid, ""),
                    s.zero_point, s.zero_points_vary, s.in_stride, s.out_stride, s.out_width, s.fixed_rows, s.first_row,
                    s.last_row, fmt::join(s.operand_strides, ","), bounded, s.border_op, fmt::join(s.border_sets, ","),
                    key_of(epilogue));
    return block.add(key, [=](Emitter& code) { WalkEmitter(code, s, epilogue, bounded).emit(); });
}

}  // namespace octet::cpu::x64
