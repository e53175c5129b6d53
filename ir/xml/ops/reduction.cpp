#include "ir/ops/reduction.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

constexpr Names kTopK = {needed("axis"), needed("mode"), needed("sort")};

constexpr Row kRows[] = {
    row<ReduceMean>("ReduceMean", 1),
    row<ReduceSum>("ReduceSum", 1),
    row<ReduceMax>("ReduceMax", 1),
    row<ReduceMin>("ReduceMin", 1),
    row<ReduceProd>("ReduceProd", 1),
    row<ReduceL1>("ReduceL1", 4),
    row<ReduceL2>("ReduceL2", 4),
    row<ReduceLogicalAnd>("ReduceLogicalAnd", 1),
    row<ReduceLogicalOr>("ReduceLogicalOr", 1),
    older<TopK>("TopK", 1, kTopK),
    row<TopK>("TopK", 11, kTopK),
    row<CumSum>("CumSum", 3),
};

}  // namespace

std::span<const Row> reduction() { return kRows; }

}  // namespace octet::ir::xml::rows
