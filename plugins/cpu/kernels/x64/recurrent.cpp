#include "plugins/cpu/kernels/x64/recurrent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"

namespace octet::cpu::x64 {
namespace {

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
        c.mov(sums, c.ptr[c.rdi + offsetof(Call, sums)]);
        const int all = d.vectors * 16 / c.lanes();
        // AVX2: a part of the columns at a time, whose sums fit 12 registers.
        const int most = c.wide() ? all : rows_ == 1 ? 4 : 2;
        for (first_ = 0; first_ < all; first_ += most) {
            vectors_ = std::min(most, all - first_);
            columns();
        }
        c.leave();
    }

private:
    // Of integers the parts are the digits, high and low; of floats two sums of every other product, which hide each other's latency.
    Vec sum(int row, int part, int vector) const { return c.vec((row * parts_ + part) * vectors_ + vector); }
    Vec temp(int i) const { return c.vec((c.wide() ? 24 : 12) + i); }
    std::int64_t offset(int vector) const { return (first_ + vector) * c.isa().bytes(); }

    void columns() {
        c.mov(state, c.ptr[c.rdi + offsetof(Call, state)]);
        c.mov(panel, c.ptr[c.rdi + offsetof(Call, panel)]);
        start();
        const std::int64_t steps = d.steps();
        if (steps >= kUnroll) {
            Xbyak::Label loop;
            c.mov(count, static_cast<std::uint64_t>(steps / kUnroll));
            c.L(loop);
            for (int i = 0; i < kUnroll; ++i) {
                step(i);
            }
            c.advance(state, kUnroll * 4);
            c.advance(panel, kUnroll * d.step_bytes(c.isa()));
            c.dec(count);
            c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        }
        for (int i = 0; i < static_cast<int>(steps % kUnroll); ++i) {
            step(i);
        }
        finish();
    }

    void start() {
        for (int r = 0; r < rows_; ++r) {
            for (int p = 0; p < parts_; ++p) {
                for (int v = 0; v < vectors_; ++v) {
                    if (d.integer) {
                        c.move(sum(r, p, v), c.at(panel, offset(v)));
                    } else {
                        c.zero(sum(r, p, v));
                    }
                }
            }
        }
        c.advance(panel, d.start_bytes());
    }

    // Factors in memory where there are no registers for them.
    bool held() const { return c.wide() || vectors_ <= 2; }

    void multiply(const Vec& to, const Vec& x, const Xbyak::Operand& weight) {
        if (d.integer) {
            const bool vex = c.isa().dot == VectorIsa::Dot::vex;
            c.vpdpbusd(to, x, weight, vex ? Xbyak::VexEncoding : Xbyak::EvexEncoding);
        } else {
            c.vfmadd231ps(to, x, weight);
        }
    }

    // Codes and weights of 16 bits, 0 and 2 of each four, then 1 and 3.
    void step_of_pairs(int i) {
        const Vec even = temp(0), odd = temp(1), product = temp(2);
        for (int r = 0; r < rows_; ++r) {
            for (int p = 0; p < 2; ++p) {
                c.vpbroadcastd(odd, c.at(state, r * d.state_stride() + i * 4 + p * d.digits()));
                c.wide() ? c.vpandd(even, odd, c.all_lanes(0x00FF00FFU)) : c.vpand(even, odd, c.all_lanes(0x00FF00FFU));
                c.vpsrlw(odd, odd, 8);
                for (int v = 0; v < vectors_; ++v) {
                    const std::int64_t at = i * d.step_bytes(c.isa()) + offset(v);
                    c.vpmaddwd(product, even, c.at(panel, at));
                    c.vpaddd(sum(r, p, v), sum(r, p, v), product);
                    c.vpmaddwd(product, odd, c.at(panel, at + d.vectors * 64));
                    c.vpaddd(sum(r, p, v), sum(r, p, v), product);
                }
            }
        }
    }

