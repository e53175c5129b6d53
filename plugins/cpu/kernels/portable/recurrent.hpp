#pragma once
// The parts of a recurrent step that are not products: the state in 16 bits, and the cell of an LSTM.
#include <cstddef>
#include <cstdint>

namespace octet::cpu::portable {

// x[i] as factor * (256 * (high[i] - 128) + low[i] - 128): off by at most 0.51 factor, where the factor that is
// returned is max |x| / 32639. States below 1e-34 count as 0. The factor of a state that is not finite is not finite either.
float split_state(const float* x, std::size_t count, std::uint8_t* high, std::uint8_t* low);

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

// For up to kUnits hidden units at a time: gate k = clip(start[k * start_stride + i] + sums[k * kUnits + i] * scale[k * kUnits + i] *
// factor), k of f, i, c, o; cell = f * cell + i * g(c); state = o * h(cell).
struct LstmCell {
    static constexpr std::size_t kUnits = 16;
    static constexpr std::size_t kGates = 4;
    CellActivation f{CellFunction::sigmoid}, g{CellFunction::tanh}, h{CellFunction::tanh};
    float clip = 0;  // 0: none

    struct Arguments {
        const float* start = nullptr;
        std::size_t start_stride = 0;
        const float* sums = nullptr;
        const float* scale = nullptr;
        float factor = 1;
        std::size_t units = kUnits;
        float* cell = nullptr;
        float* state = nullptr;
        float* result = nullptr;  // the state once more
    };
    void run(const Arguments& args) const;
};

}  // namespace octet::cpu::portable
