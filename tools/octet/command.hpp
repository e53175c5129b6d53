#pragma once
// The subcommands of `octet`, one a file. Each adds itself to the command line and runs from its callback; what goes wrong is thrown.
namespace CLI {
class App;
}

namespace octet::tools {

void add_bench(CLI::App& app);
void add_dump(CLI::App& app);
void add_example_model(CLI::App& app);
void add_explain(CLI::App& app);
void add_opt(CLI::App& app);
void add_run(CLI::App& app);

}  // namespace octet::tools
