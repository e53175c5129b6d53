#include "samples/benchmark_app/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gflags/gflags.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <octet/error.hpp>

#include "samples/benchmark_app/flags.hpp"

DEFINE_bool(h, false, "prints this text and the available devices");
DEFINE_string(m, "", "model file (.xml); required");
DEFINE_string(d, "CPU", "device: CPU, REFERENCE, AUTO or AUTO:LIST");
DEFINE_string(i, "",
              "files or folders to fill inputs with: .npy, .bin, images; 'input:file1,file2' for one input; random "
              "numbers where not given");
DEFINE_string(hint, "",
              "throughput (tput), latency, cumulative_throughput (ctput) or none; default: latency with -api sync, "
              "else throughput");
DEFINE_string(api, "", "sync or async; default: sync with -hint latency, else async");
DEFINE_uint64(niter, 0, "number of iterations; with -t both must be reached; 0 only compiles the model");
DEFINE_string(
    t, "",
    "time to measure, in seconds ('1.5') or milliseconds ('200ms'); default: 60 seconds when -niter is not given");
DEFINE_uint32(nireq, 0, "number of infer requests; default: what the device asks for, 1 with -api sync");
DEFINE_string(nstreams, "", "number of streams: N or DEVICE:N");
DEFINE_uint32(nthreads, 0, "number of threads of all streams together");
DEFINE_uint32(b, 0, "batch size: the first dimension of every input");
DEFINE_string(
    shape, "",
    "shapes of inputs: 'input[1,3,224,224],other[1,4]', or '[1,3,224,224]' for all; ? is any, 1..8 an interval");
DEFINE_string(cache_dir, "", "folder that keeps what compiling made, for the next time");
DEFINE_string(latency_percentile, "50",
              "which latencies to print: a list of numbers above 0 and up to 100, the first in the first line");
DEFINE_string(report_type, "", "no_counters, average_counters or detailed_counters: CSV reports to write");
DEFINE_string(report_folder, "", "folder of the reports, created where it is missing; default: the current one");
DEFINE_bool(pc, false, "prints the time of each layer");
DEFINE_string(require_int8, "",
              "fails when less is int8: a share of the layers that compute ('95%') or of their time ('95%time')");

