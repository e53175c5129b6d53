#include "plugins/cpu/kernels/x64/few_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

constexpr int kVectors = 4;  // of columns in a block

struct Call {
    const float* a = nullptr;
    const std::byte* panel = nullptr;
    void* out = nullptr;
    std::int64_t turns = 0;  // of the unrolled loop, and single steps after it
    std::int64_t steps = 0;
    EpilogueArgs epilogue;
};

struct Shape {
    int rows = 1, columns = 1;  // of a tile
    std::int64_t a_stride = 0, out_stride = 0;
    bool narrow = false;

    int vectors(int lanes) const { return (columns + lanes - 1) / lanes; }
    // Steps of k that sum into registers of their own, to hide each other's latency.
    int sets(int lanes) const { return std::max(1, 8 / (rows * vectors(lanes))); }
};

std::int64_t bytes_of_step(std::int64_t columns, int lanes, bool narrow) {
    return (columns + lanes - 1) / lanes * lanes * (narrow ? 2 : 4);
}

// AVX-512 has 16 registers for sums and leaves 8 to the loop, AVX2 has 8, and the loop borrows those of the epilogue.
class FewRowsEmitter {
public:
    FewRowsEmitter(Emitter& code, const Shape& shape, const Epilogue& epilogue, std::span<const std::int64_t> strides)
        : c(code),
          s(shape),
          vectors_(shape.vectors(code.lanes())),
          sets_(shape.sets(code.lanes())),
          epilogue_(code, epilogue, strides, offsetof(Call, epilogue), code.wide() ? 24 : 8, false) {}

    void emit() {
        c.mov(a, c.at(c.rdi, offsetof(Call, a)));
        c.mov(w, c.at(c.rdi, offsetof(Call, panel)));
        c.mov(out, c.at(c.rdi, offsetof(Call, out)));
        c.set_mask(c.k1, low_bits((s.columns - 1) % 16 + 1), c.r8);
        c.set_mask(c.k2, low_bits(s.columns), c.r8);
        epilogue_.load_pointers();
        for (int i = 0; i < sets_ * s.rows * vectors_; ++i) c.zero(c.vec(i));
        loop(offsetof(Call, turns), sets_);
        if (sets_ > 1) loop(offsetof(Call, steps), 1);
        for (int left = sets_; left > 1; left = (left + 1) / 2)
            for (int set = 0; set < left / 2; ++set) add_set(set, (left + 1) / 2 + set);
        const auto accumulator = [this](int row, int vector) { return sum(0, row, vector); };
        epilogue_.finish(s.rows, s.columns, accumulator, false, out, s.out_stride);
        c.leave();
    }

private:
    Vec sum(int set, int row, int vector) const { return c.vec((set * s.rows + row) * vectors_ + vector); }
    Vec weights(int vector) const { return c.vec((c.wide() ? 16 : 8) + vector); }
    Vec broadcast() const { return c.vec(c.wide() ? 20 : 12); }

    void add_set(int to, int from) {
        for (int r = 0; r < s.rows; ++r)
            for (int v = 0; v < vectors_; ++v) c.vaddps(sum(to, r, v), sum(to, r, v), sum(from, r, v));
    }

    void loop(std::size_t times, int steps) {
        Xbyak::Label again, done;
        c.mov(count, c.at(c.rdi, static_cast<std::int64_t>(times)));
        c.test(count, count);
        c.jz(done, Xbyak::CodeGenerator::T_NEAR);
        c.L(again);
        for (int i = 0; i < steps; ++i) step(i);
        c.advance(a, steps * 4);
        c.advance(w, steps * bytes_of_step(s.columns, c.lanes(), s.narrow));
        c.dec(count);
        c.jnz(again, Xbyak::CodeGenerator::T_NEAR);
        c.L(done);
    }

    void step(int i) {
        const std::int64_t bytes = s.narrow ? c.lanes() * 2 : c.lanes() * 4;
        const auto from = [&](int v) { return c.at(w, (i * vectors_ + v) * bytes); };
        const bool once = s.rows == 1 && !s.narrow;  // weights that go straight into the sum
        for (int v = 0; v < vectors_ && !once; ++v) {
            if (s.narrow) {
                c.vpmovzxwd(weights(v), from(v));
                c.vpslld(weights(v), weights(v), 16);
            } else {
                c.vmovups(weights(v), from(v));
            }
        }
        for (int r = 0; r < s.rows; ++r) {
            c.vbroadcastss(broadcast(), c.at(a, (r * s.a_stride + i) * 4));
            for (int v = 0; v < vectors_; ++v) {
                if (once) {
                    c.vfmadd231ps(sum(i, r, v), broadcast(), from(v));
                } else {
                    c.vfmadd231ps(sum(i, r, v), broadcast(), weights(v));
                }
            }
        }
    }

    Emitter& c;
    const Shape s;
    const int vectors_, sets_;
    EpilogueEmitter epilogue_;
    const Xbyak::Reg64 a = Xbyak::util::rax, w = Xbyak::util::rcx, out = Xbyak::util::rdx, count = Xbyak::util::rsi;
};

}  // namespace

