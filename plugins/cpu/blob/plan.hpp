#pragma once
// A plan whose packed weights and generated code are kept in a file.
#include <filesystem>
#include <memory>
#include <optional>

#include "plugins/cpu/blob/key.hpp"
#include "plugins/cpu/plan.hpp"
#include "plugins/cpu/tuning/choices.hpp"

namespace octet::cpu::blob {

struct Place {
    std::filesystem::path path;
    Key key = {};
};

// In the folder Settings::cache_dir, which is made if need be; nothing where none is named or the model's inputs are dynamic. Throws
// Error where there can be no such folder.
std::optional<Place> place_of(const ir::Graph& graph, const Settings& settings, const Machine& machine);

// The place of the same model planned otherwise, as the text says; the same where it is empty.
Place place_for(const Place& place, const std::string& choices);

struct Planned {
    Plan plan;
    bool from_file = false;
};

// Plans with what the file holds, or, where it holds nothing that fits, anew, and writes it. `postpone`: as for Planner.
Planned plan_with_file(const std::shared_ptr<const ir::Graph>& graph, const Machine& machine, const Settings& settings,
                       const Place& place, const Postpone& postpone = {});

}  // namespace octet::cpu::blob
