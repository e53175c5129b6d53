#include "plugins/cpu/kernels/portable/recurrent.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/math.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

constexpr float kLargest = 32639;  // 127 * 256 + 127
constexpr float kSmallestState = 1e-34F;
constexpr std::size_t kUnits = RecurrentCell::kUnits;

using Lane = std::array<float, kUnits>;

template <class F>
void each(Lane& values, F f) {
    for (float& x : values) {
        x = f(x);
    }
}

void apply(const CellActivation& a, Lane& values) {
    const float alpha = a.alpha;
    const float beta = a.beta;
    switch (a.function) {
        case CellFunction::sigmoid: return each(values, [](float x) { return fast_sigmoid(x); });
        case CellFunction::tanh: return each(values, [](float x) { return fast_tanh(x); });
        case CellFunction::relu: return each(values, [](float x) { return x > 0 ? x : 0.0F; });
        case CellFunction::hard_sigmoid:
            return each(values, [=](float x) { return clamp_code(std::fma(alpha, x, beta), 0, 1); });
        case CellFunction::affine: return each(values, [=](float x) { return std::fma(alpha, x, beta); });
        case CellFunction::elu: return each(values, [=](float x) { return x < 0 ? alpha * fast_expm1(x) : x; });
        case CellFunction::leaky_relu: return each(values, [=](float x) { return x < 0 ? alpha * x : x; });
        case CellFunction::scaled_tanh: return each(values, [=](float x) { return alpha * fast_tanh(beta * x); });
        case CellFunction::softplus: return each(values, [](float x) { return fast_softplus(x); });
        case CellFunction::softsign: return each(values, [](float x) { return x / (1.0F + std::fabs(x)); });
        case CellFunction::thresholded_relu: return each(values, [=](float x) { return x > alpha ? x : 0.0F; });
    }
}

