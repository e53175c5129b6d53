#pragma once
/// Where everything begins: reads models and compiles them for devices.
#include <concepts>
#include <filesystem>
#include <memory>
#include <octet/compiled_model.hpp>
#include <octet/error.hpp>
#include <octet/model.hpp>
#include <octet/properties.hpp>
#include <string>
#include <utility>
#include <vector>

namespace octet {

/// A handle; copies share devices and settings. Every method may be called from any thread.
///
/// Devices are named "CPU" or "REFERENCE" (plain loops, the oracle), with ".0" if wanted; "AUTO" is the first of them, and
/// "AUTO:REFERENCE,CPU" the first of this list. Other names are an Error that lists the known ones.
class Core {
public:
    Core();

    /// Reads an OpenVINO IR of version 10 or 11. Weights are mapped from `bin`, or from the file beside `path` that ends in ".bin".
    /// Throws Error that names file, line and layer.
    std::shared_ptr<Model> read_model(const std::filesystem::path& path, const std::filesystem::path& bin = {}) const;

    /// Makes a model ready for a device, with these settings above those of set_property. Throws Unsupported, with op, layer and
    /// reason, where the device cannot run it; Error for an unknown device or property.
    CompiledModel compile_model(const std::shared_ptr<const Model>& model, const std::string& device = "AUTO",
                                const AnyMap& properties = {}) const;
    CompiledModel compile_model(const std::filesystem::path& path, const std::string& device = "AUTO",
                                const AnyMap& properties = {}) const;
    /// The same with typed properties: compile_model(model, "CPU", octet::num_streams(4), octet::enable_profiling(true)).
    template <class Source, std::same_as<Any> Value, class... More>
    CompiledModel compile_model(const Source& source, const std::string& device,
                                const std::pair<const std::string, Value>& first, const More&... more) const {
        return compile_model(source, device, AnyMap{first, more...});
    }

    /// Names of the devices that can be used here, best first.
    std::vector<std::string> get_available_devices() const;
    std::vector<std::string> available_devices() const { return get_available_devices(); }

    /// Settings for the models that are compiled from now on: of one device, or of every device that has them. Throws Error for a
    /// name the device (or every device) does not know; values are looked at when a model is compiled.
    void set_property(const std::string& device, const AnyMap& properties);
    void set_property(const AnyMap& properties);
    template <std::same_as<Any> Value, class... More>
    void set_property(const std::string& device, const std::pair<const std::string, Value>& first,
                      const More&... more) {
        set_property(device, AnyMap{first, more...});
    }
    /// What set_property gave, else the default; also FULL_DEVICE_NAME, AVAILABLE_DEVICES and SUPPORTED_PROPERTIES.
    Any get_property(const std::string& device, const std::string& name) const;
    template <class T, bool R>
    T get_property(const std::string& device, const Property<T, R>& property) const {
        return get_property(device, std::string(property.name())).template as<T>();
    }

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace octet
