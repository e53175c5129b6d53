#include "plugins/cpu/kernels/x64/lstm_cell.hpp"

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using Arguments = portable::LstmCell::Arguments;
using portable::CellFunction;
using Xbyak::Zmm;

constexpr int kGates = static_cast<int>(portable::LstmCell::kGates);
constexpr int kFirstTemp = 24;

void emit(Emitter& c) {
    const Xbyak::Reg64 start = c.rax, stride = c.rcx, sums = c.rdx, scale = c.rsi, to = c.r8;
    const Zmm factor(16), forget(0), input(1), candidate(2), output(3), cell(4);
    const EpilogueOp sigmoid{.kind = EpilogueOp::Kind::function, .function = Function::sigmoid};
    const EpilogueOp tanh{.kind = EpilogueOp::Kind::function, .function = Function::tanh};
    const auto apply = [&](const EpilogueOp& op, const Zmm& x) { emit_function(c, op, x, kFirstTemp); };
    c.mov(start, c.at(c.rdi, offsetof(Arguments, start)));
    c.mov(stride, c.at(c.rdi, offsetof(Arguments, start_stride)));
    c.mov(sums, c.at(c.rdi, offsetof(Arguments, sums)));
    c.mov(scale, c.at(c.rdi, offsetof(Arguments, scale)));
    c.shl(stride, 2);
    c.vbroadcastss(factor, c.at(c.rdi, offsetof(Arguments, factor)));
    for (int gate = 0; gate < kGates; ++gate) {
        const Zmm x(gate), sum(5 + gate);
        c.vmulps(x, factor, c.at(scale, gate * 64));
        c.vmovups(sum, c.at(sums, gate * 64));
        c.vfmadd213ps(x, sum, c.at(start, 0));
        c.add(start, stride);
    }
    apply(sigmoid, forget);
    apply(sigmoid, input);
    apply(tanh, candidate);
    apply(sigmoid, output);
    c.mov(to, c.at(c.rdi, offsetof(Arguments, cell)));
    c.vmulps(cell, forget, c.at(to, 0));
    c.vfmadd231ps(cell, input, candidate);
    c.vmovups(c.at(to, 0), cell);
    apply(tanh, cell);
    c.vmulps(cell, cell, output);
    for (const std::size_t result : {offsetof(Arguments, state), offsetof(Arguments, result)}) {
        c.mov(to, c.at(c.rdi, static_cast<std::int64_t>(result)));
        c.vmovups(c.at(to, 0), cell);
    }
    c.leave();
}

}  // namespace

Acceptance accepts(const portable::LstmCell& cell, const Machine& machine) {
    if (!machine.avx512()) {
        return declined("needs AVX-512");
    }
    if (cell.f.function != CellFunction::sigmoid || cell.g.function != CellFunction::tanh ||
        cell.h.function != CellFunction::tanh) {
        return declined("its activations are not sigmoid, tanh and tanh");
    }
    if (cell.clip > 0) {
        return declined("its gates are clipped");
    }
    return accepted();
}

std::size_t add_lstm_cell(CodeBlock& block) { return block.add("lstm cell", emit); }

}  // namespace octet::cpu::x64
