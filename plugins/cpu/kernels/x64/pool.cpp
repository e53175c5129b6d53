#include "plugins/cpu/kernels/x64/pool.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <limits>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"
#include "plugins/cpu/kernels/x64/word_sums.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Reg64;
using Xbyak::Xmm;

struct CallArgs {
    const void* in = nullptr;  // first value of the first window
    void* out = nullptr;
    std::int64_t rows = 0;  // of the part of the window inside the image
    std::int64_t columns = 0;
    std::int64_t count = 0;    // output pixels, with windows of one size
    std::int32_t initial = 0;  // an average's sum over padding
    float divisor = 1;
    EpilogueArgs epilogue;
};

// Windows up to this many taps are unrolled where they lie inside the image.
constexpr std::int64_t kMaxUnrolled = 25;

class PoolEmitter {
public:
    PoolEmitter(Emitter& code, const PoolDesc& desc, std::span<const std::int64_t> strides, int channels, bool unrolled)
        : c(code),
          d(desc),
          channels_(channels),
          lanes_(code.lanes()),
          vectors_((channels + lanes_ - 1) / lanes_),
          unrolled_(unrolled),
          size_(static_cast<std::int64_t>(size_of(desc.type))),
          epilogue_(code, desc.epilogue, strides, offsetof(CallArgs, epilogue), code.wide() ? 24 : 8, false) {}

    void emit();

private:
    bool packed() const { return d.kind == PoolDesc::Kind::maximum && is_code(d.type); }
    // Codes of a maximum that are the result as they are.
    bool unchanged() const {
        const bool whole = d.type == DataType::u8 ? d.epilogue.low <= 0 && d.epilogue.high >= 255
                                                  : d.epilogue.low <= -128 && d.epilogue.high >= 127;
        return packed() && d.epilogue.ops.empty() && d.epilogue.result == d.type && whole;
    }
    bool partial(int v) const { return v == vectors_ - 1 && channels_ % lanes_ != 0; }
    bool whole_register() const { return channels_ == c.isa().bytes(); }
    // Codes of many pixels, such as those of a whole map.
    bool in_words() const {
        return d.kind == PoolDesc::Kind::average && d.type == DataType::u8 && d.window.taps() > kMaxUnrolled &&
               WordSums::accepts(c.isa(), channels_);
    }

    void start();
    void tap(const Reg64& base, std::int64_t offset);
    void tap_of_codes(const Reg64& base, std::int64_t offset);
    void tap_of_few(const Reg64& base, std::int64_t offset, int v);
    void windows();
    void spread_codes();
    void finish();

    Emitter& c;
    const PoolDesc& d;
    const int channels_;
    const int lanes_;
    const int vectors_;
    const bool unrolled_;
    const std::int64_t size_;
    EpilogueEmitter epilogue_;
    const Reg64 in = Xbyak::util::rax, out = Xbyak::util::rdx, count = Xbyak::util::rsi, row = Xbyak::util::rcx,
                at = Xbyak::util::r8, rows_left = Xbyak::util::r9, columns_left = Xbyak::util::r10;
};

void PoolEmitter::start() {
    if (packed()) {
        c.vpbroadcastd(c.vec(0), c.one_lane(d.type == DataType::u8 ? 0U : 0x80808080U));
        return;
    }
    for (int v = 0; v < (in_words() ? WordSums::kVectors : vectors_); ++v) {
        if (d.kind == PoolDesc::Kind::maximum) {
            c.vpbroadcastd(c.vec(v), c.one_lane(0xFF800000U));
        } else {
            c.vpbroadcastd(c.vec(v), c.dword[c.rdi + offsetof(CallArgs, initial)]);
            if (!is_code(d.type)) {
                c.vcvtdq2ps(c.vec(v), c.vec(v));
            }
        }
    }
}

void PoolEmitter::tap_of_codes(const Reg64& base, std::int64_t offset) {
    const auto maximum = [this](const Vec& to, const Xbyak::Operand& value) {
        if (d.type == DataType::u8) {
            c.vpmaxub(to, c.vec(0), value);
        } else {
            c.vpmaxsb(to, c.vec(0), value);
        }
    };
    if (whole_register()) {
        maximum(c.vec(0), c.at(base, offset));
    } else if (c.wide()) {
        maximum(c.vec(0) | c.k2, c.at(base, offset));
    } else {
        c.load_bytes(c.vec(8), base + static_cast<std::size_t>(offset), channels_);
        maximum(c.vec(0), c.vec(8));
    }
}

