#include "plugins/cpu/settings.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <initializer_list>
#include <map>

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

void one_of(const std::string& key, const std::string& value, std::initializer_list<std::string_view> known) {
    if (std::ranges::find(known, value) != known.end()) return;
    std::string names;
    for (std::size_t i = 0; i < known.size(); ++i)
        names += std::string(i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + std::string(known.begin()[i]);
    ir::fail("property '{}': got '{}', wanted {}", key, value, names);
}

// The settings, and wishes that only all of them together answer.
struct Wishes {
    Settings settings;
    int streams = 0;
    int threads = 0;
    std::string precision = "dynamic";
};

using Read = void (*)(Wishes& w, const std::string& key, const std::string& value);

const std::map<std::string, Read, std::less<>>& properties() {
    static const std::map<std::string, Read, std::less<>> all{
        {"CACHE_DIR", [](Wishes& w, auto&, auto& value) { w.settings.cache_dir = value; }},
        {"ENABLE_CPU_PINNING", [](Wishes& w, auto& k, auto& v) { w.settings.pinning = yes_or_no(k, v); }},
        {"EXECUTION_MODE_HINT",
         [](Wishes& w, auto& key, auto& value) {
             one_of(key, value, {"PERFORMANCE", "ACCURACY"});
             w.settings.accuracy = value == "ACCURACY";
         }},
        {"INFERENCE_LOW_PRECISION", [](Wishes& w, auto& k, auto& v) { w.settings.low_precision = yes_or_no(k, v); }},
        {"INFERENCE_NUM_THREADS", [](Wishes& w, auto& key, auto& value) { w.threads = whole_number(key, value); }},
        {"INFERENCE_PRECISION_HINT",
         [](Wishes& w, auto& key, auto& value) {
             one_of(key, value, {"f32", "bf16", "dynamic"});
             w.precision = value;
         }},
        {"INT8_SATURATION", [](Wishes& w, auto& key, auto& value) { w.settings.saturates = yes_or_no(key, value); }},
        {"LOW_PRECISION_ALLOW_LOSSY", [](Wishes& w, auto& k, auto& v) { w.settings.allow_lossy = yes_or_no(k, v); }},
        {"LOW_PRECISION_PLAN",
         [](Wishes& w, auto& key, auto& value) {
             one_of(key, value, {"CHEAPEST", "INTEGERS", "UPSTREAM"});
             w.settings.plan = value;
         }},
        {"NUM_STREAMS",
         [](Wishes& w, auto& key, auto& value) { w.streams = value == "AUTO" ? 0 : whole_number(key, value); }},
        {"PERFORMANCE_HINT",
         [](Wishes& w, auto& key, auto& value) {
             one_of(key, value, {"LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"});
             w.settings.hint = value;
         }},
        {"PERFORMANCE_HINT_NUM_REQUESTS", [](Wishes&, auto& key, auto& value) { whole_number(key, value); }},
        {"PERF_COUNT", [](Wishes& w, auto& key, auto& value) { w.settings.profiling = yes_or_no(key, value); }},
        {"TUNE", [](Wishes& w, auto& key, auto& value) { w.settings.tune = yes_or_no(key, value); }},
    };
    return all;
}

}  // namespace

Settings settings_of(const Config& config, const Machine& machine) {
    Wishes wishes;
    for (const auto& [key, value] : config) {
        const auto property = properties().find(key);
        if (property == properties().end()) {
            std::string names;
            for (const auto& [name, read] : properties()) names += (names.empty() ? "" : ", ") + name;
            ir::fail("the CPU has no property '{}'; it has {}", key, names);
        }
        property->second(wishes, key, value);
    }
    Settings s = wishes.settings;
    for (const auto& [key, value] :
         {std::pair("LOW_PRECISION_ALLOW_LOSSY", s.allow_lossy), std::pair("INT8_SATURATION", s.saturates)})
        ir::require(!value || !s.accuracy, "property '{}': got YES, but EXECUTION_MODE_HINT is ACCURACY", key);
    // A wish for bf16 is one for speed, so it is not heard where bf16 is slower.
    s.bf16 = machine.bf16 && (wishes.precision == "bf16" || (wishes.precision == "dynamic" && !s.accuracy));
    s.threads = wishes.threads > 0 ? wishes.threads : machine.cores;
    s.streams = wishes.streams > 0 ? wishes.streams : s.hint == "LATENCY" ? 1 : s.threads;
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
            {"INT8_SATURATION", s.saturates ? "YES" : "NO"},
            {"LOW_PRECISION_ALLOW_LOSSY", s.allow_lossy ? "YES" : "NO"},
            {"LOW_PRECISION_PLAN", s.plan},
            {"PERFORMANCE_HINT", s.hint},
            {"CACHE_DIR", s.cache_dir},
            {"TUNE", s.tune ? "YES" : "NO"},
            {"OPTIMAL_NUMBER_OF_INFER_REQUESTS", std::to_string(s.streams)}};
}

}  // namespace octet::cpu
