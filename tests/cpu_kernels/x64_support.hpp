#pragma once
// What the tests of generated kernels share: scalar epilogues with the formulas of the contract, random epilogues and operands.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/machine.hpp"
#include "tests/cpu_kernels/guarded.hpp"

namespace octet::cpu::testing {

#define OCTET_NEEDS_VNNI()                                \
    if (detect_machine().isa < Isa::avx512_vnni) {        \
        GTEST_SKIP() << "this kernel needs AVX-512 VNNI"; \
    }

#define OCTET_NEEDS_AVX2()                             \
    if (!detect_machine().avx2()) {                    \
        GTEST_SKIP() << "generated kernels need AVX2"; \
    }

// The machines that kernels can be generated for and run here: this one below each cap.
inline const std::vector<Machine>& generated_machines() {
    static const std::vector<Machine> machines = [] {
        std::vector<Machine> all;
        for (const Isa isa : {Isa::avx2, Isa::avx2_vnni, Isa::avx512, Isa::avx512_vnni}) {
            Machine machine = detect_machine(std::min(isa, detect_machine().isa));
            if (machine.isa == isa) all.push_back(std::move(machine));
        }
        return all;
    }();
    return machines;
}

// Runs check(machine) for each of them.
template <class Check>
void on_every_isa(const Check& check) {
    for (const Machine& machine : generated_machines()) {
        SCOPED_TRACE(name_of(machine.isa));
        check(machine);
        if (::testing::Test::HasFatalFailure()) return;
    }
}

// A machine that can run generated kernels; for the questions accepts() answers without running them.
inline Machine vnni_machine() {
    Machine machine;
    machine.isa = Isa::avx512_vnni;
    return machine;
}

inline float of_bfloat(const std::uint8_t* at) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, at, 2);
    float value = 0;
    portable::from_bfloat(&bits, 1, &value);
    return value;
}

inline float rounded_to_bfloat(float value) {
    std::uint16_t bits = 0;
    portable::to_bfloat(&value, 1, &bits);
    portable::from_bfloat(&bits, 1, &value);
    return value;
}

// Small whole numbers, whose products and sums are exact in every order.
inline std::vector<float> whole_numbers(std::size_t count, std::uint64_t seed, int least = -8, int most = 8) {
    std::vector<float> values(count);
    Random random(seed);
    for (float& value : values)
        value = static_cast<float>(least +
                                   static_cast<int>(random.below(static_cast<std::uint32_t>(most - least + 1))));
    return values;
}

inline std::vector<std::uint16_t> random_bfloats(std::size_t count, std::uint64_t seed) {
    const std::vector<float> values = whole_numbers(count, seed);
    std::vector<std::uint16_t> narrow(count);
    portable::to_bfloat(values.data(), count, narrow.data());
    return narrow;
}

// One operand: exactly the bytes a kernel may read, between guards.
struct TestOperand {
    DataType type = DataType::u8;
    Spread spread = Spread::full;
    std::int64_t stride = 0;
    Guarded<std::uint8_t> bytes;

    TestOperand(DataType type_, Spread spread_, std::int64_t rows, std::int64_t batches, std::int64_t channels,
                std::int64_t stride_, Guard guard, std::uint64_t seed)
        : type(type_),
          spread(spread_),
          stride(stride_),
          bytes(count(spread_, rows, batches, channels, stride_) * size_of(type_), guard) {
        const std::size_t values = bytes.size() / size_of(type);
        if (type == DataType::f32) {
            std::vector<float> data(values);
            fill_uniform(data, seed, -100.F, 100.F);
            std::memcpy(bytes.data(), data.data(), bytes.size());
        } else if (type == DataType::s32) {
            std::vector<std::int32_t> data(values);
            Random random(seed);
            for (std::int32_t& value : data) {
                value = static_cast<std::int32_t>(random.below(200001)) - 100000;
            }
            std::memcpy(bytes.data(), data.data(), bytes.size());
        } else if (type == DataType::bf16) {
            const std::vector<std::uint16_t> data = random_bfloats(values, seed);
            std::memcpy(bytes.data(), data.data(), bytes.size());
        } else {
            fill_random(bytes.span(), seed);
        }
    }

    static std::size_t count(Spread spread, std::int64_t rows, std::int64_t batches, std::int64_t channels,
                             std::int64_t stride) {
        switch (spread) {
            case Spread::full: return static_cast<std::size_t>((rows - 1) * stride + channels);
            case Spread::per_channel: return static_cast<std::size_t>(channels);
            case Spread::per_batch_channel: return static_cast<std::size_t>(batches * channels);
            case Spread::per_row: return static_cast<std::size_t>(rows);
            default: return 1;
        }
    }