// Fewer values than a register holds, without masks.
void PoolEmitter::tap_of_few(const Reg64& base, std::int64_t offset, int v) {
    const Vec value = c.vec(8 + v), sum = c.vec(v);
    const int few = channels_ % lanes_;
    if (d.type == DataType::f32) {
        c.vmovups(value, c.lane_mask(few));
        c.vmaskmovps(value, value, c.at(base, offset));
        if (d.kind == PoolDesc::Kind::maximum) {
            c.vmaxps(sum, sum, value);
        } else {
            c.vaddps(sum, sum, value);
        }
        return;
    }
    c.load_bytes(value, base + static_cast<std::size_t>(offset), few);
    if (d.type == DataType::u8) {
        c.vpmovzxbd(value, Xmm(value.getIdx()));
    } else {
        c.vpmovsxbd(value, Xmm(value.getIdx()));
    }
    c.vpaddd(sum, sum, value);
}

void PoolEmitter::tap(const Reg64& base, std::int64_t offset) {
    if (packed()) {
        return tap_of_codes(base, offset);
    }
    for (int v = 0; v < vectors_; ++v) {
        const std::int64_t place = offset + v * lanes_ * size_;
        if (partial(v) && !c.wide()) {
            tap_of_few(base, place, v);
            continue;
        }
        const Xbyak::Address from = c.at(base, place);
        const Vec sum = partial(v) ? c.vec(v) | c.k1 : c.vec(v);
        if (!is_code(d.type)) {
            const bool bfloat = d.type == DataType::bf16;
            const Vec loaded = c.vec(8 + v);
            if (bfloat) {
                epilogue_.load_as_float(loaded, d.type, base + static_cast<std::size_t>(place),
                                        partial(v) ? channels_ % lanes_ : lanes_);
            }
            const Xbyak::Operand& value = bfloat ? static_cast<const Xbyak::Operand&>(loaded) : from;
            if (d.kind == PoolDesc::Kind::maximum) {
                c.vmaxps(sum, c.vec(v), value);
            } else {
                c.vaddps(sum, c.vec(v), value);
            }
            continue;
        }
        const Vec value = partial(v) ? c.vec(8 + v) | c.k1 | Xbyak::util::T_z : c.vec(8 + v);
        if (d.type == DataType::u8) {
            c.vpmovzxbd(value, from);
        } else {
            c.vpmovsxbd(value, from);
        }
        c.vpaddd(c.vec(v), c.vec(v), c.vec(8 + v));
    }
}

void PoolEmitter::windows() {
    const std::int64_t pixel = d.window.dilation_width * d.in_stride * size_;
    const std::int64_t line = d.window.dilation_height * d.window.width * d.in_stride * size_;
    c.mov(row, in);
    if (unrolled_) {
        for (std::int64_t i = 0; i < d.window.kernel_height; ++i) {
            for (std::int64_t j = 0; j < d.window.kernel_width; ++j) {
                tap(row, j * pixel);
            }
            c.advance(row, line);
        }
        return;
    }
    Xbyak::Label lines;
    Xbyak::Label pixels;
    Xbyak::Label done;
    c.mov(rows_left, c.at(c.rdi, offsetof(CallArgs, rows)));
    c.test(rows_left, rows_left);
    c.jz(done, Xbyak::CodeGenerator::T_NEAR);
    c.L(lines);
    c.mov(at, row);
    c.mov(columns_left, c.at(c.rdi, offsetof(CallArgs, columns)));
    if (in_words()) {
        WordSums(c, channels_).add(at, columns_left, c.r11, pixel);
    } else {
        c.L(pixels);
        tap(at, 0);
        c.advance(at, pixel);
        c.dec(columns_left);
        c.jnz(pixels, Xbyak::CodeGenerator::T_NEAR);
    }
    c.advance(row, line);
    c.dec(rows_left);
    c.jnz(lines, Xbyak::CodeGenerator::T_NEAR);
    c.L(done);
}

// Codes of one register into integers, one register for each `lanes_` of them.
void PoolEmitter::spread_codes() {
    const auto widen = [this](const Vec& to, const Xmm& from) {
        if (d.type == DataType::u8) {
            c.vpmovzxbd(to, from);
        } else {
            c.vpmovsxbd(to, from);
        }
    };
    const Xmm part(8);
    for (int v = vectors_ - 1; v >= 0; --v) {
        if (c.wide()) {
            c.vextracti32x4(part, c.vec(0), static_cast<std::uint8_t>(v));
        } else {
            c.vextracti128(part, c.vec(0), static_cast<std::uint8_t>(v / 2));
            if (v % 2 != 0) c.vpsrldq(part, part, 8);
        }
        widen(c.vec(v), part);
    }
}

