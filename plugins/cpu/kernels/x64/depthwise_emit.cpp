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

constexpr int kAccumulators = 24;
constexpr int kFirstTemp = 24;
Zmm quad(int q) { return Zmm(24 + q); }
Zmm pixel_register(int i) { return Zmm(28 + i); }

// From four registers of interleaved quads to channels in order: a transposition of 128-bit lanes.
void order_channels(Emitter& c, const Zmm& q0, const Zmm& q1, const Zmm& q2, const Zmm& q3) {
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
void interleave(Emitter& c, int pixels) {
    const Zmm p0 = pixel_register(0);
    const Zmm p1 = pixel_register(1);
    const Zmm p2 = pixel_register(2);
    const Zmm p3 = pixel_register(3);
    c.vpunpcklbw(quad(0), p0, pixels > 1 ? p1 : p0);
    c.vpunpckhbw(quad(2), p0, pixels > 1 ? p1 : p0);
    if (pixels > 2) {
        c.vpunpcklbw(p0, p2, pixels > 3 ? p3 : p2);
        c.vpunpckhbw(p1, p2, pixels > 3 ? p3 : p2);
    }
    const Zmm low = pixels > 2 ? p0 : quad(0);
    const Zmm high = pixels > 2 ? p1 : quad(2);
    c.vpunpckhwd(quad(1), quad(0), low);
    c.vpunpcklwd(quad(0), quad(0), low);
    c.vpunpckhwd(quad(3), quad(2), high);
    c.vpunpcklwd(quad(2), quad(2), high);
}

class WalkEmitter {
public:
    WalkEmitter(Emitter& code, const DepthwiseWalk& shape, const Epilogue& epilogue, bool bounded)
        : c(code),
          s(shape),
          ordered_(needs_channel_order(epilogue)),
          result_(epilogue.result),
          epilogue_(code, epilogue, shape.operand_strides, offsetof(DepthwiseWalk::Args, epilogue), kFirstTemp,
                    bounded) {}

    void emit();

private:
    Zmm acc(int set, int i, int q) const { return Zmm((set * s.unit + i) * 4 + q); }

    void load_pixel(const Zmm& z, int pixel);
    void insert(const Zmm& z, int group, std::int64_t offset);
    Xbyak::Address padding();  // 64 bytes of pixels outside the image
    // An output row whose sums are in registers, and the row of the kernel that an input row meets in it.
    struct Live {
        int set = 0;
        std::int64_t kernel_row = 0;
    };
    void start(int set);
    void row(std::int64_t table_row, const std::vector<Live>& live);
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
    EpilogueEmitter epilogue_;
    const Reg64 rows = Xbyak::util::rax, column = Xbyak::util::rcx, out = Xbyak::util::rdx, count = Xbyak::util::rsi,
                weights = Xbyak::util::r8, source = Xbyak::util::r9;
};

void WalkEmitter::insert(const Zmm& z, int group, std::int64_t offset) {
    const Xbyak::Address from = c.ptr[source + column + static_cast<std::size_t>(offset)];
    if (s.channels == s.block) {
        if (s.block == 32) {
            c.vinserti64x4(z, z, from, 1);
        } else {
            c.vinserti32x4(z, z, from, static_cast<std::uint8_t>(group));
        }
        return;
    }
    const Zmm part = quad(0);
    if (s.block == 32) {
        c.vmovdqu8(Ymm(part.getIdx()) | c.k5 | Xbyak::util::T_z, from);
        c.vinserti64x4(z, z, Ymm(part.getIdx()), 1);
    } else {
        c.vmovdqu8(Xmm(part.getIdx()) | c.k5 | Xbyak::util::T_z, from);
        c.vinserti32x4(z, z, Xmm(part.getIdx()), static_cast<std::uint8_t>(group));
    }
}

Xbyak::Address WalkEmitter::padding() {
    if (s.zero_points_vary) {
        return c.at(weights, 4 * 64);
    }
    std::array<std::uint8_t, 64> bytes{};
    bytes.fill(s.zero_point);
    return c.table(bytes);
}

void WalkEmitter::load_pixel(const Zmm& z, int pixel) {
    const auto inside = [&](int group) { return s.valid[static_cast<std::size_t>(group * s.pixels() + pixel)]; };
    const auto offset = [&](int group) {
        return (group * s.unit * s.stride_width + pixel * s.dilation_width) * s.in_stride;
    };
    if (!inside(0)) {
        if (!s.has_zero_point()) {
            c.vpxord(z, z, z);
        } else {
            c.vmovdqu8(z, padding());
        }
    } else {
        const Xbyak::Address from = c.ptr[source + column + static_cast<std::size_t>(offset(0))];
        const Xmm to = s.block == 64   ? static_cast<const Xmm&>(z)
                       : s.block == 32 ? static_cast<const Xmm&>(Ymm(z.getIdx()))
                                       : Xmm(z.getIdx());
        if (s.channels == s.block) {
            c.vmovdqu8(to, from);
        } else {
            c.vmovdqu8(to | c.k5 | Xbyak::util::T_z, from);
        }
    }
    for (int group = 1; group < s.groups(); ++group) {
        if (inside(group)) {
            insert(z, group, offset(group));
        } else if (s.has_zero_point() && inside(0)) {
            const Xbyak::Address from = padding();
            if (s.block == 32) {
                c.vinserti64x4(z, z, from, 1);
            } else {
                c.vinserti32x4(z, z, from, static_cast<std::uint8_t>(group));
            }
        }
    }
}

void WalkEmitter::start(int set) {
    for (int i = 0; i < s.unit * 4; ++i) {
        const Zmm sum = acc(set, 0, i);
        if (!s.has_zero_point()) {
            c.vpxord(sum, sum, sum);
        } else {
            c.vmovdqu32(sum, c.at(weights, i % 4 * 64));
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
        interleave(c, pixels);
        for (int i = 0; i < s.unit; ++i) {
            if (!s.has_taps(i, d)) {
                continue;
            }
            for (const auto& [set, kernel_row] : live) {
                for (int q = 0; q < 4; ++q) {
                    c.vpdpbusd(acc(set, i, q), quad(q),
                               c.at(weights, (s.first_weights() + kernel_row * s.weight_vectors() + vector + q) * 64));
                }
            }
            vector += 4;
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
        const Zmm packed = acc(set, i, 0);
        for (int group = 0; group < s.groups(); ++group) {
            const int at = group * s.unit + i;
            if (at >= s.columns) {
                continue;
            }
            const Xbyak::Address to = c.at(out, at * s.out_stride);
            if (s.block == 64) {
                c.vmovdqu8(s.channels < 64 ? to | c.k5 : to, packed);
                continue;
            }
            const Zmm part = group == 0 ? packed : quad(0);
            if (group > 0 && s.block == 32) {
                c.vextracti64x4(Ymm(part.getIdx()), packed, 1);
            } else if (group > 0) {
                c.vextracti32x4(Xmm(part.getIdx()), packed, static_cast<std::uint8_t>(group));
            }
            const Xmm from = s.block == 32 ? static_cast<const Xmm&>(Ymm(part.getIdx())) : Xmm(part.getIdx());
            c.vmovdqu8(s.channels < s.block ? to | c.k5 : to, from);
        }
    }
}

void WalkEmitter::store(int set) {
    const auto accumulator = [this, set](int r, int q) { return acc(set, r, q); };
    if (ordered_) {
        for (int i = 0; i < s.columns; ++i) {
            order_channels(c, acc(set, i, 0), acc(set, i, 1), acc(set, i, 2), acc(set, i, 3));
        }
        epilogue_.apply(s.columns, s.channels, accumulator, true);
        epilogue_.store(s.columns, s.channels, accumulator, out, s.out_stride);
    } else {
        const int used = std::min(s.unit, s.columns);
        epilogue_.apply(used, 64, accumulator, true);
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

int DepthwiseWalk::weight_vectors() const {
    int count = 0;
    for (int d = 0; d < dwords(); ++d) {
        for (int i = 0; i < unit; ++i) {
            count += has_taps(i, d) ? 4 : 0;
        }
    }
    return count;
}

void DepthwiseWalk::choose_shape() {
    const bool dilated = dilation_height > 1 || dilation_width > 1;
    int least = 1 << 30;
    DepthwiseWalk best = *this;
    for (const bool both : {true, false}) {
        overlapping = both;
        for (unit = 1; sets() * unit * 4 <= kAccumulators && (unit == 1 || dilation_width == 1); ++unit) {
            // Eight operations interleave four pixels; an overlapping row is interleaved once, others for each row of the kernel.
            const int interleaved = (both ? std::min(stride_height, kernel_height) : kernel_height) * 8 * dwords();
            const int operations = (interleaved + kernel_height * weight_vectors()) * 1000 / unit;
            if (operations < least && !(both && dilated)) {
                least = operations;
                best = *this;
            }
        }
    }
    *this = best;
}

std::size_t add_walk(CodeBlock& block, const DepthwiseWalk& s, const Epilogue& epilogue, bool bounded) {
    const std::string key = fmt::format("walk {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} [{}] {} {}",
                                        s.overlapping, s.dilation_height, s.dilation_width, s.kernel_height,
                                        s.kernel_width, s.stride_height, s.stride_width, s.channels, s.block, s.columns,
                                        s.unit, fmt::join(s.valid, ""), s.zero_point, s.zero_points_vary, s.in_stride,
                                        s.out_stride, s.out_width, s.fixed_rows, s.first_row, s.last_row,
                                        fmt::join(s.operand_strides, ","), bounded, key_of(epilogue));
    return block.add(key, [&](Emitter& code) { WalkEmitter(code, s, epilogue, bounded).emit(); });
}

}  // namespace octet::cpu::x64
