#pragma once
// out[m, n] = epilogue(sum over k of (a[m, k] - zero_point) * weights[k, n]), u8 times s8, exact in 32 bits; or of floats, f32 or bf16
// with sums in f32. A 1x1 convolution with rows = pixels.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct MatMulDesc {
    DataType type = DataType::u8;  // of a: u8, f32 or bf16
    std::int64_t rows = 0;
    std::int64_t k = 0;
    std::int64_t columns = 0;
    std::int64_t a_stride = 0;  // elements between rows; 0: dense
    std::int64_t out_stride = 0;
    bool transposed = false;      // the weights are [columns, k]
    std::uint8_t zero_point = 0;  // of u8
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};                           // of full operands, elements between rows; 0: `columns`
    std::int64_t rows_per_batch = 0;  // for operands per batch and channel; 0: one batch
    int threads = 1;                  // how many ranges of units run at once

    std::int64_t k_bytes() const { return k * static_cast<std::int64_t>(size_of(type)); }
};

class MatMul {
public:
    struct Args {
        const std::uint8_t* a = nullptr;  // the bytes of its values
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
        const std::int8_t* next_weights = nullptr;  // what this thread reads after the call, to be fetched meanwhile
    };

    static Acceptance accepts(const MatMulDesc& desc, const Machine& machine);
    static std::size_t packed_size(const MatMulDesc& desc, const VectorIsa& isa);

    // Packs the weights into `storage` (packed_size bytes at a multiple of 64) or, when that is empty, memory of its own. They are read
    // when the code is sealed.
    MatMul(const MatMulDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code,
           std::span<std::byte> storage = {});
    // For f32 and bf16; of bf16 they are rounded.
    MatMul(const MatMulDesc& desc, std::span<const float> weights, CodeBlock& code, std::span<std::byte> storage = {});

    // A unit is what one of `threads` threads does: a rectangle of the result.
    std::int64_t units() const { return static_cast<std::int64_t>(shares_.size()); }
    // The packed weights that a thread reads first when `threads` share the units.
    const std::int8_t* first_panel(int thread, int threads) const;
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Share {
        std::int64_t first_row = 0;
        std::int64_t rows = 0;
        std::size_t first_block = 0;
        std::size_t blocks = 0;
    };

    // Whether an epilogue operand changes from batch to batch, so that no tile may reach over a batch's end.
    bool batches_apart() const;
    void share_out(const std::vector<ColumnBlock>& blocks, const PanelShape& panel);
    std::vector<Share> grid(const std::vector<ColumnBlock>& blocks, std::int64_t row_parts,
                            std::int64_t column_parts) const;
    double cycles(const Share& share, const std::vector<ColumnBlock>& blocks, const PanelShape& panel) const;
    // Whether the weights have to be packed still.
    bool plan(CodeBlock& code, std::span<std::byte> storage);
    PanelShape panel() const;
    void pack_later(std::span<const std::int8_t> weights, CodeBlock& code) const;
    void pack_later(std::span<const float> weights, CodeBlock& code) const;
    void run_share(const Args& args, const Share& share) const;
    void run_block(const Args& args, const Share& share, std::size_t index, std::int64_t first,
                   std::int64_t rows) const;

    struct Block : ColumnBlock {
        std::size_t full = 0;  // code for whole tiles, and for the rows that remain
        std::size_t rest = 0;
        int prefetch_lines = 0;
    };

    MatMulDesc desc_;
    const CodeBlock* code_;
    std::vector<Block> blocks_;
    std::vector<Share> shares_;
    std::int64_t row_step_ = 1;  // shares begin at multiples of it, where no tile is cut
    std::int64_t strip_rows_ = 0;
    bool weights_first_ = false;  // every panel of weights meets all strips before the next panel is read
    EpilogueData epilogue_;
    Aligned<std::byte> own_;
    std::int8_t* weights_ = nullptr;
};

}  // namespace octet::cpu::x64
