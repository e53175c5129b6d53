#include "plugins/cpu/blob/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <system_error>

#include "ir/support/check.hpp"
#include "plugins/cpu/blob/digest.hpp"
#include "plugins/cpu/blob/file.hpp"
#include "plugins/cpu/planner.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/code.hpp"
#endif

namespace octet::cpu::blob {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// What the contents of the file belong to: with the same memory another plan would be wrong.
std::uint64_t digest_of(const Plan& plan) {
    std::string text;
    const auto out = std::back_inserter(text);
    for (const Step& step : plan.steps)
        fmt::format_to(out, "{} {} {} {}\n", step.kernel, step.packed_bytes, step.scratch_bytes,
                       fmt::join(step.nodes, " "));
    fmt::format_to(out, "{} {} {} {}", plan.arena_bytes, plan.packed_bytes, plan.code_bytes, plan.constants.size());
    return digest(text);
}

std::optional<Plan> plan_from_file(const std::shared_ptr<const ir::Graph>& graph, const Machine& machine,
                                   const Settings& settings, const Place& place, const Postpone& postpone) {
    const auto start = Clock::now();
    std::optional<Contents> contents = read(place.path, place.key, machine.cores);
    if (!contents) return std::nullopt;
    const double read_ms = since(start);
    const PackedSession session(std::move(contents->blocks));
    Planner planner(graph, machine, settings.threads_per_stream(), settings.bf16, settings.saturates);
    planner.postpone(postpone);
#if defined(__x86_64__)
    planner.code().restore(std::move(contents->kernels), std::move(contents->code));
#endif
    Plan plan = planner.run();
    if (!session.all_stored() || digest_of(plan) != contents->plan) return std::nullopt;
    plan.load.insert(plan.load.begin(), {"read the cache", read_ms});
    return plan;
}

}  // namespace

std::optional<Place> place_of(const ir::Graph& graph, const Settings& settings, const Machine& machine) {
    const auto is_static = [&](ir::NodeId id) { return graph.shape({id, 0}).is_static(); };
    if (settings.cache_dir.empty() || !std::ranges::all_of(graph.parameters(), is_static)) return std::nullopt;
    const std::filesystem::path folder = settings.cache_dir;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!std::filesystem::is_directory(folder, error))
        ir::fail("property 'CACHE_DIR': '{}' is no folder and cannot be made one", settings.cache_dir);
    const Key key = key_of(graph, settings, machine);
    return Place{folder / (name_of(key) + ".blob"), key};
}

Place place_for(const Place& place, const std::string& choices) {
    if (choices.empty()) return place;
    const Key key{digest(choices, place.key[0]), digest(choices, place.key[1])};
    return {place.path.parent_path() / (name_of(key) + ".blob"), key};
}

Planned plan_with_file(const std::shared_ptr<const ir::Graph>& graph, const Machine& machine, const Settings& settings,
                       const Place& place, const Postpone& postpone) {
    if (auto plan = plan_from_file(graph, machine, settings, place, postpone)) return {std::move(*plan), true};
    const PackedSession session;
    Planner planner(graph, machine, settings.threads_per_stream(), settings.bf16, settings.saturates);
    planner.postpone(postpone);
    Plan plan = planner.run();
    const auto start = Clock::now();
    Contents contents{digest_of(plan), session.blocks(), {}, {}};
#if defined(__x86_64__)
    contents.kernels = planner.code().offsets();
    const auto code = planner.code().bytes();
    contents.code.assign(code.begin(), code.end());
#endif
    write(place.path, place.key, contents);
    plan.load.push_back({"write the cache", since(start)});
    return {std::move(plan), false};
}

}  // namespace octet::cpu::blob
