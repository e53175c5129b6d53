// What the CPU makes of five small models, in figures that do not depend on the machine's mood: the steps with their kernels, layout and
// precision conversions, bytes of the arena, of packed weights and of generated code, allocations of an inference (the bytes of weights
// and the allocations where oneDNN has no part in them). They stand in
// ISA.txt, one file for each cap of the instruction set; BLESS=1 writes what it is now. A change that alters them says so by a diff.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <octet/core.hpp>
#include <sstream>

#include "ir/ops/all.hpp"
#include "plugins/cpu/executable.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"
#include "runtime/model_graph.hpp"
#include "tests/guard/allocations.hpp"
#include "tests/guard/models.hpp"

namespace octet::guard {
namespace {

using namespace ir;

// Kernels and packed formats of another oneDNN are others.
std::string header(std::string_view isa) { return fmt::format("# {}, {}\n", isa, cpu::onednn::version()); }

bool converts_only(const Graph& graph, const cpu::Step& step) {
    return !step.nodes.empty() && std::ranges::all_of(step.nodes, [&](NodeId id) {
        const Op& op = graph.node(id).op;
        return op.is<Quantize>() || op.is<Dequantize>() || op.is<Convert>();
    });
}

std::string ops_of(const Graph& graph, const cpu::Step& step) {
    std::string ops;
    for (const NodeId id : step.nodes) ops += fmt::format("{}{}", ops.empty() ? "" : "+", graph.node(id).op.name());
    return ops;
}

constexpr std::string_view kAllocations = "  allocations ";

// What oneDNN packs and allocates for a primitive depends on the processor's caches.
bool is_onednn(const cpu::Step& step) {
    return step.kernel.starts_with("onednn") || std::ranges::any_of(step.parts, is_onednn);
}

// A step, and below it what it consists of.
std::string lines_of(const Graph& graph, const cpu::Step& step, std::string_view indent) {
    const std::string kernel = fmt::format("{}{}", indent, step.kernel);
    const auto line = fmt::format("{:<38} {:>3} -> {:<3}  {}", kernel, name_of(step.data), name_of(step.result),
                                  step.parts.empty() ? ops_of(graph, step) : "");
    std::string text = line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    for (const cpu::Step& part : step.parts) text += lines_of(graph, part, fmt::format("{}  ", indent));
    return text;
}

// Of an inference once all is warm.
std::string allocations_of(const Graph& graph) {
    const Core core;
    InferRequest request =
        core.compile_model(model_of(graph, "model"), "CPU", inference_num_threads(1)).create_infer_request();
    for (int i = 0; i < 2; ++i) request.infer();
    const std::size_t before = allocations().value_or(0);
    request.infer();
    return fmt::format("{}{}\n", kAllocations, allocations().value_or(0) - before);
}

std::string describe(const Model& model, const cpu::Machine& machine) {
    const Graph graph = model.make();
    cpu::Settings settings;
    settings.streams = settings.threads = 1;
    const auto executable = std::make_shared<cpu::CpuExecutable>(graph, machine, settings);
    std::vector<Dims> shapes;
    for (const NodeId id : graph.parameters()) shapes.push_back(graph.shape({id, 0}).sizes());
    const auto plan = executable->stream_plan(shapes, 0).plan;

    std::string text = fmt::format("\n{}\n", model.name);
    std::size_t conversions = 0;
    for (const cpu::Step& step : plan->steps) {
        conversions += converts_only(*plan->graph, step);
        text += lines_of(*plan->graph, step, "  ");
    }
    text += fmt::format("  steps {}, layout conversions {}, precision conversions {}\n", plan->steps.size(),
                        plan->reorders, conversions);
    if (std::ranges::any_of(plan->steps, is_onednn))
        return text + fmt::format("  arena {}, code {} bytes\n", plan->arena_bytes, plan->code_bytes);
    return text +
           fmt::format("  arena {}, packed {}, code {} bytes\n", plan->arena_bytes, plan->packed_bytes,
                       plan->code_bytes) +
           allocations_of(graph);
}

std::string without_allocations(const std::string& text) {
    std::stringstream lines(text);
    std::string rest;
    for (std::string line; std::getline(lines, line);)
        if (!line.starts_with(kAllocations)) rest += line + "\n";
    return rest;
}

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Guard, PlansAreAsWritten) {
    const cpu::Machine machine = cpu::detect_machine();
    if (!machine.cap) GTEST_SKIP() << "the figures are those under a cap, OCTET_MAX_CPU_ISA, and there is none";
    if (machine.isa != *machine.cap) GTEST_SKIP() << "this processor has no " << name_of(*machine.cap);
    if (cpu::onednn::version().empty()) GTEST_SKIP() << "the figures are those with oneDNN";
    cpu::onednn::limit_isa(machine);
    // Code has another length where AVX-512 encodes the dot product.
    const std::string first = header(fmt::format("{}{}", name_of(machine.isa), machine.evex_dot ? " in EVEX" : ""));
    std::string text = first;
    for (const Model& model : models()) text += describe(model, machine);
    const auto path = std::filesystem::path(OCTET_GUARD_DIR) / fmt::format("{}.txt", name_of(machine.isa));
    if (!allocations()) text = without_allocations(text);
    if (const char* bless = std::getenv("BLESS"); bless && *bless == '1') {
        ASSERT_TRUE(allocations()) << "allocations cannot be counted here";
        std::ofstream(path) << text;
        return;
    }
    const std::string wanted = allocations() ? read(path) : without_allocations(read(path));
    ASSERT_FALSE(wanted.empty()) << path << " is missing; BLESS=1 writes it";
    if (!wanted.starts_with(first))
        GTEST_SKIP() << "the figures are those of '" << wanted.substr(0, wanted.find('\n')) << "', this is '" << first
                     << "'";
    EXPECT_EQ(wanted, text) << "if this is meant to be so, BLESS=1 writes it to " << path;
}

TEST(Guard, AllocationsAreCounted) {
    if (!allocations()) GTEST_SKIP() << "allocations cannot be counted here";
    const std::size_t before = *allocations();
    auto* const volatile number = new int(1);
    delete number;
    EXPECT_EQ(*allocations() - before, 1u);
}

}  // namespace
}  // namespace octet::guard
