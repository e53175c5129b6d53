#pragma once
// What a kernel does to its accumulators before it stores them: a short list of float operations, the same for every kernel.
#include <cstdint>
#include <span>
#include <vector>

namespace octet::cpu {

enum class DataType : std::uint8_t { u8, s8, s32, f32, f16, bf16, i64 };

constexpr std::size_t size_of(DataType type) {
    switch (type) {
        case DataType::u8:
        case DataType::s8: return 1;
        case DataType::f16:
        case DataType::bf16: return 2;
        case DataType::i64: return 8;
        default: return 4;
    }
}

// Functions of one value; alpha and beta as the ONNX and OpenVINO operator sets define them.
enum class Function : std::uint8_t {
    relu,        // max(x, 0)
    leaky_relu,  // x < 0 ? alpha * x : x
    clamp,       // min(max(x, alpha), beta)
    sigmoid,
    tanh,
    elu,       // x < 0 ? alpha * (exp(x) - 1) : x
    swish,     // x / (1 + exp(-alpha * x))
    hswish,    // x * min(max(x + 3, 0), 6) / 6
    hsigmoid,  // min(max(x + 3, 0), 6) / 6
    gelu_erf,
    gelu_tanh,
    mish,  // x * tanh(softplus(x))
    softplus,
    exp,
    abs,
    sqrt,
    negate,
    round_half_even
};

enum class Combine : std::uint8_t {
    add,
    subtract,
    reverse_subtract,
    multiply,
    divide,
    reverse_divide,
    maximum,
    minimum
};

// How an operand lies beside the result [rows, channels]: one value for each element, for each channel, for each outer index
// (batch) and channel, for each row, or one in all.
enum class Spread : std::uint8_t { full, per_channel, per_batch_channel, per_row, scalar };

// x is the value in flight (float; i32 accumulators are converted first). Vectors have one entry or one per channel.
struct EpilogueOp {
    enum class Kind : std::uint8_t {
        scale_shift,  // x = x * scale[c] + shift[c]               (one fused multiply-add)
        prelu,        // x = x < 0 ? x * scale[c] : x
        function,     // x = function(x; alpha, beta)
        combine       // x = combine(x, operand[k] * scale[c] + shift[c]); empty scale means the operand as it is
    };
    Kind kind = Kind::scale_shift;
    std::vector<float> scale = {};
    std::vector<float> shift = {};
    Function function = Function::relu;
    float alpha = 0;
    float beta = 0;
    Combine combine = Combine::add;
    std::uint32_t operand = 0;  // index into the kernel's extra operands
    DataType operand_type = DataType::f32;
    Spread spread = Spread::full;
    bool operator==(const EpilogueOp&) const = default;
};

// After the ops, u8 and s8 results are saturate(round_half_even(x)) into [low, high]; f32 results are stored as they are.
struct Epilogue {
    std::vector<EpilogueOp> ops = {};
    DataType result = DataType::f32;
    float low = 0;  // only for u8 and s8: the range of codes
    float high = 255;
    bool operator==(const Epilogue&) const = default;
};

}  // namespace octet::cpu
