#include "plugins/cpu/kernels/x64/recurrent.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr std::int64_t kMostRows = 3;       // sums of two digits times four vectors fill 24 registers
constexpr std::int64_t kMostDepth = 65536;  // 128 * 128 * depth must fit 31 bits
constexpr int kUnroll = 4;
constexpr std::int64_t kPanelsAtOnce = 8;  // that one task packs

struct Call {
    const std::byte* state = nullptr;
    const std::byte* panel = nullptr;
    float* sums = nullptr;
};

class ProductEmitter {
public:
    ProductEmitter(Emitter& code, const RecurrentProductDesc& desc, int rows)
        : c(code), d(desc), rows_(rows), parts_(desc.integer || rows == 1 ? 2 : 1) {}

    void emit() {
        c.mov(state, c.ptr[c.rdi + offsetof(Call, state)]);
        c.mov(panel, c.ptr[c.rdi + offsetof(Call, panel)]);
        c.mov(sums, c.ptr[c.rdi + offsetof(Call, sums)]);
        start();
        const std::int64_t steps = d.integer ? d.digits() / 4 : d.depth;
        if (steps >= kUnroll) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(steps / kUnroll));
            c.L(loop);
            for (int i = 0; i < kUnroll; ++i) {
                step(i);
            }
            c.advance(state, kUnroll * 4);
            c.advance(panel, kUnroll * d.vectors * 64);
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        for (int i = 0; i < static_cast<int>(steps % kUnroll); ++i) {
            step(i);
        }
        finish();
        c.leave();
    }

private:
    // Of integers the parts are the digits, high and low; of floats two sums of every other product, which hide each other's latency.
    Zmm sum(int row, int part, int vector) const { return Zmm((row * parts_ + part) * d.vectors + vector); }

    void start() {
        for (int r = 0; r < rows_; ++r) {
            for (int p = 0; p < parts_; ++p) {
                for (int v = 0; v < d.vectors; ++v) {
                    if (d.integer) {
                        c.vmovdqu32(sum(r, p, v), c.at(panel, v * 64));
                    } else {
                        c.vpxord(sum(r, p, v), sum(r, p, v), sum(r, p, v));
                    }
                }
            }
        }
        if (d.integer) {
            c.advance(panel, d.vectors * 64);
        }
    }

    void step(int i) {
        for (int v = 0; v < d.vectors; ++v) {
            c.vmovups(Zmm(24 + v), c.at(panel, (i * d.vectors + v) * 64));
        }
        for (int r = 0; r < rows_; ++r) {
            const std::int64_t at = r * d.state_stride() + i * 4;
            for (int p = 0; p < (d.integer ? 2 : 1); ++p) {
                const Zmm x(28 + (r * 2 + p) % 4);
                if (d.integer) {
                    c.vpbroadcastd(x, c.at(state, at + p * d.digits()));
                } else {
                    c.vbroadcastss(x, c.at(state, at));
                }
                for (int v = 0; v < d.vectors; ++v) {
                    if (d.integer) {
                        c.vpdpbusd(sum(r, p, v), x, Zmm(24 + v));
                    } else {
                        c.vfmadd231ps(sum(r, i % parts_, v), x, Zmm(24 + v));
                    }
                }
            }
        }
    }

    void finish() {
        for (int r = 0; r < rows_; ++r) {
            for (int v = 0; v < d.vectors; ++v) {
                const Zmm result = sum(r, parts_ - 1, v);
                if (d.integer) {
                    c.vcvtdq2ps(sum(r, 0, v), sum(r, 0, v));
                    c.vcvtdq2ps(result, result);
                    c.vfmadd231ps(result, sum(r, 0, v), c.all_lanes(256.0F));
                } else if (parts_ == 2) {
                    c.vaddps(result, result, sum(r, 0, v));
                }
                c.vmovups(c.at(sums, (r * d.vectors + v) * 64), result);
            }
        }
    }

    Emitter& c;
    const RecurrentProductDesc& d;
    const int rows_;
    const int parts_;
    const Xbyak::Reg64 state = Xbyak::util::rax, panel = Xbyak::util::rcx, sums = Xbyak::util::rdx;
    const Xbyak::Reg64 count = Xbyak::util::r8;
};

}  // namespace

Acceptance RecurrentProduct::accepts(const RecurrentProductDesc& desc, const Machine& machine) {
    if (desc.integer && machine.isa < Isa::avx512_vnni) {
        return declined("needs AVX-512 VNNI");
    }
    if (!machine.avx512()) {
        return declined("needs AVX-512");
    }
    if (desc.rows < 1 || desc.depth < 1 || desc.panels < 1 || desc.vectors < 1 || desc.vectors > 4) {
        return declined("an empty product, or panels wider than 64 columns");
    }
    if (desc.depth > kMostDepth) {
        return declined("sums of so many products may leave 32 bits");
    }
    return accepted();
}

RecurrentProduct::RecurrentProduct(const RecurrentProductDesc& desc, CodeBlock& code, const Column& weights)
    : desc_(desc), code_(&code), packed_(static_cast<std::size_t>(desc.panel_bytes() * desc.panels)) {
    const auto add = [&](std::int64_t rows) {
        const std::string key = fmt::format("recurrent {} {} {} {}", rows, desc.depth, desc.vectors, desc.integer);
        return code.add(key, [&](Emitter& emitter) { ProductEmitter(emitter, desc, static_cast<int>(rows)).emit(); });
    };
    full_ = add(std::min(desc.rows, kMostRows));
    if (desc.rows > kMostRows && desc.rows % kMostRows != 0) {
        rest_ = add(desc.rows % kMostRows);
    }
    for (std::int64_t first = 0; first < desc.panels && !packed_.filled(); first += kPanelsAtOnce) {
        code.later([this, first, weights] {
            for (std::int64_t panel = first; panel < std::min(first + kPanelsAtOnce, desc_.panels); ++panel) {
                pack(panel, weights);
            }
        });
    }
}

void RecurrentProduct::pack(std::int64_t panel, const Column& weights) {
    const std::int64_t columns = desc_.columns();
    std::byte* to = packed_.data() + panel * desc_.panel_bytes();
    for (std::int64_t c = 0; c < columns; ++c) {
        const std::byte* column = weights(panel, c);
        if (column == nullptr) {
            continue;
        }
        if (!desc_.integer) {
            const auto* from = reinterpret_cast<const float*>(column);
            for (std::int64_t k = 0; k < desc_.depth; ++k) {
                reinterpret_cast<float*>(to)[k * columns + c] = from[k];
            }
            continue;
        }
        const auto* from = reinterpret_cast<const std::int8_t*>(column);
        auto* values = reinterpret_cast<std::int8_t*>(to) + columns * 4;
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < desc_.depth; k += 4) {
            const std::int64_t count = std::min<std::int64_t>(desc_.depth - k, 4);
            for (std::int64_t i = 0; i < count; ++i) {
                values[(k / 4 * columns + c) * 4 + i] = from[k + i];
                sum += from[k + i];
            }
        }
        reinterpret_cast<std::int32_t*>(to)[c] = -128 * sum;
    }
}

void RecurrentProduct::run(const std::byte* state, std::int64_t panel, float* sums) const {
    Call call;
    call.panel = packed_.data() + panel * desc_.panel_bytes();
    for (std::int64_t row = 0; row < desc_.rows; row += kMostRows) {
        call.state = state + row * desc_.state_stride();
        call.sums = sums + row * desc_.columns();
        const bool whole = row == 0 || desc_.rows - row >= kMostRows;
        code_->call(whole ? full_ : rest_, call);
    }
}

}  // namespace octet::cpu::x64
