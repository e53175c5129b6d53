#pragma once
// Recurrent cells with sigmoid gates and tanh, behind the product whose sums are still in registers: portable/recurrent.hpp says what
// they compute.
#include <array>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

Acceptance accepts(const portable::RecurrentCell& cell, const Machine& machine);

// Emits cells of kUnits hidden units. Relative error of a gate below 2e-6. Uses registers 24 to 31, those of the sums, and `pointer`.
class RecurrentCellEmitter {
public:
    using Kind = portable::RecurrentCell::Kind;
    using Gates = std::array<Vec, portable::RecurrentCell::kMostGates>;

    // What holds: the portable::RecurrentRow of the first row, the scales of the panel, the units before it in bytes, the stride between
    // gates in bytes, the bias of unit 0.
    struct Registers {
        Xbyak::Reg64 rows, scale, unit, stride, bias, pointer;
    };

    // scaled: sums are multiplied by scales and factors, which otherwise are 1.
    RecurrentCellEmitter(Emitter& code, Kind kind, bool scaled, const Registers& registers);

    // Block `block` of the panel in row `row`, whose sums, in `x`, are changed. The two halves of a cell are long chains; between them
    // the caller may do other things, as long as it keeps `x`.
    void begin(std::size_t row, std::size_t block, const Gates& x);
    void end(std::size_t row, std::size_t block, const Gates& x);
    // From now on units are those of another register.
    void set_unit(const Xbyak::Reg64& unit) { at_.unit = unit; }

private:
    Xbyak::Address pointed_at(std::size_t field);
    void sum(const Vec& x, std::size_t gate);
    void gates(const Gates& x, std::size_t count);
    void sigmoid(const Vec& x);
    void tanh(const Vec& x);
    void renew(const Vec& update, const Vec& candidate);

    Emitter& c;
    Kind kind_;
    bool scaled_;
    Registers at_;
    const Vec work_, factor_, spare_;
    std::size_t row_ = 0, block_ = 0;
};

}  // namespace octet::cpu::x64
