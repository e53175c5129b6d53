#pragma once
// out[m, n] = epilogue(sum over k of a[m, k] * weights[k, n]) of f32 rows and weights that stay codes of 4 or 8 bits. With few rows it is
// bound by reading the weights, so they are widened in registers, once for all rows of a tile.
#include <array>
#include <cstddef>
#include <cstdint>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/coded_weights.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct CodedProductDesc {
    std::int64_t rows = 0;  // dense, as are those of the result
    CodedWeights weights = {};
    Epilogue epilogue = {};
};

class CodedProduct {
public:
    struct Args {
        const float* a = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
        float* scratch = nullptr;  // of this thread, scratch_size bytes
    };

    static Acceptance accepts(const CodedProductDesc& desc, const Machine& machine);

    // The codes are read when the code is sealed.
    CodedProduct(const CodedProductDesc& desc, CodeBlock& code);
    CodedProduct(const CodedProduct&) = delete;
    CodedProduct& operator=(const CodedProduct&) = delete;

    std::size_t packed_bytes() const { return panels_.size(); }
    std::size_t scratch_size() const;
    std::int64_t units() const;
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    // Code for panels of one width: whole tiles of rows, and the rows that remain.
    struct Kernels {
        std::size_t full = 0, rest = 0;
    };
    int vectors(std::int64_t panel) const;
    std::int64_t panel_bytes(int vectors) const;
    void pack(const CodedWeights& w, std::int64_t panel);
    void interleave(const float* a, std::int64_t rows, float* to) const;
    void run_tile(const Args& args, const float* a, std::int64_t row, std::int64_t rows, std::int64_t panel) const;
    std::byte* pack_group(const CodedWeights& w, std::byte* to, std::int64_t group, std::int64_t first,
                          std::int64_t columns, int vectors) const;

    CodedProductDesc desc_;  // without codes and what they are worth
    bool affine_;            // weights are widened with scale and shift; else sums are scaled
    const CodeBlock* code_;
    EpilogueData epilogue_;
    Aligned<std::byte> panels_;
    std::array<Kernels, 2> kernels_ = {};  // of whole panels, and of the last one
};

}  // namespace octet::cpu::x64