void PoolEmitter::finish() {
    if (unchanged()) {
        if (!c.wide()) {
            c.store_bytes(out, c.vec(0), channels_);
        } else {
            const Xbyak::Address to = c.ptr[out];
            c.vmovdqu8(whole_register() ? to : to | c.k2, c.vec(0));
        }
        return;
    }
    if (packed()) {
        spread_codes();
    }
    if (in_words()) {
        WordSums(c, channels_).order();
    }
    if (d.kind == PoolDesc::Kind::average) {
        if (!c.wide()) {
            c.vbroadcastss(c.vec(8), c.dword[c.rdi + offsetof(CallArgs, divisor)]);
        }
        for (int v = 0; v < vectors_; ++v) {
            if (is_code(d.type)) {
                c.vcvtdq2ps(c.vec(v), c.vec(v));
            }
            if (c.wide()) {
                c.vdivps(c.vec(v), c.vec(v), c.ptr_b[c.rdi + offsetof(CallArgs, divisor)]);
            } else {
                c.vdivps(c.vec(v), c.vec(v), c.vec(8));
            }
        }
    }
    const auto accumulator = [this](int, int v) { return c.vec(v); };
    epilogue_.finish(1, channels_, accumulator, packed(), out, d.out_stride);
}

void PoolEmitter::emit() {
    c.mov(in, c.at(c.rdi, offsetof(CallArgs, in)));
    c.mov(out, c.at(c.rdi, offsetof(CallArgs, out)));
    c.mov(count, c.at(c.rdi, offsetof(CallArgs, count)));
    c.set_mask(c.k1, low_bits((channels_ - 1) % 16 + 1), c.r8);
    c.set_mask(c.k2, low_bits(channels_), c.r8);
    epilogue_.load_pointers();
    Xbyak::Label loop;
    c.L(loop);
    start();
    windows();
    finish();
    epilogue_.advance_rows(1);
    c.advance(in, d.window.stride_width * d.in_stride * size_);
    c.advance(out, d.out_stride * static_cast<std::int64_t>(size_of(d.epilogue.result)));
    c.dec(count);
    c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

// The part [first, last) of a window at output position `at` that lies inside [0, size), in taps.
struct Part {
    std::int64_t first, last;
    std::int64_t count() const { return last - first; }
};

Part inside(std::int64_t at, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t pad,
            std::int64_t size) {
    const std::int64_t start = at * stride - pad;
    const std::int64_t first = start < 0 ? std::min(kernel, (-start + dilation - 1) / dilation) : 0;
    const std::int64_t last = start >= size ? first : std::min(kernel, (size - start + dilation - 1) / dilation);
    return {first, std::max(first, last)};
}

// Taps that lie inside the image or its given pads.
std::int64_t within_pads(std::int64_t at, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                         std::int64_t pad, std::int64_t padded_size) {
    return inside(at, kernel, stride, dilation, pad, padded_size - pad).last;
}

}  // namespace

Acceptance Pool::accepts(const PoolDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (!is_code(desc.type) && desc.type != DataType::f32 && !(desc.type == DataType::bf16 && machine.bf16)) {
        return declined("the input is neither u8, s8 nor f32");
    }
    if (!desc.window.valid() || desc.channels < 1) {
        return declined("an empty pool");
    }
    const std::int64_t pixel = std::max({desc.channels, desc.in_stride, desc.out_stride,
                                         *std::max_element(desc.operand_strides.begin(), desc.operand_strides.end())});
    if (pixel > (std::int64_t{1} << 24) ||
        pixel * desc.window.width * desc.window.dilation_height * 4 > (std::int64_t{1} << 30)) {
        return declined("a row of more than 1 GB");
    }
    if (desc.window.taps() > (1 << 22)) {
        return declined("sums over so large a window may leave 32 bits");
    }
    return x64::accepts(desc.epilogue, desc.channels, machine.bf16);
}

