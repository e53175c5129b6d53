// Which FakeQuantize share a grid: the exact plan beside one in which all do whose data meet in a layer that could gain by it.
#include <algorithm>
#include <map>

#include "transformations/low_precision/draft.hpp"

namespace octet::low_precision {

using ir::Graph;
using ir::NodeId;

namespace {

struct Group {
    CommonGrid grid;
    std::vector<std::size_t> layers;  // places in Draft::layers of what reads a member
};

bool reads(const Draft::Layer& layer, const CommonGrid& grid) {
    return std::ranges::any_of(layer.sources, [&](const auto& sources) {
        return std::ranges::any_of(grid.members, [&](const CommonGrid::Member& member) {
            return std::ranges::find(sources, member.fake_quantize) != sources.end();
        });
    });
}

// FakeQuantize that meet in one operand, directly or over others.
class Meetings {
public:
    void add(const std::vector<NodeId>& sources) {
        for (const NodeId id : sources) {
            first_.try_emplace(id, id);
            first_[root(id)] = root(sources[0]);
        }
    }
    std::vector<std::vector<NodeId>> sets() {
        std::map<NodeId, std::vector<NodeId>> by_root;
        for (const auto& [id, unused] : first_) by_root[root(id)].push_back(id);
        std::vector<std::vector<NodeId>> all;
        for (auto& [unused, ids] : by_root) all.push_back(std::move(ids));
        return all;
    }

private:
    NodeId root(NodeId id) const {
        while (first_.at(id) != id) id = first_.at(id);
        return id;
    }
    std::map<NodeId, NodeId> first_;
};

std::vector<Group> groups_of(const Graph& graph, const Draft& exact) {
    Meetings meetings;
    for (const Draft::Layer& layer : exact.layers)
        for (const auto& sources : layer.sources)
            if (sources.size() > 1 && (!layer.on_codes || layer.sums > 1)) meetings.add(sources);
    std::vector<Group> groups;
    for (const auto& ids : meetings.sets()) {
        const auto fixed = [&](NodeId id) { return std::ranges::find(exact.fixed, id) != exact.fixed.end(); };
        auto grid = common_grid(graph, ids);
        if (!grid || std::ranges::any_of(ids, fixed)) continue;
        Group group{std::move(*grid), {}};
        for (std::size_t i = 0; i < exact.layers.size(); ++i)
            if (reads(exact.layers[i], group.grid)) group.layers.push_back(i);
        groups.push_back(std::move(group));
    }
    return groups;
}

// What is lost must be worth it: time alone counts from a tenth on.
constexpr double kWorthLevels = 0.9;

bool pays(const Group& group, const Draft& exact, const Draft& aligned) {
    int gained = 0;
    double before = 0, after = 0;
    for (const std::size_t i : group.layers) {
        gained += int(aligned.layers[i].on_codes) - int(exact.layers[i].on_codes);
        before += exact.layers[i].time;
        after += aligned.layers[i].time;
    }
    return gained > 0 || (gained == 0 && after < kWorthLevels * before);
}

std::vector<CommonGrid> grids_of(const std::vector<Group>& groups) {
    std::vector<CommonGrid> grids;
    for (const Group& group : groups) grids.push_back(group.grid);
    return grids;
}

// The layers that gain by the group, and what its members lose.
void report(PrecisionPlan& plan, const Graph& graph, const Group& group, const Draft& exact, const Draft& aligned) {
    std::string reader;
    for (const std::size_t i : group.layers) {
        const Draft::Layer& before = exact.layers[i];
        const Draft::Layer& after = aligned.layers[i];
        if (!after.on_codes || (before.on_codes && before.sums == after.sums)) continue;
        const ir::Node& node = graph.node(after.id);
        if (reader.empty()) reader = node.name;
        plan.choices.push_back(
            {node.name, node.origins, Choice::Form::one_grid, group.grid.members.size(), after.time, before.time});
    }
    for (const CommonGrid::Member& member : group.grid.members) {
        if (std::ranges::find(plan.integer, member.fake_quantize) == plan.integer.end()) continue;
        const ir::Node& node = graph.node(member.fake_quantize);
        plan.alignments.push_back({node.name, node.origins, reader, group.grid.levels, member.levels});
    }
}

}  // namespace

PrecisionPlan make_plan(const Graph& graph, const Restrictions& restrictions, const Policy& policy) {
    Draft exact = draft_plan(graph, restrictions, policy, {});
    std::vector<Group> groups = groups_of(graph, exact);
    if (groups.empty()) return std::move(exact.plan);
    const Draft trial = draft_plan(graph, restrictions, policy, grids_of(groups));
    std::erase_if(groups, [&](const Group& group) { return !pays(group, exact, trial); });
    std::vector<Group> kept = groups;
    std::erase_if(kept, [](const Group& group) { return fewest_levels(group.grid) <= kCollapsed; });
    Draft aligned = draft_plan(graph, restrictions, policy, grids_of(kept));
    for (const Group& group : groups)
        for (const std::size_t i : group.layers) {
            if (!trial.layers[i].on_codes || aligned.layers[i].on_codes) continue;
            LayerPrecision& layer = aligned.plan.layers[aligned.layers[i].answer];
            layer.decision = levels_collapse(layer.layer, group.grid);
            aligned.plan.kept_float[layer.layer] = layer.decision.code;
        }
    for (const Group& group : kept) report(aligned.plan, graph, group, exact, aligned);
    aligned.plan.grids = grids_of(kept);
    return std::move(aligned.plan);
}

}  // namespace octet::low_precision
