#include "plugins/reference/plugin.hpp"

#include <charconv>

#include "ir/support/check.hpp"
#include "plugins/reference/executable.hpp"

namespace octet::reference {

namespace {

constexpr int kMostStreams = 1024;

int streams_of(const std::string& value) {
    if (value == "AUTO") return Settings{}.streams;
    int number = 0;
    const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), number);
    ir::require(status == std::errc() && end == value.data() + value.size() && number >= 1 && number <= kMostStreams,
                "property 'NUM_STREAMS': got '{}', wanted AUTO or a number of 1..{}", value, kMostStreams);
    return number;
}

// Settings that only change how fast a device is are taken and have no effect here, so that the device can be swapped for another.
Settings settings_of(const Config& config, const Config& known) {
    Settings settings;
    for (const auto& [key, value] : config) {
        if (key == "NUM_STREAMS") {
            settings.streams = streams_of(value);
        } else if (key == "PERF_COUNT") {
            settings.profiling = value == "YES" || value == "true";
            ir::require(settings.profiling || value == "NO" || value == "false",
                        "property 'PERF_COUNT': got '{}', wanted YES or NO", value);
        } else if (!known.contains(key)) {
            std::string names;
            for (const auto& [name, unused] : known) names += (names.empty() ? "" : ", ") + name;
            ir::fail("REFERENCE has no property '{}'; it has {}", key, names);
        }
    }
    return settings;
}

class ReferencePlugin final : public Plugin {
public:
    std::string_view name() const override { return "REFERENCE"; }
    std::string full_name() const override { return "reference interpreter"; }
    std::shared_ptr<Executable> compile(const ir::Graph& graph, const Config& config) override {
        return std::make_shared<ReferenceExecutable>(graph, settings_of(config, default_config()));
    }
    Config default_config() const override {
        return {{"ENABLE_CPU_PINNING", "NO"},
                {"EXECUTION_MODE_HINT", "ACCURACY"},
                {"INFERENCE_LOW_PRECISION", "NO"},
                {"INFERENCE_NUM_THREADS", "1"},
                {"INFERENCE_PRECISION_HINT", "f32"},
                {"INT8_SATURATION", "NO"},
                {"LOW_PRECISION_ALLOW_LOSSY", "NO"},
                {"LOW_PRECISION_PLAN", "CHEAPEST"},
                {"CACHE_DIR", ""},
                {"NUM_STREAMS", "1"},
                {"PERFORMANCE_HINT", "LATENCY"},
                {"PERFORMANCE_HINT_NUM_REQUESTS", "0"},
                {"PERF_COUNT", "NO"},
                {"TUNE", "NO"}};
    }
};

}  // namespace

std::unique_ptr<Plugin> make_plugin() { return std::make_unique<ReferencePlugin>(); }

}  // namespace octet::reference
