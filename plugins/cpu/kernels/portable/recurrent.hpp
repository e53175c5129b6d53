#pragma once
// The parts of a recurrent step that are not products: the state in 16 bits, and the cells.
#include <cstddef>
#include <cstdint>

namespace octet::cpu::portable {

// x[i] as factor * (256 * (high[i] - 128) + low[i] - 128): off by at most 0.51 factor, where the factor that is
// returned is max |x| / 32639. States below 1e-34 count as 0. The factor of a state that is not finite is not finite either.
float split_state(const float* x, std::size_t count, std::uint8_t* high, std::uint8_t* low);

// x[i] as high[i] + low[i] in bf16: off by at most 2^-17 |x[i]|, unless that is below 2^-133. What is not finite is so in `high` alone.
void split_bfloat(const float* x, std::size_t count, std::uint16_t* high, std::uint16_t* low);

// As the operator sets define them.
enum class CellFunction : std::uint8_t {
    sigmoid,
    tanh,
    relu,
    hard_sigmoid,
    affine,
    elu,
    leaky_relu,
    scaled_tanh,
    softplus,
    softsign,
    thresholded_relu
};

struct CellActivation {
    CellFunction function = CellFunction::sigmoid;
    float alpha = 0, beta = 0;
};

// A cell, for up to kUnits hidden units i at a time. Gate k of `gates()` is clip(start[k * start_stride + i] + sum of k), where the sum is
// sums[k * kUnits + i] * scale[k * kUnits + i] * factor.
struct RecurrentCell {
    static constexpr std::size_t kUnits = 16;
    static constexpr std::size_t kMostGates = 4;
    enum class Kind : std::uint8_t {
        lstm,         // gates f, i, c, o: cell = f(f) * cell + f(i) * g(c), state = f(o) * h(cell)
        rnn,          // state = f(gate)
        gru,          // z, r, h, whose sum comes in as (sum + bias) * f(r): state = (1 - f(z)) * g(h) + f(z) * state
        gru_reset,    // z, r: update = f(z), cell = f(r) * state
        gru_renewal,  // h: state = (1 - update) * g(h) + update * state
    };
    Kind kind = Kind::lstm;
    CellActivation f{CellFunction::sigmoid}, g{CellFunction::tanh}, h{CellFunction::tanh};
    float clip = 0;  // 0: none

    std::size_t gates() const;

    struct Arguments {
        const float* start = nullptr;
        std::size_t start_stride = 0;
        const float* sums = nullptr;
        const float* scale = nullptr;
        float factor = 1;
        std::size_t units = kUnits;
        float* cell = nullptr;         // of lstm and gru_reset
        const float* state = nullptr;  // before the step; lstm and rnn: unused
        float* result = nullptr;       // the state after it; gru_reset: unused
        const float* bias = nullptr;   // of gru
        float* update = nullptr;       // of gru_reset and gru_renewal
    };
    void run(const Arguments& args) const;
};

// What a time step of one sequence reads and writes, from its hidden unit 0 on: see RecurrentCell::Arguments.
struct RecurrentRow {
    const float* start = nullptr;
    const float* state = nullptr;
    float* cell = nullptr;
    float* update = nullptr;
    float* result = nullptr;
    float factor = 1;
};

}  // namespace octet::cpu::portable
