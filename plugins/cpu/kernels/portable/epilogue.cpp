#include "plugins/cpu/kernels/portable/epilogue.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/math.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

// A per-channel vector in the form loops like: repeated so that rows of few channels are walked many at a time.
class Lanes {
public:
    // The tile's rows must be contiguous; `neutral` stands for an absent vector.
    Lanes(const std::vector<float>& values, const Tile& tile, float neutral) {
        const std::size_t repeats = tile.channels >= kWide ? 1 : std::min(tile.rows, kWide / tile.channels + 1);
        width_ = tile.channels * repeats;
        if (values.size() > 1 && repeats == 1) {
            data_ = values.data() + tile.channel;
            return;
        }
        data_ = buffer_.data();
        if (values.size() <= 1) {
            std::fill_n(buffer_.data(), width_, values.empty() ? neutral : values[0]);
            return;
        }
        for (std::size_t i = 0; i < repeats; ++i) {
            std::copy_n(values.data() + tile.channel, tile.channels, buffer_.data() + i * tile.channels);
        }
    }
    Lanes(const Lanes&) = delete;
    Lanes& operator=(const Lanes&) = delete;

    const float* data() const { return data_; }
    std::size_t width() const { return width_; }

private:
    static constexpr std::size_t kWide = 64;
    const float* data_ = nullptr;
    std::size_t width_ = 0;
    alignas(64) std::array<float, kTileValues> buffer_;
};

void scale_shift(const std::vector<float>& scale, const std::vector<float>& shift, const Tile& tile, float* values) {
    const std::size_t count = tile.rows * tile.channels;
    if (scale.size() <= 1 && shift.size() <= 1) {
        const float a = scale.empty() ? 1.0F : scale[0];
        const float b = shift.empty() ? 0.0F : shift[0];
        for (std::size_t i = 0; i < count; ++i) {
            values[i] = std::fma(values[i], a, b);
        }
        return;
    }
    const Lanes a(scale, tile, 1.0F);
    const Lanes b(shift, tile, 0.0F);
    const float* a_data = a.data();
    const float* b_data = b.data();
    for (std::size_t begin = 0; begin < count; begin += a.width()) {
        const std::size_t width = std::min(a.width(), count - begin);
        float* x = values + begin;
        for (std::size_t i = 0; i < width; ++i) {
            x[i] = std::fma(x[i], a_data[i], b_data[i]);
        }
    }
}

void prelu(const std::vector<float>& slope, const Tile& tile, float* values) {
    const std::size_t count = tile.rows * tile.channels;
    const Lanes a(slope, tile, 0.0F);
    const float* a_data = a.data();
    for (std::size_t begin = 0; begin < count; begin += a.width()) {
        const std::size_t width = std::min(a.width(), count - begin);
        float* x = values + begin;
        for (std::size_t i = 0; i < width; ++i) {
            const float scaled = x[i] * a_data[i];
            x[i] = x[i] < 0 ? scaled : x[i];
        }
    }
}

template <class F>
void map(float* values, std::size_t count, const F& f) {
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = f(values[i]);
    }
}

void apply_function(const EpilogueOp& op, float* x, std::size_t count) {
    const float alpha = op.alpha;
    const float beta = op.beta;
    const auto gate = [](float v) { return std::min(std::max(v + 3.0F, 0.0F), 6.0F); };
    switch (op.function) {
        case Function::relu: return map(x, count, [](float v) { return v > 0 ? v : 0.0F; });
        case Function::leaky_relu: return map(x, count, [=](float v) { return v < 0 ? alpha * v : v; });
        case Function::clamp: return map(x, count, [=](float v) { return std::min(std::max(v, alpha), beta); });
        case Function::sigmoid: return map(x, count, fast_sigmoid);
        case Function::tanh: return map(x, count, fast_tanh);
        case Function::elu:
            return map(x, count, [=](float v) {
                const float below = alpha * fast_expm1(v < 0 ? v : 0.0F);
                return v < 0 ? below : v;
            });
        case Function::swish: return map(x, count, [=](float v) { return v * fast_sigmoid(alpha * v); });
        case Function::hswish: return map(x, count, [=](float v) { return v * gate(v) / 6.0F; });
        case Function::hsigmoid: return map(x, count, [=](float v) { return gate(v) / 6.0F; });
        case Function::gelu_erf: return map(x, count, fast_gelu_erf);
        case Function::gelu_tanh: return map(x, count, fast_gelu_tanh);
        case Function::mish: return map(x, count, fast_mish);
        case Function::softplus: return map(x, count, fast_softplus);
        case Function::exp: return map(x, count, fast_exp);
        case Function::abs: return map(x, count, [](float v) { return std::fabs(v); });
        case Function::sqrt: return map(x, count, [](float v) { return std::sqrt(v); });
        case Function::negate: return map(x, count, [](float v) { return -v; });
        case Function::round_half_even: return map(x, count, [](float v) { return std::nearbyint(v); });
    }
}

