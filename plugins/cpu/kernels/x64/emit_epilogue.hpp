#pragma once
// The epilogue of every generated kernel: the operations of an Epilogue on accumulators in registers, and the stores.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"

namespace octet::cpu::x64 {

// The shifts of operation `op`, a scale_shift, where they depend on more than the channel: they lie at `base`, those of a row of the
// tile `offset` bytes on, in the order of the sums.
struct ShiftOfPlace {
    std::size_t op = 0;
    Xbyak::Reg64 base;
    std::function<std::int64_t(int row)> offset = {};
};

// What functions that are looked up work with. More temporaries than four let several registers be computed side by side, and those
// beyond the first eight come to hold constants: an epilogue has one such function, since nothing but a factor may follow it.
struct LookupRegisters {
    static constexpr std::size_t kAlwaysTemps = 8;
    std::vector<Vec> temps;
    std::vector<Vec> held = {};
};

class EpilogueEmitter {
public:
    using Accumulator = std::function<Vec(int row, int vector)>;

    // Uses the registers [first_temp, first_temp + 8), rbx, rbp, r12 to r15, k3. With AVX2 first_temp may be 12: what needs more than
    // the four that remain is done after the sums have gone to the stack. EpilogueArgs lie at [rdi + args_offset]. strides: elements
    // between neighbouring rows of each full operand. bounded: no value can leave the range of i32.
    EpilogueEmitter(Emitter& code, const Epilogue& epilogue, std::span<const std::int64_t> strides, int args_offset,
                    int first_temp, bool bounded);

    void take_shift_from(ShiftOfPlace place) { place_ = std::move(place); }

    // Once a kernel: pointers into registers.
    void load_pointers();
    // Moves the constants and the operands that have channels.
    void advance_channels(int channels);
    // Moves the operands that have rows.
    void advance_rows(std::int64_t rows);

    // The whole epilogue of rows of sums: apply and store.
    void finish(int rows, int columns, const Accumulator& acc, bool integers, const Xbyak::Reg64& out,
                std::int64_t stride);

    // columns: channels the vectors hold, the last may be partial (k1). integers: accumulators are i32. Afterwards they are i32 codes,
    // or f32 for results of f32 and bf16. acc is asked for the rows from first_row on.
    void apply(int rows, int columns, const Accumulator& acc, bool integers, int first_row = 0);

    // After apply. Narrow results are packed through k2 when fewer than 64 columns. stride: elements between rows of the result.
    void store(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out, std::int64_t stride,
               int first_row = 0);

    // After apply: four vectors of codes of one row, from `first` on, into bytes in acc(row, first), in the order of unpacked bytes, that
    // is without permutation.
    void pack(int row, int vectors, const Accumulator& acc, int first = 0);

    Vec temp(int i) const { return code_.vec(first_temp_ + i); }
    // Into t: `count` values of `type` at `from` as f32; fewer than the register holds: with AVX-512, the lanes of k1.
    void load_as_float(const Vec& t, DataType type, const Xbyak::RegExp& from, int count);

private:
    // One register of the result, and what it holds.
    struct Part {
        Vec x;
        int row = 0;
        int vector = 0;
        int count = 0;  // of values
    };
    void apply_to(std::span<const Part> parts, bool integers, LookupRegisters& registers);
    void hold_constants(const EpilogueOp& op, int id, int vector);
    void apply_op(const EpilogueOp& op, const Part& part);
    void finish_side_by_side(int rows, int columns, const Accumulator& acc, bool integers, const Xbyak::Reg64& out,
                             std::int64_t stride);
    std::vector<Part> parts_of(int first_row, int rows, int columns, const Accumulator& acc) const;
    LookupRegisters lookup_registers() const;
    void negative_times(const Vec& x);
    Xbyak::Address shift_of_place(const Part& part) const;
    void combine(const EpilogueOp& op, const Vec& x, const Vec& other);
    void load_operand(const EpilogueOp& op, const Vec& t, int row, int vector, int count);
    void store_floats(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out, std::int64_t stride,
                      int first_row);
    void store_bfloats(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out, std::int64_t stride,
                       int first_row);
    void load_part(const Vec& t, DataType type, const Xbyak::RegExp& from, int count);
    void to_codes(std::span<const Vec> xs);
    Xbyak::Address constant(int id, int vector) const;
    Vec constant_register(int i) const;
    Xbyak::Reg64 pointer(std::uint32_t operand) const;

    Emitter& code_;
    const Epilogue& epilogue_;
    std::array<std::int64_t, kMaxOperands> strides_ = {};
    int args_offset_;
    int first_temp_;
    bool bounded_;
    int vectors_;
    bool spills_ = false;
    bool side_by_side_ = false;  // functions that are looked up, with AVX-512
    std::optional<ShiftOfPlace> place_;
};

// Whether AVX2 code for it makes do with two temporaries, the first two of the five; looked up, it takes four.
bool needs_two_temps(Function function);

// x = function(x) for a whole register, relative error below 2e-6; uses five temporaries and k3.
void emit_function(Emitter& code, const EpilogueOp& op, const Vec& x, int first_temp);
// The same for any number of registers, with the absolute error of epilogue_data.hpp.
void emit_looked_up(Emitter& code, const EpilogueOp& op, const Lookup& lookup, std::span<const Vec> xs,
                    LookupRegisters& registers);
}  // namespace octet::cpu::x64
