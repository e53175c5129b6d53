#include "plugins/cpu/executable.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>

#include "ir/support/check.hpp"
#include "plugins/cpu/costs.hpp"
#include "plugins/cpu/plan_memory.hpp"
#include "plugins/cpu/planner.hpp"
#include "plugins/cpu/tuning/timer.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

constexpr std::size_t kPlansKept = 16;

double thread_cpu_us() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

class CpuExecution final : public Execution {
public:
    explicit CpuExecution(std::shared_ptr<CpuExecutable> executable) : executable_(std::move(executable)) {}

    void infer(std::span<const HostTensor> inputs, OutputSink& outputs, int stream) override {
        const OneOpenMpThread one;
        prepare(inputs, stream);
        const Plan& plan = *plan_.plan;
        for (std::size_t i = 0; i < plan.inputs.size(); ++i) memory_.set(plan.inputs[i].buffer, inputs[i].data);
        for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
            const PlanOutput& out = plan.outputs[i];
            if (out.is_dynamic) continue;
            given_[i].data = outputs.output(i, out.type.element, given_[i].dims);
            if (out.direct) memory_.set(out.buffer, given_[i].data);
        }
        const Frame frame = memory_.frame(executable_->pool(stream), state_);
        if (executable_->settings().profiling) run_timed(frame);
        else
            for (const auto& work : plan_.works) work->run(frame);
        for (std::size_t i = 0; i < plan.outputs.size(); ++i) give(outputs, i);
    }

    void reset_state() override { state_.clear(); }
    std::vector<StepTime> times() const override { return times_; }

private:
    void prepare(std::span<const HostTensor> inputs, int stream) {
        bool same = plan_.plan && stream == stream_ && shapes_.size() == inputs.size();
        for (std::size_t i = 0; same && i < inputs.size(); ++i) same = shapes_[i] == inputs[i].dims;
        if (same) return;
        shapes_.clear();
        for (const HostTensor& t : inputs) shapes_.push_back(t.dims);
        plan_ = executable_->stream_plan(shapes_, stream);
        stream_ = stream;
        const Plan& plan = *plan_.plan;
        memory_.fit(plan);
        given_.clear();
        for (const PlanOutput& out : plan.outputs)
            given_.push_back(out.is_dynamic ? HostTensor{} : HostTensor{out.type.element, out.type.shape.sizes()});
    }

    void run_timed(const Frame& frame) {
        times_.clear();
        for (std::size_t i = 0; i < plan_.works.size(); ++i) {
            const auto start = std::chrono::steady_clock::now();
            const double cpu = thread_cpu_us();
            plan_.works[i]->run(frame);
            const double real =
                std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
            times_.push_back({plan_.report->row_of_step[i], real, thread_cpu_us() - cpu});
        }
    }

    void give(OutputSink& outputs, std::size_t i) {
        const PlanOutput& out = plan_.plan->outputs[i];
        if (out.direct) return;
        if (out.is_dynamic) {
            const Tensor& t = memory_.dynamic(out.dynamic);
            std::memcpy(outputs.output(i, t.element(), t.dims()), t.data(), t.bytes());
            return;
        }
        std::memcpy(given_[i].data, memory_.at(out.buffer),
                    bytes_of(out.type.element, static_cast<std::size_t>(out.type.shape.elements())));
    }

    std::shared_ptr<CpuExecutable> executable_;
    StreamPlan plan_;
    int stream_ = -1;
    std::vector<Dims> shapes_;
    PlanMemory memory_;
    std::vector<HostTensor> given_;  // the caller's memory, by output; none where the shape depends on data
    eval::State state_;
    std::vector<StepTime> times_;
};

low_precision::Restrictions restrictions_of(const Machine& machine, const Settings& settings) {
    if (!settings.low_precision) return low_precision::no_restrictions();
    low_precision::Restrictions restrictions = low_precision::cpu_restrictions();
    restrictions.costs = costs_of(machine, settings.bf16);
    return restrictions;
}

}  // namespace

