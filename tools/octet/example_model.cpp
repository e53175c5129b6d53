#include <CLI/CLI.hpp>
#include <memory>

#include "ir/support/check.hpp"
#include "tools/octet/command.hpp"
#include "tools/octet/example_networks.hpp"
#include "tools/octet/graph_file.hpp"

namespace octet::tools {
namespace {

std::string network_names() {
    std::string names;
    for (const ExampleNetwork& n : example_networks()) names += (names.empty() ? "" : ", ") + std::string(n.name);
    return names;
}

void write_example(const std::string& name, const std::string& output) {
    for (const ExampleNetwork& network : example_networks())
        if (network.name == name) return write_graph(network.make(), output, SIZE_MAX);
    ir::fail("there is no example '{}', only {}", name, network_names());
}

}  // namespace

void add_example_model(CLI::App& app) {
    struct Options {
        std::string name;
        std::string output;
    };
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("example-model", "writes a quantized network with made-up weights");
    command->add_option("NAME", o->name, network_names())->required();
    command->add_option("-o,--output", o->output, "file to write: .xml (and the .bin beside it) or .txt")->required();
    command->callback([o] { write_example(o->name, o->output); });
}

}  // namespace octet::tools
