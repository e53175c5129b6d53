#pragma once
// The inner step of matrix products and convolutions: one dword of A (four codes, two of bf16, or a float) of every row against a row of
// weights.
#include <functional>

#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"

namespace octet::cpu::x64 {

class DotEmitter {
public:
    using Accumulator = std::function<Vec(int row, int vector)>;
    using Source = std::function<Xbyak::RegExp(int row)>;

    // Sums are in registers below first_temp(), the eight (AVX2: four) from there on are used here. tail: bytes of the last dword of A that
    // may be read; k4 is their mask. type: of A; bf16 with AVX-512 only.
    DotEmitter(Emitter& code, int columns, DataType type, int tail)
        : c(code),
          vectors_((columns + code.lanes() - 1) / code.lanes()),
          tail_(tail),
          panel_{.pairs = code.isa().widens() && type == DataType::u8},
          columns_(columns),
          type_(type) {}

    static int first_temp(const VectorIsa& isa) { return isa.wide() ? 24 : 12; }
    int vectors() const { return vectors_; }
    // Of the panel, for each dword of A; of the values that sums start from.
    std::int64_t dword_bytes() const { return panel_.dword_bytes(columns_); }
    std::int64_t start_bytes() const { return panel_.start_bytes(columns_); }

    void set_tail_mask(const Xbyak::Reg64& scratch);
    // The sums at 0, or at the values at the start of the panel.
    void start(int rows, bool from_panel, const Xbyak::Reg64& weights, const Accumulator& acc);
    void step(int rows, const Source& from, const Xbyak::Reg64& weights, std::int64_t offset, bool is_tail,
              const Accumulator& acc);

private:
    Vec temp(int i) const { return c.vec(first_temp(c.isa()) + i); }
    // sum += x * weight of codes, with vpdpbusd, or through `product` where sums of two products may saturate.
    void multiply(const Vec& sum, const Vec& x, const Xbyak::Operand& weight, const Vec& product);
    void broadcast(const Vec& to, const Xbyak::RegExp& from, bool is_tail);
    void held_step_of_pairs(int rows, const Source& from, const Xbyak::Reg64& weights, std::int64_t offset,
                            bool is_tail, const Accumulator& acc);
    // Codes 0 and 2, or 1 and 3, of each dword of `from` as 16 bits.
    void take_pairs(const Vec& to, const Vec& from, bool odd);
    void step_of_pairs(int rows, const Source& from, const Xbyak::Reg64& weights, std::int64_t offset, bool is_tail,
                       const Accumulator& acc);

    Emitter& c;
    int vectors_;
    int tail_;
    PanelShape panel_;
    int columns_;
    DataType type_;
};

}  // namespace octet::cpu::x64
