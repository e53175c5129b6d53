#pragma once
#include <memory>

#include "runtime/plugin.hpp"

namespace octet::reference {

std::unique_ptr<Plugin> make_plugin();

}  // namespace octet::reference
