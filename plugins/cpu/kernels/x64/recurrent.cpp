#include "plugins/cpu/kernels/x64/recurrent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"

namespace octet::cpu::x64 {
namespace {

constexpr std::int64_t kMostDepth = 65536;  // 128 * 128 * depth must fit 31 bits
constexpr int kUnroll = 4;
constexpr int kHeld = 16;                  // first register of half a cell
constexpr std::int64_t kPanelsAtOnce = 8;  // that one task packs

struct Call {
    const std::byte* state = nullptr;
    const std::byte* panel = nullptr;
    float* sums = nullptr;
    // Of cells, for `count` panels; steps are bytes from one to the next.
    const portable::RecurrentRow* rows = nullptr;
    const float* scale = nullptr;
    const float* bias = nullptr;
    std::int64_t unit = 0;  // the first of the panel, in bytes
    std::int64_t start_stride = 0;
    std::int64_t count = 0;
    std::int64_t panel_step = 0;
    std::int64_t scale_step = 0;
    std::int64_t unit_step = 0;
};

class ProductEmitter {
public:
    ProductEmitter(Emitter& code, const RecurrentProductDesc& desc, int rows)
        : c(code), d(desc), rows_(rows), parts_(desc.has_digits() || rows == 1 ? 2 : 1) {}

