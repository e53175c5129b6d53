// Measures how fast a model runs, with the options, texts and reports of OpenVINO's program of the same name.
#include <exception>

#include "samples/benchmark_app/application.hpp"
#include "samples/benchmark_app/console.hpp"
#include "samples/benchmark_app/options.hpp"
#include "samples/benchmark_app/summary.hpp"
#include "samples/common/files.hpp"

namespace {

using namespace octet;
using namespace octet::benchmark;

constexpr int kFailed = 3;  // what scripts for OpenVINO's program check for

Options parse_command_line(int argc, const char* const* argv) {
    print_step(1, "Parsing and validating input arguments");
    print_info("Parsing input parameters");
    Options options = parse_options(argc, argv);
    for (const auto& warning : options.warnings) print_warning(warning);
    return options;
}

// A run that failed leaves a report that says so.
void write_error_report(const Options& options, Summary& summary, const char* error) {
    if (options.report == ReportType::none) return;
    summary.add(Summary::Section::results, "error", error);
    try {
        samples::write_file(options.report_folder / kSummaryFile, summary.csv());
    } catch (const std::exception& e) {
        print_error(e.what());
    }
}

int run(const Options& options) {
    Summary summary;
    for (const auto& [option, value] : options.given) summary.add(Summary::Section::command_line, option, value);
    try {
        Application(options, summary).run();
    } catch (const std::exception& e) {
        print_error(e.what());
        write_error_report(options, summary, e.what());
        return kFailed;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse_command_line(argc, argv);
        if (!options.help) return run(options);
        print_plain(help_text());
        print_devices();
        return 0;
    } catch (const std::exception& e) {
        print_error(e.what());
        return kFailed;
    }
}