Acceptance FewRows::accepts(const FewRowsDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (desc.rows < 1 || desc.k < 1 || desc.columns < 1) {
        return declined("an empty product");
    }
    if (std::max({desc.k, desc.columns, desc.a_stride, desc.out_stride}) > 1 << 20) {
        return declined("rows of more than a million values");
    }
    if (has_spread(desc.epilogue, Spread::per_batch_channel)) {
        return declined("an operand has a value for each batch and channel");
    }
    return x64::accepts(desc.epilogue, desc.columns);
}

FewRows::FewRows(const FewRowsDesc& desc, std::span<const float> weights, std::shared_ptr<const void> owner,
                 CodeBlock& code)
    : desc_(desc), code_(&code), epilogue_(desc.epilogue, desc.columns, {}) {
    desc_.a_stride = desc.a_stride != 0 ? desc.a_stride : desc.k;
    desc_.out_stride = desc.out_stride != 0 ? desc.out_stride : desc.columns;
    const int lanes = code.isa().lanes;
    tile_rows_ = std::min<std::int64_t>(desc.rows, code.isa().wide() ? 4 : 2);
    const std::int64_t share = (desc.columns + desc.threads - 1) / std::max(1, desc.threads);
    const std::int64_t width = std::min<std::int64_t>((share + 15) / 16 * 16, kVectors * lanes);
    std::size_t bytes = 0;
    for (std::int64_t first = 0; first < desc.columns; first += width) {
        Block block{first, std::min(width, desc.columns - first), bytes, 0, 0};
        const auto add = [&](std::int64_t rows) -> std::size_t {
            if (rows == 0) return 0;
            const Shape shape{static_cast<int>(rows), static_cast<int>(block.columns), rows > 1 ? desc_.a_stride : 0,
                              rows > 1 ? desc_.out_stride : 0, desc.narrow};
            const std::string key = fmt::format("few rows {} {} {} {} {} [{}] {}", shape.rows, shape.columns,
                                                shape.a_stride, shape.out_stride, shape.narrow,
                                                rows > 1 ? fmt::format("{}", fmt::join(epilogue_.strides(), ",")) : "",
                                                key_of(desc.epilogue));
            return code.add(key, [shape, epilogue = desc.epilogue, strides = epilogue_.strides()](Emitter& emitter) {
                FewRowsEmitter(emitter, shape, epilogue, strides).emit();
            });
        };
        block.tile = add(tile_rows_);
        block.rest = add(desc.rows % tile_rows_);
        blocks_.push_back(block);
        bytes += static_cast<std::size_t>((desc.k * bytes_of_step(block.columns, lanes, desc.narrow) + 63) / 64 * 64);
    }
    panels_ = Aligned<std::byte>(bytes);
    if (panels_.filled()) return;
    constexpr std::size_t kBlocksAtOnce = 4;
    for (std::size_t first = 0; first < blocks_.size(); first += kBlocksAtOnce) {
        code.later([this, weights, owner, first] {
            const std::size_t last = std::min(first + kBlocksAtOnce, blocks_.size());
            for (std::size_t i = first; i < last; ++i) pack(weights, blocks_[i]);
        });
    }
}

void FewRows::pack(std::span<const float> weights, const Block& block) {
    const std::int64_t k_step = desc_.transposed ? 1 : desc_.columns;
    const std::int64_t column_step = desc_.transposed ? desc_.k : 1;
    const std::int64_t bytes = bytes_of_step(block.columns, code_->isa().lanes, desc_.narrow);
    std::vector<float> row(static_cast<std::size_t>(block.columns));
    std::byte* to = panels_.data() + block.panel;
    for (std::int64_t k = 0; k < desc_.k; ++k, to += bytes) {
        const float* from = weights.data() + k * k_step + block.first * column_step;
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = from[static_cast<std::int64_t>(i) * column_step];
        if (desc_.narrow) {
            portable::to_bfloat(row.data(), row.size(), reinterpret_cast<std::uint16_t*>(to));
        } else {
            std::memcpy(to, row.data(), row.size() * sizeof(float));
        }
    }
}

std::int64_t FewRows::units() const {
    return (desc_.rows + tile_rows_ - 1) / tile_rows_ * static_cast<std::int64_t>(blocks_.size());
}

void FewRows::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const auto blocks = static_cast<std::int64_t>(blocks_.size());
    for (std::int64_t unit = begin; unit < end; ++unit) {
        const Block& block = blocks_[static_cast<std::size_t>(unit % blocks)];
        const std::int64_t row = unit / blocks * tile_rows_;
        const std::int64_t rows = std::min(tile_rows_, desc_.rows - row);
        const Shape shape{static_cast<int>(rows), static_cast<int>(block.columns), 0, 0, desc_.narrow};
        const std::int64_t sets = shape.sets(code_->isa().lanes);
        Call call;
        call.a = args.a + row * desc_.a_stride;
        call.panel = panels_.data() + block.panel;
        call.out = static_cast<std::byte*>(args.out) +
                   (row * desc_.out_stride + block.first) * static_cast<std::int64_t>(size_of(desc_.epilogue.result));
        call.turns = desc_.k / sets;
        call.steps = desc_.k % sets;
        call.epilogue = epilogue_.at(args.operands, row, 0, block.first);
        code_->call(rows == tile_rows_ ? block.tile : block.rest, call);
    }
}

}  // namespace octet::cpu::x64
