#pragma once
// A compiled model on the CPU.
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "plugins/cpu/blob/plan.hpp"
#include "plugins/cpu/lower.hpp"
#include "plugins/cpu/plan.hpp"
#include "plugins/cpu/report.hpp"
#include "plugins/cpu/settings.hpp"
#include "plugins/cpu/tuning/tuned.hpp"
#include "runtime/plugin.hpp"

namespace octet::cpu {

// A plan made ready for one stream.
struct StreamPlan {
    std::shared_ptr<const Plan> plan;
    std::shared_ptr<const StepReport> report;
    std::vector<std::shared_ptr<const Work>> works;  // by step
};

class CpuExecutable final : public Executable, public std::enable_shared_from_this<CpuExecutable> {
public:
    CpuExecutable(const ir::Graph& graph, Machine machine, Settings settings);

    std::unique_ptr<Execution> create_execution() override;
    int streams() const override { return settings_.streams; }
    Report report() const override;
    Config properties() const override;

    // The plan for these input shapes, made on first use.
    StreamPlan stream_plan(const std::vector<ir::Dims>& shapes, int stream);
    ThreadPool& pool(int stream) { return *pools_[static_cast<std::size_t>(stream)]; }
    const Settings& settings() const { return settings_; }

private:
    struct Cached {
        std::vector<ir::Dims> shapes;
        std::shared_ptr<const Plan> plan;
        std::shared_ptr<const StepReport> report;
        std::vector<std::vector<std::shared_ptr<const Work>>> works;  // by stream
    };
    Cached& cached(const std::vector<ir::Dims>& shapes);
    Plan plan_of(const std::shared_ptr<const ir::Graph>& graph, const Postpone& postpone) const;
    Tuned tuned_for(const std::shared_ptr<const ir::Graph>& graph);

    Machine machine_;
    Settings settings_;
    std::optional<blob::Place> blob_;  // where the plan is kept, if anywhere
    Lowered lowered_;
    bool static_shapes_ = false;
    bool loaded_from_cache_ = false;
    mutable std::mutex mutex_;
    std::list<Cached> cache_;  // most recently used first
    std::vector<std::unique_ptr<ThreadPool>> pools_;
};

}  // namespace octet::cpu
