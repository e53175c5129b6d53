#pragma once
// Heads of attention in one pass: out[b] = epilogue(softmax(scores(q[b] * k[b])) * v[b]). q and k are codes or both f32; v is f32, or codes
// where the shares that the softmax gives are stored as codes, too. The scores of a few rows stay in the cache.
#include <vector>

#include "plugins/cpu/kernels/portable/softmax.hpp"
#include "plugins/cpu/kernels/x64/panel_product.hpp"

namespace octet::cpu::x64 {

struct AttentionDesc {
    // q times k; its epilogue gives f32 and reads no full operands but the mask. With `bfloats` q is f32 all the same, and rounded here.
    PanelProductDesc scores = {};
    int mask = -1;         // which operand of that epilogue lies elsewhere for each b: f32, full or per channel
    Epilogue shares = {};  // what is done to the softmax; f32 without operations, or u8
    // The shares times v; its epilogue reads no full operands. Where it has `channels`, these are the columns of all heads: the result's
    // rows, one head after the other. With `bfloats` the shares are bf16, too.
    PanelProductDesc values = {};
    // Where the matrices begin, in elements; one entry for each b.
    std::vector<std::int64_t> q_offsets = {0};
    std::vector<std::int64_t> k_offsets = {0};
    std::vector<std::int64_t> v_offsets = {0};
    std::vector<std::int64_t> out_offsets = {0};
    std::vector<std::int64_t> mask_offsets = {};  // where there is one
    int threads = 1;

    std::int64_t batch() const { return static_cast<std::int64_t>(q_offsets.size()); }
};

class Attention {
public:
    struct Args {
        const void* q = nullptr;
        const void* k = nullptr;
        const void* v = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> score_operands = {};
        std::array<const void*, kMaxOperands> value_operands = {};
        std::byte* scratch = nullptr;  // scratch_size bytes at a multiple of 64, of this call alone
    };

    static Acceptance accepts(const AttentionDesc& desc, const Machine& machine);

    // Whether products of bf16, for values of f32, are faster.
    static bool gains_from_bfloats(const AttentionDesc& desc, const Machine& machine);

    // Strides of the scores and of the shares in `desc` are this class's own matter and not read.
    Attention(AttentionDesc desc, CodeBlock& code);

    std::size_t scratch_size() const { return parts_.end; }
    std::int64_t units() const { return desc_.batch() * strips_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    // Where the parts of the scratch memory begin; the packed k comes first.
    struct Parts {
        std::size_t v = 0;  // packed
        std::size_t q = 0;  // rows of bf16
        std::size_t terms = 0;
        std::size_t scores = 0;
        std::size_t shares = 0;  // the scores' place where they are floats
        std::size_t end = 0;
    };
    void run_strip(const Args& args, std::int64_t matrix, std::int64_t strip) const;
    const void* rounded_q(const float* q, std::int64_t rows, std::byte* to) const;
    void run_softmax(float* scores, void* shares, std::int64_t rows) const;

    bool generated_softmax_;
    std::int64_t q_stride_;
    AttentionDesc desc_;
    std::int64_t strip_rows_ = 0;
    std::int64_t strips_ = 1;
    PanelProduct scores_;
    PanelProduct values_;
    const CodeBlock* code_;
    std::size_t generated_ = 0;
    portable::SoftMax softmax_;       // of a strip
    portable::SoftMax last_softmax_;  // of the last one
    Parts parts_;
};

}  // namespace octet::cpu::x64
