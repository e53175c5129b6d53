#include "samples/benchmark_app/counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <octet/element_type.hpp>
#include <octet/explain.hpp>
#include <utility>

namespace octet::benchmark {

namespace {

std::string_view name_of(ProfilingInfo::Status status) {
    switch (status) {
        case ProfilingInfo::Status::EXECUTED: return "EXECUTED";
        case ProfilingInfo::Status::OPTIMIZED_OUT: return "OPTIMIZED_OUT";
        case ProfilingInfo::Status::NOT_RUN: break;
    }
    return "NOT_RUN";
}

std::string_view name_of(LayerStatus status) {
    switch (status) {
        case LayerStatus::executed: return "EXECUTED";
        case LayerStatus::fused:
        case LayerStatus::optimized_out: return "OPTIMIZED_OUT";
        case LayerStatus::not_run: break;
    }
    return "NOT_RUN";
}

// As users of such reports look for it: any 8-bit integer is I8, floats are FP32 and so on.
std::string legacy_precision(std::string_view precision) {
    if (precision == "u8" || precision == "i8") return "I8";
    if (precision == "f16" || precision == "f32" || precision == "f64") return fmt::format("FP{}", precision.substr(1));
    std::string upper(precision);
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return upper;
}

std::string legacy_exec_type(const std::string& exec_type) {
    const auto at = exec_type.rfind('_');
    if (at == std::string::npos || !element_type_named(std::string_view(exec_type).substr(at + 1))) return exec_type;
    return fmt::format("{}_{}", exec_type.substr(0, at), legacy_precision(std::string_view(exec_type).substr(at + 1)));
}

struct Sums {
    double real_ms = 0;
    double cpu_ms = 0;
};

Sums sums_of(const CounterTable& table) {
    Sums sums;
    for (const auto& row : table) {
        sums.real_ms += row.real_ms;
        sums.cpu_ms += row.cpu_ms;
    }
    return sums;
}

}  // namespace

CounterTable counters_of(std::span<const ProfilingInfo> layers) {
    CounterTable table;
    for (const auto& layer : layers) {
        const bool executed = layer.status == ProfilingInfo::Status::EXECUTED;
        table.push_back({layer.node_name, name_of(layer.status), layer.node_type,
                         executed ? legacy_exec_type(layer.exec_type) : "undef", executed ? layer.real_us / 1000 : 0,
                         executed ? layer.cpu_us / 1000 : 0});
    }
    return table;
}

CounterTable mean_counters(const Report& before, std::uint64_t warm_up, const Report& now, std::uint64_t iterations) {
    const bool same_rows = before.layers.size() == now.layers.size();
    const auto measured = static_cast<double>(iterations);
    const auto warm = same_rows ? static_cast<double>(warm_up) : 0;
    const auto mean = [&](double earlier_us, double now_us) {
        return iterations == 0 ? 0 : std::max(0.0, (now_us * (measured + warm) - earlier_us * warm) / measured) / 1000;
    };
    CounterTable table;
    for (std::size_t i = 0; i < now.layers.size(); ++i) {
        const LayerReport& layer = now.layers[i];
        const LayerReport& earlier = same_rows ? before.layers[i] : layer;
        CounterRow row{layer.name, name_of(layer.status), layer.type, "undef", 0, 0};
        if (layer.status == LayerStatus::executed) {
            row.exec_type = fmt::format("{}_{}", layer.kernel, legacy_precision(layer.precision));
            row.real_ms = mean(earlier.real_time_us, layer.real_time_us);
            row.cpu_ms = mean(earlier.cpu_time_us, layer.cpu_time_us);
        }
        table.push_back(std::move(row));
    }
    return table;
}

std::string precision_summary(const Report& report) {
    const Int8Summary summary = summarize_int8(report);
    return fmt::format("{} of {} layers in int8", summary.int8_layers, summary.layers);
}

std::string counters_csv(std::span<const CounterTable> tables) {
    std::string text;
    for (const auto& table : tables) {
        text += "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);\n";
        for (const auto& row : table)
            text += fmt::format("{};{};{};{};{:.3f};{:.3f};\n", csv_field(row.name), row.status, csv_field(row.type),
                                csv_field(row.exec_type), row.real_ms, row.cpu_ms);
        const Sums sums = sums_of(table);
        text += fmt::format("Total;;;;{:.3f};{:.3f};\n\n", sums.real_ms, sums.cpu_ms);
    }
    return text;
}

std::string counters_text(const CounterTable& table, std::string_view full_device_name) {
    std::array<std::size_t, 4> widths{20, 21, 20, 30};
    for (const auto& row : table)
        widths = {std::max(widths[0], row.name.size() + 1), widths[1], std::max(widths[2], row.type.size() + 1),
                  std::max(widths[3], row.exec_type.size() + 1)};
    std::string text;
    for (const auto& row : table)
        text +=
            fmt::format("{:<{}}{:<{}}layerType: {:<{}}execType: {:<{}}realTime (ms): {:<10.3f}cpuTime (ms): {:.3f}\n",
                        row.name, widths[0], row.status, widths[1], row.type, widths[2], row.exec_type, widths[3],
                        row.real_ms, row.cpu_ms);
    const Sums sums = sums_of(table);
    text +=
        fmt::format("Total time: {:.3f} milliseconds\nTotal CPU time: {:.3f} milliseconds\n\nFull device name: {}\n",
                    sums.real_ms, sums.cpu_ms, full_device_name);
    return text;
}

std::string csv_field(std::string_view text) {
    if (text.find_first_of(";\"\r\n") == std::string_view::npos) return std::string(text);
    std::string quoted = "\"";
    for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

}  // namespace octet::benchmark
