#include <CLI/CLI.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <system_error>

#include "tools/octet/command.hpp"
#include "tools/octet/model_file.hpp"
#include "tools/octet/properties.hpp"
#include "tools/support/files.hpp"
#include "tools/support/npy.hpp"

namespace octet::tools {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Options {
    std::string model;
    std::string device = "CPU";
    std::vector<std::string> inputs;  // NAME=FILE
    std::string feed;
    std::string output_dir;
    std::string mode = "accuracy";
    std::string cache_dir;
    Properties properties;
};

// What to run: all calls go through one request, in order.
struct Feed {
    std::map<std::string, ir::Dims> shapes;
    std::vector<std::map<std::string, fs::path>> calls;
    std::vector<Origin> taps;
    bool random_rest = false;  // inputs without a file get random numbers
};

Feed read_feed(const fs::path& file) {
    const std::string text = read_file(file);
    try {
        const json document = json::parse(text);
        Feed feed;
        const json shapes = document.value("shapes", json::object());
        for (const auto& [name, shape] : shapes.items()) feed.shapes[name] = shape.get<ir::Dims>();
        for (const json& call : document.at("calls")) {
            auto& files = feed.calls.emplace_back();
            for (const auto& [name, input] : call.items()) files[name] = file.parent_path() / input.get<std::string>();
        }
        for (const json& tap : document.value("taps", json::array()))
            feed.taps.push_back({tap.at("layer").get<std::string>(), tap.at("port").get<std::int64_t>()});
        return feed;
    } catch (const json::exception& e) {
        ir::fail("'{}': it is not a feed: {}", file.string(), e.what());
    }
}

Feed feed_of(const Options& o) {
    if (!o.feed.empty()) return read_feed(o.feed);
    Feed feed;
    feed.calls.resize(1);
    feed.random_rest = true;
    for (const std::string& input : o.inputs) {
        const std::size_t equals = input.find('=');
        ir::require(equals != std::string::npos && equals > 0, "--input '{}' is not NAME=FILE", input);
        feed.calls[0][input.substr(0, equals)] = input.substr(equals + 1);
    }
    return feed;
}

// The array in the element type of the input: between float types, from integers to floats, and between integers that hold the numbers.
Tensor input_tensor(const Port& port, const fs::path& file) {
    ir::Tensor array = read_npy(file);
    const ElementType wanted = port.get_element_type(), given = array.element();
    if (given != wanted) {
        const ir::Tensor converted = array.converted(wanted);
        const bool exact = is_float(wanted) || (!is_float(given) && converted.converted(given) == array);
        ir::require(exact, "'{}': input '{}' is {}, the file holds {}", file.string(), port.get_node_name(),
                    name_of(wanted), name_of(given));
        array = converted;
    }
    const Shape shape(array.dims().begin(), array.dims().end());
    ir::require(port.get_partial_shape().allows(shape), "'{}': input '{}' has shape {}, the file holds {}",
                file.string(), port.get_node_name(), port.get_partial_shape().to_string(), shape.to_string());
    Tensor tensor(wanted, shape);
    std::memcpy(tensor.data(), array.data(), array.bytes());
    return tensor;
}

void set_inputs(InferRequest& request, const Model& model, const Feed& feed, std::size_t call) {
    std::map<std::size_t, fs::path> files;
    for (const auto& [name, file] : feed.calls[call]) files[input_named(model, name)] = file;
    for (const Port& port : model.inputs()) {
        const std::size_t index = port.get_index();
        if (const auto it = files.find(index); it != files.end()) {
            request.set_input_tensor(index, input_tensor(port, it->second));
        } else {
            ir::require(feed.random_rest, "call {} gives no file for input '{}'", call, port.get_node_name());
            request.set_input_tensor(index, random_input(port, index + 1));
        }
    }
}

// A copy of an output, whose tensor the next call overwrites. bf16, which no .npy file can hold, becomes f32.
ir::Tensor output_array(const Tensor& output) {
    ir::Tensor array(output.get_element_type(), ir::Dims(output.get_shape().begin(), output.get_shape().end()));
    std::memcpy(array.write_raw().data(), output.data(), array.bytes());
    return array.element() == ElementType::bf16 ? array.converted(ElementType::f32) : array;
}

void write_outputs(const fs::path& folder, const std::vector<Origin>& origins, const std::vector<ir::Tensors>& calls) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) ir::fail("'{}': it cannot be made: {}", folder.string(), error.message());
    json answer = json::array();
    std::vector<fs::path> written;
    try {
        for (std::size_t c = 0; c < calls.size(); ++c) {
            json row = json::array();
            for (std::size_t i = 0; i < calls[c].size(); ++i) {
                const std::string name = fmt::format("{}.{}.npy", c, i);
                write_npy(folder / name, calls[c][i].element(), calls[c][i].dims(), calls[c][i].data());
                written.push_back(folder / name);
                row.push_back({{"layer", origins[i].layer}, {"port", origins[i].port}, {"file", name}});
            }
            answer.push_back(std::move(row));
        }
        write_file(folder / "outputs.json", [&](std::ostream& out) { out << json{{"calls", answer}}.dump(1) << '\n'; });
    } catch (...) {
        for (const fs::path& file : written) fs::remove(file, error);
        throw;
    }
}