// x = combine(x, operand * scale + shift) in one pass, for an operand that lies like x.
template <class T>
void combine_direct(Combine combine, float* x, const T* operand, std::size_t count, float scale, float shift) {
    const auto pass = [&](const auto& f) {
        for (std::size_t i = 0; i < count; ++i) {
            x[i] = f(x[i], std::fma(static_cast<float>(operand[i]), scale, shift));
        }
    };
    switch (combine) {
        case Combine::add: return pass([](float a, float b) { return a + b; });
        case Combine::subtract: return pass([](float a, float b) { return a - b; });
        case Combine::reverse_subtract: return pass([](float a, float b) { return b - a; });
        case Combine::multiply: return pass([](float a, float b) { return a * b; });
        case Combine::divide: return pass([](float a, float b) { return a / b; });
        case Combine::reverse_divide: return pass([](float a, float b) { return b / a; });
        case Combine::maximum: return pass([](float a, float b) { return a > b ? a : b; });
        case Combine::minimum: return pass([](float a, float b) { return a < b ? a : b; });
    }
}

template <class T>
void convert(const void* source, std::size_t offset, std::size_t count, float* values) {
    const T* from = static_cast<const T*>(source) + offset;
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = static_cast<float>(from[i]);
    }
}

void load(DataType type, const void* source, std::size_t offset, std::size_t count, float* values) {
    switch (type) {
        case DataType::u8: return convert<std::uint8_t>(source, offset, count, values);
        case DataType::s8: return convert<std::int8_t>(source, offset, count, values);
        case DataType::s32: return convert<std::int32_t>(source, offset, count, values);
        case DataType::i64: return convert<std::int64_t>(source, offset, count, values);
        case DataType::bf16: {
            const auto* from = static_cast<const std::uint16_t*>(source) + offset;
            for (std::size_t i = 0; i < count; ++i) {
                values[i] = from_bfloat(from[i]);
            }
            return;
        }
        default: return convert<float>(source, offset, count, values);
    }
}

// The operand's part that lies beside the tile, as floats [tile.rows][tile.channels].
void load_operand(const EpilogueOp& op, const ResultLayout& layout, const Tile& tile, const void* operand,
                  float* values) {
    switch (op.spread) {
        case Spread::full:
            if (tile.channels == layout.channels) {
                return load(op.operand_type, operand, tile.row * layout.channels, tile.rows * tile.channels, values);
            }
            for (std::size_t r = 0; r < tile.rows; ++r) {
                load(op.operand_type, operand, (tile.row + r) * layout.channels + tile.channel, tile.channels,
                     values + r * tile.channels);
            }
            return;
        case Spread::per_channel:
            load(op.operand_type, operand, tile.channel, tile.channels, values);
            for (std::size_t r = 1; r < tile.rows; ++r) {
                std::copy_n(values, tile.channels, values + r * tile.channels);
            }
            return;
        case Spread::per_batch_channel:
            for (std::size_t r = 0; r < tile.rows; ++r) {
                const std::size_t batch = (tile.row + r) / layout.rows_per_batch;
                load(op.operand_type, operand, batch * layout.channels + tile.channel, tile.channels,
                     values + r * tile.channels);
            }
            return;
        case Spread::per_row:
            for (std::size_t r = 0; r < tile.rows; ++r) {
                float* row = values + r * tile.channels;
                load(op.operand_type, operand, tile.row + r, 1, row);
                std::fill_n(row + 1, tile.channels - 1, row[0]);
            }
            return;
        case Spread::scalar:
            load(op.operand_type, operand, 0, 1, values);
            std::fill_n(values + 1, tile.rows * tile.channels - 1, values[0]);
            return;
    }
}

void combine_operand(const EpilogueOp& op, const ResultLayout& layout, const Tile& tile, const void* operand,
                     float* values) {
    const std::size_t count = tile.rows * tile.channels;
    const bool contiguous = op.spread == Spread::full && (tile.channels == layout.channels || tile.rows == 1);
    if (contiguous && op.scale.size() <= 1 && op.shift.size() <= 1) {
        const std::size_t at = tile.row * layout.channels + tile.channel;
        const float scale = op.scale.empty() ? 1.0F : op.scale[0];
        const float shift = op.scale.empty() || op.shift.empty() ? 0.0F : op.shift[0];
        switch (op.operand_type) {
            case DataType::u8:
                return combine_direct(op.combine, values, static_cast<const std::uint8_t*>(operand) + at, count, scale,
                                      shift);
            case DataType::s8:
                return combine_direct(op.combine, values, static_cast<const std::int8_t*>(operand) + at, count, scale,
                                      shift);
            case DataType::f32:
                return combine_direct(op.combine, values, static_cast<const float*>(operand) + at, count, scale, shift);
            default: break;
        }
    }
    alignas(64) std::array<float, kTileValues> floats;
    load_operand(op, layout, tile, operand, floats.data());
    if (!op.scale.empty()) {
        scale_shift(op.scale, op.shift, tile, floats.data());
    }
    combine_direct(op.combine, values, floats.data(), count, 1.0F, 0.0F);
}

template <class T>
void store_codes(const Epilogue& epilogue, const float* values, std::size_t count, T* out) {
    const float low = epilogue.low;
    const float high = epilogue.high;
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = static_cast<T>(round_to_int(clamp_code(values[i], low, high)));
    }
}

