#pragma once
// Times of layers, as tables.
#include <cstdint>
#include <octet/infer_request.hpp>
#include <octet/report.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace octet::benchmark {

struct CounterRow {
    std::string name = {};
    std::string_view status = {};  // EXECUTED, OPTIMIZED_OUT or NOT_RUN
    std::string type = {};
    std::string exec_type = {};  // kernel and type of the data it reads: "jit_depthwise_avx512_vnni_I8"
    double real_ms = 0;
    double cpu_ms = 0;
};
using CounterTable = std::vector<CounterRow>;

// The last inference of one request.
CounterTable counters_of(std::span<const ProfilingInfo> layers);
// Means over `iterations` inferences, from the means that were known before them (over `warm_up` inferences) and are known now.
CounterTable mean_counters(const Report& before, std::uint64_t warm_up, const Report& now, std::uint64_t iterations);
// "6 of 7 layers in int8" over the layers that compute.
std::string precision_summary(const Report& report);

// Columns as scripts expect them, then a row `Total` and an empty line.
std::string counters_csv(std::span<const CounterTable> tables);
// One line per layer, all names in full, then the sums.
std::string counters_text(const CounterTable& table, std::string_view full_device_name);

// A field of a line of CSV: quoted when the delimiter, a quote or a line end is in it.
std::string csv_field(std::string_view text);

}  // namespace octet::benchmark
