#include <fmt/format.h>

#include <algorithm>

#include "plugins/cpu/kernels/x64/emit_pixels.hpp"
#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"

namespace octet::cpu::x64 {
namespace {

class PlanesWalkEmitter {
public:
    PlanesWalkEmitter(Emitter& code, const PlanesWalk& walk, const Epilogue& epilogue)
        : c(code),
          s(walk),
          first_temp_(code.wide() ? 24 : 8),
          result_size_(static_cast<std::int64_t>(size_of(epilogue.result))),
          epilogue_(code, epilogue, {}, offsetof(PlanesWalk::Args, epilogue), first_temp_, walk.bounded),
          store_(code, epilogue_, epilogue.result, walk.oc) {}

    void emit();

private:
    Vec sum(int row, int vector, int output) const { return c.vec((row * s.vectors + vector) * s.oc + output); }
    Vec pixels(int vector) const { return c.vec(first_temp_ + vector); }
    Vec weight(int i) const { return c.vec(first_temp_ + s.vectors + i % 2); }

    // Of a vector among those of a call. The last one of a short row begins before the one before it ends.
    std::int64_t first_pixel(int vector) const {
        return std::min<std::int64_t>(vector * c.lanes(), s.window.out_width() - c.lanes());
    }
    void column(std::int64_t x);
    void fetch(std::int64_t row);
    void store();

    Emitter& c;
    const PlanesWalk& s;
    const int first_temp_;
    const std::int64_t result_size_;
    EpilogueEmitter epilogue_;
    PixelStore store_;
    const Xbyak::Reg64 in = Xbyak::util::rax, all_weights = Xbyak::util::rcx, out = Xbyak::util::rdx;
    const Xbyak::Reg64 count = Xbyak::util::rsi, plane = Xbyak::util::r8, weights = Xbyak::util::r9;
    const Xbyak::Reg64 left = Xbyak::util::r10, ahead = Xbyak::util::r11;
};

void PlanesWalkEmitter::fetch(std::int64_t row) {
    for (std::int64_t i = 0; i < s.ahead_lines; ++i) c.prefetcht1(c.at(ahead, row * s.ahead_row + i * 64));
}

// The products of one column of the window: every pixel is read once for all rows of results that it reaches.
void PlanesWalkEmitter::column(std::int64_t x) {
    const Window& w = s.window;
    int used = 0;
    for (std::int64_t row = x; row < s.rows; row += w.kernel_width) fetch(row);
    for (std::int64_t y = 0; y < s.rows + (w.kernel_height - 1) * w.dilation_height; ++y) {
        bool loaded = false;
        for (std::int64_t tap = 0; tap < w.kernel_height; ++tap) {
            const std::int64_t row = y - tap * w.dilation_height;
            if (row < 0 || row >= s.rows) continue;
            for (int v = 0; v < s.vectors && !loaded; ++v) {
                c.vmovups(pixels(v), c.at(plane, (y * s.row + x * w.dilation_width + first_pixel(v)) * 4));
            }
            loaded = true;
            for (int o = 0; o < s.oc; ++o, ++used) {
                c.vbroadcastss(
                    weight(used),
                    c.dword[weights + static_cast<std::size_t>(((x * w.kernel_height + tap) * s.oc + o) * 4)]);
                for (int v = 0; v < s.vectors; ++v) {
                    c.vfmadd231ps(sum(static_cast<int>(row), v, o), pixels(v), weight(used));
                }
            }
        }
    }
}

void PlanesWalkEmitter::store() {
    for (int row = 0; row < s.rows; ++row) {
        for (int v = 0; v < s.vectors; ++v) {
            std::vector<Vec> channels;
            for (int o = 0; o < s.oc; ++o) channels.push_back(sum(row, v, o));
            const std::int64_t pixel = row * s.window.out_width() + first_pixel(v);
            store_.store(channels, out + static_cast<std::size_t>(pixel * s.oc * result_size_));
        }
    }
}

void PlanesWalkEmitter::emit() {
    using A = PlanesWalk::Args;
    c.mov(in, c.at(c.rdi, offsetof(A, in)));
    c.mov(all_weights, c.at(c.rdi, offsetof(A, weights)));
    c.mov(out, c.at(c.rdi, offsetof(A, out)));
    c.mov(ahead, c.at(c.rdi, offsetof(A, ahead)));
    c.mov(count, c.at(c.rdi, offsetof(A, count)));
    store_.prepare(c.r8);
    epilogue_.load_pointers();
    Xbyak::Label next, channel;
    c.L(next);
    for (int i = 0; i < s.rows * s.vectors * s.oc; ++i) c.zero(c.vec(i));
    c.mov(plane, in);
    c.mov(weights, all_weights);
    c.mov(left, static_cast<std::uint64_t>(s.ic));
    c.L(channel);
    for (std::int64_t x = 0; x < s.window.kernel_width; ++x) column(x);
    c.advance(plane, s.plane * 4);
    c.advance(weights, s.window.taps() * s.oc * 4);
    c.advance(ahead, s.ahead_lines * 64);
    c.dec(left);
    c.jnz(channel, Xbyak::CodeGenerator::T_NEAR);
    epilogue_.apply(
        s.rows * s.vectors, c.lanes() * s.oc, [this](int i, int o) { return sum(i / s.vectors, i % s.vectors, o); },
        false);
    store();
    c.advance(in, s.rows * s.row * 4);
    c.advance(ahead, s.rows * s.ahead_row - s.ic * s.ahead_lines * 64);
    c.advance(out, s.rows * s.window.out_width() * s.oc * result_size_);
    c.dec(count);
    c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

std::size_t add_walk(CodeBlock& block, const PlanesWalk& s, const Epilogue& epilogue) {
    const Window& w = s.window;
    const std::string key = fmt::format("planes walk {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", w.kernel_height,
                                        w.kernel_width, w.dilation_height, w.dilation_width, w.out_width(), s.ic, s.oc,
                                        s.rows, s.vectors, s.row, s.plane, s.ahead_lines, s.ahead_row, s.bounded,
                                        key_of(epilogue));
    return block.add(key, [=](Emitter& code) { PlanesWalkEmitter(code, s, epilogue).emit(); });
}

}  // namespace octet::cpu::x64