Pool::Pool(const PoolDesc& desc, CodeBlock& code)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.channels, desc.operand_strides) {
    desc_.in_stride = desc.in_stride != 0 ? desc.in_stride : desc.channels;
    desc_.out_stride = desc.out_stride != 0 ? desc.out_stride : desc.channels;
    const Window& w = desc_.window;
    const std::int64_t widest = code.isa().bytes();
    for (std::int64_t channel = 0; channel < desc.channels; channel += widest) {
        const int channels = static_cast<int>(std::min(widest, desc.channels - channel));
        const auto add = [&](bool unrolled) {
            const std::string key = fmt::format("pool {} {} {} {} {} {} {} {} {} {} {} {} [{}] {}",
                                                static_cast<int>(desc.kind), static_cast<int>(desc.type), channels,
                                                unrolled, w.kernel_height, w.kernel_width, w.dilation_height,
                                                w.dilation_width, w.width, w.stride_width, desc_.in_stride,
                                                desc_.out_stride, fmt::join(epilogue_.strides(), ","),
                                                key_of(desc.epilogue));
            return code.add(key, [desc = desc_, strides = epilogue_.strides(), channels, unrolled](Emitter& emitter) {
                PoolEmitter(emitter, desc, strides, channels, unrolled).emit();
            });
        };
        Block block;
        block.channel = channel;
        block.any = add(false);
        block.full = w.taps() <= kMaxUnrolled ? add(true) : block.any;
        blocks_.push_back(block);
    }
}

void Pool::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const std::int64_t count = static_cast<std::int64_t>(blocks_.size());
    for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t row = unit / count;
        run_row(args, blocks_[static_cast<std::size_t>(unit % count)], row / desc_.window.out_height(),
                row % desc_.window.out_height());
    }
}

void Pool::run_row(const Args& args, const Block& block, std::int64_t batch, std::int64_t y) const {
    const Window& w = desc_.window;
    const std::int64_t size = static_cast<std::int64_t>(size_of(desc_.type));
    const Part lines = inside(y, w.kernel_height, w.stride_height, w.dilation_height, w.pad_top, w.height);
    const std::int64_t counted_lines = within_pads(y, w.kernel_height, w.stride_height, w.dilation_height, w.pad_top,
                                                   w.height + w.pad_top + w.pad_bottom);
    for (std::int64_t x = 0; x < w.out_width();) {
        const Part pixels = inside(x, w.kernel_width, w.stride_width, w.dilation_width, w.pad_left, w.width);
        std::int64_t run = 1;
        if (pixels.count() == w.kernel_width) {
            const std::int64_t last = (w.width - 1 - (w.kernel_width - 1) * w.dilation_width + w.pad_left) /
                                      w.stride_width;
            run = std::max<std::int64_t>(1, std::min(w.out_width() - 1, last) - x + 1);
        }
        const std::int64_t counted = counted_lines * within_pads(x, w.kernel_width, w.stride_width, w.dilation_width,
                                                                 w.pad_left, w.width + w.pad_left + w.pad_right);
        const std::int64_t taps = lines.count() * pixels.count();
        const std::int64_t in_y = y * w.stride_height - w.pad_top + lines.first * w.dilation_height;
        const std::int64_t in_x = x * w.stride_width - w.pad_left + pixels.first * w.dilation_width;
        const std::int64_t pixel = (batch * w.out_height() + y) * w.out_width() + x;
        CallArgs call;
        call.in = static_cast<const std::byte*>(args.in) +
                  (((batch * w.height + in_y) * w.width + in_x) * desc_.in_stride + block.channel) * size;
        call.out = static_cast<std::byte*>(args.out) + (pixel * desc_.out_stride + block.channel) *
                                                           static_cast<std::int64_t>(size_of(desc_.epilogue.result));
        call.rows = pixels.count() > 0 ? lines.count() : 0;
        call.columns = pixels.count();
        if (pixels.count() == w.width && w.dilation_height == 1 && call.rows > 1) {  // whole lines are one
            call.rows = 1;
            call.columns = taps;
        }
        call.count = run;
        call.initial = desc_.count_padding ? desc_.padding_value * static_cast<std::int32_t>(counted - taps) : 0;
        const std::int64_t values = std::max<std::int64_t>(1, desc_.count_padding ? counted : taps);
        call.divisor = desc_.divides ? static_cast<float>(values) : 1;
        call.epilogue = epilogue_.at(args.operands, pixel, batch, block.channel);
        code_->call(taps == w.taps() ? block.full : block.any, call);
        x += run;
    }
}

}  // namespace octet::cpu::x64
