#pragma once
// Inside this folder only: the kernels that may take a layer, as a list.
#include <array>
#include <span>

#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

template <class Problem>
struct KernelCandidate {
    std::string_view name;                             // which measurements know it by
    Acceptance (*plan)(Planner& planner, Problem& p);  // plans the step, or says why not
    bool comparable = true;                            // it costs no steps of other layers
};

// Plans the step with the first candidate that accepts, in this order or, where that was measured, another. Where none accepts: the
// answer of the one named `best`, whose reason reports give.
template <class Problem>
Acceptance plan_first(Planner& planner, Problem& p, std::span<const KernelCandidate<Problem>> candidates,
                      std::string_view best) {
    const std::string layer = planner.chooses() ? planner.text_of(p.group) : std::string();
    const std::size_t first = planner.steps();
    Acceptance reason = declined("no faster kernel is built in");
    for (const bool postponed : {false, true})
        for (const KernelCandidate<Problem>& c : candidates) {
            if (planner.postpones(layer, c.name, c.comparable) != postponed) continue;
            const Acceptance answer = c.plan(planner, p);
            if (!answer && c.name == best) reason = answer;
            if (!answer) continue;
            if (planner.chooses()) planner.note_layer({layer, std::string(c.name), first, planner.steps()});
            return answer;
        }
    return reason;
}

}  // namespace octet::cpu
