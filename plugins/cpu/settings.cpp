#include "plugins/cpu/settings.hpp"

#include <algorithm>
#include <charconv>

#include "ir/support/check.hpp"

namespace octet::cpu {

namespace {

int whole_number(const std::string& key, const std::string& value) {
    int number = 0;
    const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), number);
    ir::require(status == std::errc() && end == value.data() + value.size() && number >= 0,
                "property '{}': got '{}', wanted a whole number", key, value);
    return number;
}

bool yes_or_no(const std::string& key, const std::string& value) {
    ir::require(value == "YES" || value == "NO" || value == "true" || value == "false",
                "property '{}': got '{}', wanted YES or NO", key, value);
    return value == "YES" || value == "true";
}

}  // namespace

Settings settings_of(const Config& config, const Machine& machine) {
    Settings s;
    int streams = 0;
    int threads = 0;
    std::string precision = "dynamic";
    for (const auto& [key, value] : config) {
        if (key == "NUM_STREAMS") {
            streams = value == "AUTO" ? 0 : whole_number(key, value);
        } else if (key == "INFERENCE_NUM_THREADS") {
            threads = whole_number(key, value);
        } else if (key == "PERF_COUNT") {
            s.profiling = yes_or_no(key, value);
        } else if (key == "ENABLE_CPU_PINNING") {
            s.pinning = yes_or_no(key, value);
        } else if (key == "INFERENCE_LOW_PRECISION") {
            s.low_precision = yes_or_no(key, value);
        } else if (key == "EXECUTION_MODE_HINT") {
            ir::require(value == "PERFORMANCE" || value == "ACCURACY",
                        "property '{}': got '{}', wanted PERFORMANCE or ACCURACY", key, value);
            s.accuracy = value == "ACCURACY";
        } else if (key == "CACHE_DIR") {
            s.cache_dir = value;
        } else if (key == "LOW_PRECISION_PLAN") {
            ir::require(value == "CHEAPEST" || value == "UPSTREAM",
                        "property '{}': got '{}', wanted CHEAPEST or UPSTREAM", key, value);
            s.upstream_plan = value == "UPSTREAM";
        } else if (key == "LOW_PRECISION_ALLOW_LOSSY") {
            s.allow_lossy = yes_or_no(key, value);
        } else if (key == "PERFORMANCE_HINT") {
            ir::require(value == "LATENCY" || value == "THROUGHPUT" || value == "CUMULATIVE_THROUGHPUT",
                        "property '{}': got '{}', wanted LATENCY, THROUGHPUT or CUMULATIVE_THROUGHPUT", key, value);
            s.hint = value;
        } else if (key == "INFERENCE_PRECISION_HINT") {
            ir::require(value == "f32" || value == "bf16" || value == "dynamic",
                        "property '{}': got '{}', wanted f32, bf16 or dynamic", key, value);
            precision = value;
        } else if (key != "PERFORMANCE_HINT_NUM_REQUESTS") {
            ir::fail(
                "the CPU has no property '{}'; it has CACHE_DIR, ENABLE_CPU_PINNING, EXECUTION_MODE_HINT, "
                "INFERENCE_LOW_PRECISION, "
                "INFERENCE_NUM_THREADS, "
                "INFERENCE_PRECISION_HINT, LOW_PRECISION_ALLOW_LOSSY, LOW_PRECISION_PLAN, NUM_STREAMS, "
                "PERFORMANCE_HINT, "
                "PERFORMANCE_HINT_NUM_REQUESTS, PERF_COUNT",
                key);
        } else {
            whole_number(key, value);
        }
    }
    ir::require(!s.allow_lossy || !s.accuracy,
                "property 'LOW_PRECISION_ALLOW_LOSSY': got YES, but EXECUTION_MODE_HINT is ACCURACY");
    // A wish for bf16 is one for speed, so it is not heard where bf16 is slower.
    s.bf16 = machine.bf16 && (precision == "bf16" || (precision == "dynamic" && !s.accuracy));
    s.threads = threads > 0 ? threads : machine.cores;
    s.streams = streams > 0 ? streams : s.hint == "LATENCY" ? 1 : s.threads;
    s.threads = std::max(s.threads, s.streams);
    return s;
}

Config effective(const Settings& s) {
    return {{"NUM_STREAMS", std::to_string(s.streams)},
            {"INFERENCE_NUM_THREADS", std::to_string(s.threads)},
            {"PERF_COUNT", s.profiling ? "YES" : "NO"},
            {"ENABLE_CPU_PINNING", s.pinning ? "YES" : "NO"},
            {"EXECUTION_MODE_HINT", s.accuracy ? "ACCURACY" : "PERFORMANCE"},
            {"INFERENCE_LOW_PRECISION", s.low_precision ? "YES" : "NO"},
            {"INFERENCE_PRECISION_HINT", s.bf16 ? "bf16" : "f32"},
            {"LOW_PRECISION_ALLOW_LOSSY", s.allow_lossy ? "YES" : "NO"},
            {"LOW_PRECISION_PLAN", s.upstream_plan ? "UPSTREAM" : "CHEAPEST"},
            {"PERFORMANCE_HINT", s.hint},
            {"CACHE_DIR", s.cache_dir},
            {"OPTIMAL_NUMBER_OF_INFER_REQUESTS", std::to_string(s.streams)}};
}

}  // namespace octet::cpu
