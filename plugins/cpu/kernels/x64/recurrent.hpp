#pragma once
// sums[row][column] = sum over k of state[row][k] * weights[k][column]: what a recurrent op needs of its state in every time step. It is
// bound by reading the weights, so a state of 16 bits, as two digits that share each load of 8-bit weights, costs little more than 8.
// Where a cell is one of recurrent_cell.hpp, its code follows that of the product, so that the next panel begins while it is computed.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct RecurrentProductDesc {
    std::int64_t rows = 1;    // sequences at once
    std::int64_t depth = 0;   // values of a state
    std::int64_t panels = 0;  // of `vectors` times 16 columns
    int vectors = 4;
    // s8 weights; the state is u8 digits, `digits` high ones and then as many low ones in each row: 256 * (high - 128) + low - 128.
    // Otherwise both are f32.
    bool integer = false;
    bool narrow = false;  // f32 weights are kept as bf16, rounded to the nearest
    bool split = false;   // of narrow ones: the state is two bf16 digits, whose sum it is
    // A cell whose gates are the columns of a panel, 16 hidden units after the other.
    std::optional<portable::RecurrentCell::Kind> cell = std::nullopt;

    bool has_digits() const { return integer || split; }
    // Of 8 bits, or as many of 16 bits.
    std::int64_t digits() const { return split ? (depth + 1) / 2 * 2 : (depth + 3) / 4 * 4; }
    std::int64_t digits_bytes() const { return split ? digits() * 2 : digits(); }
    std::int64_t state_stride() const { return has_digits() ? 2 * digits_bytes() : depth * 4; }  // bytes
    std::int64_t columns() const { return vectors * 16; }                                        // of a panel
    // The starts of the sums, then the weights for each four or two digits; or the weights for each value.
    std::int64_t start_bytes() const { return integer ? vectors * 64 : 0; }
    std::int64_t steps() const { return has_digits() ? digits_bytes() / 4 : depth; }
    std::int64_t step_bytes(const VectorIsa& isa) const {
        return narrow && !split ? vectors * 32 : vectors * 64 * (integer && isa.pairs() ? 2 : 1);
    }
    std::int64_t panel_bytes(const VectorIsa& isa) const { return start_bytes() + steps() * step_bytes(isa); }
};

// The panels from `begin` to `end` of a time step, products and cells.
struct RecurrentPanelsStep {
    const std::byte* state = nullptr;  // of each row
    const portable::RecurrentRow* rows = nullptr;
    std::int64_t count = 0;        // of rows, at most those of the product
    std::size_t start_stride = 0;  // values between the gates of a row
    const float* scale = nullptr;  // of each column of all panels; used for integers
    const float* bias = nullptr;   // of each hidden unit; of gru
    std::int64_t begin = 0, end = 0;
    bool backwards = false;  // the last panel first
};

class RecurrentProduct {
public:
    // The `depth` weights of a column, s8 or f32; null where they are all zero.
    using Column = std::function<const std::byte*(std::int64_t panel, std::int64_t column)>;

    static Acceptance accepts(const RecurrentProductDesc& desc, const Machine& machine);

    // The weights are packed when the code is sealed.
    RecurrentProduct(const RecurrentProductDesc& desc, CodeBlock& code, const Column& weights);
    RecurrentProduct(const RecurrentProduct&) = delete;
    RecurrentProduct& operator=(const RecurrentProduct&) = delete;

    std::size_t packed_bytes() const { return packed_.size(); }
    // sums[rows][columns of a panel] of the first `rows` states. Digits beyond `depth` are finite but may be anything.
    void run(const std::byte* state, std::int64_t rows, std::int64_t panel, float* sums) const;
    // Where the description has a cell: all units of the panels are there.
    void run_cells(const RecurrentPanelsStep& step) const;

private:
    static constexpr std::int64_t kMostRows = 3;  // sums of two digits times four vectors fill 24 registers

    void pack(std::int64_t panel, const Column& weights);
    void pack_floats(std::byte* to, const Column& weights, std::int64_t panel) const;
    template <class Run>
    static void each_tile(std::int64_t rows, const Run& run);

    RecurrentProductDesc desc_;
    const CodeBlock* code_;
    Aligned<std::byte> packed_;
    std::array<std::size_t, kMostRows> sums_{}, cells_{};  // code for as many rows and one more
};

}  // namespace octet::cpu::x64
