#include <octet/compiled_model.hpp>

#include <algorithm>
#include <cmath>

#include "ir/support/check.hpp"
#include "runtime/src/request.hpp"

namespace octet {

namespace runtime {

Compiled::Compiled(std::shared_ptr<Executable> executable, Ports ports, std::string model_name, std::string device)
    : executable_(std::move(executable)),
      ports_(std::move(ports)),
      model_name_(std::move(model_name)),
      device_(std::move(device)),
      streams_(executable_->streams()) {
    const Config settings = executable_->properties();
    const auto it = settings.find(std::string(enable_profiling.name()));
    profiling_ = it != settings.end() && it->second == "YES";
}

Any Compiled::property(const std::string& name) const {
    const Config settings = executable_->properties();
    if (const auto it = settings.find(name); it != settings.end()) return it->second;
    if (name == model_name.name()) return model_name_;
    if (name == execution_devices.name()) return device_;
    if (name == optimal_number_of_infer_requests.name()) return executable_->streams();
    std::vector<std::string> known;
    for (const auto& [key, value] : settings) known.push_back(key);
    for (const std::string_view key : {execution_devices.name(), model_name.name(),
                                       optimal_number_of_infer_requests.name(), supported_properties.name()})
        if (!settings.contains(std::string(key))) known.emplace_back(key);
    std::ranges::sort(known);
    if (name == supported_properties.name()) return known;
    ir::fail("a compiled model has no property '{}'; it has {}{}", name, quoted_list(known), nearest_hint(name, known));
}

void Compiled::count(const std::vector<StepTime>& times) {
    const std::scoped_lock lock(mutex_);
    ++inferences_;
    for (const StepTime& time : times) {
        if (sums_.size() <= time.layer) sums_.resize(time.layer + 1);
        sums_[time.layer].real_us += time.real_us;
        sums_[time.layer].cpu_us += time.cpu_us;
    }
}

Report Compiled::report() const {
    Report report = executable_->report();
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < std::min(sums_.size(), report.layers.size()); ++i) {
        report.layers[i].real_time_us = sums_[i].real_us / static_cast<double>(inferences_);
        report.layers[i].cpu_time_us = sums_[i].cpu_us / static_cast<double>(inferences_);
    }
    return report;
}

std::vector<ProfilingInfo> Request::profile() const {
    check_usable();
    ir::require(compiled_->profiling(), "there are no times, the model was compiled without PERF_COUNT");
    const std::vector<StepTime> times = execution_->times();
    std::vector<ProfilingInfo> rows;
    for (const LayerReport& layer : compiled_->executable().report().layers) {
        ProfilingInfo& row = rows.emplace_back();
        row.node_name = layer.name;
        row.node_type = layer.type;
        const bool executed = layer.status == LayerStatus::executed;
        row.exec_type = executed ? fmt::format("{}_{}", layer.kernel, layer.precision) : "undef";
        if (layer.status != LayerStatus::not_run && !times.empty())
            row.status = executed ? ProfilingInfo::Status::EXECUTED : ProfilingInfo::Status::OPTIMIZED_OUT;
    }
    for (const StepTime& time : times) {
        if (time.layer >= rows.size()) continue;
        rows[time.layer].real_us += time.real_us;
        rows[time.layer].cpu_us += time.cpu_us;
    }
    for (ProfilingInfo& row : rows) {
        row.real_time = std::chrono::microseconds(std::llround(row.real_us));
        row.cpu_time = std::chrono::microseconds(std::llround(row.cpu_us));
    }
    return rows;
}

}  // namespace runtime

runtime::Compiled& CompiledModel::get() const {
    ir::require(compiled_ != nullptr, "the compiled model is empty; Core::compile_model makes one");
    return *compiled_;
}

const std::vector<Port>& CompiledModel::inputs() const { return get().ports().inputs; }
const std::vector<Port>& CompiledModel::outputs() const { return get().ports().outputs; }
const Port& CompiledModel::input() const { return runtime::only_port(inputs(), "input"); }
const Port& CompiledModel::input(std::size_t index) const { return runtime::port_at(inputs(), index, "input"); }
const Port& CompiledModel::input(const std::string& tensor_name) const {
    return runtime::port_named(inputs(), tensor_name, "input");
}
const Port& CompiledModel::output() const { return runtime::only_port(outputs(), "output"); }
const Port& CompiledModel::output(std::size_t index) const { return runtime::port_at(outputs(), index, "output"); }
const Port& CompiledModel::output(const std::string& tensor_name) const {
    return runtime::port_named(outputs(), tensor_name, "output");
}

InferRequest CompiledModel::create_infer_request() const {
    get();
    return InferRequest(std::make_shared<runtime::Request>(compiled_));
}

Any CompiledModel::get_property(const std::string& name) const { return get().property(name); }
Report CompiledModel::report() const { return get().report(); }

}  // namespace octet
