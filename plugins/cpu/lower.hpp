#pragma once
// From the graph of the file to the one that is planned.
#include <memory>
#include <octet/report.hpp>
#include <vector>

#include "ir/graph.hpp"
#include "transformations/low_precision/precision_plan.hpp"

namespace octet::cpu {

struct Lowered {
    std::shared_ptr<const ir::Graph> graph;
    std::shared_ptr<const low_precision::PrecisionPlan> precisions;
    bool integers = true;               // whether the plan was free to take them
    std::vector<bool> constant_layers;  // layers of the file whose values do not depend on its inputs
    std::vector<LoadPhase> load;        // the steps of the pipelines
};

// Canonical, with integers where `restrictions` have rows for them and the plan pays for them. Shapes may be unknown.
Lowered lower(const ir::Graph& graph, const low_precision::Restrictions& restrictions,
              const low_precision::Policy& policy = low_precision::cheapest_policy());

// Gives back the memory that nothing needs any longer, or not soon: what was freed, and the pages of the file that the graph's constants
// lie in. The memory of inferences would come on top of it.
void release_unused(const ir::Graph& graph);

// The graph with these shapes of its parameters; what becomes constant by that is folded.
std::shared_ptr<const ir::Graph> specialise(const ir::Graph& graph, const std::vector<ir::Dims>& shapes);

}  // namespace octet::cpu
