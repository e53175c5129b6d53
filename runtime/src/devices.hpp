#pragma once
// Names of devices: "CPU", "CPU.0", "AUTO", "AUTO:REFERENCE,CPU".
#include <span>
#include <string>
#include <string_view>

namespace octet::runtime {

// Index in `known` of the device that a name stands for; throws Error that lists the known ones. AUTO is the first of its list.
std::size_t device_named(std::string_view name, std::span<const std::string> known);

}  // namespace octet::runtime
