#pragma once
/// A model made ready for a device.
#include <memory>
#include <octet/infer_request.hpp>
#include <octet/model.hpp>
#include <octet/properties.hpp>
#include <octet/report.hpp>
#include <string>
#include <vector>

namespace octet {

/// A handle; copies share the compiled model, which lives as long as any handle or request of it. Immutable: every method may be called
/// from any thread.
class CompiledModel {
public:
    CompiledModel() = default;  ///< empty: every method throws Error

    const std::vector<Port>& inputs() const;
    const std::vector<Port>& outputs() const;
    const Port& input() const;  ///< the only input; throws Error when there are none or several
    const Port& input(std::size_t index) const;
    const Port& input(const std::string& tensor_name) const;
    const Port& output() const;
    const Port& output(std::size_t index) const;
    const Port& output(const std::string& tensor_name) const;

    InferRequest create_infer_request() const;
    /// An effective setting, or EXECUTION_DEVICES, NETWORK_NAME, OPTIMAL_NUMBER_OF_INFER_REQUESTS, SUPPORTED_PROPERTIES. Throws Error
    /// that lists the known names.
    Any get_property(const std::string& name) const;
    template <class T, bool R>
    T get_property(const Property<T, R>& property) const {
        return get_property(std::string(property.name())).template as<T>();
    }
    /// One row per layer: what runs where and in which precision, and why it is not int8. Times are means over all inferences so
    /// far when the model was compiled with PERF_COUNT, else 0. A model with dynamic inputs has rows after its first inference.
    Report report() const;

    explicit operator bool() const { return static_cast<bool>(compiled_); }

private:
    friend class Core;
    explicit CompiledModel(std::shared_ptr<runtime::Compiled> compiled) : compiled_(std::move(compiled)) {}
    runtime::Compiled& get() const;
    std::shared_ptr<runtime::Compiled> compiled_;
};

}  // namespace octet
