#pragma once
// A plan before it is known which FakeQuantize share a grid.
#include <span>
#include <vector>

#include "transformations/low_precision/precision_plan.hpp"

namespace octet::low_precision {

struct Draft {
    PrecisionPlan plan;
    // Every convolution and product; empty unless Policy::align.
    struct Layer {
        ir::NodeId id = 0;
        std::size_t answer = 0;                        // its place in plan.layers
        std::vector<std::vector<ir::NodeId>> sources;  // the FakeQuantize of each operand that is no constant
        bool on_codes = false;
        std::size_t sums = 1;
        double time = 0;  // estimated nanoseconds
    };
    std::vector<Layer> layers;
    std::vector<ir::NodeId> fixed;  // FakeQuantize whose grid is that of a variable
};

// Members of `grids` have these instead of their own.
Draft draft_plan(const ir::Graph& graph, const Restrictions& restrictions, const Policy& policy,
                 std::span<const CommonGrid> grids);

}  // namespace octet::low_precision
