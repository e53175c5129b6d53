#pragma once
// Latencies in numbers.
#include <span>
#include <vector>

namespace octet::benchmark {

struct Percentile {
    double boundary = 50;  // above 0, at most 100
    double ms = 0;
};

struct Statistics {
    std::vector<Percentile> percentiles = {};  // in the order asked for
    double average_ms = 0;
    double min_ms = 0;
    double max_ms = 0;
};

// Nearest rank: the smallest sample that at least `boundary` percent of all samples do not exceed; 100 is the largest. `sorted` has
// at least one sample, in ascending order.
double percentile(std::span<const double> sorted, double boundary);
// All zero when there are no samples.
Statistics statistics_of(std::vector<double> samples_ms, std::span<const double> boundaries);

}  // namespace octet::benchmark
