#pragma once
// The command line of benchmark_app.
#include <cstdint>
#include <filesystem>
#include <octet/explain.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace octet::benchmark {

enum class ReportType : std::uint8_t { none, no_counters, average_counters, detailed_counters };
enum class Api : std::uint8_t { sync, async };

// What was asked for, checked; where a member is empty or zero, the program chooses.
struct Options {
    bool help = false;
    std::string model = {};
    std::string device = {};
    std::string hint = {};  // a value of PERFORMANCE_HINT, or "none"; empty when not given
    Api api = Api::async;
    std::optional<std::uint64_t> iterations = {};
    std::optional<double> time_ms = {};
    std::uint32_t requests = 0;
    std::uint32_t streams = 0;
    std::uint32_t threads = 0;
    std::uint32_t batch = 0;
    std::string shape = {};
    std::string cache_dir = {};
    std::string inputs = {};
    ReportType report = ReportType::none;
    std::filesystem::path report_folder = {};
    bool print_counters = false;
    std::optional<Int8Requirement> required_int8 = {};
    std::vector<double> percentiles = {};

    std::vector<std::pair<std::string, std::string>> given = {};  // option and value, as they stand on the command line
    std::vector<std::string> warnings = {};                       // what was accepted but has no effect
    bool compile_only() const { return iterations && *iterations == 0; }
};

std::string help_text();
std::string_view name_of(ReportType type);
std::string_view name_of(Api api);

// The command line, with option spellings of OpenVINO's C++ and Python tools. Throws Error: one sentence with the legal values.
// Flags are global variables of gflags: one call per process.
Options parse_options(int argc, const char* const* argv);

}  // namespace octet::benchmark