void store_bfloats(const float* values, std::size_t count, std::uint16_t* out) {
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = to_bfloat(values[i]);
    }
}

void store(const Epilogue& epilogue, const ResultLayout& layout, const Tile& tile, const float* values, void* out) {
    const std::size_t stride = layout.stride == 0 ? layout.channels : layout.stride;
    const bool dense = tile.channels == stride;
    const std::size_t rows = dense ? 1 : tile.rows;
    const std::size_t count = dense ? tile.rows * tile.channels : tile.channels;
    for (std::size_t r = 0; r < rows; ++r) {
        const float* from = values + r * count;
        const std::size_t at = (tile.row + r) * stride + tile.channel;
        switch (epilogue.result) {
            case DataType::u8: store_codes(epilogue, from, count, static_cast<std::uint8_t*>(out) + at); break;
            case DataType::s8: store_codes(epilogue, from, count, static_cast<std::int8_t*>(out) + at); break;
            case DataType::bf16: store_bfloats(from, count, static_cast<std::uint16_t*>(out) + at); break;
            default: std::copy_n(from, count, static_cast<float*>(out) + at); break;
        }
    }
}

// A last relu that the range of codes does anyway.
bool clamps_like_store(const Epilogue& epilogue) {
    return epilogue.result == DataType::u8 && epilogue.low >= 0 && !epilogue.ops.empty() &&
           epilogue.ops.back().kind == EpilogueOp::Kind::function && epilogue.ops.back().function == Function::relu;
}

void apply(const Epilogue& epilogue, const ResultLayout& layout, const Tile& tile, float* values,
           std::span<const void* const> operands, void* out) {
    const std::size_t count = tile.rows * tile.channels;
    std::span<const EpilogueOp> ops = epilogue.ops;
    if (clamps_like_store(epilogue)) {
        ops = ops.first(ops.size() - 1);
    }
    for (const EpilogueOp& op : ops) {
        switch (op.kind) {
            case EpilogueOp::Kind::scale_shift: scale_shift(op.scale, op.shift, tile, values); break;
            case EpilogueOp::Kind::prelu: prelu(op.scale, tile, values); break;
            case EpilogueOp::Kind::function: apply_function(op, values, count); break;
            case EpilogueOp::Kind::combine: combine_operand(op, layout, tile, operands[op.operand], values); break;
        }
    }
    store(epilogue, layout, tile, values, out);
}

}  // namespace

Tile TileGrid::operator[](std::size_t i) const {
    const std::size_t row = i / tiles_per_row() * rows_per_tile();
    const std::size_t channel = i % tiles_per_row() * kTileValues;
    return {row, std::min(rows_per_tile(), rows - row), channel, std::min(kTileValues, channels - channel)};
}

void check_epilogue(const Epilogue& epilogue, std::size_t channels, std::size_t operands) {
    const auto fits = [&](const std::vector<float>& values) { return values.size() <= 1 || values.size() == channels; };
    for (const EpilogueOp& op : epilogue.ops) {
        if (!fits(op.scale) || !fits(op.shift)) {
            throw std::invalid_argument(fmt::format("epilogue has {} scales and {} shifts for {} channels",
                                                    op.scale.size(), op.shift.size(), channels));
        }
        if (op.kind == EpilogueOp::Kind::combine && op.operand >= operands) {
            throw std::invalid_argument(fmt::format("epilogue reads operand {} of {}", op.operand, operands));
        }
        if (op.kind == EpilogueOp::Kind::combine && op.operand_type == DataType::f16) {
            throw std::invalid_argument("epilogue reads an f16 operand");
        }
    }
    if (epilogue.result != DataType::u8 && epilogue.result != DataType::s8 && epilogue.result != DataType::f32 &&
        epilogue.result != DataType::bf16) {
        throw std::invalid_argument("epilogue stores neither u8, s8, f32 nor bf16");
    }
}

void apply_epilogue(const Epilogue& epilogue, const ResultLayout& layout, const Tile& tile, float* values,
                    std::span<const void* const> operands, void* out) {
    vectorized([&] { apply(epilogue, layout, tile, values, operands, out); });
}

void apply_epilogue(const Epilogue& epilogue, const ResultLayout& layout, const Tile& tile, const std::int32_t* values,
                    std::span<const void* const> operands, void* out) {
    alignas(64) std::array<float, kTileValues> floats;
    vectorized([&] {
        convert<std::int32_t>(values, 0, tile.rows * tile.channels, floats.data());
        apply(epilogue, layout, tile, floats.data(), operands, out);
    });
}

void load_floats(DataType type, const void* source, std::size_t offset, std::size_t count, float* values) {
    vectorized([&] { load(type, source, offset, count, values); });
}

bool is_plain(const Epilogue& epilogue) {
    switch (epilogue.result) {
        case DataType::u8: return epilogue.ops.empty() && epilogue.low <= 0 && epilogue.high >= 255;
        case DataType::s8: return epilogue.ops.empty() && epilogue.low <= -128 && epilogue.high >= 127;
        default: return epilogue.ops.empty();
    }
}

}  // namespace octet::cpu::portable