    float value(std::int64_t row, std::int64_t batch, std::int64_t channel, std::int64_t channels) const {
        std::int64_t i = 0;
        switch (spread) {
            case Spread::full: i = row * stride + channel; break;
            case Spread::per_channel: i = channel; break;
            case Spread::per_batch_channel: i = batch * channels + channel; break;
            case Spread::per_row: i = row; break;
            default: break;
        }
        const std::uint8_t* at = bytes.data() + static_cast<std::size_t>(i) * size_of(type);
        std::int32_t integer = 0;
        float real = 0;
        switch (type) {
            case DataType::u8: return static_cast<float>(*at);
            case DataType::s8: return static_cast<float>(static_cast<std::int8_t>(*at));
            case DataType::s32: std::memcpy(&integer, at, 4); return static_cast<float>(integer);
            case DataType::bf16: return of_bfloat(at);
            default: std::memcpy(&real, at, 4); return real;
        }
    }
};

inline std::array<const void*, x64::kMaxOperands> pointers(const std::vector<TestOperand>& operands) {
    std::array<const void*, x64::kMaxOperands> result = {};
    for (std::size_t k = 0; k < operands.size(); ++k) {
        result[k] = operands[k].bytes.data();
    }
    return result;
}

inline float at_channel(const std::vector<float>& values, std::int64_t channel, float absent) {
    return values.empty() ? absent : values.size() == 1 ? values[0] : values[static_cast<std::size_t>(channel)];
}

inline double function_value(const EpilogueOp& op, double x) {
    const double alpha = op.alpha;
    const double beta = op.beta;
    switch (op.function) {
        case Function::relu: return std::max(x, 0.0);
        case Function::leaky_relu: return x < 0 ? static_cast<double>(static_cast<float>(x) * op.alpha) : x;
        case Function::clamp: return std::min(std::max(x, alpha), beta);
        case Function::sigmoid: return 1 / (1 + std::exp(-x));
        case Function::tanh: return std::tanh(x);
        case Function::elu: return x < 0 ? alpha * std::expm1(x) : x;
        case Function::swish: return x / (1 + std::exp(-alpha * x));
        case Function::hswish: return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
        case Function::hsigmoid: return std::min(std::max(x + 3, 0.0), 6.0) / 6;
        case Function::gelu_erf: return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
        case Function::gelu_tanh:
            return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
        case Function::mish: return x * std::tanh(std::log1p(std::exp(x)));
        case Function::softplus: return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
        case Function::exp: return std::exp(x);
        case Function::abs: return std::abs(x);
        case Function::sqrt: return std::sqrt(x);
        case Function::negate: return -x;
        case Function::round_half_even: return std::nearbyint(x);
    }
    return 0;
}

inline float combined(Combine how, float x, float other) {
    switch (how) {
        case Combine::add: return x + other;
        case Combine::subtract: return x - other;
        case Combine::reverse_subtract: return other - x;
        case Combine::multiply: return x * other;
        case Combine::divide: return x / other;
        case Combine::reverse_divide: return other / x;
        case Combine::maximum: return std::max(x, other);
        case Combine::minimum: return std::min(x, other);
    }
    return 0;
}

// Without a shift, a sum rounds once.
inline float combined_with_factor(Combine how, float x, float other, float factor) {
    switch (how) {
        case Combine::add: return std::fma(other, factor, x);
        case Combine::subtract: return std::fma(-other, factor, x);
        case Combine::reverse_subtract: return std::fma(other, factor, -x);
        default: return combined(how, x, other * factor);
    }
}

// The value before the conversion to the result's type.
inline float scalar_epilogue(const Epilogue& epilogue, const std::vector<TestOperand>& operands, float x,
                             std::int64_t row, std::int64_t batch, std::int64_t channel, std::int64_t channels) {
    for (const EpilogueOp& op : epilogue.ops) {
        const float scale = at_channel(op.scale, channel, 1);
        const float shift = at_channel(op.shift, channel, 0);
        switch (op.kind) {
            case EpilogueOp::Kind::scale_shift: x = std::fma(x, scale, shift); break;
            case EpilogueOp::Kind::prelu: x = x < 0 ? x * scale : x; break;
            case EpilogueOp::Kind::function: x = static_cast<float>(function_value(op, static_cast<double>(x))); break;
            case EpilogueOp::Kind::combine: {
                const float other = operands[op.operand].value(row, batch, channel, channels);
                if (op.scale.empty() && op.shift.empty()) x = combined(op.combine, x, other);
                else if (x64::channel_vectors(op) == 2) x = combined(op.combine, x, std::fma(other, scale, shift));
                else x = combined_with_factor(op.combine, x, other, scale);
                break;
            }
        }
    }
    return x;
}