    void step(int i) {
        if (d.integer && c.isa().pairs()) {
            return step_of_pairs(i);
        }
        const auto weight = [&](int v) { return c.at(panel, i * d.step_bytes(c.isa()) + offset(v)); };
        for (int v = 0; v < vectors_ && held(); ++v) {
            if (d.narrow) {
                c.vpmovzxwd(temp(v), c.at(panel, i * d.step_bytes(c.isa()) + offset(v) / 2));
                c.vpslld(temp(v), temp(v), 16);
            } else {
                c.vmovups(temp(v), weight(v));
            }
        }
        for (int r = 0; r < rows_; ++r) {
            const std::int64_t at = r * d.state_stride() + i * 4;
            for (int p = 0; p < (d.integer ? 2 : 1); ++p) {
                const Vec x = c.wide() ? temp(4 + (r * 2 + p) % 4) : temp(2 + (r * 2 + p) % 2);
                if (d.integer) {
                    c.vpbroadcastd(x, c.at(state, at + p * d.digits()));
                } else {
                    c.vbroadcastss(x, c.at(state, at));
                }
                for (int v = 0; v < vectors_; ++v) {
                    const Vec to = sum(r, d.integer ? p : i % parts_, v);
                    if (held()) {
                        multiply(to, x, temp(v));
                    } else {
                        multiply(to, x, weight(v));
                    }
                }
            }
        }
    }

    void finish() {
        for (int r = 0; r < rows_; ++r) {
            for (int v = 0; v < vectors_; ++v) {
                const Vec result = sum(r, parts_ - 1, v);
                if (d.integer) {
                    c.vcvtdq2ps(sum(r, 0, v), sum(r, 0, v));
                    c.vcvtdq2ps(result, result);
                    c.vfmadd231ps(result, sum(r, 0, v), c.all_lanes(256.0F));
                } else if (parts_ == 2) {
                    c.vaddps(result, result, sum(r, 0, v));
                }
                c.vmovups(c.at(sums, r * d.vectors * 64 + offset(v)), result);
            }
        }
    }

    Emitter& c;
    const RecurrentProductDesc& d;
    const int rows_;
    const int parts_;
    int first_ = 0;  // of the vectors in hand
    int vectors_ = 0;
    const Xbyak::Reg64 state = Xbyak::util::rax, panel = Xbyak::util::rcx, sums = Xbyak::util::rdx;
    const Xbyak::Reg64 count = Xbyak::util::r8;
};

}  // namespace

Acceptance RecurrentProduct::accepts(const RecurrentProductDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (desc.rows < 1 || desc.depth < 1 || desc.panels < 1 || desc.vectors < 1 || desc.vectors > 4) {
        return declined("an empty product, or panels wider than 64 columns");
    }
    if (desc.narrow && (desc.integer || !machine.avx512())) {
        return declined("bf16 weights are of float products with AVX-512");
    }
    if (desc.depth > kMostDepth) {
        return declined("sums of so many products may leave 32 bits");
    }
    return accepted();
}

RecurrentProduct::RecurrentProduct(const RecurrentProductDesc& desc, CodeBlock& code, const Column& weights)
    : desc_(desc), code_(&code), packed_(static_cast<std::size_t>(desc.panel_bytes(code.isa()) * desc.panels)) {
    const auto add = [&](std::int64_t rows) {
        const std::string key = fmt::format("recurrent {} {} {} {} {}", rows, desc.depth, desc.vectors, desc.integer,
                                            desc.narrow);
        return code.add(key, [=](Emitter& emitter) { ProductEmitter(emitter, desc, static_cast<int>(rows)).emit(); });
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
    const bool pairs = desc_.integer && code_->isa().pairs();
    std::byte* to = packed_.data() + panel * desc_.panel_bytes(code_->isa());
    auto* const all = reinterpret_cast<std::int8_t*>(to + desc_.start_bytes());
    auto* const values = all + (pairs ? desc_.steps() * columns * 4 : 0);
    std::vector<std::uint16_t> narrowed(desc_.narrow ? static_cast<std::size_t>(desc_.depth) : 0);
    for (std::int64_t c = 0; c < columns; ++c) {
        const std::byte* column = weights(panel, c);
        if (column == nullptr) {
            continue;
        }
        if (desc_.narrow) {
            portable::to_bfloat(reinterpret_cast<const float*>(column), narrowed.size(), narrowed.data());
            for (std::int64_t k = 0; k < desc_.depth; ++k) {
                reinterpret_cast<std::uint16_t*>(to)[k * columns + c] = narrowed[static_cast<std::size_t>(k)];
            }
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
    if (pairs) widen_weights(all, desc_.steps(), columns);
}

void RecurrentProduct::run(const std::byte* state, std::int64_t panel, float* sums) const {
    Call call;
    call.panel = packed_.data() + panel * desc_.panel_bytes(code_->isa());
    for (std::int64_t row = 0; row < desc_.rows; row += kMostRows) {
        call.state = state + row * desc_.state_stride();
        call.sums = sums + row * desc_.columns();
        const bool whole = row == 0 || desc_.rows - row >= kMostRows;
        code_->call(whole ? full_ : rest_, call);
    }
}

}  // namespace octet::cpu::x64
