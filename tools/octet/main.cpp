#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "tools/octet/command.hpp"
#include "tools/octet/measured.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kNotMet = 3;

int run(int argc, char** argv) {
    using namespace octet::tools;
    CLI::App app("Runs quantized models in integers, and shows what became of each layer.", "octet");
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 failed (one sentence on the error output), 2 wrong usage, 3 less int8 than\nrequired.");
    for (const auto add : {add_run, add_bench, add_explain, add_dump, add_opt, add_example_model}) add(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return app.exit(e);
        fmt::print(stderr, "octet: {}\nSee 'octet --help' and 'octet COMMAND --help'.\n", e.what());
        return kUsage;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const int status = run(argc, argv);
        if (std::fflush(stdout) == 0) return status;
        fmt::print(stderr, "octet: the output cannot be written\n");
    } catch (const octet::tools::NotMet& e) {
        std::fflush(stdout);
        fmt::print(stderr, "octet: {}\n", e.what());
        return kNotMet;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "octet: out of memory\n");
    } catch (const std::exception& e) {
        fmt::print(stderr, "octet: {}\n", e.what());
    }
    return kFailed;
}
