#pragma once
// out[m, n] = epilogue(sum over parts p of scale_p[n] * sum over k of (a_p[m, k] - zero_point_p) * weights_p[n, k]), u8 times s8: sums
// of 32 bits for each part, which meet in float registers. A 1x1 convolution of data with several scales, rows = pixels.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

inline constexpr int kMaxSources = 32;

struct SumOfProductsDesc {
    struct Part {
        int source = 0;      // which of Args::a; several parts may read the same
        std::int64_t k = 0;  // also the elements between rows of the source
        std::uint8_t zero_point = 0;
        std::vector<float> scale = {};              // one, or one per column
        std::span<const std::int8_t> weights = {};  // [columns, k]; groups of four k without weights cost nothing
    };
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::vector<Part> parts = {};
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};                           // of full operands, elements between rows; 0: `columns`
    std::int64_t rows_per_batch = 0;  // for operands per batch and channel; 0: one batch
    int threads = 1;                  // how many ranges of units run at once
};

class SumOfProducts {
public:
    struct Args {
        std::array<const std::uint8_t*, kMaxSources> a = {};
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
    };

    static Acceptance accepts(const SumOfProductsDesc& desc, const Machine& machine);
    // The weights are copied.
    SumOfProducts(const SumOfProductsDesc& desc, CodeBlock& code);

    std::int64_t units() const { return strips_ * static_cast<std::int64_t>(blocks_.size()); }
    std::size_t packed_size() const { return packed_bytes_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Block {
        std::int64_t first = 0;
        int rows = 0;          // of a tile
        std::size_t full = 0;  // code for whole tiles, and for the rows that remain
        std::size_t rest = 0;
        Aligned<std::byte> panel;
    };
    void run_unit(const Args& args, std::int64_t strip, const Block& block) const;

    const CodeBlock* code_;
    std::int64_t rows_, columns_, rows_per_batch_;
    std::size_t result_size_;
    std::vector<std::int64_t> row_strides_;  // by source
    std::vector<Block> blocks_;
    std::int64_t strip_rows_ = 0;
    std::int64_t strips_ = 1;
    std::size_t packed_bytes_ = 0;
    EpilogueData epilogue_;
};

}  // namespace octet::cpu::x64
