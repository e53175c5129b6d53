#include "plugins/cpu/kernels/portable/reduce.hpp"

#include <type_traits>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

// Integer sums stay below 2^31 for axes of up to 2^23 codes; floats are summed in double.
template <class T>
using SumOf = std::conditional_t<std::is_floating_point_v<T>, double, std::int32_t>;

template <class T>
void mean_columns(const ReduceMean& op, const T* x, std::size_t width, float* result) {
    alignas(64) std::array<SumOf<T>, kColumns> sums{};
    for (std::size_t i = 0; i < op.axis; ++i) {
        for (std::size_t c = 0; c < width; ++c) {
            sums[c] += static_cast<SumOf<T>>(x[i * op.inner + c]);
        }
    }
    for (std::size_t c = 0; c < width; ++c) {
        result[c] = static_cast<float>(static_cast<double>(sums[c]) / op.divisor());
    }
}

template <class T>
void mean_tile(const ReduceMean& op, const T* input, const Tile& tile, float* values) {
    for (std::size_t r = 0; r < tile.rows; ++r) {
        const T* x = input + (tile.row + r) * op.axis * op.inner + tile.channel;
        float* result = values + r * tile.channels;
        if (op.inner == 1) {
            const auto sum = sum_of<SumOf<T>>(op.axis, [&](std::size_t i) { return static_cast<SumOf<T>>(x[i]); });
            *result = static_cast<float>(static_cast<double>(sum) / op.divisor());
            continue;
        }
        for (std::size_t c = 0; c < tile.channels; c += kColumns) {
            mean_columns(op, x + c, std::min(kColumns, tile.channels - c), result + c);
        }
    }
}

template <class T>
void run_units(const ReduceMean& op, const Arguments& args, std::size_t begin, std::size_t end) {
    const TileGrid grid{op.outer, op.inner};
    const ResultLayout layout{op.inner, op.rows_per_batch};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t unit = begin; unit < end; ++unit) {
        const Tile tile = grid[unit];
        vectorized([&] { mean_tile(op, static_cast<const T*>(args.input), tile, values.data()); });
        apply_epilogue(op.epilogue, layout, tile, values.data(), args.operands, args.out);
    }
}

}  // namespace

void ReduceMean::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    switch (input) {
        case DataType::u8: return run_units<std::uint8_t>(*this, args, begin, end);
        case DataType::s8: return run_units<std::int8_t>(*this, args, begin, end);
        default: return run_units<float>(*this, args, begin, end);
    }
}

}  // namespace octet::cpu::portable
