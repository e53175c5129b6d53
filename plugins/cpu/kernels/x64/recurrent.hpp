#pragma once
// sums[row][column] = sum over k of state[row][k] * weights[k][column]: what a recurrent op needs of its state in every time step. It is
// bound by reading the weights, so a state of 16 bits, as two digits that share each load of 8-bit weights, costs little more than 8.
#include <cstddef>
#include <cstdint>
#include <functional>

#include "plugins/cpu/kernels/acceptance.hpp"
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

    std::int64_t digits() const { return (depth + 3) / 4 * 4; }
    std::int64_t state_stride() const { return integer ? 2 * digits() : depth * 4; }  // bytes
    std::int64_t columns() const { return vectors * 16; }                             // of a panel
    // The starts of the sums, then the weights for each four digits; or the weights for each value.
    std::int64_t start_bytes() const { return integer ? vectors * 64 : 0; }
    std::int64_t steps() const { return integer ? digits() / 4 : depth; }
    std::int64_t step_bytes(const VectorIsa& isa) const {
        return narrow ? vectors * 32 : vectors * 64 * (integer && isa.pairs() ? 2 : 1);
    }
    std::int64_t panel_bytes(const VectorIsa& isa) const { return start_bytes() + steps() * step_bytes(isa); }
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
    // sums[rows][columns of a panel]. The digits beyond `depth` may be anything.
    void run(const std::byte* state, std::int64_t panel, float* sums) const;

private:
    void pack(std::int64_t panel, const Column& weights);

    RecurrentProductDesc desc_;
    const CodeBlock* code_;
    Aligned<std::byte> packed_;
    std::size_t full_ = 0, rest_ = 0;
};

}  // namespace octet::cpu::x64
