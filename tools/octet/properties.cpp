#include "tools/octet/properties.hpp"

#include <CLI/CLI.hpp>

namespace octet::tools {

void Properties::add_to(CLI::App& command) {
    command
        .add_option("--property", given_,
                    "a property of the device, as in INFERENCE_PRECISION_HINT=f32; may be given again")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->check(CLI::Validator(
            [](const std::string& text) {
                const std::size_t equals = text.find('=');
                return equals == std::string::npos || equals == 0 ? "'" + text + "' is not KEY=VALUE" : std::string();
            },
            ""));
    command.add_flag("--tune", tune_,
                     "measures which kernels are fastest where that is not known yet; a cache folder keeps the answer");
}

void Properties::insert_into(AnyMap& settings) const {
    if (tune_) settings.insert(tune(true));
    for (const std::string& text : given_) {
        const std::size_t equals = text.find('=');
        settings.insert_or_assign(text.substr(0, equals), Any(text.substr(equals + 1)));
    }
}

}  // namespace octet::tools
