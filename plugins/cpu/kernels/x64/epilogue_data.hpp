#pragma once
// What generated kernels know of an epilogue besides its code: whether they can do it, its constants, where its operands lie.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"

namespace octet::cpu::x64 {

inline constexpr int kMaxOperands = 4;

// What an epilogue reads at run time; a member of every kernel's arguments. Operands point at the value of the call's first row and
// channel (full), first channel (per channel; the caller has chosen the batch), first row (per row) or the only value (scalar).
struct EpilogueArgs {
    const float* constants = nullptr;
    std::array<const void*, kMaxOperands> operands = {};
};

// Whether the generated code can do these operations on `channels` channels. bfloat: results and operands may be bf16.
Acceptance accepts(const Epilogue& epilogue, std::int64_t channels, bool bfloat = false);

constexpr bool is_code(DataType type) { return type == DataType::u8 || type == DataType::s8; }

// Whether an operand or the result is addressed per row or channel, so that lanes must hold the channels of one row in order.
bool needs_channel_order(const Epilogue& epilogue);
bool has_spread(const Epilogue& epilogue, Spread spread);
// Whether anything depends on the channel or the row; otherwise rows may be cut anywhere.
bool depends_on_place(const Epilogue& epilogue);

// The steps of a code that an absolute error of the function that is operation `op` amounts to, whatever its value; infinite where it
// does not become a code.
double steps_of_error(const Epilogue& epilogue, std::size_t op, double error);
// How the function that is operation `op` is looked up where its results allow it: polynomials of this degree from 0 to `end`; null
// where it is computed. Of swish with alpha: `end` and `error` times 1 / alpha. Of elu: `error` times alpha.
struct Lookup {
    int degree = 0;
    double end = 0;
    double error = 0;  // absolute
};
const Lookup* lookup_of(const Epilogue& epilogue, std::size_t op);

// Names everything that the generated code depends on. Values of scale and shift are data and do not count.
std::string key_of(const Epilogue& epilogue);

// Channel vectors (scales and shifts) in the order of use, for each group of 16 positions: [position / 16][vector][16].
// channel_of[position] < 0: no channel, zeros.
int channel_vectors(const Epilogue& epilogue);
int channel_vectors(const EpilogueOp& op);
bool varies_by_channel(const EpilogueOp& op);
Aligned<float> pack_constants(const Epilogue& epilogue, std::span<const std::int64_t> channel_of);
// Positions are the channels themselves.
Aligned<float> pack_constants(const Epilogue& epilogue, std::int64_t channels);

// The constants of an epilogue and where its operands lie: finds the arguments of a call.
class EpilogueData {
public:
    EpilogueData() = default;
    // strides: elements between rows of full operands; 0: `channels`. Positions are channels unless channel_of says otherwise.
    EpilogueData(const Epilogue& epilogue, std::int64_t channels, std::span<const std::int64_t> strides,
                 std::span<const std::int64_t> channel_of = {});

    const std::vector<std::int64_t>& strides() const { return strides_; }
    // For a call that begins at this row and channel; position (a multiple of 16) is where its constants begin.
    EpilogueArgs at(const std::array<const void*, kMaxOperands>& operands, std::int64_t row, std::int64_t batch,
                    std::int64_t channel, std::int64_t position) const;
    EpilogueArgs at(const std::array<const void*, kMaxOperands>& operands, std::int64_t row, std::int64_t batch,
                    std::int64_t channel) const {
        return at(operands, row, batch, channel, channel);
    }

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

}  // namespace octet::cpu::x64
