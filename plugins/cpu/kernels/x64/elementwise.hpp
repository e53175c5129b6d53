#pragma once
// out[row, channel] = epilogue(in[row, channel]): chains of additions, multiplications, activations and quantization in one pass.
#include <array>
#include <cstdint>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct ElementwiseDesc {
    DataType type = DataType::u8;  // of the input: u8, s8, s32, f32 or, like operands and the result, bf16
    std::int64_t rows = 0;
    std::int64_t channels = 0;
    std::int64_t in_stride = 0;  // elements between rows; 0: dense
    std::int64_t out_stride = 0;
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides = {};  // of full operands; 0: `channels`
    std::int64_t rows_per_batch = 0;                              // for operands per batch and channel; 0: one batch
    int threads = 1;
};

class Elementwise {
public:
    struct Args {
        const void* in = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
        // Instead of the description's vectors of scale and shift, where they are known only now: of positions(), as pack_constants
        // lays them out.
        const float* constants = nullptr;
    };

    static Acceptance accepts(const ElementwiseDesc& desc, const Machine& machine);

    Elementwise(const ElementwiseDesc& desc, CodeBlock& code);

    std::int64_t units() const { return units_; }
    // In a row as it is walked; of few channels, several rows lie side by side.
    std::int64_t positions() const { return desc_.channels; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Block {
        std::int64_t first = 0;
        int columns = 0;
        int tile_rows = 0;
        std::size_t tile = 0;  // code for tile_rows rows a turn, and for one
        std::size_t single = 0;
    };

    Block add_block(CodeBlock& code, std::int64_t first, int columns) const;
    void run_rows(const Args& args, const Block& block, std::int64_t first, std::int64_t rows) const;

    ElementwiseDesc desc_;  // rows and channels as they are walked, several rows of few channels side by side
    const CodeBlock* code_;
    EpilogueData epilogue_;
    std::int64_t vectors_ = 0;  // of constants
    std::vector<Block> blocks_;
    Block last_;  // the rest of a row, when rows were put side by side
    std::int64_t strip_rows_ = 0;
    std::int64_t units_ = 0;
};

}  // namespace octet::cpu::x64
