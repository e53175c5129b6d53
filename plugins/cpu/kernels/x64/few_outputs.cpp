#include "plugins/cpu/kernels/x64/few_outputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "plugins/cpu/kernels/x64/emit_pixels.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr std::int64_t kPixels = 16;           // at a time
constexpr std::int64_t kStripRows = 16;        // of a unit: each reads the rows above again
constexpr std::int64_t kMostRows = 7;          // of a window
constexpr std::int64_t kMostProducts = 65793;  // 255 * 128 * products must fit 31 bits
constexpr std::int64_t kMostCode = 512;        // dot products in a row

struct Call {
    std::array<const std::uint8_t*, kMostRows> rows = {};  // of the input, each at the first pixel's first tap
    const std::int8_t* weights = nullptr;
    void* out = nullptr;
    std::int64_t count = 0;  // of 16 pixels
    EpilogueArgs epilogue;
};

class FewOutputsEmitter {
public:
    FewOutputsEmitter(Emitter& code, const FewOutputsDesc& desc, bool bounded)
        : c(code),
          d(desc),
          parts_(static_cast<int>(desc.ic / 4)),
          outputs_(static_cast<int>(desc.oc)),
          epilogue_(code, desc.epilogue, {}, offsetof(Call, epilogue), kTemp, bounded),
          store_(code, epilogue_, desc.epilogue.result, outputs_) {}

    void emit();

private:
    static constexpr int kTemp = 24;
    // 16 pixels take `parts_` registers; their sums are `parts_` dwords a pixel.
    Zmm sum(int output, int part) const { return Zmm(output * parts_ + part); }

    void start();
    void multiply();
    std::array<std::uint32_t, 16> add_parts(int output);

    Emitter& c;
    const FewOutputsDesc& d;
    const int parts_, outputs_;
    EpilogueEmitter epilogue_;
    PixelStore store_;
    const Xbyak::Reg64 offset = Xbyak::util::rax, weights = Xbyak::util::rcx, out = Xbyak::util::rdx;
    const Xbyak::Reg64 count = Xbyak::util::rsi, row = Xbyak::util::r8;
};

void FewOutputsEmitter::start() {
    const std::int64_t starts = d.window.taps() * outputs_ * 64;
    for (int o = 0; o < outputs_; ++o) {
        for (int p = 0; p < parts_; ++p) {
            c.vmovdqu32(sum(o, p), c.at(weights, starts + o * 64));
        }
    }
}

void FewOutputsEmitter::multiply() {
    std::int64_t tap = 0;
    for (std::int64_t y = 0; y < d.window.kernel_height; ++y) {
        c.mov(row, c.at(c.rdi, static_cast<std::int64_t>(offsetof(Call, rows)) + y * 8));
        for (std::int64_t x = 0; x < d.window.kernel_width; ++x, ++tap) {
            for (int o = 0; o < outputs_; ++o) {
                c.vmovdqu8(Zmm(20 + o), c.at(weights, (tap * outputs_ + o) * 64));
            }
            for (int p = 0; p < parts_; ++p) {
                const Zmm pixels(16 + p % 4);
                c.vmovdqu8(pixels, c.ptr[row + offset + static_cast<std::size_t>(x * d.ic + p * 64)]);
                for (int o = 0; o < outputs_; ++o) {
                    c.vpdpbusd(sum(o, p), pixels, Zmm(20 + o));
                }
            }
        }
    }
}

// Adds neighbouring dwords until one is left for each pixel, in sum(output, 0); returns which pixel each lane holds.
std::array<std::uint32_t, 16> FewOutputsEmitter::add_parts(int output) {
    using Lanes = std::array<std::uint32_t, 16>;
    std::vector<Lanes> pixels(static_cast<std::size_t>(parts_));
    for (std::uint32_t i = 0; i < 16 * pixels.size(); ++i) {
        pixels[i / 16][i % 16] = i / static_cast<std::uint32_t>(parts_);
    }
    for (int left = parts_; left > 1; left /= 2) {
        for (int p = 0; p < left / 2; ++p) {
            const Zmm a = sum(output, 2 * p), b = sum(output, 2 * p + 1), odd(16);
            c.vshufps(odd, a, b, 0xDD);
            c.vshufps(sum(output, p), a, b, 0x88);
            c.vpaddd(sum(output, p), sum(output, p), odd);
            Lanes joined{};
            for (std::size_t lane = 0; lane < 16; lane += 4) {
                for (std::size_t i = 0; i < 4; ++i) {
                    joined[lane + i] = pixels[static_cast<std::size_t>(2 * p) + i / 2][lane + i % 2 * 2];
                }
            }
            pixels[static_cast<std::size_t>(p)] = joined;
        }
    }
    return pixels[0];
}

