#include "plugins/cpu/tuning/tune.hpp"

#include <algorithm>
#include <list>
#include <numeric>
#include <set>

namespace octet::cpu {

namespace {

// A plan and the least time that each of its steps took.
struct Trial {
    Plan plan;
    std::vector<double> steps = {};

    double run(const Measure& measure) {
        const std::vector<double> times = measure(plan);
        if (steps.empty()) steps = times;
        for (std::size_t i = 0; i < times.size(); ++i) steps[i] = std::min(steps[i], times[i]);
        return std::accumulate(times.begin(), times.end(), 0.0);
    }
    double whole() const { return std::accumulate(steps.begin(), steps.end(), 0.0); }
    double of(const PlannedLayer& layer) const {
        return std::accumulate(steps.begin() + static_cast<std::ptrdiff_t>(layer.first),
                               steps.begin() + static_cast<std::ptrdiff_t>(layer.end), 0.0);
    }
    // The last of the layer's steps is its own; before it, what is laid out anew for it.
    const std::string& kernel(const PlannedLayer& layer) const { return plan.steps[layer.end - 1].kernel; }
};
using Trials = std::list<Trial>;

// By turns, so that what slows the machine down for a while slows all of them.
void run(Trials& trials, const Measure& measure, const TuneLimits& limits) {
    double spent = 0;
    for (int round = 0; round < limits.most_rounds && (round < limits.least_rounds || spent < limits.budget_us);
         ++round)
        for (Trial& trial : trials) spent += trial.run(measure);
}

// Every layer with every candidate that takes it, up to as many plans.
Trials all_candidates(const MakePlan& make, const MeasuredLayers& known, const TuneLimits& limits) {
    std::set<std::pair<std::string, std::string>, std::less<>> seen;
    const Postpone keep = postpone_others(known);
    const Postpone unseen_first = [&](const std::string& layer, std::string_view candidate, bool comparable) {
        if (known.contains(layer)) return keep(layer, candidate, comparable);
        return !comparable || seen.contains(std::pair(layer, std::string(candidate)));
    };
    Trials trials;
    while (trials.size() < limits.most_plans) {
        Trial trial{make(trials.empty() ? keep : unseen_first)};
        bool found = false;
        for (const PlannedLayer& layer : trial.plan.layers)
            found = seen.emplace(layer.text, layer.candidate).second || found;
        if (!found) break;
        trials.push_back(std::move(trial));
    }
    return trials;
}

// The mean over the layers of one text, by candidate, of the least time each took.
MeasuredLayers times_of(const Trials& trials, const MeasuredLayers& known) {
    struct Least {
        std::string kernel;
        std::map<std::size_t, double> us;  // by the layer's place in the plan
    };
    std::map<std::string, std::map<std::string, Least>> least;
    MeasuredLayers result;
    for (const Trial& trial : trials)
        for (std::size_t i = 0; i < trial.plan.layers.size(); ++i) {
            const PlannedLayer& layer = trial.plan.layers[i];
            if (known.contains(layer.text)) continue;
            MeasuredLayer& measured = result[layer.text];
            if (measured.usual.empty()) measured.usual = measured.choice = layer.candidate;
            Least& of = least[layer.text][layer.candidate];
            of.kernel = trial.kernel(layer);
            const double us = trial.steps.empty() ? 0 : trial.of(layer);
            const auto [place, first] = of.us.emplace(i, us);
            if (!first) place->second = std::min(place->second, us);
        }
    for (const auto& [text, candidates] : least)
        for (const auto& [candidate, of] : candidates) {
            double sum = 0;
            for (const auto& [place, us] : of.us) sum += us;
            result[text].times.push_back({candidate, of.kernel, sum / static_cast<double>(of.us.size())});
        }
    return result;
}

// Whether any layer gets another candidate than the usual one.
bool choose(MeasuredLayers& layers, double least_gain) {
    bool any = false;
    for (auto& [text, layer] : layers) {
        const auto usual = std::ranges::find(layer.times, layer.usual, &CandidateTime::candidate);
        const auto fastest = std::ranges::min_element(layer.times, {}, &CandidateTime::us);
        if (fastest->us >= usual->us * (1 - least_gain)) continue;
        layer.choice = fastest->candidate;
        any = true;
    }
    return any;
}

}  // namespace

MeasuredLayers measure_layers(const MakePlan& make, const Measure& measure, const MeasuredLayers& known,
                              const TuneLimits& limits) {
    Trials trials = all_candidates(make, known, limits);
    if (trials.size() > 1) run(trials, measure, limits);
    MeasuredLayers measured = times_of(trials, known);
    if (trials.size() < 2 || !choose(measured, limits.least_gain)) return measured;
    // Kernels side by side are not the sum of what each takes alone: caches are shared, and layouts handed on.
    trials.erase(std::next(trials.begin()), trials.end());
    MeasuredLayers all = known;
    all.insert(measured.begin(), measured.end());
    trials.push_back({make(postpone_others(all))});
    trials.front().steps.clear();
    run(trials, measure, limits);
    if (trials.back().whole() >= trials.front().whole())
        for (auto& [text, layer] : measured) layer.choice = layer.usual;
    return measured;
}

}  // namespace octet::cpu
