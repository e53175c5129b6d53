#include "plugins/cpu/tuning/tuned.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <octet/error.hpp>

#include "plugins/cpu/tuning/file.hpp"

namespace octet::cpu {

namespace {

std::size_t count_known(const MeasuredLayers& layers, const std::vector<std::string>& wanted) {
    return static_cast<std::size_t>(std::ranges::count_if(wanted, [&](auto& text) { return layers.contains(text); }));
}

}  // namespace

void Tuned::note_times(Plan& plan) const {
    if (!layers) return;
    for (const PlannedLayer& layer : plan.layers)
        if (const auto it = layers->find(layer.text); it != layers->end())
            plan.steps[layer.end - 1].measured = times_text(it->second);
}

Tuned tuned_layers(const ir::Graph& graph, const Machine& machine, const Settings& settings, const MakePlan& make,
                   const Measure& measure, const TuneLimits& limits) {
    Tuned tuned;
    const std::string owner = owner_of(machine, settings);
    const std::filesystem::path path = file_of_layers(settings.cache_dir, owner);
    StoredLayers stored = path.empty() ? StoredLayers() : read_layers(path, owner);
    if (!stored.damage.empty()) tuned.note = fmt::format("'{}' {}", path.string(), stored.damage);
    if (stored.layers.empty() && !settings.tune) return tuned;
    const std::vector<std::string> wanted = layers_with_candidates(graph);
    const std::size_t known = count_known(stored.layers, wanted);
    const auto add_note = [&](const std::string& text) { tuned.note += (tuned.note.empty() ? "" : "; ") + text; };
    if (known > 0) add_note(fmt::format("kinds of layers measured before: {}, of '{}'", known, path.string()));
    if (settings.tune && known < wanted.size()) {
        try {
            stored.layers.merge(measure_layers(make, measure, stored.layers, limits));
            for (const std::string& text : wanted) stored.layers.try_emplace(text);
            add_note(fmt::format("kinds of layers measured now: {}", wanted.size() - known));
            if (!path.empty() && !write_layers(path, owner, stored.layers))
                add_note(fmt::format("'{}' cannot be written", path.string()));
        } catch (const Error& error) {
            add_note(
                fmt::format("nothing can be measured, as the model does not run on made-up inputs: {}", error.what()));
        }
    }
    tuned.unusual = unusual_choices(stored.layers, wanted);
    tuned.layers = std::make_shared<const MeasuredLayers>(std::move(stored.layers));
    return tuned;
}

}  // namespace octet::cpu
