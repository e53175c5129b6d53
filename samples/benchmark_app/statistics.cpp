#include "samples/benchmark_app/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace octet::benchmark {

double percentile(std::span<const double> sorted, double boundary) {
    // 99.9 percent of 1000 are 999.0000000000001 in binary: the slack keeps that from counting as one more.
    const double rank = std::ceil(boundary / 100 * static_cast<double>(sorted.size()) - 1e-9);
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

Statistics statistics_of(std::vector<double> samples_ms, std::span<const double> boundaries) {
    Statistics result;
    std::ranges::sort(samples_ms);
    for (double boundary : boundaries)
        result.percentiles.push_back({boundary, samples_ms.empty() ? 0 : percentile(samples_ms, boundary)});
    if (samples_ms.empty()) return result;
    result.average_ms = std::accumulate(samples_ms.begin(), samples_ms.end(), 0.0) /
                        static_cast<double>(samples_ms.size());
    result.min_ms = samples_ms.front();
    result.max_ms = samples_ms.back();
    return result;
}

}  // namespace octet::benchmark
