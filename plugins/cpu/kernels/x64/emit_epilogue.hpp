#pragma once
// The epilogue of every generated kernel: the operations of an Epilogue on accumulators in registers, and the stores.
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {

inline constexpr int kMaxOperands = 4;

// What an epilogue reads at run time; a member of every kernel's arguments. Operands point at the value of the call's first row and
// channel (full), first channel (per channel; the caller has chosen the batch) or the only value (scalar).
struct EpilogueArgs {
    const float* constants = nullptr;
    std::array<const void*, kMaxOperands> operands = {};
};

// Whether the generated code can do these operations on `channels` channels.
Acceptance accepts(const Epilogue& epilogue, std::int64_t channels);

// Whether an operand or the result is addressed per channel, so that lanes must hold channels in order.
bool needs_channel_order(const Epilogue& epilogue);
bool has_spread(const Epilogue& epilogue, Spread spread);
// Whether anything depends on the channel; otherwise rows may be cut anywhere.
bool depends_on_channel(const Epilogue& epilogue);

// Names everything that the generated code depends on. Values of scale and shift are data and do not count.
std::string key_of(const Epilogue& epilogue);

// Channel vectors (scales and shifts) in the order of use, for each group of 16 positions: [position / 16][vector][16].
// channel_of[position] < 0: no channel, zeros.
int channel_vectors(const Epilogue& epilogue);
Aligned<float> pack_constants(const Epilogue& epilogue, std::span<const std::int64_t> channel_of);
// Positions are the channels themselves.
Aligned<float> pack_constants(const Epilogue& epilogue, std::int64_t channels);

// The constants of an epilogue and where its operands lie: finds the arguments of a call.
class EpilogueData {
public:
    EpilogueData() = default;
    // strides: elements between rows of full operands; 0: `channels`. Positions are channels unless channel_of says otherwise.
    EpilogueData(const Epilogue& epilogue, std::int64_t channels, std::span<const std::int64_t> strides, std::span<const std::int64_t> channel_of = {});

    const std::vector<std::int64_t>& strides() const { return strides_; }
    // For a call that begins at this row and channel; position (a multiple of 16) is where its constants begin.
    EpilogueArgs at(const std::array<const void*, kMaxOperands>& operands, std::int64_t row, std::int64_t batch, std::int64_t channel, std::int64_t position) const;
    EpilogueArgs at(const std::array<const void*, kMaxOperands>& operands, std::int64_t row, std::int64_t batch, std::int64_t channel) const { return at(operands, row, batch, channel, channel); }

private:
    // Bytes that an operand moves for each row, batch and channel.
    struct Steps {
        std::int64_t row = 0;
        std::int64_t batch = 0;
        std::int64_t channel = 0;
    };
    std::vector<std::int64_t> strides_;
    std::array<Steps, kMaxOperands> steps_ = {};
    std::int64_t vectors_ = 0;
    Aligned<float> constants_;
};

// Whether values of magnitude up to `limit` may leave the range of i32 on the way through, so that they need a bound before conversion.
bool may_exceed_i32(const Epilogue& epilogue, double limit);

class EpilogueEmitter {
public:
    using Accumulator = std::function<Xbyak::Zmm(int row, int vector)>;

    // Uses zmm[first_temp, first_temp + 8), rbx, rbp, r12 to r15, k3. EpilogueArgs lie at [rdi + args_offset]. strides: elements
    // between neighbouring rows of each full operand. bounded: no value can leave the range of i32.
    EpilogueEmitter(Emitter& code, const Epilogue& epilogue, std::span<const std::int64_t> strides, int args_offset, int first_temp, bool bounded);

    // Once a kernel: pointers into registers.
    void load_pointers();
    // Moves the constants and the operands that have channels.
    void advance_channels(int channels);
    // Moves the full operands.
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

// x = function(x) for a whole register, relative error below 2e-6; uses five temporaries and k3.
void emit_function(Emitter& code, const EpilogueOp& op, const Xbyak::Zmm& x, int first_temp);

}  // namespace octet::cpu::x64