CpuExecutable::CpuExecutable(const Graph& graph, Machine machine, Settings settings)
    : machine_(std::move(machine)),
      settings_(std::move(settings)),
      blob_(blob::place_of(graph, settings_, machine_)),
      lowered_(lower(graph, restrictions_of(machine_, settings_), settings_.policy())) {
    static_shapes_ = std::ranges::all_of(graph.parameters(), [&](NodeId id) {
        return graph.shape({id, 0}).is_static();
    });
    const std::vector<int> allowed = settings_.pinning ? allowed_processors() : std::vector<int>{};
    const auto per_stream = static_cast<std::size_t>(settings_.threads_per_stream());
    for (std::size_t s = 0; s < static_cast<std::size_t>(settings_.streams); ++s) {
        std::vector<int> processors;
        for (std::size_t t = 0; t < per_stream && !allowed.empty(); ++t)
            processors.push_back(allowed[(s * per_stream + t) % allowed.size()]);
        pools_.push_back(std::make_unique<ThreadPool>(settings_.threads_per_stream(), std::move(processors)));
    }
    if (static_shapes_) {
        std::vector<Dims> shapes;
        for (NodeId id : graph.parameters()) shapes.push_back(graph.shape({id, 0}).sizes());
        cached(shapes);
    }
}

Plan CpuExecutable::plan_of(const std::shared_ptr<const Graph>& graph, const Postpone& postpone) const {
    Planner planner(graph, machine_, settings_.threads_per_stream(), settings_.bf16, settings_.saturates);
    planner.postpone(postpone);
    return planner.run();
}

// Plans for open shapes are made at an inference, which nobody wants to wait that long for.
Tuned CpuExecutable::tuned_for(const std::shared_ptr<const Graph>& graph) {
    Settings settings = settings_;
    settings.tune = settings.tune && static_shapes_;
    return tuned_layers(
        *graph, machine_, settings, [&](const Postpone& postpone) { return plan_of(graph, postpone); },
        PlanTimer(pool(0)));
}

CpuExecutable::Cached& CpuExecutable::cached(const std::vector<Dims>& shapes) {
    const auto it = std::ranges::find(cache_, shapes, &Cached::shapes);
    if (it != cache_.end()) {
        cache_.splice(cache_.begin(), cache_, it);
        return cache_.front();
    }
    const auto graph = static_shapes_ ? lowered_.graph : specialise(*lowered_.graph, shapes);
    const auto start = std::chrono::steady_clock::now();
    const Tuned tuned = tuned_for(graph);
    const std::chrono::duration<double, std::milli> tuning = std::chrono::steady_clock::now() - start;
    blob::Planned planned = blob_ && static_shapes_
                                ? blob::plan_with_file(graph, machine_, settings_,
                                                       blob::place_for(*blob_, tuned.unusual), tuned.postpone())
                                : blob::Planned{plan_of(graph, tuned.postpone())};
    loaded_from_cache_ = planned.from_file;
    tuned.note_times(planned.plan);
    if (tuned.layers) planned.plan.load.insert(planned.plan.load.begin(), {"measure kernels", tuning.count()});
    auto plan = std::make_shared<const Plan>(std::move(planned.plan));
    StepReport rows = report_of(lowered_, *plan, machine_);
    rows.report.tuning = tuned.note;
    auto report = std::make_shared<const StepReport>(std::move(rows));
    cache_.push_front(
        {shapes, std::move(plan), std::move(report),
         std::vector<std::vector<std::shared_ptr<const Work>>>(static_cast<std::size_t>(settings_.streams))});
    if (cache_.size() > kPlansKept) cache_.pop_back();
    return cache_.front();
}

StreamPlan CpuExecutable::stream_plan(const std::vector<Dims>& shapes, int stream) {
    const std::scoped_lock lock(mutex_);
    Cached& entry = cached(shapes);
    auto& works = entry.works[static_cast<std::size_t>(stream)];
    if (works.empty())
        for (const Step& step : entry.plan->steps) {
            auto own = stream == 0 ? nullptr : step.work->for_stream();
            works.push_back(own ? std::move(own) : step.work);
        }
    return {entry.plan, entry.report, works};
}

Config CpuExecutable::properties() const {
    Config config = effective(settings_);
    const std::scoped_lock lock(mutex_);
    config["LOADED_FROM_CACHE"] = loaded_from_cache_ ? "YES" : "NO";
    return config;
}

std::unique_ptr<Execution> CpuExecutable::create_execution() {
    return std::make_unique<CpuExecution>(shared_from_this());
}

Report CpuExecutable::report() const {
    const std::scoped_lock lock(mutex_);
    return cache_.empty() ? Report{} : cache_.front().report->report;
}

}  // namespace octet::cpu
