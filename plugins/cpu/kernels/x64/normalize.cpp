#include "plugins/cpu/kernels/x64/normalize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"
#include "plugins/cpu/kernels/x64/lanes.hpp"

namespace octet::cpu::x64 {
namespace {

using Xbyak::Zmm;

constexpr std::int64_t kBlock = 64;  // columns at a time

struct Call {
    const float* in = nullptr;
    std::int64_t rows = 0;
    std::array<void*, Normalize::kMostResults> out = {};
    std::array<EpilogueArgs, Normalize::kMostResults> epilogues = {};
};

// Sums are those of the distances from a first mean, so that a mean which is large beside them costs no digits.
class NormalizeEmitter {
public:
    NormalizeEmitter(Emitter& code, const NormalizeDesc& desc) : c(code), d(desc) {
        for (std::size_t i = 0; i < d.results.size(); ++i) {
            const auto args = static_cast<int>(offsetof(Call, epilogues) + i * sizeof(EpilogueArgs));
            epilogues_.emplace_back(c, d.results[i], std::span<const std::int64_t>(), args, 24, false);
        }
    }

    void emit();

private:
    int tail() const { return static_cast<int>(d.columns % kBlock); }
    Zmm value(int vector) const { return Zmm(vector); }
    Zmm sum(int vector) const { return Zmm(4 + vector); }
    Zmm square(int vector) const { return Zmm(8 + vector); }

    // body(columns, pointer to them) for all blocks of a row; `next` follows each whole block.
    template <class Body, class Next>
    void each_block(const Body& body, const Next& next);
    void load(int columns);
    void mean_of_row();
    void distances();
    void factor_of_row();
    void store_row(std::size_t result);

