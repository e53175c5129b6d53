#pragma once
#include <string>
#include <string_view>

namespace octet::ir {

// Reads a model from any bytes, as XML or as text by its first character, and verifies it. The message of the Error when it is none;
// everything else that is thrown is a defect.
std::string read_any(std::string_view input);

}  // namespace octet::ir