void run(const Options& o) {
    const Feed feed = feed_of(o);
    const Core core;
    std::shared_ptr<Model> model = read_model(core, o.model);
    if (!feed.shapes.empty()) {
        std::map<std::size_t, PartialShape> shapes;
        for (const auto& [name, dims] : feed.shapes)
            shapes[input_named(*model, name)] = PartialShape(std::vector<Dimension>(dims.begin(), dims.end()));
        model->reshape(shapes);
    }
    if (!feed.taps.empty()) model = with_taps(*model, feed.taps);
    const auto mode = o.mode == "accuracy" ? hint::ExecutionMode::ACCURACY : hint::ExecutionMode::PERFORMANCE;
    AnyMap settings{hint::execution_mode(mode)};
    if (!o.cache_dir.empty()) settings.insert(cache_dir(o.cache_dir));
    o.properties.insert_into(settings);
    CompiledModel compiled = core.compile_model(std::shared_ptr<const Model>(model), o.device, settings);
    InferRequest request = compiled.create_infer_request();
    const std::vector<Origin> origins = outputs_of(*model);
    std::vector<ir::Tensors> calls;
    for (std::size_t c = 0; c < feed.calls.size(); ++c) {
        set_inputs(request, *model, feed, c);
        request.infer();
        ir::Tensors& outputs = calls.emplace_back();
        for (std::size_t i = 0; i < origins.size(); ++i) outputs.push_back(output_array(request.get_output_tensor(i)));
    }
    write_outputs(o.output_dir, origins, calls);
}

}  // namespace

void add_run(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("run", "runs a model and writes its outputs as .npy files");
    command->add_option("MODEL", o->model, "model (.xml) or graph (.txt)")->required();
    command->add_option("-d,--device", o->device, "device")->capture_default_str();
    CLI::Option* input =
        command->add_option("--input", o->inputs, "NAME=FILE.npy; inputs without a file get random numbers")
            ->take_all();
    command
        ->add_option("--feed", o->feed,
                     "JSON: {\"shapes\": {input: [..]}, \"calls\": [{input: file}], \"taps\": [{\"layer\", \"port\"}]}")
        ->excludes(input);
    command
        ->add_option("--mode", o->mode,
                     "accuracy: exactly what the file says; performance: as bench and benchmark_app run it")
        ->check(CLI::IsMember({"accuracy", "performance"}))
        ->capture_default_str();
    command->add_option("--cache_dir,--cache-dir", o->cache_dir, "folder that keeps packed weights for the next load");
    o->properties.add_to(*command);
    command->add_option("--output-dir", o->output_dir, "folder for CALL.INDEX.npy and outputs.json")->required();
    command->callback([o] { run(*o); });
}

}  // namespace octet::tools
