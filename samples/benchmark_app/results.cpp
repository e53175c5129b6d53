// Step 11: what came out, on the console and in files.
#include <fmt/format.h>

#include <algorithm>
#include <octet/error.hpp>
#include <octet/properties.hpp>

#include "samples/benchmark_app/application.hpp"
#include "samples/benchmark_app/console.hpp"
#include "samples/benchmark_app/counters.hpp"
#include "samples/common/files.hpp"

namespace octet::benchmark {

namespace {

using Section = Summary::Section;

// Labels of the final block take 21 columns, as programs that read it by column expect.
void print_value(std::string_view label, std::string_view value) { print_info(fmt::format("{:<21}{}", label, value)); }

std::string percentile_label(double boundary) { return fmt::format("{} percentile", boundary); }

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += fmt::format("{}{}", text.empty() ? "" : " ", name);
    return text;
}

}  // namespace

double Application::throughput() const {
    const auto frames = static_cast<double>(batch_) * static_cast<double>(measurement_.iterations);
    return measurement_.duration_ms > 0 ? 1000 * frames / measurement_.duration_ms : 0;
}

// A device without this setting runs one inference at a time.
int Application::streams() const {
    const auto known = compiled_.get_property(supported_properties);
    return std::ranges::find(known, num_streams.name()) == known.end() ? 1 : compiled_.get_property(num_streams).num;
}

void Application::add_configuration() {
    const auto add = [&](std::string_view label, std::string_view value) {
        summary_.add(Section::configuration, label, value);
    };
    add("benchmark mode", options_.compile_only() ? "compile only" : "inference only");
    add("topology", model_->get_friendly_name());
    add("target device", options_.device);
    add("API", name_of(options_.api));
    add("precision", precision_summary(compiled_.report()));
    add("batch size", fmt::to_string(batch_));
    add("number of iterations", fmt::to_string(limits_.iterations));
    add("number of parallel infer requests", fmt::to_string(requests_.size()));
    add("duration (ms)", fmt::format("{:.0f}", limits_.ms));
    add(fmt::format("number of {} streams", options_.device), fmt::to_string(streams()));
}

void Application::add_results(const Statistics& statistics) {
    const auto add = [&](std::string_view label, double value) { summary_.add_number(Section::results, label, value); };
    add("total execution time (ms)", measurement_.duration_ms);
    summary_.add(Section::results, "total number of iterations", fmt::to_string(measurement_.iterations));
    for (const auto& percentile : statistics.percentiles)
        add(percentile.boundary == 50 ? "Median latency (ms)"
                                      : fmt::format("latency ({}) (ms)", percentile_label(percentile.boundary)),
            percentile.ms);
    summary_.add(Section::results, "Percentile boundary", fmt::to_string(statistics.percentiles.front().boundary));
    add("Average latency (ms)", statistics.average_ms);
    add("Min latency (ms)", statistics.min_ms);
    add("Max latency (ms)", statistics.max_ms);
    add("throughput", throughput());
}

void Application::print_results(const Statistics& statistics) const {
    const auto print_ms = [](std::string_view label, double ms) { print_value(label, fmt::format("{:.2f} ms", ms)); };
    print_info(fmt::format("Execution Devices: [ {} ]", joined(compiled_.get_property(execution_devices))));
    print_value("Count:", fmt::format("{} iterations", measurement_.iterations));
    print_ms("Duration:", measurement_.duration_ms);
    print_info("Latency:");
    for (const auto& percentile : statistics.percentiles)
        print_ms(percentile.boundary == 50 ? "   Median:"
                                           : fmt::format("   {}:", percentile_label(percentile.boundary)),
                 percentile.ms);
    print_ms("   Average:", statistics.average_ms);
    print_ms("   Min:", statistics.min_ms);
    print_ms("   Max:", statistics.max_ms);
    print_value("Throughput:", fmt::format("{:.2f} FPS", throughput()));
}

void Application::write_counters() const {
    std::vector<CounterTable> tables;
    if (options_.report == ReportType::average_counters) {
        tables.push_back(mean_counters(before_measurement_, 1, compiled_.report(), measurement_.iterations));
    } else {
        for (const auto& request : requests_) tables.push_back(counters_of(request.get_profiling_info()));
    }
    const auto file = options_.report_folder / fmt::format("benchmark_{}_report.csv", name_of(options_.report));
    samples::write_file(file, counters_csv(tables));
    print_info(fmt::format("Performance counters report is stored to {}", file.string()));
}

void Application::write_reports() {
    print_step(11, "Dumping statistics report");
    const Statistics statistics = statistics_of(measurement_.latencies_ms, options_.percentiles);
    const bool measured = !options_.compile_only();
    add_configuration();
    if (measured) add_results(statistics);
    if (options_.print_counters && measured) {
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            print_info(fmt::format("Performance counts for {}-th infer request:", i));
            print_plain(counters_text(counters_of(requests_[i].get_profiling_info()), full_device_name()));
        }
    }
    if (measured &&
        (options_.report == ReportType::average_counters || options_.report == ReportType::detailed_counters))
        write_counters();
    if (options_.report != ReportType::none) {
        const auto file = options_.report_folder / kSummaryFile;
        samples::write_file(file, summary_.csv());
        print_info(fmt::format("Statistics report is stored to {}", file.string()));
    }
    if (measured) print_results(statistics);
}

void Application::check_int8() const {
    if (!options_.required_int8) return;
    const std::string shortfall = options_.required_int8->shortfall(summarize_int8(compiled_.report()));
    if (!shortfall.empty()) throw Error(shortfall);
}

}  // namespace octet::benchmark