void load(const float* from, std::size_t count, Lane& to) {
    if (count == kUnits) {
        std::copy_n(from, kUnits, to.data());
        return;
    }
    to.fill(0);
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

void store(const Lane& from, std::size_t count, float* to) {
    if (count == kUnits) {
        std::copy_n(from.data(), kUnits, to);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

// Bytes may alias anything, so the codes of a block get an array of their own: then the compiler takes many at a time.
void split_values(const float* x, std::size_t count, float inverse, std::uint8_t* high, std::uint8_t* low) {
    constexpr std::size_t kBlock = 64;
    alignas(64) std::array<std::uint16_t, kBlock> codes;
    for (std::size_t begin = 0; begin < count; begin += kBlock) {
        const std::size_t n = std::min(kBlock, count - begin);
        for (std::size_t i = 0; i < n; ++i) {
            const float scaled = clamp_code(x[begin + i] * inverse, -kLargest, kLargest);
            codes[i] = static_cast<std::uint16_t>(round_to_int(scaled) + 32768 + 128);
        }
        for (std::size_t i = 0; i < n; ++i) {
            high[begin + i] = static_cast<std::uint8_t>(codes[i] >> 8);
        }
        for (std::size_t i = 0; i < n; ++i) {
            low[begin + i] = static_cast<std::uint8_t>(codes[i]);
        }
    }
}

// The largest magnitude. The bits of positive floats are ordered as the floats are, with infinity and NaN at the end.
float largest_of(const float* x, std::size_t count) {
    std::int32_t bits = 0;
    for (std::size_t i = 0; i < count; ++i) {
        bits = std::max(bits, std::bit_cast<std::int32_t>(x[i]) & 0x7FFFFFFF);
    }
    return std::bit_cast<float>(bits);
}

using Gates = std::array<Lane, RecurrentCell::kMostGates>;

void clip_gate(Lane& gate, float clip) {
    if (clip > 0) {
        each(gate, [clip](float x) { return clamp_code(x, -clip, clip); });
    }
}

// start + sum.
void load_gate(const RecurrentCell::Arguments& args, std::size_t k, Lane& gate) {
    load(args.start + k * args.start_stride, args.units, gate);
    for (std::size_t i = 0; i < kUnits; ++i) {
        gate[i] = std::fma(args.sums[k * kUnits + i], args.scale[k * kUnits + i] * args.factor, gate[i]);
    }
}

void load_gates(const RecurrentCell& c, const RecurrentCell::Arguments& args, std::size_t count, Gates& gates) {
    for (std::size_t k = 0; k < count; ++k) {
        load_gate(args, k, gates[k]);
        clip_gate(gates[k], c.clip);
    }
}

void store_state(const RecurrentCell::Arguments& args, const Lane& state) { store(state, args.units, args.result); }

void run_lstm(const RecurrentCell& c, const RecurrentCell::Arguments& args) {
    alignas(64) Gates gates;
    alignas(64) Lane cell;
    load_gates(c, args, 4, gates);
    load(args.cell, args.units, cell);
    apply(c.f, gates[0]);
    apply(c.f, gates[1]);
    apply(c.g, gates[2]);
    apply(c.f, gates[3]);
    for (std::size_t i = 0; i < kUnits; ++i) {
        cell[i] = gates[0][i] * cell[i] + gates[1][i] * gates[2][i];
    }
    store(cell, args.units, args.cell);
    apply(c.h, cell);
    for (std::size_t i = 0; i < kUnits; ++i) {
        cell[i] *= gates[3][i];
    }
    store_state(args, cell);
}

void run_rnn(const RecurrentCell& c, const RecurrentCell::Arguments& args) {
    alignas(64) Gates gates;
    load_gates(c, args, 1, gates);
    apply(c.f, gates[0]);
    store_state(args, gates[0]);
}

// state = (1 - update) * candidate + update * state
void renew(const RecurrentCell::Arguments& args, const Lane& update, const Lane& candidate) {
    alignas(64) Lane state;
    load(args.state, args.units, state);
    for (std::size_t i = 0; i < kUnits; ++i) {
        state[i] = (1.0F - update[i]) * candidate[i] + update[i] * state[i];
    }
    store_state(args, state);
}

void run_gru(const RecurrentCell& c, const RecurrentCell::Arguments& args) {
    alignas(64) Gates gates;
    alignas(64) Lane bias, candidate;
    load_gates(c, args, 2, gates);
    apply(c.f, gates[0]);
    apply(c.f, gates[1]);
    load(args.bias, args.units, bias);
    load(args.start + 2 * args.start_stride, args.units, candidate);
    for (std::size_t i = 0; i < kUnits; ++i) {
        const float sum = std::fma(args.sums[2 * kUnits + i], args.scale[2 * kUnits + i] * args.factor, bias[i]);
        candidate[i] = std::fma(sum, gates[1][i], candidate[i]);
    }
    clip_gate(candidate, c.clip);
    apply(c.g, candidate);
    renew(args, gates[0], candidate);
}

void run_gru_reset(const RecurrentCell& c, const RecurrentCell::Arguments& args) {
    alignas(64) Gates gates;
    alignas(64) Lane state;
    load_gates(c, args, 2, gates);
    apply(c.f, gates[0]);
    apply(c.f, gates[1]);
    store(gates[0], args.units, args.update);
    load(args.state, args.units, state);
    for (std::size_t i = 0; i < kUnits; ++i) {
        state[i] *= gates[1][i];
    }
    store(state, args.units, args.cell);
}

void run_gru_renewal(const RecurrentCell& c, const RecurrentCell::Arguments& args) {
    alignas(64) Gates gates;
    alignas(64) Lane update;
    load_gates(c, args, 1, gates);
    apply(c.g, gates[0]);
    load(args.update, args.units, update);
    renew(args, update, gates[0]);
}

}  // namespace

float split_state(const float* x, std::size_t count, std::uint8_t* high, std::uint8_t* low) {
    float factor = 0;
    vectorized([&] {
        const float largest = largest_of(x, count);
        const bool zero = largest < kSmallestState;
        factor = zero ? 0.0F : largest / kLargest;
        split_values(x, count, zero ? 0.0F : kLargest / largest, high, low);
    });
    return factor;
}

void split_bfloat(const float* x, std::size_t count, std::uint16_t* high, std::uint16_t* low) {
    constexpr std::size_t kBlock = 64;
    alignas(64) std::array<float, kBlock> rest;
    to_bfloat(x, count, high);
    for (std::size_t begin = 0; begin < count; begin += kBlock) {
        const std::size_t n = std::min(kBlock, count - begin);
        from_bfloat(high + begin, n, rest.data());
        vectorized([&] {
            for (std::size_t i = 0; i < n; ++i) {
                const float left = x[begin + i] - rest[i];
                rest[i] = std::fabs(left) <= FLT_MAX ? left : 0.0F;
            }
        });
        to_bfloat(rest.data(), n, low + begin);
    }
}

std::size_t RecurrentCell::gates() const {
    switch (kind) {
        case Kind::lstm: return 4;
        case Kind::gru: return 3;
        case Kind::gru_reset: return 2;
        case Kind::rnn:
        case Kind::gru_renewal: return 1;
    }
    return 0;
}

void RecurrentCell::run(const Arguments& args) const {
    vectorized([&] {
        switch (kind) {
            case Kind::lstm: return run_lstm(*this, args);
            case Kind::rnn: return run_rnn(*this, args);
            case Kind::gru: return run_gru(*this, args);
            case Kind::gru_reset: return run_gru_reset(*this, args);
            case Kind::gru_renewal: return run_gru_renewal(*this, args);
        }
    });
}

}  // namespace octet::cpu::portable
