#pragma once
// out[m, n] = epilogue(sum over k of a[m, k] * weights[k, n]) of a few f32 rows. It is bound by reading the weights, each of which is
// needed once or a few times: they lie in the order in which they are read, as f32 or as bf16.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct FewRowsDesc {
    std::int64_t rows = 0;
    std::int64_t k = 0;
    std::int64_t columns = 0;
    std::int64_t a_stride = 0;  // elements between rows; 0: dense
    std::int64_t out_stride = 0;
    bool transposed = false;  // the weights lie as [columns][k]
    bool narrow = false;      // they are kept as bf16
    Epilogue epilogue = {};
    int threads = 1;
};

class FewRows {
public:
    struct Args {
        const float* a = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
    };

    static Acceptance accepts(const FewRowsDesc& desc, const Machine& machine);

    // The weights are read when the code is sealed; `owner` keeps them until then.
    FewRows(const FewRowsDesc& desc, std::span<const float> weights, std::shared_ptr<const void> owner,
            CodeBlock& code);
    FewRows(const FewRows&) = delete;
    FewRows& operator=(const FewRows&) = delete;

    std::size_t packed_bytes() const { return panels_.size(); }
    // Tiles of rows times blocks of columns, the blocks of a tile side by side.
    std::int64_t units() const;
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Block {
        std::int64_t first = 0;  // column
        std::int64_t columns = 0;
        std::size_t panel = 0;  // bytes into the panels
        std::size_t tile = 0;   // code for a whole tile of rows, and for those that remain
        std::size_t rest = 0;
    };
    void pack(std::span<const float> weights, const Block& block);

    FewRowsDesc desc_;
    const CodeBlock* code_;
    EpilogueData epilogue_;
    std::int64_t tile_rows_ = 1;
    std::vector<Block> blocks_;
    Aligned<std::byte> panels_;  // of each block [k][vectors][lanes], columns beyond the last zero
};

}  // namespace octet::cpu::x64
