#pragma once
// The epilogue of every generated kernel: the operations of an Epilogue on accumulators in registers, and the stores.
#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"

namespace octet::cpu::x64 {

class EpilogueEmitter {
public:
    using Accumulator = std::function<Xbyak::Zmm(int row, int vector)>;

    // Uses zmm[first_temp, first_temp + 8), rbx, rbp, r12 to r15, k3. EpilogueArgs lie at [rdi + args_offset]. strides: elements
    // between neighbouring rows of each full operand. bounded: no value can leave the range of i32.
    EpilogueEmitter(Emitter& code, const Epilogue& epilogue, std::span<const std::int64_t> strides, int args_offset,
                    int first_temp, bool bounded);

    // Once a kernel: pointers into registers.
    void load_pointers();
    // Moves the constants and the operands that have channels.
    void advance_channels(int channels);
    // Moves the operands that have rows.
    void advance_rows(std::int64_t rows);

    // columns: channels the vectors hold, the last may be partial (k1). integers: accumulators are i32. Afterwards they are i32 codes,
    // or f32 for f32 results.
    void apply(int rows, int columns, const Accumulator& acc, bool integers);

    // After apply. Narrow results are packed through k2 when fewer than 64 columns. stride: elements between rows of the result.
    void store(int rows, int columns, const Accumulator& acc, const Xbyak::Reg64& out, std::int64_t stride);

    // After apply: four vectors of codes of one row into bytes in acc(row, 0), in the order of unpacked bytes, that is without permutation.
    void pack(int row, int vectors, const Accumulator& acc);

    Xbyak::Zmm temp(int i) const { return Xbyak::Zmm(first_temp_ + i); }
    // Into t: 16 values of `type` at `from` as f32; partial: only the lanes of k1.
    void load_as_float(const Xbyak::Zmm& t, DataType type, const Xbyak::RegExp& from, bool partial);

private:
    void apply_one(const Xbyak::Zmm& x, int row, int vector, bool integers, bool partial);
    void scale_and_shift(const Xbyak::Zmm& x, int first_vector, int vector);
    void combine(const EpilogueOp& op, const Xbyak::Zmm& x, const Xbyak::Zmm& other);
    void load_operand(const EpilogueOp& op, const Xbyak::Zmm& t, int row, int vector, bool partial);
    void to_codes(const Xbyak::Zmm& x);
    Xbyak::Address constant(int id, int vector) const;
    Xbyak::Reg64 pointer(std::uint32_t operand) const;

    Emitter& code_;
    const Epilogue& epilogue_;
    std::array<std::int64_t, kMaxOperands> strides_ = {};
    int args_offset_;
    int first_temp_;
    bool bounded_;
    int vectors_;
};

// x = function(x) for a whole register, relative error below 2e-6, or, looked up, the absolute error of epilogue_data.hpp; uses five
// temporaries and k3.
void emit_function(Emitter& code, const EpilogueOp& op, const Xbyak::Zmm& x, int first_temp, const Lookup* lookup);

}  // namespace octet::cpu::x64
