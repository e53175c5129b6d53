#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "ir/graph.hpp"
#include "ir/ops/core.hpp"
#include "ir/support/check.hpp"
#include "runtime/src/model_access.hpp"
#include "tools/octet/command.hpp"
#include "tools/octet/model_file.hpp"

namespace octet::tools {
namespace {

using nlohmann::ordered_json;

struct Options {
    std::string model;
    std::string layer;
    std::string device = "CPU";
    std::string plan;
    bool json = false;
};

// A layer that computes, and does so in float.
bool is_float_layer(const LayerReport& row) {
    return row.compute && !row.int8 && row.status != LayerStatus::optimized_out && row.status != LayerStatus::not_run;
}

// A model whose shapes are open has rows only once it ran.
Report report_of(const Core& core, const std::shared_ptr<Model>& model, const Options& o) {
    AnyMap settings;
    if (!o.plan.empty()) settings.insert(hint::low_precision_plan(o.plan == "upstream" ? "UPSTREAM" : "CHEAPEST"));
    const CompiledModel compiled = core.compile_model(std::shared_ptr<const Model>(model), o.device, settings);
    if (!model->is_dynamic()) return compiled.report();
    InferRequest request = compiled.create_infer_request();
    for (const Port& port : model->inputs())
        request.set_input_tensor(port.get_index(), random_input(port, port.get_index() + 1));
    request.infer();
    return compiled.report();
}

// Float layers by code, in order of their number.
using Group = std::pair<std::string, std::vector<const LayerReport*>>;
std::vector<Group> float_groups(const Report& report) {
    std::map<std::string, std::vector<const LayerReport*>> groups;
    for (const LayerReport& row : report.layers)
        if (is_float_layer(row)) groups[row.code.empty() ? "NO_REASON" : row.code].push_back(&row);
    std::vector<Group> sorted(groups.begin(), groups.end());
    std::ranges::stable_sort(sorted, [](const Group& a, const Group& b) { return a.second.size() > b.second.size(); });
    return sorted;
}

struct Counts {
    std::size_t compute = 0, int8 = 0, executed = 0, fused = 0, optimized_out = 0, not_run = 0, added = 0;
};
Counts counts_of(const Report& report) {
    Counts c;
    for (const LayerReport& row : report.layers) {
        c.added += row.added;
        if (row.added) continue;
        const bool runs = row.status == LayerStatus::executed || row.status == LayerStatus::fused;
        c.compute += row.compute && runs;
        c.int8 += row.compute && runs && row.int8;
        c.executed += row.status == LayerStatus::executed;
        c.fused += row.status == LayerStatus::fused;
        c.optimized_out += row.status == LayerStatus::optimized_out;
        c.not_run += row.status == LayerStatus::not_run;
    }
    return c;
}
double share(const Counts& c) {
    return c.compute == 0 ? 0 : static_cast<double>(c.int8) / static_cast<double>(c.compute);
}

ordered_json json_of(const LayerReport& row) {
    return {{"name", row.name}, {"type", row.type},     {"precision", row.precision},
            {"int8", row.int8}, {"kernel", row.kernel}, {"fused_into", row.fused_into},
            {"code", row.code}, {"reason", row.reason}};
}

ordered_json json_of(const Report& report) {
    const Counts c = counts_of(report);
    ordered_json by_code = ordered_json::object();
    for (const auto& [code, rows] : float_groups(report)) by_code[code] = rows.size();
    std::map<std::string, std::size_t> by_precision;
    for (const LayerReport& row : report.layers)
        if (row.status == LayerStatus::executed) ++by_precision[row.precision];
    ordered_json layers = ordered_json::array(), added = ordered_json::array();
    for (const LayerReport& row : report.layers) (row.added ? added : layers).push_back(json_of(row));
    const ordered_json summary{{"device", report.device},
                               {"layers", report.layers.size() - c.added},
                               {"compute", c.compute},
                               {"int8", c.int8},
                               {"int8_share", share(c)},
                               {"executed", c.executed},
                               {"fused", c.fused},
                               {"optimized_out", c.optimized_out},
                               {"not_run", c.not_run},
                               {"steps", report.steps},
                               {"reorders", report.reorders},
                               {"by_precision", by_precision},
                               {"by_code", by_code},
                               {"arena_bytes", report.arena_bytes},
                               {"packed_bytes", report.packed_bytes},
                               {"code_bytes", report.code_bytes}};
    return {{"summary", summary}, {"layers", layers}, {"added", added}};
}

std::string place(const LayerReport& row) {
    switch (row.status) {
        case LayerStatus::executed: return row.kernel;
        case LayerStatus::fused: return "in " + row.fused_into;
        case LayerStatus::optimized_out: return "nothing left to do";
        case LayerStatus::not_run: return "not needed";
    }
    return "";
}

void print_table(const Report& report) {
    std::size_t name = 5, type = 4;
    for (const LayerReport& row : report.layers) {
        name = std::max(name, row.name.size());
        type = std::max(type, row.type.size());
    }
    fmt::print("{:<{}}  {:<{}}  {:<9}  {}\n", "layer", name, "type", type, "precision", "kernel");
    for (const LayerReport& row : report.layers)
        if (row.status != LayerStatus::optimized_out && row.status != LayerStatus::not_run)
            fmt::print("{:<{}}  {:<{}}  {:<9}  {}\n", row.name, name, row.type, type,
                       row.precision.empty() ? "-" : row.precision, place(row));
}

// "6 layers float: 4 x NO_ACT_FQ: 'conv1' ...; 2 x ...", a reason that several layers share once.
void print_reasons(const Report& report) {
    const Counts c = counts_of(report);
    fmt::print("\n{} of {} computing layers in int8 ({:.1f}%), {} steps, {} reorders\n", c.int8, c.compute,
               100 * share(c), report.steps, report.reorders);
    const std::vector<Group> groups = float_groups(report);
    if (groups.empty()) return;
    const std::size_t count = c.compute - c.int8;
    fmt::print("{} layer{} float:\n", count, count == 1 ? "" : "s");
    for (const auto& [code, rows] : groups) {
        std::map<std::string, std::vector<std::string>> by_reason;
        for (const LayerReport* row : rows) by_reason[row->reason].push_back(row->name);
        fmt::print("  {} x {}\n", rows.size(), code);
        for (const auto& [reason, names] : by_reason) {
            constexpr std::size_t kShown = 3;
            std::string list;
            for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) list += (i ? ", " : "") + names[i];
            if (names.size() > kShown) list += fmt::format(" and {} more", names.size() - kShown);
            fmt::print("      {}{}{}\n", list, reason.empty() ? "" : ": ", reason);
        }
    }
}

std::string one_line(const LayerReport& row) {
    return fmt::format("{} ({}): {}{}", row.name, row.type, row.precision.empty() ? "" : row.precision + ", ",
                       place(row));
}

void print_neighbours(const Report& report, const ir::Graph& graph, const std::string& layer) {
    const ir::NodeId* id = graph.find(layer);
    if (!id) return;
    const auto print = [&](std::string_view title, const std::string& name) {
        const auto row = std::ranges::find(report.layers, name, &LayerReport::name);
        if (row != report.layers.end()) fmt::print("{:<10}{}\n", title, one_line(*row));
    };
    for (const ir::Value v : graph.node(*id).inputs)
        if (!graph.constant(v)) print("reads", graph.node(v).name);
    std::set<std::string> readers;
    for (const ir::Output& output : graph.node(*id).outputs)
        for (const ir::Use use : output.uses) readers.insert(graph.node(use.node).name);
    for (const std::string& reader : readers) print("read by", reader);
}

const LayerReport& row_of(const Report& report, const std::string& layer) {
    const auto row = std::ranges::find(report.layers, layer, &LayerReport::name);
    ir::require(row != report.layers.end(), "the model has no layer '{}'", layer);
    return *row;
}

void explain(const Options& o) {
    const Core core;
    const std::shared_ptr<Model> model = read_model(core, o.model);
    Report report = report_of(core, model, o);
    if (o.layer.empty()) {
        if (o.json) return fmt::print("{}\n", json_of(report).dump(1));
        print_table(report);
        return print_reasons(report);
    }
    const LayerReport& row = row_of(report, o.layer);
    if (o.json) {
        report.layers = {LayerReport(row)};
        return fmt::print("{}\n", json_of(report).dump(1));
    }
    fmt::print("{:<10}{}\n", row.int8 ? "int8" : row.compute ? "float" : "layer", one_line(row));
    if (!row.code.empty())
        fmt::print("{:<10}{}\n", "why", row.reason.empty() ? row.code : row.code + ": " + row.reason);
    else if (!row.reason.empty()) fmt::print("{:<10}{}\n", "how", row.reason);
    print_neighbours(report, runtime::ModelAccess::graph(*model), o.layer);
}

}  // namespace

void add_explain(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("explain", "shows in which precision each layer runs, and why not in int8");
    command->add_option("MODEL", o->model, "model (.xml) or graph (.txt)")->required();
    command->add_option("LAYER", o->layer, "only this layer, with those around it");
    command->add_option("-d,--device", o->device, "device")->capture_default_str();
    command->add_option("--plan", o->plan, "which layers run on integers: cheapest, or upstream for OpenVINO's choice")
        ->check(CLI::IsMember({"cheapest", "upstream"}));
    command->add_flag(
        "--json", o->json,
        "as JSON: {\"summary\", \"layers\", \"added\"}; added: steps that no layer of the file stands for");
    command->callback([o] { explain(*o); });
}

}  // namespace octet::tools
