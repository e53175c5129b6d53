#pragma once
// The page a plugin implements. A device is a plugin chosen by name; it turns a graph into something that can be run.
#include <map>
#include <memory>
#include <octet/report.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.hpp"

namespace octet {

// Settings by the names of properties.hpp, as text. A plugin throws Error for a key or value it does not know.
using Config = std::map<std::string, std::string>;

// A tensor in plain row-major order whose memory belongs to somebody else.
struct HostTensor {
    ir::Element element = ir::Element::undefined;
    ir::Dims dims = {};
    void* data = nullptr;
};

// Called by a running request for each output, once its shape is known; returns where the output goes (plain order).
class OutputSink {
public:
    virtual ~OutputSink() = default;
    virtual void* output(std::size_t index, ir::Element element, const ir::Dims& dims) = 0;
};

// Time of one step of the last inference, in microseconds; `layer`: index into Report::layers of the step's layer.
struct StepTime {
    std::size_t layer = 0;
    double real_us = 0;
    double cpu_us = 0;
};

// The private memory of one inference request. One inference at a time.
class Execution {
public:
    virtual ~Execution() = default;
    // inputs: in order of the model's parameters, element types as compiled, shapes within the parameters'. Runs on the calling
    // thread and on stream `stream`'s own (0 <= stream < streams()).
    virtual void infer(std::span<const HostTensor> inputs, OutputSink& outputs, int stream) = 0;
    virtual void reset_state() {}
    virtual std::vector<StepTime> times() const { return {}; }  // empty unless profiling is on
};

// A compiled model: immutable, shared by its executions.
class Executable {
public:
    virtual ~Executable() = default;
    virtual std::unique_ptr<Execution> create_execution() = 0;
    virtual int streams() const = 0;  // how many executions can run at once
    virtual Report report() const = 0;
    // Effective settings, by property name.
    virtual Config properties() const = 0;
};

class Plugin {
public:
    virtual ~Plugin() = default;
    virtual std::string_view name() const = 0;  // "CPU"
    virtual std::string full_name() const = 0;  // the processor's name
    // One row per layer: what would run where and in which precision, and why not.
    virtual std::shared_ptr<Executable> compile(const ir::Graph& graph, const Config& config) = 0;
    // Names, defaults and legal values of the settings `compile` takes; for help texts and messages.
    virtual Config default_config() const = 0;
};

// Every plugin that was built in, best first; the order is also the order in messages. Defined in runtime/registry.cpp.
struct PluginEntry {
    std::string_view name;
    std::unique_ptr<Plugin> (*make)();
};
std::span<const PluginEntry> builtin_plugins();

}  // namespace octet
