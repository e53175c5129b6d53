#include "runtime/src/devices.hpp"

#include <algorithm>

#include "ir/support/check.hpp"
#include "runtime/src/model.hpp"

namespace octet::runtime {

std::size_t device_named(std::string_view name, std::span<const std::string> known) {
    constexpr std::string_view kAuto = "AUTO";
    if (name == kAuto) return 0;
    if (name.starts_with("AUTO:")) {
        const std::string_view list = name.substr(kAuto.size() + 1);
        return device_named(list.substr(0, list.find(',')), known);
    }
    const std::string_view device = name.ends_with(".0") ? name.substr(0, name.size() - 2) : name;
    const auto it = std::ranges::find(known, device);
    if (it != known.end()) return static_cast<std::size_t>(it - known.begin());
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    ir::fail("there is no device '{}'; known are {}{}", name, list, nearest_hint(name, known));
}

}  // namespace octet::runtime