void FewOutputsEmitter::emit() {
    c.mov(weights, c.at(c.rdi, offsetof(Call, weights)));
    c.mov(out, c.at(c.rdi, offsetof(Call, out)));
    c.mov(count, c.at(c.rdi, offsetof(Call, count)));
    c.xor_(offset, offset);
    store_.prepare(c.r8);
    epilogue_.load_pointers();
    Xbyak::Label next;
    c.L(next);
    start();
    multiply();
    for (int o = 0; o < outputs_; ++o) {
        const auto pixels = add_parts(o);
        std::array<std::uint32_t, 16> lane_of{};
        for (std::uint32_t lane = 0; lane < 16; ++lane) {
            lane_of[pixels[lane]] = lane;
        }
        if (parts_ > 1) {
            c.vmovdqu32(Zmm(16), c.table(lane_of));
            c.vpermd(sum(o, 0), Zmm(16), sum(o, 0));
        }
    }
    const auto accumulator = [this](int, int o) { return sum(o, 0); };
    epilogue_.apply(1, 16 * outputs_, accumulator, true);
    std::vector<Vec> channels;
    for (int o = 0; o < outputs_; ++o) {
        channels.push_back(sum(o, 0));
    }
    store_.store(channels, out + std::size_t{0});
    c.advance(offset, kPixels * d.ic);
    c.advance(out, store_.bytes());
    c.dec(count);
    c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

Acceptance FewOutputs::accepts(const FewOutputsDesc& desc, const Machine& machine) {
    const Window& w = desc.window;
    if (machine.isa < Isa::avx512_vnni) {
        return declined("needs AVX-512 VNNI");
    }
    if (!w.valid() || w.pad_bottom < 0 || w.pad_right < 0) {
        return declined("an empty convolution, or one that skips input");
    }
    if (w.stride_height != 1 || w.stride_width != 1 || w.dilation_height != 1 || w.dilation_width != 1) {
        return declined("it has strides or dilations");
    }
    if (desc.oc < 1 || desc.oc > 4) {
        return declined("it has more than four output channels");
    }
    if (desc.ic != 4 && desc.ic != 8 && desc.ic != 16) {
        return declined("its pixels are not 4, 8 or 16 bytes");
    }
    if (w.out_width() < kPixels) {
        return declined("rows of fewer than 16 pixels");
    }
    if (w.kernel_height > kMostRows || w.taps() * (desc.ic / 4) * desc.oc > kMostCode) {
        return declined("its window is too large");
    }
    if (w.taps() * desc.ic > kMostProducts) {
        return declined("sums of so many products may leave 32 bits");
    }
    if (std::ranges::any_of(desc.epilogue.ops,
                            [](const EpilogueOp& op) { return op.kind == EpilogueOp::Kind::combine; })) {
        return declined("its result is combined with an operand");
    }
    return x64::accepts(desc.epilogue, desc.oc);
}

FewOutputs::FewOutputs(const FewOutputsDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code)
    : desc_(desc),
      code_(&code),
      strips_((desc.window.out_height() + kStripRows - 1) / kStripRows),
      epilogue_(desc.epilogue, desc.oc, std::array<std::int64_t, kMaxOperands>{}, channel_of_lane(desc.oc, 16)),
      weights_(static_cast<std::size_t>((desc.window.taps() + 1) * desc.oc * 64)) {
    const bool bounded = !may_exceed_i32(desc_.epilogue,
                                         255.0 * 128 * static_cast<double>(desc.window.taps() * desc.ic));
    const Window& w = desc_.window;
    const std::string key = fmt::format("few outputs {} {} {} {} {} {}", w.kernel_height, w.kernel_width, desc_.ic,
                                        desc_.oc, bounded, key_of(desc_.epilogue));
    kernel_ = code.add(key, [=](Emitter& emitter) { FewOutputsEmitter(emitter, desc, bounded).emit(); });
    if (!weights_.filled()) pack(weights);
}

void FewOutputs::pack(std::span<const std::int8_t> weights) {
    const std::int64_t taps = desc_.window.taps(), ic = desc_.ic, oc = desc_.oc;
    for (std::int64_t o = 0; o < oc; ++o) {
        std::int32_t total = 0;
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            for (std::int64_t i = 0; i < 64; ++i) {
                const std::int8_t weight = weights[static_cast<std::size_t>((o * ic + i % ic) * taps + tap)];
                weights_[static_cast<std::size_t>((tap * oc + o) * 64 + i)] = weight;
                total += i < ic ? weight : 0;
            }
        }
        // The first dword of each pixel.
        for (std::int64_t i = 0; i < 64; i += 4) {
            const std::int32_t start = i % ic == 0 ? -total * desc_.zero_point : 0;
            std::memcpy(weights_.data() + (taps * oc + o) * 64 + i, &start, 4);
        }
    }
}

