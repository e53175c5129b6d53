#pragma once
// The settings of the CPU plugin, read from names and texts.
#include "plugins/cpu/machine.hpp"
#include "runtime/plugin.hpp"
#include "transformations/low_precision/policy.hpp"

namespace octet::cpu {

struct Settings {
    int streams = 1;
    int threads = 1;  // over all streams
    bool profiling = false;
    bool pinning = false;
    bool low_precision = true;      // INFERENCE_LOW_PRECISION: NO runs every layer in float
    bool allow_lossy = false;       // LOW_PRECISION_ALLOW_LOSSY
    bool accuracy = false;          // EXECUTION_MODE_HINT
    bool bf16 = false;              // INFERENCE_PRECISION_HINT: float layers may compute in bf16
    bool saturates = false;         // INT8_SATURATION
    std::string plan = "CHEAPEST";  // LOW_PRECISION_PLAN: which layers run on integers, CHEAPEST, INTEGERS or UPSTREAM
    bool tune = false;              // TUNE: kernels are measured where that was not done before
    std::string hint = "LATENCY";
    std::string cache_dir = {};  // CACHE_DIR: where packed weights are kept; empty: nowhere

    low_precision::Policy policy() const {
        low_precision::Policy policy = plan == "UPSTREAM"   ? low_precision::upstream_policy()
                                       : plan == "INTEGERS" ? low_precision::integers_policy()
                                                            : low_precision::cheapest_policy();
        if (accuracy) policy.step_share = 0;
        policy.align = allow_lossy;
        return policy;
    }
    int threads_per_stream() const { return threads / streams > 0 ? threads / streams : 1; }
};

// Throws Error for a key or value that is not known, naming the known ones.
Settings settings_of(const Config& config, const Machine& machine);
Config effective(const Settings& settings);

}  // namespace octet::cpu
