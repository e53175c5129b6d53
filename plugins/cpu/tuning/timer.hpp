#pragma once
// The time of the steps of plans, with inputs that are made up.
#include <vector>

#include "plugins/cpu/plan.hpp"

namespace octet::cpu {

class PlanTimer {
public:
    explicit PlanTimer(ThreadPool& pool) : pool_(pool) {}
    // Runs the plan twice, the first time so that caches are as between inferences; the us of each step the second time. Not for plans
    // that are gone in between.
    std::vector<double> operator()(const Plan& plan);

private:
    ThreadPool& pool_;
};

}  // namespace octet::cpu
