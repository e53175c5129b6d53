#pragma once
#include <octet/properties.hpp>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace octet::tools {

// The option --property KEY=VALUE, any number of times, and --tune. A property that the device does not have is the device's error.
class Properties {
public:
    void add_to(CLI::App& command);
    // Adds what was given; it wins over what is there.
    void insert_into(AnyMap& settings) const;

private:
    std::vector<std::string> given_;
    bool tune_ = false;
};

}  // namespace octet::tools
