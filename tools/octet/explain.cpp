#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "ir/graph.hpp"
#include "ir/support/check.hpp"
#include "runtime/src/model_access.hpp"
#include "tools/octet/command.hpp"
#include "tools/octet/explain_layer.hpp"
#include "tools/octet/measured.hpp"
#include "tools/octet/model_file.hpp"
#include "tools/octet/properties.hpp"

namespace octet::tools {
namespace {

using nlohmann::ordered_json;

struct Options {
    std::string model;
    std::string layer;
    std::string device = "CPU";
    std::string plan;
    Properties properties;
    RequireInt8 required;
    bool json = false;
    bool time = false;
    bool all = false;
    bool allow_lossy = false;
};

struct Counts {
    std::size_t executed = 0, fused = 0, optimized_out = 0, not_run = 0, added = 0;
};
Counts counts_of(const Report& report) {
    Counts c;
    for (const LayerReport& row : report.layers) {
        c.added += row.added;
        if (row.added) continue;
        c.executed += row.status == LayerStatus::executed;
        c.fused += row.status == LayerStatus::fused;
        c.optimized_out += row.status == LayerStatus::optimized_out;
        c.not_run += row.status == LayerStatus::not_run;
    }
    return c;
}

ordered_json json_of(const LayerReport& row, bool timed) {
    ordered_json json{{"name", row.name}, {"type", row.type},     {"precision", row.precision},
                      {"int8", row.int8}, {"kernel", row.kernel}, {"fused_into", row.fused_into},
                      {"code", row.code}, {"reason", row.reason}};
    if (!row.loss.empty()) json["loss"] = row.loss;
    if (!row.measured.empty()) json["measured"] = row.measured;
    if (timed) json["time_us"] = row.real_time_us;
    return json;
}

ordered_json json_of(const FloatGroup& group, double time_us) {
    ordered_json layers = ordered_json::array(), causes = ordered_json::array();
    for (const FloatCause& cause : group.causes) {
        for (const std::string& layer : cause.layers) layers.push_back(layer);
        causes.push_back({{"cause", cause.reason}, {"layers", cause.layers}});
    }
    ordered_json json{{"code", group.code}, {"count", group.count()}};
    if (time_us > 0) json["share_of_time"] = group.time_us / time_us;
    json.update({{"layers", layers}, {"cause", group.causes[0].reason}, {"advice", group.advice}, {"causes", causes}});
    return json;
}

ordered_json json_of(const Report& report, const Int8Summary& int8, bool quantized) {
    const bool timed = int8.time_us > 0;
    const Counts c = counts_of(report);
    ordered_json by_code = ordered_json::object(), groups = ordered_json::array();
    for (const FloatGroup& group : int8.groups) {
        by_code[group.code] = by_code.value(group.code, std::size_t{0}) + group.count();
        groups.push_back(json_of(group, int8.time_us));
    }
    std::map<std::string, std::size_t> by_precision;
    for (const LayerReport& row : report.layers)
        if (row.status == LayerStatus::executed) ++by_precision[row.precision];
    ordered_json layers = ordered_json::array(), added = ordered_json::array();
    for (const LayerReport& row : report.layers) (row.added ? added : layers).push_back(json_of(row, timed));
    ordered_json summary{{"device", report.device},
                         {"quantized", quantized},
                         {"layers", report.layers.size() - c.added},
                         {"compute", int8.layers},
                         {"int8", int8.int8_layers},
                         {"int8_share", int8.layers == 0 ? 0 : int8.layer_share()},
                         {"executed", c.executed},
                         {"fused", c.fused},
                         {"optimized_out", c.optimized_out},
                         {"not_run", c.not_run},
                         {"steps", report.steps},
                         {"reorders", report.reorders},
                         {"by_precision", by_precision},
                         {"by_code", by_code},
                         {"groups", groups},
                         {"arena_bytes", report.arena_bytes},
                         {"packed_bytes", report.packed_bytes},
                         {"code_bytes", report.code_bytes}};
    if (!report.tuning.empty()) summary["tuning"] = report.tuning;
    if (timed) summary["int8_time_share"] = int8.time_share();
    return {{"summary", summary}, {"layers", layers}, {"added", added}};
}

void print_table(const Report& report, bool timed) {
    std::size_t name = 5, type = 4;
    for (const LayerReport& row : report.layers) {
        name = std::max(name, row.name.size());
        type = std::max(type, row.type.size());
    }
    fmt::print("{:<{}}  {:<{}}  {:<9}  {}{}\n", "layer", name, "type", type, "precision", timed ? "      us  " : "",
               "kernel");
    for (const LayerReport& row : report.layers) {
        if (row.status == LayerStatus::optimized_out || row.status == LayerStatus::not_run) continue;
        const bool runs = row.status == LayerStatus::executed;
        const std::string time = !timed ? "" : runs ? fmt::format("{:>8.1f}  ", row.real_time_us) : "          ";
        fmt::print("{:<{}}  {:<{}}  {:<9}  {}{}\n", row.name, name, row.type, type,
                   row.precision.empty() ? "-" : row.precision, time, place(row));
    }
}

std::string list_of(const std::vector<std::string>& names, std::size_t shown) {
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) list += (i ? ", " : "") + names[i];
    if (names.size() > shown) list += fmt::format(" and {} more", names.size() - shown);
    return list;
}

void print_group(const FloatGroup& group, double time_us, bool all) {
    fmt::print("  {} x {}{}\n", group.count(), group.code,
               time_us > 0 ? fmt::format(", {:.1f}% of the time", 100 * group.time_us / time_us) : "");
    constexpr std::size_t kCauses = 5, kLayers = 3;
    const std::size_t causes = all ? group.causes.size() : std::min(group.causes.size(), kCauses);
    std::size_t left = group.count();
    for (std::size_t i = 0; i < causes; ++i) {
        const FloatCause& cause = group.causes[i];
        fmt::print("      {}: {}\n", list_of(cause.layers, all ? SIZE_MAX : kLayers), cause.reason);
        left -= cause.layers.size();
    }
    if (left > 0)
        fmt::print("      and {} more for {} other causes, which --all shows\n", left, group.causes.size() - causes);
    if (!group.advice.empty()) fmt::print("      what to do: {}\n", group.advice);
}

void print_losses(const Report& report) {
    const std::size_t count = losing_levels(report);
    if (count == 0) return;
    fmt::print("{} FakeQuantize lose levels:\n", count);
    for (const LayerReport& row : report.layers)
        if (!row.loss.empty()) fmt::print("      {}: {}\n", row.name, row.loss);
}

void print_measured(const Report& report, bool all) {
    if (report.tuning.empty()) return;
    fmt::print("{}\n", report.tuning);
    if (!all) return;
    for (const LayerReport& row : report.layers)
        if (!row.measured.empty()) fmt::print("      {}: measured: {}\n", row.name, row.measured);
}

void print_reasons(const Report& report, const Int8Summary& int8, bool quantized, bool all) {
    fmt::print("\n{} of {} computing layers in int8 ({:.1f}%), {} steps, {} reorders\n", int8.int8_layers, int8.layers,
               int8.layers == 0 ? 0 : 100 * int8.layer_share(), report.steps, report.reorders);
    if (int8.time_us > 0)
        fmt::print("{:.1f}% of the {:.3f} ms that they take\n", 100 * int8.time_share(), int8.time_us / 1e3);
    if (!quantized)
        fmt::print(
            "the model is not quantized: it holds no FakeQuantize and no weights of 4 or 8 bits; quantize it first\n");
    print_losses(report);
    print_measured(report, all);
    if (int8.groups.empty()) return;
    const std::size_t count = int8.layers - int8.int8_layers;
    fmt::print("{} layer{} float:\n", count, count == 1 ? "" : "s");
    for (const FloatGroup& group : int8.groups) print_group(group, int8.time_us, all);
}

const LayerReport& row_of(const Report& report, const std::string& layer) {
    const auto row = std::ranges::find(report.layers, layer, &LayerReport::name);
    ir::require(row != report.layers.end(), "the model has no layer '{}'", layer);
    return *row;
}

void print_layer(const Report& report, const ir::Graph& graph, const LayerReport& row) {
    fmt::print("{:<10}{}\n", row.int8 ? "int8" : row.compute ? "float" : "layer", one_line(row));
    if (!row.code.empty()) {
        fmt::print("{:<10}{}: {}\n", "why", row.code, row.reason);
        if (row.status == LayerStatus::fused) {
            const LayerReport& outer = row_of(report, row.fused_into);
            if (!outer.code.empty()) fmt::print("{:<10}{}: {}\n", "", outer.name, outer.reason);
        }
        if (const auto advice = advice_for(row.code); !advice.empty()) fmt::print("{:<10}{}\n", "do", advice);
    } else if (!row.reason.empty()) {
        fmt::print("{:<10}{}\n", "how", row.reason);
    }
    if (!row.loss.empty()) fmt::print("{:<10}{}\n", "loses", row.loss);
    if (!row.measured.empty()) fmt::print("{:<10}{}\n", "measured", row.measured);
    if (row.real_time_us > 0) fmt::print("{:<10}{:.1f} us\n", "time", row.real_time_us);
    print_surroundings(report, graph, row.name);
}

void explain(const Options& o) {
    const Core core;
    const std::shared_ptr<const Model> model = read_model(core, o.model);
    const ir::Graph& graph = runtime::ModelAccess::graph(*model);
    AnyMap settings;
    std::string plan = o.plan;
    std::ranges::transform(plan, plan.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (!plan.empty()) settings.insert(hint::low_precision_plan(plan));
    if (o.allow_lossy) settings.insert(hint::low_precision_allow_lossy(true));
    o.properties.insert_into(settings);
    Report report = report_of(core, model, o.device, o.time || o.required.of_time(), settings);
    const Int8Summary int8 = summarize_int8(report);
    const bool quantized = is_quantized(graph);
    if (o.layer.empty()) {
        if (o.json) {
            fmt::print("{}\n", json_of(report, int8, quantized).dump(1));
        } else {
            print_table(report, int8.time_us > 0);
            print_reasons(report, int8, quantized, o.all);
        }
        return o.required.check(int8);
    }
    const LayerReport row = row_of(report, o.layer);
    if (!o.json) return print_layer(report, graph, row);
    report.layers = {row};
    ordered_json json = json_of(report, summarize_int8(report), quantized);
    json["operands"] = operands_json(graph, o.layer);
    json["advice"] = advice_for(row.code);
    fmt::print("{}\n", json.dump(1));
}

}  // namespace

void add_explain(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("explain", "shows in which precision each layer runs, and why not in int8");
    command->add_option("MODEL", o->model, "model (.xml) or graph (.txt)")->required();
    CLI::Option* layer = command->add_option("LAYER", o->layer,
                                             "only this layer: its operands, what quantizes them, and those around it");
    command->add_option("-d,--device", o->device, "device")->capture_default_str();
    command
        ->add_option(
            "--plan", o->plan,
            "which layers run on integers: cheapest, integers for all that can, or upstream for OpenVINO's choice")
        ->check(CLI::IsMember({"cheapest", "integers", "upstream"}));
    command->add_flag("--allow-lossy", o->allow_lossy, kAllowLossy);
    o->properties.add_to(*command);
    command->add_flag("--time", o->time, "runs the model on random inputs and gives times and shares of time");
    command->add_flag("--all", o->all, "every layer and cause, also where they are many");
    command->add_flag(
        "--json", o->json,
        "as JSON: {\"summary\", \"layers\", \"added\"}; added: steps that no layer of the file stands for");
    o->required.add_to(*command)->excludes(layer);
    command->callback([o] { explain(*o); });
}

}  // namespace octet::tools
