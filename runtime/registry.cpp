#include "plugins/cpu/plugin.hpp"
#include "plugins/reference/plugin.hpp"
#include "runtime/plugin.hpp"

namespace octet {

std::span<const PluginEntry> builtin_plugins() {
    static constexpr PluginEntry kPlugins[] = {{"CPU", cpu::make_plugin}, {"REFERENCE", reference::make_plugin}};
    return kPlugins;
}

}  // namespace octet
