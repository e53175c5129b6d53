#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"

#include <fmt/format.h>

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using Arguments = portable::RecurrentCell::Arguments;
using Kind = portable::RecurrentCell::Kind;
using portable::CellFunction;
using Xbyak::Zmm;

constexpr int kFirstTemp = 24;

class CellEmitter {
public:
    CellEmitter(Emitter& code, Kind kind) : c(code), kind_(kind) {}

    void emit() {
        c.mov(start, c.at(c.rdi, offsetof(Arguments, start)));
        c.mov(stride, c.at(c.rdi, offsetof(Arguments, start_stride)));
        c.mov(sums, c.at(c.rdi, offsetof(Arguments, sums)));
        c.mov(scale, c.at(c.rdi, offsetof(Arguments, scale)));
        c.shl(stride, 2);
        c.vbroadcastss(factor, c.at(c.rdi, offsetof(Arguments, factor)));
        switch (kind_) {
            case Kind::lstm: lstm(); break;
            case Kind::rnn: rnn(); break;
            case Kind::gru: gru(); break;
            case Kind::gru_reset: gru_reset(); break;
            case Kind::gru_renewal: gru_renewal(); break;
        }
        c.leave();
    }

private:
    Xbyak::Address pointed_at(std::size_t argument) {
        c.mov(pointer, c.at(c.rdi, static_cast<std::int64_t>(argument)));
        return c.at(pointer, 0);
    }
    void sigmoid(const Zmm& x) { apply(Function::sigmoid, x); }
    void tanh(const Zmm& x) { apply(Function::tanh, x); }
    void apply(Function function, const Zmm& x) {
        emit_function(c, {.kind = EpilogueOp::Kind::function, .function = function}, x, kFirstTemp);
    }

    // The next gate: what it starts from and its sum.
    void gate(int number) {
        const Zmm x(number), sum(8 + number);
        c.vmulps(x, factor, c.at(scale, number * 64));
        c.vmovups(sum, c.at(sums, number * 64));
        c.vfmadd213ps(x, sum, c.at(start, 0));
        c.add(start, stride);
    }
    void gates(int count) {
        for (int i = 0; i < count; ++i) gate(i);
    }
    void store_state(const Zmm& x) {
        for (const std::size_t result : {offsetof(Arguments, state), offsetof(Arguments, result)}) {
            c.vmovups(pointed_at(result), x);
        }
    }
    // (1 - update) * candidate + update * state, as candidate + update * (state - candidate).
    void renew(const Zmm& update, const Zmm& candidate) {
        const Zmm state(7);
        c.vmovups(state, pointed_at(offsetof(Arguments, state)));
        c.vsubps(state, state, candidate);
        c.vfmadd231ps(candidate, update, state);
        store_state(candidate);
    }

    void lstm() {
        const Zmm forget(0), input(1), candidate(2), output(3), cell(4);
        gates(4);
        sigmoid(forget);
        sigmoid(input);
        tanh(candidate);
        sigmoid(output);
        const Xbyak::Address kept = pointed_at(offsetof(Arguments, cell));
        c.vmulps(cell, forget, kept);
        c.vfmadd231ps(cell, input, candidate);
        c.vmovups(kept, cell);
        tanh(cell);
        c.vmulps(cell, cell, output);
        store_state(cell);
    }

    void rnn() {
        gates(1);
        tanh(Zmm(0));
        store_state(Zmm(0));
    }

    void gru() {
        const Zmm update(0), reset(1), candidate(2), sum(10);
        gates(2);
        sigmoid(update);
        sigmoid(reset);
        c.vmulps(candidate, factor, c.at(scale, 2 * 64));
        c.vmovups(sum, c.at(sums, 2 * 64));
        c.vfmadd213ps(candidate, sum, pointed_at(offsetof(Arguments, bias)));
        c.vfmadd213ps(candidate, reset, c.at(start, 0));
        tanh(candidate);
        renew(update, candidate);
    }

    void gru_reset() {
        const Zmm update(0), reset(1);
        gates(2);
        sigmoid(update);
        sigmoid(reset);
        c.vmovups(pointed_at(offsetof(Arguments, update)), update);
        c.vmulps(reset, reset, pointed_at(offsetof(Arguments, state)));
        c.vmovups(pointed_at(offsetof(Arguments, cell)), reset);
    }

    void gru_renewal() {
        const Zmm candidate(0), update(1);
        gates(1);
        tanh(candidate);
        c.vmovups(update, pointed_at(offsetof(Arguments, update)));
        renew(update, candidate);
    }

    Emitter& c;
    Kind kind_;
    const Xbyak::Reg64 start = Xbyak::util::rax, stride = Xbyak::util::rcx, sums = Xbyak::util::rdx,
                       scale = Xbyak::util::rsi, pointer = Xbyak::util::r8;
    const Zmm factor = Zmm(16);
};

}  // namespace

Acceptance accepts(const portable::RecurrentCell& cell, const Machine& machine) {
    if (!machine.avx512()) {
        return declined("needs AVX-512");
    }
    const auto is = [](const portable::CellActivation& a, CellFunction function) { return a.function == function; };
    const bool usual = cell.kind == Kind::rnn ? is(cell.f, CellFunction::tanh)
                                              : is(cell.f, CellFunction::sigmoid) && is(cell.g, CellFunction::tanh) &&
                                                    is(cell.h, CellFunction::tanh);
    if (!usual) {
        return declined("its activations are not sigmoid for gates and tanh for the rest");
    }
    if (cell.clip > 0) {
        return declined("its gates are clipped");
    }
    return accepted();
}

std::size_t add_recurrent_cell(CodeBlock& block, Kind kind) {
    return block.add(fmt::format("recurrent cell {}", static_cast<int>(kind)),
                     [kind](Emitter& c) { CellEmitter(c, kind).emit(); });
}

}  // namespace octet::cpu::x64