namespace octet::benchmark {

namespace {

const FlagTables& tables() {
    static const FlagTables kTables{
        .source_file = "benchmark_app/options.cpp",
        .aliases = {{"help", "h"},
                    {"path_to_model", "m"},
                    {"paths_to_input", "i"},
                    {"target_device", "d"},
                    {"perf_hint", "hint"},
                    {"api_type", "api"},
                    {"number_iterations", "niter"},
                    {"time", "t"},
                    {"number_infer_requests", "nireq"},
                    {"number_streams", "nstreams"},
                    {"number_threads", "nthreads"},
                    {"batch_size", "b"},
                    {"cdir", "cache_dir"},
                    {"perf_counts", "pc"}},
        .old = {{"progress", false, "a terminal always shows the progress"},
                {"stream_output", false, "progress is printed as plain lines wherever standard output is no terminal"},
                {"imean", true, "mean values belong into the model"},
                {"iscale", true, "scale values belong into the model"},
                {"l", true, "libraries of custom operations are not loaded"},
                {"enforcebf16", false, "layers run in int8 or f32, as the model asks for"},
                {"qb", true, "the model says how many bits are used"},
                {"dopt", true, "the device chooses how it runs"},
                {"cpu_experimental", false, "the device chooses how it runs"},
                {"pp", true, "devices are built in"}},
        .list_flag = "i"};
    return kTables;
}

template <class T>
struct Choice {
    std::string_view spelling;
    T value;
};

template <class T, std::size_t N>
T choose(std::string_view option, const std::string& got, const std::array<Choice<T>, N>& choices) {
    const auto found = std::ranges::find(choices, got, &Choice<T>::spelling);
    if (found != choices.end()) return found->value;
    std::string legal;
    for (std::size_t i = 0; i < N; ++i)
        legal += fmt::format("{}{}", i == 0 ? "" : i + 1 == N ? " or " : ", ", choices[i].spelling);
    throw Error(fmt::format("option '-{}': got '{}', wanted {}", option, got, legal));
}

constexpr std::array kHints{Choice<std::string_view>{"throughput", "THROUGHPUT"},
                            Choice<std::string_view>{"tput", "THROUGHPUT"},
                            Choice<std::string_view>{"latency", "LATENCY"},
                            Choice<std::string_view>{"cumulative_throughput", "CUMULATIVE_THROUGHPUT"},
                            Choice<std::string_view>{"ctput", "CUMULATIVE_THROUGHPUT"},
                            Choice<std::string_view>{"none", "none"}};
constexpr std::array kApis{Choice<Api>{"sync", Api::sync}, Choice<Api>{"async", Api::async}};
constexpr std::array kReportTypes{Choice<ReportType>{"no_counters", ReportType::no_counters},
                                  Choice<ReportType>{"average_counters", ReportType::average_counters},
                                  Choice<ReportType>{"detailed_counters", ReportType::detailed_counters}};

// The number that begins the text, and what follows it; from_chars takes no sign but '-'.
std::optional<std::pair<double, std::string_view>> number_of(std::string_view text) {
    double value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (status != std::errc()) return std::nullopt;
    return std::pair(value, text.substr(static_cast<std::size_t>(end - text.data())));
}

double parse_time_ms(const std::string& text) {
    const auto parsed = number_of(text);
    if (!parsed || !(parsed->first >= 0 && parsed->first < 1e9) ||
        (!parsed->second.empty() && parsed->second != "s" && parsed->second != "ms"))
        throw Error(fmt::format("option '-t': got '{}', wanted a time such as '10', '1.5' or '200ms'", text));
    return parsed->second == "ms" ? parsed->first : parsed->first * 1000;
}

Int8Requirement parse_required_int8(const std::string& text) {
    try {
        return Int8Requirement::parse(text);
    } catch (const Error& e) {
        throw Error(fmt::format("option '-require_int8': {}", e.what()));
    }
}

std::vector<double> parse_percentiles(std::string_view text) {
    std::vector<double> result;
    const auto fail = [&] {
        throw Error(fmt::format(
            "option '-latency_percentile': got '{}', wanted numbers above 0 and up to 100, separated by commas",
            FLAGS_latency_percentile));
    };
    while (true) {
        const auto parsed = number_of(text);
        if (!parsed || !(parsed->first > 0 && parsed->first <= 100)) fail();
        result.push_back(parsed->first);
        text = parsed->second;
        if (text.empty()) return result;
        if (text.front() != ',') fail();
        text.remove_prefix(1);
    }
}

// "4" or "CPU:4"; streams of other devices than the chosen one are an error.
std::uint32_t parse_streams(const std::string& text, std::string_view device) {
    std::string_view number = text;
    const auto colon = number.find(':');
    const bool other_device = colon != std::string_view::npos && number.substr(0, colon) != device;
    if (colon != std::string_view::npos) number.remove_prefix(colon + 1);
    std::uint32_t value = 0;
    const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (other_device || status != std::errc() || end != number.data() + number.size() || value == 0)
        throw Error(fmt::format("option '-nstreams': got '{}', wanted a number from 1 on, or {}:N", text, device));
    return value;
}

void check_together(const Options& options) {
    if (options.model.empty()) throw Error("Model is required but not set: give one with -m, -h lists all options");
    if (options.api == Api::sync && options.iterations.value_or(0) > 0 && options.requests > *options.iterations)
        throw Error(
            fmt::format("option '-nireq': got {} requests for {} iterations, wanted at most as many with -api sync",
                        options.requests, *options.iterations));
    if (options.time_ms == 0.0 && !options.iterations)
        throw Error("option '-t': got 0, wanted a longer time or iterations with -niter");
}

}  // namespace

std::string_view name_of(ReportType type) {
    const auto found = std::ranges::find(kReportTypes, type, &Choice<ReportType>::value);
    return found == kReportTypes.end() ? "" : found->spelling;
}
std::string_view name_of(Api api) { return api == Api::sync ? "sync" : "async"; }

std::string help_text() {
    constexpr std::array kOrder{"h",
                                "m",
                                "d",
                                "i",
                                "hint",
                                "api",
                                "niter",
                                "t",
                                "nireq",
                                "nstreams",
                                "nthreads",
                                "b",
                                "shape",
                                "cache_dir",
                                "latency_percentile",
                                "report_type",
                                "report_folder",
                                "pc",
                                "require_int8"};
    std::string text = "\nbenchmark_app -m MODEL [OPTIONS]\n\n";
    for (const char* name : kOrder) {
        const auto info = gflags::GetCommandLineFlagInfoOrDie(name);
        const auto value = info.type == "bool" ? "" : info.type == "string" ? " <value>" : " <number>";
        text += fmt::format("    -{:<28} {}\n", info.name + value, info.description);
    }
    text += "\nOption names of OpenVINO's Python tool are taken too:\n   ";
    for (const auto& alias : tables().aliases) text += fmt::format(" --{}", alias.spelling);
    return text + "\n";
}

Options parse_options(int argc, const char* const* argv) {
    auto flags = parse_flags(argc, argv, tables());
    const auto given = [&](std::string_view name) {
        return std::ranges::any_of(flags.given, [&](const auto& flag) { return flag.first == name; });
    };
    Options result;
    result.help = FLAGS_h;
    result.warnings = std::move(flags.hints);
    if (result.help) return result;
    result.model = FLAGS_m;
    result.device = FLAGS_d;
    std::ranges::transform(result.device, result.device.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (!FLAGS_hint.empty()) result.hint = choose("hint", FLAGS_hint, kHints);
    result.api = !FLAGS_api.empty()         ? choose("api", FLAGS_api, kApis)
                 : result.hint == "LATENCY" ? Api::sync
                                            : Api::async;
    if (!FLAGS_report_type.empty()) result.report = choose("report_type", FLAGS_report_type, kReportTypes);
    if (given("niter")) result.iterations = FLAGS_niter;
    if (!FLAGS_t.empty()) result.time_ms = parse_time_ms(FLAGS_t);
    result.requests = FLAGS_nireq;
    if (!FLAGS_nstreams.empty()) result.streams = parse_streams(FLAGS_nstreams, result.device);
    result.threads = FLAGS_nthreads;
    result.batch = FLAGS_b;
    result.shape = FLAGS_shape;
    result.cache_dir = FLAGS_cache_dir;
    result.inputs = FLAGS_i;
    result.report_folder = FLAGS_report_folder;
    result.print_counters = FLAGS_pc;
    if (!FLAGS_require_int8.empty()) result.required_int8 = parse_required_int8(FLAGS_require_int8);
    result.percentiles = parse_percentiles(FLAGS_latency_percentile);
    result.given = std::move(flags.given);
    check_together(result);
    return result;
}

}  // namespace octet::benchmark
