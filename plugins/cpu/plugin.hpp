#pragma once
#include <memory>

#include "runtime/plugin.hpp"

namespace octet::cpu {

std::unique_ptr<Plugin> make_plugin();

}  // namespace octet::cpu
