#include "plugins/cpu/executable.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <new>

#include "ir/support/check.hpp"
#include "plugins/cpu/costs.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

constexpr std::size_t kPlansKept = 16;

struct Memory {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { release(); }
    void grow(std::size_t wanted) {
        if (wanted <= bytes) return;
        release();
        data = static_cast<std::byte*>(::operator new(wanted, std::align_val_t(64)));
        bytes = wanted;
    }
    void release() {
        if (data) ::operator delete(data, std::align_val_t(64));
        data = nullptr;
        bytes = 0;
    }
};

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
        for (std::size_t i = 0; i < plan.inputs.size(); ++i)
            buffers_[plan.inputs[i].buffer] = static_cast<std::byte*>(inputs[i].data);
        for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
            const PlanOutput& out = plan.outputs[i];
            if (out.is_dynamic) continue;
            given_[i].data = outputs.output(i, out.type.element, given_[i].dims);
            if (out.direct) buffers_[out.buffer] = static_cast<std::byte*>(given_[i].data);
        }
        for (const BufferId id : plan.parts) buffers_[id] = buffers_[plan.buffers[id].index] + plan.buffers[id].offset;
        const Frame frame{buffers_.data(), scratch_.data, &executable_->pool(stream), &state_, &dynamic_};
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
        arena_.grow(plan.arena_bytes);
        scratch_.grow(plan.scratch_bytes);
        dynamic_.assign(plan.graph->size(), {});
        given_.clear();
        for (const PlanOutput& out : plan.outputs)
            given_.push_back(out.is_dynamic ? HostTensor{} : HostTensor{out.type.element, out.type.shape.sizes()});
        buffers_.assign(plan.buffers.size(), nullptr);
        for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
            const Buffer& b = plan.buffers[i];
            if (b.home == Buffer::Home::arena) buffers_[i] = arena_.data + b.offset;
            else if (b.home == Buffer::Home::constant)
                buffers_[i] = const_cast<std::byte*>(plan.constants[b.index].get());
        }
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
            const Tensor& t = dynamic_[out.dynamic.node].at(out.dynamic.port);
            std::memcpy(outputs.output(i, t.element(), t.dims()), t.data(), t.bytes());
            return;
        }
        std::memcpy(given_[i].data, buffers_[out.buffer],
                    bytes_of(out.type.element, static_cast<std::size_t>(out.type.shape.elements())));
    }

    std::shared_ptr<CpuExecutable> executable_;
    StreamPlan plan_;
    int stream_ = -1;
    std::vector<Dims> shapes_;
    Memory arena_, scratch_;
    std::vector<std::byte*> buffers_;
    std::vector<HostTensor> given_;  // the caller's memory, by output; none where the shape depends on data
    std::vector<Tensors> dynamic_;
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

CpuExecutable::Cached& CpuExecutable::cached(const std::vector<Dims>& shapes) {
    const auto it = std::ranges::find(cache_, shapes, &Cached::shapes);
    if (it != cache_.end()) {
        cache_.splice(cache_.begin(), cache_, it);
        return cache_.front();
    }
    const auto graph = static_shapes_ ? lowered_.graph : specialise(*lowered_.graph, shapes);
    blob::Planned planned =
        blob_ && static_shapes_
            ? blob::plan_with_file(graph, machine_, settings_, *blob_)
            : blob::Planned{
                  Planner(graph, machine_, settings_.threads_per_stream(), settings_.bf16, settings_.saturates).run()};
    loaded_from_cache_ = planned.from_file;
    auto plan = std::make_shared<const Plan>(std::move(planned.plan));
    auto report = std::make_shared<const StepReport>(report_of(lowered_, *plan, machine_));
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
