#pragma once
// A product of two activations for any number of matrices: out[b] = epilogue(a[b] * w[b]), see panel_product.hpp.
#include <vector>

#include "plugins/cpu/kernels/x64/panel_product.hpp"

namespace octet::cpu::x64 {

struct ProductDesc {
    PanelProductDesc one = {};  // full operands of the epilogue are [b][rows][columns]
    // Where the matrices begin, in elements; one entry for each b.
    std::vector<std::int64_t> a_offsets = {0};
    std::vector<std::int64_t> w_offsets = {0};
    std::vector<std::int64_t> out_offsets = {0};
    int threads = 1;

    std::int64_t batch() const { return static_cast<std::int64_t>(a_offsets.size()); }
};

// How many rows a thread takes at a time, so that threads have equal work; all, or a multiple of kTileRows.
std::int64_t strip_rows(std::int64_t batch, std::int64_t rows, int threads);

class Product {
public:
    struct Args {
        const void* a = nullptr;
        const void* w = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
        std::byte* scratch = nullptr;  // scratch_size bytes at a multiple of 64, of this call alone
    };

    static Acceptance accepts(const ProductDesc& desc, const Machine& machine);

    Product(const ProductDesc& desc, CodeBlock& code);

    std::size_t scratch_size() const;
    std::int64_t units() const { return desc_.batch() * strips_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    ProductDesc desc_;
    std::int64_t strip_rows_ = 0;
    std::int64_t strips_ = 1;
    PanelProduct product_;
};

}  // namespace octet::cpu::x64
