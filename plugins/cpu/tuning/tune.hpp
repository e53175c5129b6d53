#pragma once
// Measures which kernels are fastest: plans of the whole model, in each of which layers have other kernels, run by turns.
#include "plugins/cpu/plan.hpp"
#include "plugins/cpu/tuning/choices.hpp"

namespace octet::cpu {

using MakePlan = std::function<Plan(const Postpone& postpone)>;
// The time of each step of a run, in us.
using Measure = std::function<std::vector<double>(const Plan& plan)>;

struct TuneLimits {
    double budget_us = 1e6;  // of all runs; of each plan there are at least `least_rounds`
    int least_rounds = 3;
    int most_rounds = 15;
    std::size_t most_plans = 4;
    double least_gain = 0.02;  // of the time of a layer; what gains less keeps its kernel
};

// Layers that are `known` keep what they have. Of the others the choice is the usual candidate, unless another was faster, and the model
// as a whole with all such others.
MeasuredLayers measure_layers(const MakePlan& make, const Measure& measure, const MeasuredLayers& known,
                              const TuneLimits& limits = {});

}  // namespace octet::cpu