    void emit_cells() {
        const auto field = [&](std::size_t offset) { return c.ptr[c.rdi + offset]; };
        c.mov(at_.rows, field(offsetof(Call, rows)));
        c.mov(at_.scale, field(offsetof(Call, scale)));
        c.mov(at_.bias, field(offsetof(Call, bias)));
        c.mov(at_.unit, field(offsetof(Call, unit)));
        c.mov(at_.stride, field(offsetof(Call, start_stride)));
        c.mov(panels, field(offsetof(Call, count)));
        c.mov(first_panel, field(offsetof(Call, panel)));
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
        c.mov(sums, c.ptr[c.rdi + offsetof(Call, sums)]);
        const int all = d.vectors * 16 / c.lanes();
        // AVX2: a part of the columns at a time, whose sums fit 12 registers.
        const int most = c.wide() ? all : rows_ == 1 ? 4 : 2;
        for (first_ = 0; first_ < all; first_ += most) {
            vectors_ = std::min(most, all - first_);
            c.mov(state, c.ptr[c.rdi + offsetof(Call, state)]);
            c.mov(panel, c.ptr[c.rdi + offsetof(Call, panel)]);
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
        c.mov(state, c.ptr[c.rdi + offsetof(Call, state)]);
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
        c.add(first_panel, c.ptr[c.rdi + offsetof(Call, panel_step)]);
        c.add(at_.scale, c.ptr[c.rdi + offsetof(Call, scale_step)]);
        c.add(at_.unit, c.ptr[c.rdi + offsetof(Call, unit_step)]);
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
        } else if (d.narrow) {
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
            c.vmovups(temp(v), weight(v));
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

Acceptance RecurrentProduct::accepts(const RecurrentProductDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (desc.rows < 1 || desc.depth < 1 || desc.panels < 1 || desc.vectors < 1 || desc.vectors > 4) {
        return declined("an empty product, or panels wider than 64 columns");
    }
    if (desc.narrow && (desc.integer || !machine.avx512() || !machine.bf16)) {
        return declined("bf16 weights are of float products with AVX-512 BF16");
    }
    if (desc.cell && !machine.avx512()) {
        return declined("cells behind their products need AVX-512");
    }
    if (desc.depth > kMostDepth) {
        return declined("sums of so many products may leave 32 bits");
    }
    return accepted();
}

RecurrentProduct::RecurrentProduct(const RecurrentProductDesc& desc, CodeBlock& code, const Column& weights)
    : desc_(desc), code_(&code), packed_(static_cast<std::size_t>(desc.panel_bytes(code.isa()) * desc.panels)) {
    const int kind = desc.cell ? static_cast<int>(*desc.cell) : -1;
    for (std::int64_t rows = 1; rows <= std::min(desc.rows, kMostRows); ++rows) {
        const auto at = static_cast<std::size_t>(rows - 1);
        const std::string key = fmt::format("recurrent {} {} {} {} {}", rows, desc.depth, desc.vectors, desc.integer,
                                            desc.narrow);
        sums_[at] = code.add(key,
                             [=](Emitter& emitter) { ProductEmitter(emitter, desc, static_cast<int>(rows)).emit(); });
        if (!desc.cell) continue;
        cells_[at] = code.add(fmt::format("{} cell {}", key, kind), [=](Emitter& emitter) {
            ProductEmitter(emitter, desc, static_cast<int>(rows)).emit_cells();
        });
    }
    for (std::int64_t first = 0; first < desc.panels && !packed_.filled(); first += kPanelsAtOnce) {
        code.later([this, first, weights] {
            for (std::int64_t panel = first; panel < std::min(first + kPanelsAtOnce, desc_.panels); ++panel) {
                pack(panel, weights);
            }
        });
    }
}

void RecurrentProduct::pack_floats(std::byte* to, const Column& weights, std::int64_t panel) const {
    const std::int64_t columns = desc_.columns();
    std::vector<std::uint16_t> narrowed(desc_.narrow ? static_cast<std::size_t>(desc_.depth) : 0);
    for (std::int64_t c = 0; c < columns; ++c) {
        const auto* from = reinterpret_cast<const float*>(weights(panel, c));
        if (from == nullptr) {
            continue;
        }
        if (!desc_.narrow) {
            for (std::int64_t k = 0; k < desc_.depth; ++k) {
                reinterpret_cast<float*>(to)[k * columns + c] = from[k];
            }
            continue;
        }
        portable::to_bfloat(from, narrowed.size(), narrowed.data());
        for (std::int64_t k = 0; k < desc_.depth; ++k) {
            reinterpret_cast<std::uint16_t*>(
                to)[(k / 2 * columns + c) * 2 + k % 2] = narrowed[static_cast<std::size_t>(k)];
        }
    }
}

void RecurrentProduct::pack(std::int64_t panel, const Column& weights) {
    const std::int64_t columns = desc_.columns();
    std::byte* to = packed_.data() + panel * desc_.panel_bytes(code_->isa());
    if (!desc_.integer) {
        return pack_floats(to, weights, panel);
    }
    const bool pairs = code_->isa().pairs();
    auto* const all = reinterpret_cast<std::int8_t*>(to + desc_.start_bytes());
    auto* const values = all + (pairs ? desc_.steps() * columns * 4 : 0);
    for (std::int64_t c = 0; c < columns; ++c) {
        const std::byte* column = weights(panel, c);
        if (column == nullptr) {
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

// Tiles of nearly the same height: a tile of one row reads as many weights as one of three.
template <class Run>
void RecurrentProduct::each_tile(std::int64_t rows, const Run& run) {
    const std::int64_t tiles = (rows + kMostRows - 1) / kMostRows;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        const std::int64_t begin = rows * tile / tiles;
        run(begin, static_cast<std::size_t>(rows * (tile + 1) / tiles - begin - 1));
    }
}

void RecurrentProduct::run(const std::byte* state, std::int64_t rows, std::int64_t panel, float* sums) const {
    Call call;
    call.panel = packed_.data() + panel * desc_.panel_bytes(code_->isa());
    each_tile(rows, [&](std::int64_t row, std::size_t kernel) {
        call.state = state + row * desc_.state_stride();
        call.sums = sums + row * desc_.columns();
        code_->call(sums_[kernel], call);
    });
}

void RecurrentProduct::run_cells(const RecurrentPanelsStep& step) const {
    const std::int64_t units = desc_.columns() /
                               static_cast<std::int64_t>(portable::RecurrentCell{.kind = *desc_.cell}.gates());
    // A panel for all rows, or all panels for the only tile of rows.
    const std::int64_t all = step.end - step.begin, at_once = step.count <= kMostRows ? all : 1;
    const std::int64_t sign = step.backwards ? -1 : 1, size = sizeof(float);
    Call call;
    call.bias = step.bias;
    call.start_stride = static_cast<std::int64_t>(step.start_stride) * size;
    call.count = at_once;
    call.panel_step = sign * desc_.panel_bytes(code_->isa());
    call.scale_step = sign * desc_.columns() * size;
    call.unit_step = sign * units * size;
    for (std::int64_t i = 0; i < all; i += at_once) {
        const std::int64_t panel = step.backwards ? step.end - 1 - i : step.begin + i;
        call.panel = packed_.data() + panel * desc_.panel_bytes(code_->isa());
        call.scale = desc_.integer ? step.scale + panel * desc_.columns() : nullptr;
        call.unit = panel * units * size;
        each_tile(step.count, [&](std::int64_t row, std::size_t kernel) {
            call.state = step.state + row * desc_.state_stride();
            call.rows = step.rows + row;
            code_->call(cells_[kernel], call);
        });
    }
}

}  // namespace octet::cpu::x64
