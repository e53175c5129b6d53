#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "tools/octet/command.hpp"
#include "tools/octet/fault.hpp"
#include "tools/octet/graph_file.hpp"
#include "tools/octet/pipelines.hpp"

namespace octet::tools {
namespace {

struct Opt {
    std::string input;
    std::string pipeline;
    std::string plan;
    std::string output;
    std::vector<std::string> disabled;
    std::vector<std::string> only;
    std::size_t stop_after = SIZE_MAX;
    std::size_t elide = SIZE_MAX;
    std::string explain;
    double tolerance = 0.02;
    std::uint64_t seed = 1;
    bool stats = false;
    bool log = false;
    bool bisect = false;
    bool reduce = false;
    bool allow_lossy = false;
    std::string device;
    std::size_t tries = 5000;
    double seconds = 600;
};

rewrite::Options engine_options(const Opt& o) {
    rewrite::Options options = rewrite::Options::from_environment();
    options.disabled.insert(options.disabled.end(), o.disabled.begin(), o.disabled.end());
    options.only.insert(options.only.end(), o.only.begin(), o.only.end());
    options.stop_after = std::min(options.stop_after, o.stop_after);
    return options;
}

void bisect(const Opt& o, const ir::Graph& graph) {
    const ir::Tensors inputs = random_parameters(graph, o.seed);
    ir::eval::State state;
    const ir::Tensors expected = ir::eval::evaluate(graph, inputs, &state);
    double last = 0;
    const auto good = [&](const ir::Graph& g) {
        ir::eval::State fresh;
        const double d = difference(expected, ir::eval::evaluate(g, inputs, &fresh));
        if (d > o.tolerance) last = d;
        return d <= o.tolerance;
    };
    const auto culprit = rewrite::bisect(pipeline_named(o.pipeline), graph, good, engine_options(o));
    if (culprit) {
        fmt::print("{}\n", culprit->text);
        ir::fail("application {} changes the results by {:.3g} of their range, the tolerance is {:g}",
                 culprit->application, last, o.tolerance);
    }
    fmt::print("no application changes the results by more than {:g} of their range\n", o.tolerance);
}

void write_result(const Opt& o, const ir::Graph& graph) {
    if (!o.output.empty()) write_graph(graph, o.output, o.elide);
    else fmt::print("{}", ir::print(graph, {.elide_above = o.elide}));
}

// The fault of a graph; after the time nothing has one any more, which ends the search.
rewrite::Fault until(double seconds, rewrite::Fault fault) {
    const auto start = std::chrono::steady_clock::now();
    return [seconds, look = std::move(fault), start, first = true](const ir::Graph& graph) mutable {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        if (!std::exchange(first, false) && passed.count() > seconds) return std::string();
        return look(graph);
    };
}

// The graph is the result; what is said about it must not stand in it.
void reduce(const Opt& o, const ir::Graph& graph) {
    const auto fault = o.device.empty()
                           ? pipeline_fault(pipeline_named(o.pipeline), engine_options(o), o.tolerance, o.seed)
                           : device_fault(o.device, o.tolerance, o.seed);
    const auto found = rewrite::reduce(graph, until(o.seconds, fault), o.tries);
    write_result(o, found.graph);
    fmt::print(stderr, "{}: {} of {} nodes, {} graphs looked at\n", found.fault, found.graph.live(), graph.live(),
               found.tries);
}

void opt(const Opt& o) {
    ir::Graph graph = read_graph(o.input);
    ir::require(o.device.empty() || o.reduce, "--device is of --reduce alone");
    if (o.reduce) return reduce(o, graph);
    if (o.bisect) return bisect(o, graph);
    const rewrite::RunLog log = rewrite::run(pipeline_named(o.pipeline), graph, engine_options(o));
    if (!o.output.empty()) write_graph(graph, o.output, o.elide);
    if (o.log)
        for (const rewrite::Event& event : log.events) fmt::print("{}\n", rewrite::describe(log, graph, event));
    if (!o.explain.empty()) fmt::print("{}", rewrite::explain(log, graph, o.explain));
    if (o.stats) fmt::print("{}", rewrite::statistics(log));
    if (o.output.empty() && !o.log && !o.stats && o.explain.empty())
        fmt::print("{}", ir::print(graph, {.elide_above = o.elide}));
}

}  // namespace

void add_opt(CLI::App& app) {
    const auto o = std::make_shared<Opt>();
    CLI::App* command = app.add_subcommand("opt", "runs a pipeline of transformations over a graph");
    command->add_option("INPUT", o->input, "model (.xml) or graph (.txt)")->required();
    command->add_option("--pipeline", o->pipeline, pipeline_help());
    CLI::Option* plan = command
                            ->add_option("--plan", o->plan,
                                         "of low-precision: cheapest, or upstream for OpenVINO's choice of layers")
                            ->check(CLI::IsMember({"cheapest", "upstream"}));
    command->add_flag("--allow-lossy", o->allow_lossy, fmt::format("of low-precision: {}", kAllowLossy))
        ->excludes(plan);
    command->add_option("-o,--output", o->output,
                        "where the result goes: .txt or .xml (default: standard output, as text)");
    command->add_option("--stop-after", o->stop_after, "stop after so many applications");
    command->add_option("--disable", o->disabled, "rules and steps to leave out; a * at the end stands for anything");
    command->add_option("--only", o->only, "steps to run, all others left out");
    command->add_option("--elide", o->elide, "constants with more elements are shown by a hash");
    command->add_option("--explain", o->explain, "what was applied and declined at this layer");
    command->add_flag("--stats", o->stats, "counts and times of steps and rules");
    command->add_flag("--log", o->log, "every application and refusal");
    command->add_flag("--bisect", o->bisect, "find the application that changes the results on random inputs");
    command
        ->add_option("--tolerance", o->tolerance,
                     "of --bisect and --reduce: share of an output's range that it may change")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command->add_option("--seed", o->seed, "of --bisect and --reduce: of the random inputs")->capture_default_str();
    command->add_flag("--reduce", o->reduce,
                      "find a small graph that has the same fault as this one: the pipeline changes its results or "
                      "throws, or --device does so beside REFERENCE");
    command->add_option("--device", o->device, "of --reduce: the device to compare with REFERENCE");
    command->add_option("--tries", o->tries, "of --reduce: how many graphs to look at")->capture_default_str();
    command->add_option("--seconds", o->seconds, "of --reduce: how long to look for a smaller graph")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->callback([o] {
        if (o->pipeline.empty() && !(o->reduce && !o->device.empty())) throw CLI::RequiredError("--pipeline");
        if (o->plan == "upstream") o->pipeline += "-upstream";
        if (o->allow_lossy) o->pipeline += "-lossy";
        opt(*o);
    });
}

}  // namespace octet::tools