inline int code_of(const Epilogue& epilogue, float x) {
    return static_cast<int>(std::nearbyint(std::min(std::max(x, epilogue.low), epilogue.high)));
}

// A result of [rows, channels] with a stride, between guards, with sentinels in the gaps between rows.
class TestResult {
public:
    TestResult(DataType type, std::int64_t rows, std::int64_t channels, std::int64_t stride, Guard guard)
        : type_(type),
          rows_(rows),
          channels_(channels),
          stride_(stride),
          bytes_(static_cast<std::size_t>((rows - 1) * stride + channels) * size_of(type), guard) {
        std::memset(bytes_.data(), 0x5C, bytes_.size());
    }

    void* data() { return bytes_.data(); }

    float value(std::int64_t row, std::int64_t channel) const {
        const std::uint8_t* at = bytes_.data() + static_cast<std::size_t>(row * stride_ + channel) * size_of(type_);
        float real = 0;
        switch (type_) {
            case DataType::u8: return static_cast<float>(*at);
            case DataType::s8: return static_cast<float>(static_cast<std::int8_t>(*at));
            case DataType::bf16: return of_bfloat(at);
            default: std::memcpy(&real, at, 4); return real;
        }
    }

    bool gaps_untouched() const {
        const std::size_t size = size_of(type_);
        for (std::int64_t row = 0; row + 1 < rows_; ++row) {
            for (std::size_t i = static_cast<std::size_t>(row * stride_ + channels_) * size;
                 i < static_cast<std::size_t>((row + 1) * stride_) * size; ++i) {
                if (bytes_[i] != 0x5C) {
                    return false;
                }
            }
        }
        return bytes_.intact();
    }

private:
    DataType type_;
    std::int64_t rows_, channels_, stride_;
    Guarded<std::uint8_t> bytes_;
};

// The codes (or floats) of a kernel equal the scalar epilogue of `accumulator(row, channel)`, bit for bit; epilogue_at(row, channel) is
// that of the place.
template <class EpilogueAt, class Accumulate>
void expect_equal_at(const EpilogueAt& epilogue_at, const std::vector<TestOperand>& operands, const TestResult& result,
                     std::int64_t rows, std::int64_t rows_per_batch, std::int64_t channels,
                     const Accumulate& accumulator, const std::string& what) {
    ASSERT_TRUE(result.gaps_untouched()) << what;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t channel = 0; channel < channels; ++channel) {
            const Epilogue& epilogue = epilogue_at(row, channel);
            const float x = scalar_epilogue(epilogue, operands, accumulator(row, channel), row, row / rows_per_batch,
                                            channel, channels);
            const float wanted = epilogue.result == DataType::f32    ? x
                                 : epilogue.result == DataType::bf16 ? rounded_to_bfloat(x)
                                                                     : static_cast<float>(code_of(epilogue, x));
            ASSERT_EQ(result.value(row, channel), wanted) << what << ": row " << row << ", channel " << channel;
        }
    }
}

template <class Accumulate>
void expect_equal(const Epilogue& epilogue, const std::vector<TestOperand>& operands, const TestResult& result,
                  std::int64_t rows, std::int64_t rows_per_batch, std::int64_t channels, const Accumulate& accumulator,
                  const std::string& what) {
    expect_equal_at([&](std::int64_t, std::int64_t) -> const Epilogue& { return epilogue; }, operands, result, rows,
                    rows_per_batch, channels, accumulator, what);
}

inline std::vector<float> random_floats(std::int64_t count, std::uint64_t seed, float low, float high) {
    std::vector<float> values(static_cast<std::size_t>(count));
    fill_uniform(values, seed, low, high);
    return values;
}

// scale and shift per channel that bring sums of `k` random products into the codes, with some saturation on both sides.
inline EpilogueOp requantize(std::int64_t channels, std::int64_t k, std::uint64_t seed) {
    const float unit = 60.F / (std::sqrt(static_cast<float>(k)) * 128.F * 74.F);
    return {EpilogueOp::Kind::scale_shift, random_floats(channels, seed, 0.5F * unit, 1.5F * unit),
            random_floats(channels, seed + 1, 100.F, 150.F)};
}

