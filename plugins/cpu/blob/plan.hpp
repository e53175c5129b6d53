#pragma once
// A plan whose packed weights and generated code are kept in a file.
#include <filesystem>
#include <memory>
#include <optional>

#include "plugins/cpu/blob/key.hpp"
#include "plugins/cpu/plan.hpp"

namespace octet::cpu::blob {

struct Place {
    std::filesystem::path path;
    Key key = {};
};

// In the folder Settings::cache_dir, which is made if need be; nothing where none is named or the model's inputs are dynamic. Throws
// Error where there can be no such folder.
std::optional<Place> place_of(const ir::Graph& graph, const Settings& settings, const Machine& machine);

struct Planned {
    Plan plan;
    bool from_file = false;
};

// Plans with what the file holds, or, where it holds nothing that fits, anew, and writes it.
Planned plan_with_file(const std::shared_ptr<const ir::Graph>& graph, const Machine& machine, const Settings& settings,
                       const Place& place);

}  // namespace octet::cpu::blob