    Emitter& c;
    const NormalizeDesc& d;
    std::vector<EpilogueEmitter> epilogues_;
    const Xbyak::Reg64 row = Xbyak::util::rax, at = Xbyak::util::rcx, out = Xbyak::util::rdx, rows = Xbyak::util::rsi;
    const Xbyak::Reg64 count = Xbyak::util::r8;
    const std::array<Xbyak::Reg64, Normalize::kMostResults> results = {Xbyak::util::r9, Xbyak::util::r10};
    const Zmm mean{16}, factor{17}, shift{18}, t0{19}, t1{20};
};

template <class Body, class Next>
void NormalizeEmitter::each_block(const Body& body, const Next& next) {
    c.mov(at, row);
    if (d.columns >= kBlock) {
        Xbyak::Label loop;
        c.mov(count, static_cast<std::uint64_t>(d.columns / kBlock));
        c.L(loop);
        body(static_cast<int>(kBlock));
        next();
        c.advance(at, kBlock * 4);
        c.dec(count);
        c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
    }
    if (tail() != 0) {
        body(tail());
    }
}

// Lanes beyond the row are 0.
void NormalizeEmitter::load(int columns) {
    for (int v = 0; v < (columns + 15) / 16; ++v) {
        const bool partial = columns - v * 16 < 16;
        c.vmovups(partial ? value(v) | c.k1 | Xbyak::util::T_z : value(v), c.at(at, v * 64));
    }
}

void NormalizeEmitter::mean_of_row() {
    for (int v = 0; v < 4; ++v) {
        c.vxorps(sum(v), sum(v), sum(v));
    }
    each_block(
        [this](int columns) {
            load(columns);
            for (int v = 0; v < (columns + 15) / 16; ++v) {
                c.vaddps(sum(v), sum(v), value(v));
            }
        },
        [] {});
    c.vaddps(sum(0), sum(0), sum(1));
    c.vaddps(sum(2), sum(2), sum(3));
    c.vaddps(mean, sum(0), sum(2));
    over_lanes(c, mean, t0, [this](const Zmm& t, const Zmm& other) { c.vaddps(t, t, other); });
    c.vmulps(mean, mean, c.all_lanes(1.F / static_cast<float>(d.columns)));
}

// The sums of the distances from the mean, and of their squares.
void NormalizeEmitter::distances() {
    for (int v = 0; v < 4; ++v) {
        c.vxorps(sum(v), sum(v), sum(v));
        c.vxorps(square(v), square(v), square(v));
    }
    each_block(
        [this](int columns) {
            load(columns);
            for (int v = 0; v < (columns + 15) / 16; ++v) {
                const bool partial = columns - v * 16 < 16;
                c.vsubps(partial ? value(v) | c.k1 | Xbyak::util::T_z : value(v), value(v), mean);
                c.vaddps(sum(v), sum(v), value(v));
                c.vfmadd231ps(square(v), value(v), value(v));
            }
        },
        [] {});
    for (const auto& part : {&NormalizeEmitter::sum, &NormalizeEmitter::square}) {
        const auto at_vector = [&](int v) { return (this->*part)(v); };
        c.vaddps(at_vector(0), at_vector(0), at_vector(1));
        c.vaddps(at_vector(2), at_vector(2), at_vector(3));
        c.vaddps(at_vector(0), at_vector(0), at_vector(2));
        over_lanes(c, at_vector(0), t0, [this](const Zmm& t, const Zmm& other) { c.vaddps(t, t, other); });
        c.vmulps(at_vector(0), at_vector(0), c.all_lanes(1.F / static_cast<float>(d.columns)));
    }
}

// y = (x - mean) * factor + shift, where the mean is the first one and the shift makes up for what it is off by.
void NormalizeEmitter::factor_of_row() {
    c.vmovaps(t0, square(0));
    c.vfnmadd231ps(t0, sum(0), sum(0));  // the variance
    c.vxorps(t1, t1, t1);
    c.vmaxps(t0, t1, t0);  // the second operand where one is NaN
    const Xbyak::Xmm x(t0.getIdx()), one(t1.getIdx());
    if (d.epsilon_inside) {
        c.vaddps(t0, t0, c.all_lanes(d.epsilon));
    }
    c.vsqrtss(x, x, x);
    if (!d.epsilon_inside) {
        c.vaddss(x, x, c.one_lane(std::bit_cast<std::uint32_t>(d.epsilon)));
    }
    c.vmovss(one, c.one_lane(std::bit_cast<std::uint32_t>(1.F)));
    c.vdivss(x, one, x);
    c.vbroadcastss(factor, x);
    c.vmulps(shift, factor, sum(0));
    c.vxorps(shift, shift, c.all_lanes(-0.F));
}

void NormalizeEmitter::store_row(std::size_t result) {
    EpilogueEmitter& epilogue = epilogues_[result];
    const auto accumulator = [this](int, int vector) { return value(vector); };
    const auto size = static_cast<std::int64_t>(size_of(d.results[result].result));
    epilogue.load_pointers();
    c.mov(out, results[result]);
    each_block(
        [&](int columns) {
            load(columns);
            for (int v = 0; v < (columns + 15) / 16; ++v) {
                c.vsubps(value(v), value(v), mean);
                c.vfmadd213ps(value(v), factor, shift);
            }
            epilogue.apply(1, columns, accumulator, false);
            epilogue.store(1, columns, accumulator, out, d.columns);
        },
        [&] {
            c.advance(out, kBlock * size);
            epilogue.advance_channels(static_cast<int>(kBlock));
        });
    c.advance(results[result], d.columns * size);
}

void NormalizeEmitter::emit() {
    c.mov(row, c.ptr[c.rdi + offsetof(Call, in)]);
    c.mov(rows, c.ptr[c.rdi + offsetof(Call, rows)]);
    for (std::size_t i = 0; i < d.results.size(); ++i) {
        c.mov(results[i], c.ptr[c.rdi + offsetof(Call, out) + i * sizeof(void*)]);
    }
    c.set_mask(c.k1, low_bits(static_cast<int>((d.columns - 1) % 16 + 1)), c.r8);
    c.set_mask(c.k2, low_bits(tail()), c.r8);
    Xbyak::Label next;
    c.L(next);
    mean_of_row();
    distances();
    factor_of_row();
    for (std::size_t i = 0; i < d.results.size(); ++i) {
        store_row(i);
    }
    c.advance(row, d.columns * 4);
    c.dec(rows);
    c.jnz(next, Xbyak::CodeGenerator::T_NEAR);
    c.leave();
}

}  // namespace

Acceptance Normalize::accepts(const NormalizeDesc& desc, const Machine& machine) {
    if (!machine.avx512()) {
        return declined("needs AVX-512");
    }
    if (desc.rows < 1 || desc.columns < 1) {
        return declined("an empty tensor");
    }
    if (desc.columns > std::int64_t{1} << 22) {
        return declined("rows of more than 4 million values");
    }
    if (desc.results.empty() || desc.results.size() > kMostResults) {
        return declined("neither one result nor two");
    }
    for (const Epilogue& epilogue : desc.results) {
        const auto combines = [](const EpilogueOp& op) { return op.kind == EpilogueOp::Kind::combine; };
        if (std::ranges::any_of(epilogue.ops, combines)) {
            return declined("its result is combined with an operand");
        }
        if (auto answer = x64::accepts(epilogue, desc.columns); !answer) {
            return answer;
        }
    }
    return accepted();
}

Normalize::Normalize(const NormalizeDesc& desc, CodeBlock& code) : desc_(desc), code_(&code) {
    std::string key = fmt::format("normalize {} {} {}", desc_.columns, std::bit_cast<std::uint32_t>(desc_.epsilon),
                                  desc_.epsilon_inside);
    for (const Epilogue& epilogue : desc_.results) {
        epilogues_.emplace_back(epilogue, desc_.columns, std::array<std::int64_t, kMaxOperands>{});
        key += fmt::format(" {}", key_of(epilogue));
    }
    kernel_ = code.add(key, [desc](Emitter& emitter) { NormalizeEmitter(emitter, desc).emit(); });
}

void Normalize::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    if (begin >= end) {
        return;
    }
    Call call;
    call.in = args.in + begin * desc_.columns;
    call.rows = end - begin;
    for (std::size_t i = 0; i < epilogues_.size(); ++i) {
        const auto size = static_cast<std::int64_t>(size_of(desc_.results[i].result));
        call.out[i] = static_cast<std::byte*>(args.out[i]) + begin * desc_.columns * size;
        call.epilogues[i] = epilogues_[i].at({}, begin, 0, 0);
    }
    code_->call(kernel_, call);
}

}  // namespace octet::cpu::x64
