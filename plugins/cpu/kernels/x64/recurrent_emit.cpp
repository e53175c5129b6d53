#include "plugins/cpu/kernels/x64/recurrent_emit.hpp"

#include <algorithm>

#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"

namespace octet::cpu::x64 {
namespace {

constexpr int kUnroll = 4;
constexpr int kHeld = 16;  // first register of half a cell

class ProductEmitter {
public:
    ProductEmitter(Emitter& code, const RecurrentProductDesc& desc, int rows)
        : c(code), d(desc), rows_(rows), parts_(desc.has_digits() || rows == 1 ? 2 : 1) {}

    void emit_cells() {
        const auto field = [&](std::size_t offset) { return c.ptr[c.rdi + offset]; };
        c.mov(at_.rows, field(offsetof(RecurrentCall, rows)));
        c.mov(at_.scale, field(offsetof(RecurrentCall, scale)));
        c.mov(at_.bias, field(offsetof(RecurrentCall, bias)));
        c.mov(at_.unit, field(offsetof(RecurrentCall, unit)));
        c.mov(at_.stride, field(offsetof(RecurrentCall, start_stride)));
        c.mov(panels, field(offsetof(RecurrentCall, count)));
        c.mov(first_panel, field(offsetof(RecurrentCall, panel)));
        vectors_ = d.vectors;
        Xbyak::Label loop, end;
        if (halved()) {
            product_of_panel();
            cells_of_panel();
            c.dec(panels);
            c.jz(end, Xbyak::CodeGenerator::T_NEAR);
        }
        c.L(loop);
        product_of_panel([&] {
            if (halved()) second_half();
        });
        cells_of_panel();
        c.dec(panels);
        c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
        c.L(end);
        if (halved()) second_half();
        c.leave();
    }

    void emit() {
        c.mov(sums, c.ptr[c.rdi + offsetof(RecurrentCall, sums)]);
        const int all = d.vectors * 16 / c.lanes();
        // AVX2: a part of the columns at a time, whose sums fit 12 registers.
        const int most = c.wide() ? all : rows_ == 1 ? 4 : 2;
        for (first_ = 0; first_ < all; first_ += most) {
            vectors_ = std::min(most, all - first_);
            c.mov(state, c.ptr[c.rdi + offsetof(RecurrentCall, state)]);
            c.mov(panel, c.ptr[c.rdi + offsetof(RecurrentCall, panel)]);
            products([] {});
            store();
        }
        c.leave();
    }

private:
    // Of integers the parts are the digits, high and low; of floats two sums of every other product, which hide each other's latency.
    Vec sum(int row, int part, int vector) const { return c.vec((row * parts_ + part) * vectors_ + vector); }
    Vec temp(int i) const { return c.vec((c.wide() ? 24 : 12) + i); }
    std::int64_t offset(int vector) const { return (first_ + vector) * c.isa().bytes(); }

    void loop_of_steps(std::int64_t times) {
        if (times == 0) {
            return;
        }
        Xbyak::Label loop;
        c.mov(count, static_cast<std::uint64_t>(times));
        c.L(loop);
        for (int i = 0; i < kUnroll; ++i) {
            step(i);
        }
        c.advance(state, kUnroll * 4);
        c.advance(panel, kUnroll * d.step_bytes(c.isa()));
        c.dec(count);
        c.jnz(loop, Xbyak::CodeGenerator::T_NEAR);
    }

    // Complete sums in result(). `between` is emitted in the midst.
    template <class Between>
    void products(const Between& between) {
        start();
        const std::int64_t steps = d.steps(), loops = steps / kUnroll;
        loop_of_steps(loops / 2);
        between();
        loop_of_steps(loops - loops / 2);
        for (int i = 0; i < static_cast<int>(steps % kUnroll); ++i) {
            step(i);
        }
        finish();
    }

    Vec result(int row, int vector) const { return sum(row, parts_ - 1, vector); }

    // One block of one row leaves registers for a cell whose second half waits for the product of the next panel, where the chain that
    // it is costs nothing. Beside several rows cells are a smaller part.
    bool halved() const { return rows_ == 1 && static_cast<std::size_t>(d.vectors) == gates(); }
    std::size_t gates() const { return portable::RecurrentCell{.kind = *d.cell}.gates(); }
    RecurrentCellEmitter::Gates gates_at(int first) const {
        RecurrentCellEmitter::Gates all;
        for (std::size_t i = 0; i < gates(); ++i) {
            all[i] = c.vec(first + static_cast<int>(i));
        }
        return all;
    }

    template <class Between>
    void product_of_panel(const Between& between) {
        c.mov(panel, first_panel);
        c.mov(state, c.ptr[c.rdi + offsetof(RecurrentCall, state)]);
        products(between);
    }
    void product_of_panel() {
        product_of_panel([] {});
    }

