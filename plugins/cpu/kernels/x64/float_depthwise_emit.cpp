#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"
#include "plugins/cpu/kernels/x64/float_depthwise.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Reg64;
using Xbyak::Zmm;

constexpr int kRegisters = 32, kPixelRegisters = 4;

class FloatWalkEmitter {
public:
    FloatWalkEmitter(Emitter& code, const FloatWalk& walk, const Epilogue& epilogue)
        : c(code),
          s(walk),
          result_size_(static_cast<std::int64_t>(size_of(epilogue.result))),
          size_(static_cast<std::int64_t>(size_of(walk.type))),
          epilogue_(code, epilogue, walk.operand_strides, offsetof(FloatWalk::Args, epilogue), 24, false) {}

    void emit();

private:
    Zmm sum(int column, int vector) const { return Zmm(column * s.vectors() + vector); }
    Zmm pixel(std::int64_t at, int vector) const {
        return Zmm(kRegisters - kPixelRegisters + static_cast<int>(at % 2) * 2 + vector);
    }
    Zmm weight(int tap, int vector) const {
        return Zmm(kRegisters - kPixelRegisters - s.kernel_width * s.vectors() + tap * s.vectors() + vector);
    }
    Xbyak::Address stored_weight(int tap, int vector) const { return c.at(weights, (tap * s.vectors() + vector) * 64); }
    bool held() const { return FloatWalk::holds_weights(s.kernel_width); }
    // Channels of bf16 in two registers, those of even number before those of odd.
    bool split() const { return s.type == DataType::bf16 && s.vectors() == 2; }

    void load(std::int64_t at);
    void row();
    void order_channels();

    Emitter& c;
    const FloatWalk& s;
    const std::int64_t result_size_, size_;
    EpilogueEmitter epilogue_;
    const Reg64 in = Xbyak::util::rax, all_weights = Xbyak::util::rcx, out = Xbyak::util::rdx, tiles = Xbyak::util::rsi,
                line = Xbyak::util::r8, weights = Xbyak::util::r9, left = Xbyak::util::r10;
};

void FloatWalkEmitter::load(std::int64_t at) {
    const auto from = line + static_cast<std::size_t>(at * s.in_stride * size_);
    if (!split()) {
        for (int v = 0; v < s.vectors(); ++v)
            epilogue_.load_as_float(pixel(at, v), s.type, from + static_cast<std::size_t>(v * 16 * size_),
                                    std::min(16, s.channels - v * 16));
        return;
    }
    const Zmm even = pixel(at, 0), odd = pixel(at, 1);
    c.vmovdqu16(s.channels == FloatWalk::kChannels ? odd : odd | c.k4 | Xbyak::util::T_z, c.ptr[from]);
    c.vpslld(even, odd, 16);
    c.vpandd(odd, odd, c.all_lanes(0xFFFF0000U));
}

void FloatWalkEmitter::row() {
    for (int tap = 0; tap < s.kernel_width && held(); ++tap)
        for (int v = 0; v < s.vectors(); ++v) c.vmovups(weight(tap, v), stored_weight(tap, v));
    for (std::int64_t at = s.first_pixel; at < s.first_pixel + s.pixels; ++at) {
        const auto tap_of = [&](int column) {
            const std::int64_t distance = at - std::int64_t{column} * s.stride;
            const bool sees = distance >= 0 && distance % s.dilation == 0 && distance / s.dilation < s.kernel_width;
            return sees ? static_cast<int>(distance / s.dilation) : -1;
        };
        bool loaded = false;
        for (int column = 0; column < s.columns; ++column) {
            const int tap = tap_of(column);
            if (tap < 0) continue;
            if (!loaded) load(at);
            loaded = true;
            for (int v = 0; v < s.vectors(); ++v) {
                if (held()) c.vfmadd231ps(sum(column, v), pixel(at, v), weight(tap, v));
                else c.vfmadd231ps(sum(column, v), pixel(at, v), stored_weight(tap, v));
            }
        }
    }
}

void FloatWalkEmitter::order_channels() {
    std::array<std::uint32_t, 16> first{}, second{};
    for (std::uint32_t i = 0; i < 16; ++i) {
        first[i] = i / 2 + i % 2 * 16;
        second[i] = first[i] + 8;
    }
    const Zmm low(kRegisters - 1), high(kRegisters - 2), turned(kRegisters - 3);
    c.move(low, c.table(first));
    c.move(high, c.table(second));
    for (int column = 0; column < s.columns; ++column) {
        c.vmovaps(turned, high);
        c.vpermi2ps(turned, sum(column, 0), sum(column, 1));
        c.vpermt2ps(sum(column, 0), low, sum(column, 1));
        c.vmovaps(sum(column, 1), turned);
    }
}

void FloatWalkEmitter::emit() {
    using A = FloatWalk::Args;
    c.mov(in, c.at(c.rdi, offsetof(A, in)));
    c.mov(all_weights, c.at(c.rdi, offsetof(A, weights)));
    c.mov(out, c.at(c.rdi, offsetof(A, out)));
    c.mov(tiles, c.at(c.rdi, offsetof(A, tiles)));
    c.set_mask(c.k1, low_bits((s.channels - 1) % 16 + 1), c.r8);
    c.set_mask(c.k2, low_bits(s.channels), c.r8);
    c.set_mask(c.k4, low_bits(s.channels), c.r8);
    epilogue_.load_pointers();
    Xbyak::Label tile, lines, done;
    c.L(tile);
    for (int i = 0; i < s.columns * s.vectors(); ++i) c.zero(Zmm(i));
    c.mov(line, in);
    c.mov(weights, all_weights);
    c.mov(left, c.at(c.rdi, offsetof(A, rows)));
    c.test(left, left);
    c.jz(done, Xbyak::CodeGenerator::T_NEAR);
    c.L(lines);
    row();
    c.advance(line, s.line * size_);
    c.advance(weights, s.row_weights() * 4);
    c.dec(left);
    c.jnz(lines, Xbyak::CodeGenerator::T_NEAR);
    c.L(done);
    if (split()) order_channels();
    epilogue_.finish(
        s.columns, s.channels, [this](int row, int vector) { return sum(row, vector); }, false, out, s.out_stride);
    epilogue_.advance_rows(s.columns);
    c.advance(in, std::int64_t{s.columns} * s.stride * s.in_stride * size_);
    c.advance(out, s.columns * s.out_stride * result_size_);
    c.dec(tiles);
    c.jnz(tile, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

bool FloatWalk::holds_weights(int kernel_width) { return kernel_width <= 7; }

int FloatWalk::most_columns(int kernel_width) {
    constexpr int kMost = 8;  // longer code gains nothing
    if (!holds_weights(kernel_width)) return kMost;
    return std::min(kMost, (kRegisters - kPixelRegisters - 2 * kernel_width) / 2);
}

std::size_t add_walk(CodeBlock& block, const FloatWalk& s, const Epilogue& epilogue) {
    const std::string key = fmt::format("float walk {} {} {} {} {} {} {} {} {} {} {} [{}] {}", static_cast<int>(s.type),
                                        s.kernel_width, s.stride, s.dilation, s.channels, s.columns, s.first_pixel,
                                        s.pixels, s.in_stride, s.out_stride, s.line, fmt::join(s.operand_strides, ","),
                                        key_of(epilogue));
    return block.add(key, [=](Emitter& code) { FloatWalkEmitter(code, s, epilogue).emit(); });
}

}  // namespace octet::cpu::x64
