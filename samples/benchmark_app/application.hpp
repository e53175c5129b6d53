#pragma once
// The eleven steps of a benchmark.
#include <octet/core.hpp>
#include <optional>
#include <vector>

#include "samples/benchmark_app/input_files.hpp"
#include "samples/benchmark_app/measure.hpp"
#include "samples/benchmark_app/options.hpp"
#include "samples/benchmark_app/statistics.hpp"
#include "samples/benchmark_app/summary.hpp"

namespace octet::benchmark {

// Steps 2 to 11; step 1 is the command line. Each prints what it does; what belongs into the report goes into the summary as it becomes
// known, so that a report of a failed run has all that came before the failure.
class Application {
public:
    Application(const Options& options, Summary& summary);
    void run();

private:
    void load_runtime();
    void configure_device();
    void read_model();
    void reshape_model();
    void configure_inputs();
    void compile_model();
    void query_properties();
    void create_requests();
    void measure_performance();
    void write_reports();
    void check_int8() const;

    bool wants_counters() const;
    void add_configuration();
    void add_results(const Statistics& statistics);
    void print_results(const Statistics& statistics) const;
    void write_counters() const;
    std::string full_device_name() const;
    double throughput() const;
    int streams() const;

    const Options& options_;
    Summary& summary_;
    Core core_;
    AnyMap properties_;
    std::shared_ptr<Model> model_;
    std::size_t batch_ = 1;
    CompiledModel compiled_;
    Limits limits_;
    std::vector<InferRequest> requests_;
    Report before_measurement_;  // after the warm-up, when counters are wanted
    Measurement measurement_;
};

// Step 1's outcome for -h.
void print_devices();

}  // namespace octet::benchmark