std::int64_t FewOutputs::row_bytes() const {
    const Window& w = desc_.window;
    return (w.width + w.pad_left + w.pad_right) * desc_.ic;
}

std::size_t FewOutputs::scratch_size() const {
    return static_cast<std::size_t>(desc_.window.kernel_height * row_bytes());
}

// Row y of an image, which may lie in the padding.
void FewOutputs::fill(std::uint8_t* row, const std::uint8_t* image, std::int64_t y) const {
    const Window& w = desc_.window;
    if (y < 0 || y >= w.height) {
        std::memset(row, desc_.zero_point, static_cast<std::size_t>(row_bytes()));
        return;
    }
    const auto left = static_cast<std::size_t>(w.pad_left * desc_.ic);
    const auto inside = static_cast<std::size_t>(w.width * desc_.ic);
    std::memset(row, desc_.zero_point, left);
    std::memcpy(row + left, image + y * w.width * desc_.ic, inside);
    std::memset(row + left + inside, desc_.zero_point, static_cast<std::size_t>(w.pad_right * desc_.ic));
}

void FewOutputs::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const Window& w = desc_.window;
    const std::int64_t pixel = desc_.oc * static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    auto* rows = reinterpret_cast<std::uint8_t*>(args.scratch);
    for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t batch = unit / strips_, first = unit % strips_ * kStripRows;
        const std::uint8_t* image = args.in + batch * w.height * w.width * desc_.ic;
        const auto slot = [&](std::int64_t y) { return rows + y % w.kernel_height * row_bytes(); };
        for (std::int64_t y = first; y < first + w.kernel_height - 1; ++y) {
            fill(slot(y), image, y - w.pad_top);
        }
        for (std::int64_t y = first; y < std::min(first + kStripRows, w.out_height()); ++y) {
            fill(slot(y + w.kernel_height - 1), image, y + w.kernel_height - 1 - w.pad_top);
            const auto at_pixel = [&](std::int64_t x, std::int64_t count) {
                Call call;
                for (std::int64_t k = 0; k < w.kernel_height; ++k) {
                    call.rows[static_cast<std::size_t>(k)] = slot(y + k) + x * desc_.ic;
                }
                call.weights = weights_.data();
                call.out = static_cast<std::byte*>(args.out) +
                           ((batch * w.out_height() + y) * w.out_width() + x) * pixel;
                call.count = count;
                call.epilogue = epilogue_.at({}, 0, 0, 0);
                code_->call(kernel_, call);
            };
            at_pixel(0, w.out_width() / kPixels);
            // The last pixels of a row once more with those before them.
            if (w.out_width() % kPixels != 0) {
                at_pixel(w.out_width() - kPixels, 1);
            }
        }
    }
}

}  // namespace octet::cpu::x64
