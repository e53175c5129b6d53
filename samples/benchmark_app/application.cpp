#include "samples/benchmark_app/application.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "samples/benchmark_app/console.hpp"
#include "samples/benchmark_app/inputs.hpp"

namespace octet::benchmark {

namespace {

using Section = Summary::Section;

constexpr double kDefaultMs = 60000;
constexpr double kDefaultMsOtherDevices = 120000;
constexpr std::string_view kVersion = OCTET_VERSION;

template <class Work>
double timed_ms(Work work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

std::string layout_of(const PartialShape& shape) {
    const ImageShape image = image_shape_of(shape);
    if (!image.valid || shape.size() != 4) return "[...]";
    return image.channels_first ? "[N,C,H,W]" : "[N,H,W,C]";
}

// The layout of an input is guessed from its shape; nothing says what the dimensions of an output mean.
void print_ports(const Model& model) {
    const auto row = [](const Port& port, std::string_view layout) {
        print_info(fmt::format("    {} (node: {}) : {} / {} / {}", label_of(port), port.get_node_name(),
                               name_of(port.get_element_type()), layout, port.get_partial_shape().to_string()));
    };
    print_info("Model inputs:");
    for (const Port& port : model.inputs()) row(port, layout_of(port.get_partial_shape()));
    print_info("Model outputs:");
    for (const Port& port : model.outputs()) row(port, "[...]");
}

void print_version(std::string_view of) {
    print_info(of);
    print_info(fmt::format("Build ................................. {}", kVersion));
    print_info("");
}

}  // namespace

Application::Application(const Options& options, Summary& summary) : options_(options), summary_(summary) {}

void Application::run() {
    load_runtime();
    configure_device();
    read_model();
    reshape_model();
    configure_inputs();
    compile_model();
    if (options_.compile_only()) {
        print_info("Model compiled successfully. Skipping inference due to -niter 0.");
        print_step(8, "Querying optimal runtime parameters", true);
        print_step(9, "Creating infer requests and preparing input tensors", true);
        print_step(10, "Measuring performance", true);
    } else {
        query_properties();
        create_requests();
        measure_performance();
    }
    write_reports();
    check_int8();
}

bool Application::wants_counters() const {
    return options_.print_counters || (options_.required_int8 && options_.required_int8->of_time) ||
           options_.report == ReportType::average_counters || options_.report == ReportType::detailed_counters;
}

std::string Application::full_device_name() const { return core_.get_property(options_.device, device::full_name); }

void Application::load_runtime() {
    print_step(2, "Loading Octet Runtime");
    print_version("Octet:");
    print_info("Device info:");
    print_info(fmt::format("{}: {}", options_.device, full_device_name()));
    print_version(options_.device);
}

void Application::configure_device() {
    print_step(3, "Setting device configuration");
    const auto known = core_.get_property(options_.device, supported_properties);
    const auto set_if_known = [&](std::string_view name, Any value) {
        if (std::ranges::find(known, name) != known.end()) properties_.emplace(name, std::move(value));
    };
    if (options_.hint.empty()) {
        const std::string hint = options_.api == Api::sync ? "LATENCY" : "THROUGHPUT";
        print_warning(
            fmt::format("Performance hint was not given with -hint: {} is used for {}", hint, options_.device));
        set_if_known(hint::performance_mode.name(), hint);
    } else if (options_.hint != "none") {
        properties_.emplace(hint::performance_mode.name(), options_.hint);
    }
    if (!options_.hint.empty() && options_.hint != "none" && (options_.streams > 0 || options_.threads > 0))
        print_warning("-nstreams and -nthreads override what the hint would choose");
    if (options_.streams > 0) properties_.emplace(num_streams.name(), options_.streams);
    if (options_.threads > 0) properties_.emplace(inference_num_threads.name(), options_.threads);
    if (!options_.cache_dir.empty()) properties_.insert(cache_dir(options_.cache_dir));
    if (options_.requests > 0) set_if_known(hint::num_requests.name(), options_.requests);
    if (wants_counters()) {
        const bool reported = options_.report == ReportType::average_counters ||
                              options_.report == ReportType::detailed_counters;
        print_warning(fmt::format("Time of layers is measured, as {} asks for: that takes a little time itself",
                                  options_.print_counters ? "-pc"
                                  : reported              ? fmt::format("-report_type {}", name_of(options_.report))
                                                          : "-require_int8"));
        properties_.emplace(enable_profiling.name(), true);
    }
}

void Application::read_model() {
    print_step(4, "Reading model files");
    print_info("Loading model files");
    const double ms = timed_ms([&] { model_ = core_.read_model(options_.model); });
    print_info(fmt::format("Read model took {:.2f} ms", ms));
    summary_.add_number(Section::results, "read model time (ms)", ms);
    print_info("Original model I/O parameters:");
    print_ports(*model_);
}

void Application::reshape_model() {
    print_step(5, "Resizing model to match image sizes and given batch");
    auto shapes = parse_shapes(options_.shape, model_->inputs());
    if (options_.batch > 0)
        for (auto& [index, shape] : batch_shapes(options_.batch, model_->inputs())) {
            const auto [given, added] = shapes.try_emplace(index, shape);
            if (!added && !given->second.empty()) given->second[0] = shape[0];
        }
    if (shapes.empty()) return;
    std::string text;
    for (const auto& [index, shape] : shapes)
        text += fmt::format("{}'{}': {}", text.empty() ? "" : ", ", label_of(model_->input(index)), shape.to_string());
    print_info(fmt::format("Reshaping model: {}", text));
    const double ms = timed_ms([&] { model_->reshape(shapes); });
    print_info(fmt::format("Reshape model took {:.2f} ms", ms));
    summary_.add_number(Section::results, "reshape model time (ms)", ms);
}

void Application::configure_inputs() {
    print_step(6, "Configuring input of the model");
    print_ports(*model_);
    const Batch batch = batch_of(model_->inputs());
    if (!batch.found)
        print_warning("No batch dimension was found that all inputs agree on: frames are counted as one per iteration");
    batch_ = batch.size;
    print_info(fmt::format("Model batch size: {}", batch_));
}

void Application::compile_model() {
    print_step(7, "Loading the model to the device");
    const double ms = timed_ms([&] { compiled_ = core_.compile_model(model_, options_.device, properties_); });
    print_info(fmt::format("Compile model took {:.2f} ms", ms));
    summary_.add_number(Section::results, "compile model time (ms)", ms);
}

void Application::query_properties() {
    print_step(8, "Querying optimal runtime parameters");
    print_info("Model:");
    for (const auto& key : compiled_.get_property(supported_properties))
        if (key != supported_properties.name())
            print_info(fmt::format("  {}: {}", key, compiled_.get_property(key).text()));
}

void Application::create_requests() {
    print_step(9, "Creating infer requests and preparing input tensors");
    std::size_t count = options_.requests;
    if (count == 0) count = options_.api == Api::sync ? 1 : compiled_.get_property(optimal_number_of_infer_requests);
    const InputFiles files(options_.inputs, compiled_.inputs());
    if (!files.any() && !compiled_.inputs().empty())
        print_warning("No input files were given: all inputs will be filled with random values!");
    for (std::size_t i = 0; i < count; ++i) {
        requests_.push_back(compiled_.create_infer_request());
        if (i == 0 || files.any()) print_info(fmt::format("Test Config {}", i));
        for (const Port& input : compiled_.inputs()) {
            requests_.back().set_input_tensor(input.get_index(), files.tensor(input, i));
            if (i > 0 && !files.any()) continue;
            print_info(fmt::format("{} ({}, {}, {}, static): {}", label_of(input), layout_of(input.get_partial_shape()),
                                   name_of(input.get_element_type()), input.get_partial_shape().to_string(),
                                   files.describe(input, i)));
        }
    }

    limits_.iterations = options_.iterations.value_or(0);
    const bool usual_device = options_.device.starts_with("CPU") || options_.device.starts_with("GPU") ||
                              options_.device.starts_with("AUTO");
    limits_.ms = options_.time_ms.value_or(options_.iterations ? 0
                                           : usual_device      ? kDefaultMs
                                                               : kDefaultMsOtherDevices);
}

void Application::measure_performance() {
    std::string title = fmt::format("Start inference {}, ",
                                    options_.api == Api::sync ? "synchronously" : "asynchronously");
    if (options_.api == Api::async)
        title += fmt::format("{} inference requests using {} streams for {}, ", requests_.size(), streams(),
                             options_.device);
    title += "limits: ";
    if (limits_.ms > 0) title += fmt::format("{:.0f} ms duration", limits_.ms);
    if (limits_.iterations > 0) title += fmt::format("{}{} iterations", limits_.ms > 0 ? ", " : "", limits_.iterations);
    print_step(10, fmt::format("Measuring performance ({})", title));
    print_info("Benchmarking in inference only mode (inputs filling are not included in measurement loop).");

    const double first_ms = timed_ms([&] { requests_.front().infer(); });
    print_info(fmt::format("First inference took {:.2f} ms", first_ms));
    summary_.add_number(Section::results, "first inference time (ms)", first_ms);
    if (wants_counters()) before_measurement_ = compiled_.report();

    Progress progress({limits_.iterations, limits_.ms});
    measurement_ = measure(requests_, options_.api, limits_, [&] { progress.count(); });
}

void print_devices() {
    const Core core;
    std::string devices;
    for (const auto& name : core.get_available_devices())
        devices += fmt::format(" {} ({})", name, core.get_property(name, device::full_name));
    print_plain(fmt::format("Available devices:{}", devices));
}

}  // namespace octet::benchmark
