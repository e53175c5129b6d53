#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/octet/bench_kernels.hpp"
#include "tools/octet/command.hpp"
#include "tools/octet/measured.hpp"
#include "tools/octet/model_file.hpp"
#include "tools/octet/properties.hpp"

namespace octet::tools {
namespace {

struct Options {
    std::string model;
    std::string device = "CPU";
    int threads = 0;
    int streams = 0;
    double seconds = 5;
    std::string cache_dir;
    Properties properties;
    bool json = false;
    bool load = false;
    RequireInt8 required;
    bool per_kernel = false;
    double peak = 0;
    bool allow_lossy = false;
};

using Clock = std::chrono::steady_clock;
double milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// A line of the kernel's account of this process, in MiB; 0 where there is none.
double memory_mb(std::string_view key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key)) return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
    return 0;
}

struct Loaded {
    std::shared_ptr<const Model> source;
    CompiledModel model;
    double read_ms = 0;
    double load_ms = 0;  // reading included
};

AnyMap settings_of(const Options& o) {
    AnyMap settings;
    if (o.threads > 0) settings.insert(inference_num_threads(o.threads));
    if (o.streams > 0) settings.insert(num_streams(o.streams));
    if (o.per_kernel) settings.insert(enable_profiling(true));
    if (!o.cache_dir.empty()) settings.insert(cache_dir(o.cache_dir));
    if (o.allow_lossy) settings.insert(hint::low_precision_allow_lossy(true));
    o.properties.insert_into(settings);
    return settings;
}

Loaded load(const Core& core, const Options& o) {
    const AnyMap settings = settings_of(o);
    const auto start = Clock::now();
    const std::shared_ptr<const Model> model = read_model(core, o.model);
    const auto read = Clock::now();
    CompiledModel compiled = core.compile_model(model, o.device, settings);
    return {model, std::move(compiled), milliseconds(read - start), milliseconds(Clock::now() - start)};
}

// One request that is started again whenever it ends, and the time of each inference.
struct Stream {
    InferRequest request;
    Clock::time_point started;
    Clock::time_point end;
    std::vector<double> laps = {};

    void lap() {
        const auto now = Clock::now();
        laps.push_back(milliseconds(now - started));
        started = now;
    }
    bool over() const { return started >= end && laps.size() >= kLeast; }
    static constexpr std::size_t kLeast = 3;
};

// All streams at once for a while; returns the time it took.
double run_for(std::vector<Stream>& streams, double seconds) {
    const auto begin = Clock::now();
    for (Stream& s : streams) {
        s.laps.clear();
        s.started = begin;
        s.end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    }
    if (streams.size() == 1) {
        for (Stream& s = streams[0]; !s.over(); s.lap()) s.request.infer();
    } else {
        for (Stream& s : streams) {
            s.request.set_callback([&s](std::exception_ptr error) {
                s.lap();
                if (!error && !s.over()) s.request.start_async();
            });
        }
        for (Stream& s : streams) s.request.start_async();
        for (Stream& s : streams) s.request.wait();
    }
    return milliseconds(Clock::now() - begin);
}

// The budget of loading: reading, what the device says compiling consisted of, the rest, and the first inference.
void print_load(const Loaded& loaded, double first_ms) {
    const Report report = loaded.model.report();
    double known = loaded.read_ms;
    const auto row = [](std::string_view name, double ms) { fmt::print("{:<28}{:>10.3f} ms\n", name, ms); };
    row("read the file", loaded.read_ms);
    for (const LoadPhase& phase : report.load) {
        if (phase.beside) {
            fmt::print("  {:<26}{:>10.3f} ms of all threads\n", phase.name, phase.ms);
            continue;
        }
        row(phase.name, phase.ms);
        known += phase.ms;
    }
    row("other", loaded.load_ms - known);
    row("load", loaded.load_ms);
    row("first inference", first_ms);
    fmt::print("{:<28}{:>10.1f} KiB\n", "packed weights", static_cast<double>(report.packed_bytes) / 1024);
    fmt::print("{:<28}{:>10.1f} KiB\n", "generated code", static_cast<double>(report.code_bytes) / 1024);
}

struct Result {
    std::string device;
    double median = 0, p95 = 0, least = 0;  // ms
    double throughput = 0;                  // inferences per second
    double load_ms = 0, read_ms = 0, first_ms = 0;
    double growth = 0, process = 0;  // MiB
    std::size_t inferences = 0;
    double wall_ms = 0;
    std::optional<std::size_t> lossy = std::nullopt;  // FakeQuantize that lost levels, where they were allowed to
};