    void cells_of_panel() {
        RecurrentCellEmitter cell(c, *d.cell, d.integer, at_);
        for (int r = 0; r < rows_; ++r) {
            for (std::size_t block = 0; block < static_cast<std::size_t>(d.vectors) / gates(); ++block) {
                const auto row = static_cast<std::size_t>(r);
                const auto sums_of_gates = gates_at(result(r, static_cast<int>(block * gates())).getIdx());
                cell.begin(row, block, sums_of_gates);
                if (!halved()) {
                    cell.end(row, block, sums_of_gates);
                }
            }
        }
        if (halved()) {
            for (std::size_t i = 0; i < gates(); ++i) {
                c.vmovaps(gates_at(kHeld)[i], gates_at(result(0, 0).getIdx())[i]);
            }
            c.mov(held_unit, at_.unit);
        }
        c.add(first_panel, c.ptr[c.rdi + offsetof(RecurrentCall, panel_step)]);
        c.add(at_.scale, c.ptr[c.rdi + offsetof(RecurrentCall, scale_step)]);
        c.add(at_.unit, c.ptr[c.rdi + offsetof(RecurrentCall, unit_step)]);
    }

    void second_half() {
        RecurrentCellEmitter cell(c, *d.cell, d.integer, at_);
        cell.set_unit(held_unit);
        cell.end(0, 0, gates_at(kHeld));
    }

    void store() {
        for (int r = 0; r < rows_; ++r) {
            for (int v = 0; v < vectors_; ++v) {
                c.vmovups(c.at(sums, r * d.vectors * 64 + offset(v)), result(r, v));
            }
        }
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
        } else if (d.split) {
            c.vdpbf16ps(to, x, weight);
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
        if (rows_ == 1 && d.has_digits() && c.wide()) {
            for (int p = 0; p < 2; ++p) {
                c.vpbroadcastd(temp(4 + p), c.at(state, i * 4 + p * d.digits_bytes()));
            }
            for (int v = 0; v < vectors_; ++v) {
                c.vmovups(temp(v), weight(v));
                multiply(sum(0, 0, v), temp(4), temp(v));
                multiply(sum(0, 1, v), temp(5), temp(v));
            }
            return;
        }
        for (int v = 0; v < vectors_ && held(); ++v) {
            if (d.narrow && !d.split) {
                c.vpmovzxwd(temp(v), c.at(panel, i * d.step_bytes(c.isa()) + offset(v) / 2));
                c.vpslld(temp(v), temp(v), 16);
            } else {
                c.vmovups(temp(v), weight(v));
            }
        }
        for (int r = 0; r < rows_; ++r) {
            const std::int64_t at = r * d.state_stride() + i * 4;
            for (int p = 0; p < (d.has_digits() ? 2 : 1); ++p) {
                const Vec x = c.wide() ? temp(4 + (r * 2 + p) % 4) : temp(2 + (r * 2 + p) % 2);
                if (d.has_digits()) {
                    c.vpbroadcastd(x, c.at(state, at + p * d.digits_bytes()));
                } else {
                    c.vbroadcastss(x, c.at(state, at));
                }
                for (int v = 0; v < vectors_; ++v) {
                    const Vec to = sum(r, d.has_digits() ? p : i % parts_, v);
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
                const Vec low = result(r, v);
                if (d.integer) {
                    c.vcvtdq2ps(sum(r, 0, v), sum(r, 0, v));
                    c.vcvtdq2ps(low, low);
                    c.vfmadd231ps(low, sum(r, 0, v), c.all_lanes(256.0F));
                } else if (parts_ == 2) {
                    c.vaddps(low, low, sum(r, 0, v));
                }
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
    const Xbyak::Reg64 count = Xbyak::util::r8, panels = Xbyak::util::r12, first_panel = Xbyak::util::rbx;
    const Xbyak::Reg64 held_unit = Xbyak::util::r13;
    const RecurrentCellEmitter::Registers at_{.rows = Xbyak::util::rdx,
                                              .scale = Xbyak::util::rsi,
                                              .unit = Xbyak::util::r9,
                                              .stride = Xbyak::util::r10,
                                              .bias = Xbyak::util::rbp,
                                              .pointer = Xbyak::util::r11};
};

}  // namespace

void emit_recurrent_sums(Emitter& code, const RecurrentProductDesc& desc, int rows) {
    ProductEmitter(code, desc, rows).emit();
}

void emit_recurrent_cells(Emitter& code, const RecurrentProductDesc& desc, int rows) {
    ProductEmitter(code, desc, rows).emit_cells();
}

}  // namespace octet::cpu::x64