// Operands with one factor, the last with one for each channel, and something after them.
inline void scale_without_shift(Epilogue& epilogue, std::int64_t channels, std::uint64_t seed) {
    for (EpilogueOp& op : epilogue.ops) {
        if (op.kind == EpilogueOp::Kind::combine) op.shift = {0.F};
    }
    epilogue.ops.back().scale = random_floats(channels, seed, -1.F, 1.F);
    epilogue.ops.push_back({EpilogueOp::Kind::prelu, {-0.25F}});
    epilogue.ops.push_back({EpilogueOp::Kind::scale_shift, {0.5F}, {90.F}});
}

// Epilogues 0 to kEpilogues - 1 cover every result type, spread, operand type and combination with the operands they need.
inline constexpr int kEpilogues = 10;
struct TestEpilogue {
    Epilogue epilogue;
    std::vector<TestOperand> operands;
    std::array<std::int64_t, x64::kMaxOperands> strides = {};
};

inline TestEpilogue make_epilogue(int which, std::int64_t rows, std::int64_t batches, std::int64_t channels,
                                  std::int64_t k, Guard guard, std::uint64_t seed) {
    TestEpilogue made;
    Epilogue& e = made.epilogue;
    e.result = DataType::u8;
    e.ops.push_back(requantize(channels, k, seed));
    const auto operand = [&](Combine how, DataType type, Spread spread, std::int64_t gap, bool scaled) {
        EpilogueOp op;
        op.kind = EpilogueOp::Kind::combine;
        op.combine = how;
        op.operand = static_cast<std::uint32_t>(made.operands.size());
        op.operand_type = type;
        op.spread = spread;
        if (scaled) {
            op.scale = {0.25F};
            op.shift = random_floats(channels, seed + 7, -20.F, 20.F);
        }
        made.strides[op.operand] = gap == 0 ? 0 : channels + gap;
        made.operands.emplace_back(type, spread, rows, batches, channels, channels + gap, guard,
                                   seed + 11 + op.operand);
        e.ops.push_back(op);
    };
    switch (which) {
        case 0: break;
        case 1:
            e.result = DataType::s8;
            e.low = -128;
            e.high = 127;
            e.ops[0].scale = {e.ops[0].scale[0]};
            e.ops[0].shift = {3.F};
            break;
        case 2:
            e.result = DataType::f32;
            e.ops.push_back({EpilogueOp::Kind::prelu, random_floats(channels, seed + 3, -0.5F, 0.5F)});
            break;
        case 3: operand(Combine::add, DataType::u8, Spread::full, 0, true); break;
        case 4:
            operand(Combine::add, DataType::f32, Spread::full, 5, false);
            operand(Combine::maximum, DataType::s8, Spread::per_channel, 0, false);
            e.high = 200;
            e.low = 17;
            break;
        case 5:
            operand(Combine::multiply, DataType::f32, Spread::per_batch_channel, 0, false);
            operand(Combine::subtract, DataType::s32, Spread::full, 2, true);
            e.result = DataType::f32;
            break;
        case 6:
            operand(Combine::reverse_subtract, DataType::s8, Spread::full, 1, true);
            operand(Combine::divide, DataType::f32, Spread::scalar, 0, false);
            operand(Combine::minimum, DataType::u8, Spread::scalar, 0, false);
            operand(Combine::add, DataType::u8, Spread::full, 3, false);
            break;
        case 7:
            operand(Combine::add, DataType::s32, Spread::per_row, 0, true);
            e.ops.back().scale = random_floats(channels, seed + 8, -1e-3F, 1e-3F);
            operand(Combine::subtract, DataType::u8, Spread::per_row, 0, false);
            operand(Combine::add, DataType::s8, Spread::full, 2, false);
            break;
        case 8:
            e.ops.push_back({EpilogueOp::Kind::function, {}, {}, Function::leaky_relu, -0.125F});
            e.ops.push_back({EpilogueOp::Kind::function, {}, {}, Function::clamp, 20.F, 140.F});
            break;
        default:
            operand(Combine::add, DataType::u8, Spread::full, 0, true);
            operand(Combine::subtract, DataType::s8, Spread::full, 1, true);
            operand(Combine::reverse_subtract, DataType::u8, Spread::per_channel, 0, true);
            operand(Combine::maximum, DataType::u8, Spread::full, 0, true);
            scale_without_shift(e, channels, seed + 9);
            break;
    }
    return made;
}

}  // namespace octet::cpu::testing
