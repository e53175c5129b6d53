#pragma once
// Attention.
#include "ir/op.hpp"

namespace octet::ir {

// softmax(query * transpose(key) * scale + mask) * value, along the last two axes: query [..., L, E], key [..., S, E],
// value [..., S, V] with numpy broadcasting of the outer axes. A fourth operand is the mask, which broadcasts to [..., L, S]: numbers
// that are added, or booleans of which false hides. A fifth is the scale, one number; without it 1 / sqrt(E). causal: row i sees
// columns 0 to i, and the mask is not read.
struct ScaledDotProductAttention {
    static constexpr std::string_view name = "scaled_dot_product_attention";
    bool causal = false;
    static constexpr auto fields() { return std::array{field<&ScaledDotProductAttention::causal>("causal")}; }
};
Types infer(const ScaledDotProductAttention& op, Inputs inputs);

}  // namespace octet::ir
