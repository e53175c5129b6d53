#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"

#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"

namespace octet::cpu::x64 {
namespace {

using portable::CellFunction;
using Row = portable::RecurrentRow;

// Registers: five temporaries of functions, and others.
constexpr int kFirstTemp = 24, kWork = 29, kFactor = 30, kSpare = 31;

}  // namespace

RecurrentCellEmitter::RecurrentCellEmitter(Emitter& code, Kind kind, bool scaled, const Registers& registers)
    : c(code),
      kind_(kind),
      scaled_(scaled),
      at_(registers),
      work_(code.vec(kWork)),
      factor_(code.vec(kFactor)),
      spare_(code.vec(kSpare)) {}

// Of the units of the block in the vectors that a row points to.
Xbyak::Address RecurrentCellEmitter::pointed_at(std::size_t field) {
    c.mov(at_.pointer, c.ptr[at_.rows + (row_ * sizeof(Row) + field)]);
    c.add(at_.pointer, at_.unit);
    return c.ptr[at_.pointer + block_ * 64];
}

// x is multiplied by its scales and added to the work register.
void RecurrentCellEmitter::sum(const Vec& x, std::size_t gate) {
    if (!scaled_) {
        c.vaddps(x, x, work_);
        return;
    }
    const std::size_t gates = portable::RecurrentCell{.kind = kind_}.gates();
    c.vmulps(spare_, factor_, c.ptr[at_.scale + (block_ * gates + gate) * 64]);
    c.vfmadd213ps(x, spare_, work_);
}

void RecurrentCellEmitter::gates(const Gates& x, std::size_t count) {
    const Xbyak::Address start = pointed_at(offsetof(Row, start));
    for (std::size_t i = 0; i < count; ++i) {
        c.vmovups(work_, start);
        sum(x[i], i);
        c.add(at_.pointer, at_.stride);
    }
}

void RecurrentCellEmitter::sigmoid(const Vec& x) {
    emit_function(c, {.kind = EpilogueOp::Kind::function, .function = Function::sigmoid}, x, kFirstTemp);
}

void RecurrentCellEmitter::tanh(const Vec& x) {
    emit_function(c, {.kind = EpilogueOp::Kind::function, .function = Function::tanh}, x, kFirstTemp);
}

// (1 - update) * candidate + update * state, as candidate + update * (state - candidate).
void RecurrentCellEmitter::renew(const Vec& update, const Vec& candidate) {
    c.vmovups(work_, pointed_at(offsetof(Row, state)));
    c.vsubps(work_, work_, candidate);
    c.vfmadd231ps(candidate, update, work_);
    c.vmovups(pointed_at(offsetof(Row, result)), candidate);
}

void RecurrentCellEmitter::begin(std::size_t row, std::size_t block, const Gates& x) {
    row_ = row, block_ = block;
    if (scaled_) c.vbroadcastss(factor_, c.ptr[at_.rows + (row * sizeof(Row) + offsetof(Row, factor))]);
    switch (kind_) {
        case Kind::lstm: {
            const auto& [forget, input, candidate, output] = x;
            gates(x, 4);
            sigmoid(forget);
            sigmoid(input);
            tanh(candidate);
            sigmoid(output);
            const Xbyak::Address kept = pointed_at(offsetof(Row, cell));
            c.vmulps(forget, forget, kept);
            c.vfmadd231ps(forget, input, candidate);
            c.vmovups(kept, forget);
            break;
        }
        case Kind::gru: {
            gates(x, 2);
            sigmoid(x[0]);
            sigmoid(x[1]);
            c.vmovups(work_, c.ptr[at_.bias + at_.unit + block_ * 64]);
            sum(x[2], 2);
            const Xbyak::Address start = pointed_at(offsetof(Row, start));
            c.lea(at_.pointer, c.ptr[at_.pointer + at_.stride * 2]);
            c.vfmadd213ps(x[2], x[1], start);
            break;
        }
        case Kind::gru_reset:
            gates(x, 2);
            sigmoid(x[0]);
            sigmoid(x[1]);
            break;
        case Kind::gru_renewal:
        case Kind::rnn: gates(x, 1);
    }
}

void RecurrentCellEmitter::end(std::size_t row, std::size_t block, const Gates& x) {
    row_ = row, block_ = block;
    switch (kind_) {
        case Kind::lstm:
            tanh(x[0]);
            c.vmulps(x[0], x[0], x[3]);
            c.vmovups(pointed_at(offsetof(Row, result)), x[0]);
            break;
        case Kind::gru:
            tanh(x[2]);
            renew(x[0], x[2]);
            break;
        case Kind::gru_reset:
            c.vmovups(pointed_at(offsetof(Row, update)), x[0]);
            c.vmulps(x[1], x[1], pointed_at(offsetof(Row, state)));
            c.vmovups(pointed_at(offsetof(Row, cell)), x[1]);
            break;
        case Kind::gru_renewal:
            tanh(x[0]);
            c.vmovups(spare_, pointed_at(offsetof(Row, update)));
            renew(spare_, x[0]);
            break;
        case Kind::rnn: tanh(x[0]); c.vmovups(pointed_at(offsetof(Row, result)), x[0]);
    }
}

Acceptance accepts(const portable::RecurrentCell& cell, const Machine& machine) {
    if (!machine.avx512()) {
        return declined("needs AVX-512");
    }
    const auto is = [](const portable::CellActivation& a, CellFunction function) { return a.function == function; };
    const bool usual = cell.kind == portable::RecurrentCell::Kind::rnn
                           ? is(cell.f, CellFunction::tanh)
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

}  // namespace octet::cpu::x64
