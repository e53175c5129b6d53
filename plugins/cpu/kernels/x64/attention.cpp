#include "plugins/cpu/kernels/x64/attention.hpp"

#include <algorithm>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/softmax.hpp"

namespace octet::cpu::x64 {
namespace {

// Scores of one strip: with the packed matrices of a head they fit the second-level cache, and mostly the first.
constexpr std::int64_t kScoreBytes = 24 * 1024;
// To pack k and v takes longer than to multiply them with fewer rows.
constexpr std::int64_t kLeastFloatRows = 8;

std::int64_t strip_of(const AttentionDesc& desc) {
    const std::int64_t fit = std::max<std::int64_t>(kScoreBytes / (desc.scores.columns * 4) / kTileRows, 1) * kTileRows;
    return std::min(fit, desc.scores.rows);
}

bool has_floats(const AttentionDesc& desc) { return desc.shares.result == DataType::f32; }

// Shares are as far apart as scores, whose place they take where they are floats. Generated code has its rows of scores begin at lines.
AttentionDesc with_scratch_strides(AttentionDesc desc, bool lines = false) {
    const std::int64_t columns = desc.scores.columns;
    const std::int64_t stride = lines ? (columns + 15) / 16 * 16 : columns;
    desc.scores.out_stride = stride;
    if (desc.scores.bfloats) desc.scores.a_stride = (desc.scores.k + 1) / 2 * 2;
    desc.values.a_stride = desc.values.bfloats ? 2 * stride : stride;
    return desc;
}

}  // namespace

Acceptance Attention::accepts(const AttentionDesc& given, const Machine& machine) {
    if (given.batch() < 1) return declined("no heads");
    const AttentionDesc desc = with_scratch_strides(given);
    if (desc.scores.epilogue.result != DataType::f32) return declined("its scores are not floats");
    // With AVX2 they take as long one by one.
    if (desc.scores.floats() && !machine.avx512())
        return declined("its scores are products of floats, without AVX-512");
    if (desc.scores.floats() && desc.scores.rows < kLeastFloatRows)
        return declined("its rows are fewer than what packing floats is worth");
    if (desc.scores.columns != desc.values.k || desc.scores.rows != desc.values.rows)
        return declined("its shares are not one for each row of the value");
    const auto by_row = [](const EpilogueOp& op) {
        return op.kind == EpilogueOp::Kind::combine && (op.spread == Spread::full || op.spread == Spread::per_row);
    };
    const auto beside_mask = [&](const EpilogueOp& op) {
        return by_row(op) && static_cast<int>(op.operand) != desc.mask;
    };
    if (std::ranges::any_of(desc.scores.epilogue.ops, beside_mask) ||
        std::ranges::any_of(desc.values.epilogue.ops, by_row))
        return declined("an operand has a value for each score, or row of scores");
    if (desc.values.channels != 0 && desc.values.channels != desc.values.out_stride)
        return declined("the channels of its result are not those of all heads");
    const bool coded = desc.shares.result == DataType::u8;
    if (coded == desc.values.floats() || (!coded && (desc.shares.result != DataType::f32 || !desc.shares.ops.empty())))
        return declined("its shares and its values are not both codes or both floats");
    for (const EpilogueOp& op : desc.shares.ops)
        if (op.kind == EpilogueOp::Kind::combine || op.scale.size() > 1 || op.shift.size() > 1)
            return declined("its shares are changed column by column");
    if (desc.values.bfloats && desc.scores.columns > kMostSoftmaxColumns)
        return declined("its rows of bf16 are too long");
    if (auto answer = PanelProduct::accepts(desc.scores, machine); !answer) return answer;
    return PanelProduct::accepts(desc.values, machine);
}

bool Attention::gains_from_bfloats(const AttentionDesc& desc, const Machine& machine) {
    return has_floats(desc) && desc.values.floats() && desc.scores.columns <= kMostSoftmaxColumns && machine.bf16 &&
           machine.avx512() && !machine.amx();
}

Attention::Attention(AttentionDesc desc, CodeBlock& code)
    : generated_softmax_(has_floats(desc) && code.isa().wide() && desc.scores.columns <= kMostSoftmaxColumns),
      q_stride_(desc.scores.a_stride),
      desc_(with_scratch_strides(std::move(desc), generated_softmax_)),
      strip_rows_(strip_of(desc_)),
      strips_((desc_.scores.rows + strip_rows_ - 1) / strip_rows_),
      scores_(desc_.scores, strip_rows_, code),
      values_(desc_.values, strip_rows_, code),
      code_(&code) {
    if (generated_softmax_)
        generated_ = add_softmax(code, {desc_.scores.columns, desc_.scores.out_stride, desc_.values.bfloats});
    softmax_.shape.outer = static_cast<std::size_t>(strip_rows_);
    softmax_.shape.axis = static_cast<std::size_t>(desc_.scores.columns);
    softmax_.epilogue = desc_.shares;
    last_softmax_ = softmax_;
    last_softmax_.shape.outer = static_cast<std::size_t>(desc_.scores.rows - (strips_ - 1) * strip_rows_);

    const auto after = [](std::size_t begin, std::size_t bytes) { return begin + (bytes + 63) / 64 * 64; };
    const std::size_t shares = softmax_.shape.outer * static_cast<std::size_t>(desc_.scores.out_stride);
    parts_.v = after(0, scores_.panel_bytes());
    parts_.q = after(parts_.v, values_.panel_bytes());
    const std::int64_t q_bytes = desc_.scores.bfloats ? strip_rows_ * desc_.scores.a_stride * 2 : 0;
    parts_.terms = after(parts_.q, static_cast<std::size_t>(q_bytes));
    parts_.scores = after(parts_.terms, static_cast<std::size_t>(strip_rows_) * 4);
    parts_.shares = parts_.scores;
    parts_.end = after(parts_.scores, shares * 4);
    if (has_floats(desc_)) return;
    parts_.shares = parts_.end;
    parts_.end = after(parts_.shares, shares);
}

void Attention::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const auto at = [](const void* base, const std::vector<std::int64_t>& offsets, std::int64_t i, DataType type) {
        return static_cast<const std::byte*>(base) +
               offsets[static_cast<std::size_t>(i)] * static_cast<std::int64_t>(size_of(type));
    };
    std::int64_t packed = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t matrix = unit / strips_;
        if (packed != matrix) {
            scores_.pack(at(args.k, desc_.k_offsets, matrix, desc_.scores.type), args.scratch);
            values_.pack(at(args.v, desc_.v_offsets, matrix, desc_.values.type), args.scratch + parts_.v);
            packed = matrix;
        }
        run_strip(args, matrix, unit % strips_);
    }
}

