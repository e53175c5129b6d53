#pragma once
// Heads of attention as one group.
#include <vector>

#include "plugins/cpu/partition.hpp"

namespace octet::cpu {

// transpose(matmul(quantize(softmax(matmul(q, k))), v)) becomes one group where q and k are codes and nothing else reads what lies
// between; a transpose above q, k or v and the one below, which split and join heads, belong to it, and so do a mask that is added to
// the scores and a quantize of the softmax. Where the last product's rows are joined to rows of all heads and become codes, so do the
// reshape and the quantize. The groups that it replaces are its parts.
void join_attention(const ir::Graph& graph, std::vector<Group>& groups);

}  // namespace octet::cpu
