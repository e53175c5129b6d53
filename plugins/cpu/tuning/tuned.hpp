#pragma once
// The measured layers of a model: from the file beside the cache, measured now, or none.
#include <memory>

#include "plugins/cpu/machine.hpp"
#include "plugins/cpu/settings.hpp"
#include "plugins/cpu/tuning/tune.hpp"

namespace octet::cpu {

struct Tuned {
    std::shared_ptr<const MeasuredLayers> layers = nullptr;  // null: nothing was measured
    std::string unusual = {};                                // unusual_choices of this model
    std::string note = {};                                   // where they come from, for reports: one sentence

    Postpone postpone() const {
        if (!layers) return {};
        return [keep = layers, others = postpone_others(*layers)](auto& layer, auto candidate, bool comparable) {
            return others(layer, candidate, comparable);
        };
    }
    // Writes into the steps what was measured.
    void note_times(Plan& plan) const;
};

// Where Settings::tune says so and layers of the graph are unknown: measures, and adds them to the file. Its shapes are static then.
// Otherwise: what the file says, if there is one.
Tuned tuned_layers(const ir::Graph& graph, const Machine& machine, const Settings& settings, const MakePlan& make,
                   const Measure& measure, const TuneLimits& limits = {});

}  // namespace octet::cpu
