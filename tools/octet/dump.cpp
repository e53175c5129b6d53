#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "ir/text.hpp"
#include "plugins/cpu/lower.hpp"
#include "plugins/cpu/partition.hpp"
#include "tools/octet/command.hpp"
#include "tools/octet/graph_file.hpp"
#include "tools/octet/pipelines.hpp"

namespace octet::tools {
namespace {

struct Dump {
    std::string model;
    std::string pipeline = "low-precision";
    std::string after;
    std::size_t elide = 16;
    bool origins = false;
};

constexpr std::string_view kRead = "read";
constexpr std::string_view kPartition = "partition";

void list_steps(const rewrite::Pipeline& pipeline) {
    fmt::print("{:<24}the graph as it was read\n", kRead);
    for (const rewrite::Step& step : pipeline) fmt::print("{:<24}{}\n", step.name, step.why);
    fmt::print("{:<24}the steps of the CPU plugin, each a line with the nodes that run in it\n", kPartition);
}

// What the CPU plugin makes of the graph. Shapes that are open are as small as they may be.
void print_partition(const std::string& model) {
    const ir::Graph graph = read_graph(model);
    std::shared_ptr<const ir::Graph> lowered = cpu::lower(graph, low_precision::cpu_restrictions()).graph;
    std::vector<ir::Dims> shapes;
    bool open = false;
    for (const ir::NodeId id : graph.parameters()) {
        const ir::Shape& shape = graph.shape({id, 0});
        ir::require(shape.ranked(), "input '{}' has an unknown rank", graph.node(id).name);
        open = open || !shape.is_static();
        for (ir::Dims& dims = shapes.emplace_back(); const ir::Dim d : shape.dims())
            dims.push_back(d.is_static() ? d.low : std::max<std::int64_t>(d.low, 1));
    }
    if (open) lowered = cpu::specialise(*lowered, shapes);
    fmt::print("{}", cpu::print(*lowered, cpu::partition(*lowered)));
}

void dump(const Dump& o) {
    rewrite::Pipeline pipeline = pipeline_named(o.pipeline);
    if (o.after.empty()) return list_steps(pipeline);
    if (o.after == kPartition) return print_partition(o.model);
    if (o.after == kRead) {
        pipeline.clear();
    } else {
        const auto last = std::ranges::find(pipeline, o.after, &rewrite::Step::name);
        ir::require(last != pipeline.end(), "pipeline '{}' has no step '{}'; 'octet dump MODEL' lists them", o.pipeline,
                    o.after);
        pipeline.erase(last + 1, pipeline.end());
    }
    ir::Graph graph = read_graph(o.model);
    rewrite::run(pipeline, graph, rewrite::Options::from_environment());
    fmt::print("{}", ir::print(graph, {.elide_above = o.elide, .origins = o.origins}));
}

}  // namespace

void add_dump(CLI::App& app) {
    const auto o = std::make_shared<Dump>();
    CLI::App* command =
        app.add_subcommand("dump", "prints the graph after a step of a pipeline; without --after, lists the steps");
    command->add_option("MODEL", o->model, "model (.xml) or graph (.txt)")->required();
    command->add_option(
        "--after", o->after,
        "name of the step; 'read' for the graph as it was read, 'partition' for the steps of the CPU plugin");
    command->add_option("--pipeline", o->pipeline, pipeline_help())->capture_default_str();
    command->add_option("--elide", o->elide, "constants with more elements are shown by a hash")->capture_default_str();
    command->add_flag("--origins", o->origins, "the layers of the file behind each node, as comments");
    command->callback([o] { dump(*o); });
}

}  // namespace octet::tools
