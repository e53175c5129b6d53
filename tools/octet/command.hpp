#pragma once
// The subcommands of `octet`, one a file. Each adds itself to the command line and runs from its callback; what goes wrong is thrown.
namespace CLI {
class App;
}

namespace octet::tools {

// What --allow-lossy means.
inline constexpr const char* kAllowLossy =
    "data that meet in a Concat may share one grid where that is faster: they lose levels, and results are no longer "
    "those of the model";

void add_bench(CLI::App& app);
void add_dump(CLI::App& app);
void add_example_model(CLI::App& app);
void add_explain(CLI::App& app);
void add_opt(CLI::App& app);
void add_run(CLI::App& app);

}  // namespace octet::tools