const void* Attention::rounded_q(const float* q, std::int64_t rows, std::byte* to) const {
    const std::int64_t k = desc_.scores.k, stride = desc_.scores.a_stride;
    auto* row = reinterpret_cast<std::uint16_t*>(to);
    for (std::int64_t r = 0; r < rows; ++r, row += stride) {
        portable::to_bfloat(q + r * q_stride_, static_cast<std::size_t>(k), row);
        if (stride > k) row[k] = 0;
    }
    return to;
}

void Attention::run_softmax(float* scores, void* shares, std::int64_t rows) const {
    if (generated_softmax_) {
        code_->call(generated_, SoftmaxArgs{scores, rows});
        return;
    }
    const portable::SoftMax& softmax = rows == strip_rows_ ? softmax_ : last_softmax_;
    softmax.run({scores, nullptr, {}, shares}, 0, softmax.units());
}

void Attention::run_strip(const Args& args, std::int64_t matrix, std::int64_t strip) const {
    const std::int64_t first = strip * strip_rows_;
    const std::int64_t rows = std::min(strip_rows_, desc_.scores.rows - first);
    const auto index = static_cast<std::size_t>(matrix);
    auto* terms = reinterpret_cast<std::int32_t*>(args.scratch + parts_.terms);
    std::byte* scores = args.scratch + parts_.scores;
    std::byte* shares = args.scratch + parts_.shares;
    auto operands = args.score_operands;
    if (desc_.mask >= 0) {
        const void*& mask = operands[static_cast<std::size_t>(desc_.mask)];
        mask = static_cast<const float*>(mask) + desc_.mask_offsets[index];
    }
    const std::int64_t at = desc_.q_offsets[index] + first * q_stride_;
    const void* q = static_cast<const std::byte*>(args.q) + (desc_.scores.floats() ? at * 4 : at);
    if (desc_.scores.bfloats) q = rounded_q(static_cast<const float*>(q), rows, args.scratch + parts_.q);
    scores_.run({.a = q, .panels = args.scratch, .terms = terms, .out = scores, .rows = rows, .operand_row = first},
                operands);
    run_softmax(reinterpret_cast<float*>(scores), shares, rows);
    const std::int64_t out = desc_.out_offsets[index] + first * desc_.values.out_stride;
    values_.run({.a = shares,
                 .panels = args.scratch + parts_.v,
                 .terms = terms,
                 .out = static_cast<std::byte*>(args.out) +
                        out * static_cast<std::int64_t>(size_of(desc_.values.epilogue.result)),
                 .rows = rows,
                 .channel = desc_.values.channels != 0 ? desc_.out_offsets[index] % desc_.values.channels : 0},
                args.value_operands);
}

}  // namespace octet::cpu::x64
