#pragma once
// Pipelines by the names that users give.
#include <string>
#include <string_view>

#include "transformations/pipelines.hpp"

namespace octet::tools {

rewrite::Pipeline pipeline_named(std::string_view name);
std::string pipeline_names();  // "canonicalise, low-precision"
std::string pipeline_help();

}  // namespace octet::tools
