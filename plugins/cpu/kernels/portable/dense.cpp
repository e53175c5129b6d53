#include "plugins/cpu/kernels/portable/dense.hpp"

namespace octet::cpu::portable {

template <class Weight>
DotTile<Weight> choose_dot_tile() {
#if defined(__x86_64__)
    const Isa isa = vector_isa();
    if (isa >= Isa::avx512) {
        return dot_tile<Isa::avx512, Weight>;
    }
    if (isa >= Isa::avx2) {
        return dot_tile<Isa::avx2, Weight>;
    }
#endif
    return dot_tile<Isa::sse41, Weight>;
}

template DotTile<float> choose_dot_tile<float>();
template DotTile<std::int16_t> choose_dot_tile<std::int16_t>();

void DenseBlock::flush(std::size_t panel) {
    float* sums = sums_.data() + panel * kBlockRows * kTileColumns;
    std::int32_t* totals = totals_.data() + panel * kBlockRows * kTileColumns;
    vectorized([&] {
        for (std::size_t i = 0; i < rows_ * kTileColumns; ++i) {
            totals[i] += static_cast<std::int32_t>(sums[i]);
            sums[i] = 0;
        }
    });
}

void DenseBlock::finish(const Epilogue& epilogue, const ResultLayout& layout, std::size_t first_row,
                        std::size_t first_channel, const Arguments& args) {
    alignas(64) std::array<float, kTileValues> values;
    constexpr std::size_t kRows = kTileValues / kBlockColumns;
    for (std::size_t begin = 0; begin < rows_; begin += kRows) {
        const std::size_t rows = std::min(kRows, rows_ - begin);
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t panel = 0; panel < panels(); ++panel) {
                const std::size_t from = (panel * kBlockRows + begin + r) * kTileColumns;
                float* to = values.data() + r * columns_ + panel * kTileColumns;
                const std::size_t count = std::min(kTileColumns, columns_ - panel * kTileColumns);
                for (std::size_t c = 0; c < count; ++c) {
                    to[c] = integer_ ? static_cast<float>(totals_[from + c]) : sums_[from + c];
                }
            }
        }
        apply_epilogue(epilogue, layout, {first_row + begin, rows, first_channel, columns_}, values.data(),
                       args.operands, args.out);
    }
}

}  // namespace octet::cpu::portable
