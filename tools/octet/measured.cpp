#include "tools/octet/measured.hpp"

#include <CLI/CLI.hpp>

#include "tools/octet/model_file.hpp"

namespace octet::tools {

namespace {

constexpr int kRuns = 10;

// Means of the runs after the first, of which every report holds the means.
void leave_out_first(Report& report, const Report& first) {
    for (std::size_t i = 0; i < std::min(report.layers.size(), first.layers.size()); ++i) {
        const auto later = [&](double mean, double of_first) {
            return std::max(0.0, (mean * (kRuns + 1) - of_first) / kRuns);
        };
        report.layers[i].real_time_us = later(report.layers[i].real_time_us, first.layers[i].real_time_us);
        report.layers[i].cpu_time_us = later(report.layers[i].cpu_time_us, first.layers[i].cpu_time_us);
    }
}

}  // namespace

Report report_of(const Core& core, const std::shared_ptr<const Model>& model, const std::string& device, bool timed,
                 AnyMap settings) {
    if (timed) settings.insert(enable_profiling(true));
    const CompiledModel compiled = core.compile_model(model, device, settings);
    if (!timed && !model->is_dynamic()) return compiled.report();
    InferRequest request = compiled.create_infer_request();
    for (const Port& port : model->inputs())
        request.set_input_tensor(port.get_index(), random_input(port, port.get_index() + 1));
    request.infer();
    Report report = compiled.report();
    if (!timed) return report;
    const Report first = std::move(report);
    for (int i = 0; i < kRuns; ++i) request.infer();
    report = compiled.report();
    leave_out_first(report, first);
    return report;
}

std::size_t losing_levels(const Report& report) {
    return static_cast<std::size_t>(
        std::ranges::count_if(report.layers, [](const LayerReport& row) { return !row.loss.empty(); }));
}

CLI::Option* RequireInt8::add_to(CLI::App& command) {
    return command
        .add_option_function<std::string>(
            "--require_int8,--require-int8",
            [this](const std::string& text) {
                try {
                    requirement_ = Int8Requirement::parse(text);
                } catch (const Error& e) {
                    throw CLI::ValidationError("--require_int8", e.what());
                }
            },
            "exit code 3 when less is int8: a share of the layers that compute ('95%') or of their time ('95%time')")
        ->type_name("SHARE");
}

void RequireInt8::check(const Int8Summary& summary) const {
    if (!requirement_) return;
    if (const std::string shortfall = requirement_->shortfall(summary); !shortfall.empty()) throw NotMet(shortfall);
}

}  // namespace octet::tools
