#include "ir/ops/attention.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

constexpr Row kRows[] = {
    row<ScaledDotProductAttention>("ScaledDotProductAttention", 13, {needed("causal")}),
};

}  // namespace

std::span<const Row> attention() { return kRows; }

}  // namespace octet::ir::xml::rows