void print_json(const Result& r) {
    nlohmann::ordered_json result{{"median_ms", r.median},      {"p95_ms", r.p95},      {"min_ms", r.least},
                                  {"throughput", r.throughput}, {"load_ms", r.load_ms}, {"read_ms", r.read_ms},
                                  {"first_ms", r.first_ms},     {"rss_mb", r.growth},   {"process_mb", r.process},
                                  {"inferences", r.inferences}};
    if (r.lossy) result["lossy_layers"] = *r.lossy;
    fmt::print("{}\n", result.dump());
}

void print_lines(const Result& r) {
    fmt::print("{:<14}{}\n", "device", r.device);
    for (const auto& [title, value, unit] : {std::tuple{"median", r.median, "ms"},
                                             {"95% below", r.p95, "ms"},
                                             {"throughput", r.throughput, "inferences/s"},
                                             {"read + compile", r.load_ms, "ms"},
                                             {"first", r.first_ms, "ms"},
                                             {"memory growth", r.growth, "MiB"}})
        fmt::print("{:<14}{:>12.3f} {}\n", title, value, unit);
    fmt::print("{:<14}{:>12} in {:.1f} s\n", "inferences", r.inferences, r.wall_ms / 1e3);
    if (r.lossy)
        fmt::print("{:<14}{:>12} FakeQuantize, which octet explain --allow-lossy lists\n", "lost levels", *r.lossy);
}

// Times of layers are measured apart, as that takes time itself.
void check_int8(const Core& core, const Loaded& loaded, const Options& o) {
    if (!o.required.given()) return;
    o.required.check(summarize_int8(
        o.required.of_time() ? report_of(core, loaded.source, o.device, true, settings_of(o)) : loaded.model.report()));
}

void bench(const Options& o) {
    const Core core;
    Result r;
    r.device = core.get_property(o.device, device::full_name);  // the device is ready before anything is measured
    const double base = memory_mb("VmRSS");
    const Loaded loaded = load(core, o);
    r.load_ms = loaded.load_ms;
    r.read_ms = loaded.read_ms;

    std::vector<Stream> streams(static_cast<std::size_t>(std::max(o.streams, 1)));
    for (std::size_t k = 0; k < streams.size(); ++k) {
        streams[k].request = loaded.model.create_infer_request();
        for (const Port& port : loaded.model.inputs())
            streams[k].request.set_input_tensor(port.get_index(), random_input(port, 1000 * k + port.get_index() + 1));
    }
    const auto start = Clock::now();
    streams[0].request.infer();
    r.first_ms = milliseconds(Clock::now() - start);
    if (o.load) {
        print_load(loaded, r.first_ms);
        return check_int8(core, loaded, o);
    }
    run_for(streams, std::min(0.5, o.seconds / 5));
    r.wall_ms = run_for(streams, o.seconds);

    if (o.per_kernel) {
        fmt::print("{}", kernel_table(loaded.model.report(), o.peak));
        return;
    }
    std::vector<double> laps;
    for (const Stream& s : streams) laps.insert(laps.end(), s.laps.begin(), s.laps.end());
    std::ranges::sort(laps);
    r.inferences = laps.size();
    r.least = laps.front();
    r.median = laps[laps.size() / 2];
    r.p95 = laps[(laps.size() - 1) * 95 / 100];
    r.throughput = static_cast<double>(laps.size()) * 1e3 / r.wall_ms;
    r.process = memory_mb("VmHWM");
    r.growth = r.process - base;
    if (o.allow_lossy) r.lossy = losing_levels(loaded.model.report());
    o.json ? print_json(r) : print_lines(r);
    check_int8(core, loaded, o);
}

}  // namespace

void add_bench(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("bench",
                                           "measures latency, throughput, load time and memory on random inputs");
    command->add_option("MODEL", o->model, "model (.xml) or graph (.txt)")->required();
    command->add_option("-d,--device", o->device, "device")->capture_default_str();
    command->add_option("--threads", o->threads, "threads of all streams together (default: all processors)")
        ->check(CLI::PositiveNumber);
    command->add_option("--streams", o->streams, "inferences at once (default: 1)")->check(CLI::PositiveNumber);
    command->add_option("--seconds", o->seconds, "how long to measure")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--cache_dir,--cache-dir", o->cache_dir, "folder that keeps packed weights for the next load");
    o->properties.add_to(*command);
    o->required.add_to(*command);
    command->add_flag("--load", o->load, "only load and infer once, and print what that time went into");
    command->add_flag("--json", o->json, "one JSON object, with times in ms and memory in MiB");
    command->add_flag("--allow-lossy", o->allow_lossy, kAllowLossy);
    auto* table = command->add_flag("--per-kernel", o->per_kernel,
                                    "the time of each step, with the products and bytes it moves in a second");
    command->add_option("--peak", o->peak, "GOPS the threads reach at best: adds the share of it")->needs(table);
    command->callback([o] { bench(*o); });
}

}  // namespace octet::tools
