#include "plugins/reference/executable.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <limits>

#include "ir/eval/eval.hpp"
#include "ir/ops/control.hpp"
#include "ir/ops/core.hpp"
#include "ir/support/check.hpp"

namespace octet::reference {

namespace {

constexpr std::size_t kNoRow = std::numeric_limits<std::size_t>::max();

double cpu_us() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

// An operator as its file names it.
std::string operator_name(const ir::Op& op) {
    const auto* opaque = op.as<ir::Opaque>();
    return opaque ? fmt::format("{} ({})", opaque->type, opaque->version) : std::string(op.name());
}

// The caller's memory as a tensor; the caller keeps it alive.
ir::Tensor view(const HostTensor& host) {
    return ir::Tensor(host.element, host.dims, static_cast<const std::byte*>(host.data), nullptr);
}

}  // namespace

class ReferenceExecution final : public Execution {
public:
    explicit ReferenceExecution(std::shared_ptr<const ReferenceExecutable> model) : model_(std::move(model)) {}

    void infer(std::span<const HostTensor> inputs, OutputSink& outputs, int) override {
        const ir::Graph& graph = model_->graph_;
        std::vector<ir::Tensors> values(graph.size());
        for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.parameters()[i]] = {view(inputs[i])};
        // What reads a variable sees what it held before this inference; one that fails changes none.
        ir::eval::State next = state_;
        times_.clear();
        for (const auto& step : model_->steps_) {
            const auto start = std::chrono::steady_clock::now();
            const double cpu = model_->settings_.profiling ? cpu_us() : 0;
            values[step.node] = evaluate(graph.node(step.node), values, next);
            if (model_->settings_.profiling && step.row != kNoRow) {
                const double real =
                    std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
                times_.push_back({step.row, real, cpu_us() - cpu});
            }
            for (const ir::NodeId id : step.last_uses) values[id].clear();
        }
        for (std::size_t i = 0; i < graph.results().size(); ++i) {
            const ir::Value v = graph.node(graph.results()[i]).inputs[0];
            const ir::Tensor& result = values[v.node][v.port];
            void* to = outputs.output(i, result.element(), result.dims());
            if (result.bytes() > 0) std::memcpy(to, result.data(), result.bytes());
        }
        keep(next);
    }

    void reset_state() override { state_.clear(); }
    std::vector<StepTime> times() const override { return times_; }

private:
    ir::Tensors evaluate(const ir::Node& node, const std::vector<ir::Tensors>& values, ir::eval::State& next) {
        ir::Tensors operands;
        for (const ir::Value v : node.inputs) operands.push_back(values[v.node][v.port]);
        try {
            return ir::eval::evaluate(node.op, operands, node.op.is<ir::ReadValue>() ? &state_ : &next);
        } catch (const Unsupported& e) {
            throw Unsupported(e, fmt::format("layer '{}'", node.name));
        } catch (const InternalError&) {
            throw;
        } catch (const Error& e) {
            throw Error(fmt::format("layer '{}': {}", node.name, e.what()));
        }
    }

    // The new values of the variables, in memory of their own: they may view the caller's inputs.
    void keep(ir::eval::State& next) {
        for (auto& [name, value] : next) {
            const auto before = state_.find(name);
            if (before != state_.end() && before->second.data() == value.data()) continue;
            ir::Tensor copy(value.element(), value.dims());
            if (value.bytes() > 0) std::memcpy(copy.write_raw().data(), value.data(), value.bytes());
            value = std::move(copy);
        }
        state_ = std::move(next);
    }

    std::shared_ptr<const ReferenceExecutable> model_;
    ir::eval::State state_;
    std::vector<StepTime> times_;
};

ReferenceExecutable::ReferenceExecutable(const ir::Graph& graph, const Settings& settings)
    : graph_(graph), settings_(settings), row_of_layer_(graph.layers().size(), kNoRow) {
    std::vector<bool> needed_later(graph_.size());
    for (const ir::NodeId id : graph_.results()) needed_later[graph_.node(id).inputs[0].node] = true;
    const std::vector<ir::NodeId> order = graph_.order();
    for (const ir::NodeId id : order) {
        const ir::Node& node = graph_.node(id);
        if (node.op.is<ir::Parameter>() || node.op.is<ir::Result>()) continue;
        if (!ir::eval::has_kernel(node.op))
            throw Unsupported(Unsupported(operator_name(node.op), "REFERENCE has no kernel for it"),
                              fmt::format("layer '{}'", node.name));
        steps_.push_back({id, row_of(node), {}});
    }
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step)
        for (const ir::Value v : graph_.node(step->node).inputs)
            if (!needed_later[v.node]) {
                needed_later[v.node] = true;
                step->last_uses.push_back(v.node);
            }
    report_.device = "reference interpreter";
    report_.steps = static_cast<std::size_t>(
        std::ranges::count(report_.layers, LayerStatus::executed, &LayerReport::status));
}

// The row of the file's layer that a node stands for, or one of its own where no file was read; constants have none.
std::size_t ReferenceExecutable::row_of(const ir::Node& node) {
    if (node.op.is<ir::Constant>()) return kNoRow;
    std::size_t* known = node.origins.empty() ? nullptr : &row_of_layer_[node.origins[0]];
    if (known && *known != kNoRow) return *known;
    const std::size_t place = report_.layers.size();
    if (known) *known = place;
    LayerReport& row = report_.layers.emplace_back();
    row.name = known ? graph_.layers()[node.origins[0]].name : node.name;
    row.type = known ? graph_.layers()[node.origins[0]].type : std::string(node.op.name());
    row.status = LayerStatus::executed;
    row.precision = name_of(node.inputs.empty() ? node.outputs[0].type.element : graph_.element(node.inputs[0]));
    row.output_precision = node.outputs.empty() ? "" : name_of(node.outputs[0].type.element);
    row.kernel = "reference";
    row.compute = !node.op.traits().moves_data;
    row.code = "REFERENCE";
    row.reason = "REFERENCE computes every layer as the model says";
    return place;
}

std::unique_ptr<Execution> ReferenceExecutable::create_execution() {
    return std::make_unique<ReferenceExecution>(shared_from_this());
}

Config ReferenceExecutable::properties() const {
    return {{"NUM_STREAMS", std::to_string(settings_.streams)}, {"PERF_COUNT", settings_.profiling ? "YES" : "NO"}};
}

}  // namespace octet::reference
