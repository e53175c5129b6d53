#pragma once
// Reports with times, and what is asked of them.
#include <octet/core.hpp>
#include <octet/explain.hpp>
#include <optional>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace octet::tools {

// What was asked for does not hold of the model; exit code 3.
class NotMet : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The report of a model. One whose shapes are open has rows only once it ran; `timed` runs it on random inputs and gives the means.
Report report_of(const Core& core, const std::shared_ptr<const Model>& model, const std::string& device, bool timed,
                 AnyMap settings = {});

// Layers of which LayerReport::loss says something.
std::size_t losing_levels(const Report& report);

// The option --require_int8.
class RequireInt8 {
public:
    CLI::Option* add_to(CLI::App& command);
    bool of_time() const { return requirement_ && requirement_->of_time; }
    bool given() const { return requirement_.has_value(); }
    // Throws NotMet with one sentence.
    void check(const Int8Summary& summary) const;

private:
    std::optional<Int8Requirement> requirement_;
};

}  // namespace octet::tools
