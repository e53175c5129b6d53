#include <octet/core.hpp>

#include <algorithm>
#include <mutex>

#include "ir/ops/core.hpp"
#include "ir/support/check.hpp"
#include "ir/widen.hpp"
#include "ir/xml/xml.hpp"
#include "runtime/plugin.hpp"
#include "runtime/src/devices.hpp"
#include "runtime/src/memory.hpp"
#include "runtime/src/model_access.hpp"
#include "runtime/src/request.hpp"

namespace octet {

namespace {

// Files of version 10 promise f32 at their ends whatever they store.
bool has_f16_ends(const ir::Graph& graph) {
    const auto narrow = [&](ir::NodeId id) { return graph.element({id, 0}) == ir::Element::f16; };
    return std::ranges::any_of(graph.parameters(), narrow) || std::ranges::any_of(graph.results(), narrow);
}

[[noreturn]] void fail_unknown(std::string_view owner, std::string_view name, const std::vector<std::string>& known) {
    ir::fail("{} has no property '{}'; it has {}{}", owner, name, runtime::quoted_list(known),
             runtime::nearest_hint(name, known));
}

}  // namespace

struct Core::Impl {
    struct Device {
        std::string name;
        std::unique_ptr<Plugin> plugin;
        Config settings;
    };

    Impl() {
        for (const PluginEntry& entry : builtin_plugins()) {
            devices.push_back({std::string(entry.name), entry.make(), {}});
            names.emplace_back(entry.name);
        }
    }

    Device& named(std::string_view name) { return devices[runtime::device_named(name, names)]; }

    static std::vector<std::string> setting_names(const Device& device) {
        std::vector<std::string> known;
        for (const auto& [key, value] : device.plugin->default_config()) known.push_back(key);
        return known;
    }

    std::mutex mutex;  // of the settings
    std::vector<Device> devices;
    std::vector<std::string> names;
};

Core::Core() : impl_(std::make_shared<Impl>()) {}

std::shared_ptr<Model> Core::read_model(const std::filesystem::path& path, const std::filesystem::path& bin) const {
    ir::xml::Info info;
    ir::Graph graph = runtime::with_memory_for(fmt::format("read '{}'", path.string()),
                                               [&] { return ir::xml::read(path, bin, &info); });
    if (info.version == 10 && has_f16_ends(graph)) graph = ir::widened(graph, true);
    return runtime::ModelAccess::make(std::move(graph), path.stem().string());
}

CompiledModel Core::compile_model(const std::shared_ptr<const Model>& model, const std::string& device,
                                  const AnyMap& properties) const {
    ir::require(model != nullptr, "there is no model to compile");
    Impl::Device& target = impl_->named(device);
    Config config;
    {
        const std::scoped_lock lock(impl_->mutex);
        config = target.settings;
    }
    for (const auto& [key, value] : properties) config[key] = value.text();
    const ir::Graph& graph = runtime::ModelAccess::graph(*model);
    auto executable = [&] {
        try {
            return runtime::with_memory_for(fmt::format("compile model '{}' for {}", model->get_friendly_name(),
                                                        target.name),
                                            [&] { return target.plugin->compile(graph, config); });
        } catch (const Unsupported& e) {
            if (graph.source().empty()) throw;
            throw Unsupported(e, "'" + graph.source() + "'");
        }
    }();
    return CompiledModel(std::make_shared<runtime::Compiled>(std::move(executable), runtime::ports_of(graph),
                                                             model->get_friendly_name(), target.name));
}

CompiledModel Core::compile_model(const std::filesystem::path& path, const std::string& device,
                                  const AnyMap& properties) const {
    return compile_model(read_model(path), device, properties);
}

std::vector<std::string> Core::get_available_devices() const { return impl_->names; }

void Core::set_property(const std::string& device, const AnyMap& properties) {
    Impl::Device& target = impl_->named(device);
    const std::vector<std::string> known = Impl::setting_names(target);
    for (const auto& [key, value] : properties)
        if (std::ranges::find(known, key) == known.end()) fail_unknown("device '" + target.name + "'", key, known);
    const std::scoped_lock lock(impl_->mutex);
    for (const auto& [key, value] : properties) target.settings[key] = value.text();
}

void Core::set_property(const AnyMap& properties) {
    for (const auto& property : properties) {
        bool taken = false;
        std::vector<std::string> all;
        for (const Impl::Device& device : impl_->devices) {
            const std::vector<std::string> known = Impl::setting_names(device);
            all.insert(all.end(), known.begin(), known.end());
            if (std::ranges::find(known, property.first) == known.end()) continue;
            set_property(device.name, AnyMap{property});
            taken = true;
        }
        std::ranges::sort(all);
        all.erase(std::unique(all.begin(), all.end()), all.end());
        if (!taken)
            ir::fail("no device has a property '{}'; known are {}{}", property.first, runtime::quoted_list(all),
                     runtime::nearest_hint(property.first, all));
    }
}

Any Core::get_property(const std::string& device, const std::string& name) const {
    if (name == octet::available_devices.name()) return impl_->names;
    Impl::Device& target = impl_->named(device);
    if (name == device::full_name.name()) return target.plugin->full_name();
    std::vector<std::string> known = Impl::setting_names(target);
    if (std::ranges::find(known, name) != known.end()) {
        const std::scoped_lock lock(impl_->mutex);
        const auto it = target.settings.find(name);
        return it != target.settings.end() ? it->second : target.plugin->default_config().at(name);
    }
    for (const std::string_view key :
         {octet::available_devices.name(), device::full_name.name(), supported_properties.name()})
        known.emplace_back(key);
    std::ranges::sort(known);
    if (name == supported_properties.name()) return known;
    fail_unknown("device '" + target.name + "'", name, known);
}

}  // namespace octet
